# SPDX-License-Identifier: Apache-2.0
"""Between the processes of one site: what happened, who is there, questions. In process here, NATS with JetStream where it grows.

It never leaves the site, and never carries media or what opens it. Only this folder knows NATS.
"""

from sealroom.core.bus.errors import (
    BusError,
    BusFull,
    BusUnavailable,
    MessageTooLarge,
    NobodyAnswered,
    RequestFailed,
)
from sealroom.core.bus.local import LocalBus
from sealroom.core.bus.port import Bus, Delivered, Present, Subscription
from sealroom.core.bus.subjects import Message, Question, Registry, Stream, Topic

__all__ = [
    "Bus",
    "BusError",
    "BusFull",
    "BusUnavailable",
    "Delivered",
    "LocalBus",
    "Message",
    "MessageTooLarge",
    "NobodyAnswered",
    "Present",
    "Question",
    "Registry",
    "RequestFailed",
    "Stream",
    "Subscription",
    "Topic",
]
