# SPDX-License-Identifier: Apache-2.0
"""A headless member of a sealed room: signalling, the line to the authority, and the native core that sends and opens frames.

**Sealed or nothing**: whoever does not ask for `Sealing.OFF` by name can neither send nor receive a frame in clear.
"""

from sealroom_customer.client.client import Client
from sealroom_customer.client.entry import Entry, Sealing, Slots
from sealroom_customer.client.events import (
    ClientFault,
    Closed,
    CustomMessage,
    Event,
    Frame,
    FrameRefused,
    KeyFrameWanted,
    Reconnected,
    Reconnecting,
    RosterChanged,
    SealedFrame,
    TrackAppeared,
    TrackGone,
    Unpublished,
)

__all__ = [
    "Client",
    "ClientFault",
    "Closed",
    "CustomMessage",
    "Entry",
    "Event",
    "Frame",
    "FrameRefused",
    "KeyFrameWanted",
    "Reconnected",
    "Reconnecting",
    "RosterChanged",
    "SealedFrame",
    "Sealing",
    "Slots",
    "TrackAppeared",
    "TrackGone",
    "Unpublished",
]
