# SPDX-License-Identifier: Apache-2.0
"""A headless member of a sealed room: signalling, the line to the authority, and the native core that sends and opens frames.

**Sealed or nothing**: there is no way to send or receive a frame in clear.
"""

from sealroom_customer.client.client import Client, Entry
from sealroom_customer.client.events import (
    ClientFault,
    Closed,
    CustomMessage,
    Event,
    Frame,
    FrameRefused,
    KeyFrameWanted,
    RosterChanged,
    SealedFrame,
    TrackAppeared,
    TrackGone,
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
    "RosterChanged",
    "SealedFrame",
    "TrackAppeared",
    "TrackGone",
]
