# SPDX-License-Identifier: Apache-2.0
"""What waits to be taken by the one who reads a client's events, and what the core's events are for him."""

import asyncio
from collections.abc import AsyncIterator

from sealroom_customer.client import _native
from sealroom_customer.client.events import (
    Closed,
    CodecName,
    CustomMessage,
    Event,
    Frame,
    FrameRefused,
    KeyFrameWanted,
    RosterChanged,
    SealedFrame,
    TrackName,
)
from sealroom_customer.client.membership import Membership
from sealroom_customer.client.room.slots import SlotTable
from sealroom_wire.authority import MemberRole

_MAX_EVENTS = 4096
"""Events that wait to be taken. Beyond this frames are dropped and counted (`frames_not_taken`)."""
_MAX_TOLD = 2 * _MAX_EVENTS
"""Beyond this also tracks that come and go, and sessions, are: an operator who makes them do so for ever fills no memory."""
_CODECS: dict[str, CodecName] = {"opus": "opus", "vp8": "vp8", "vp9": "vp9", "h264": "h264"}
_TRACKS: dict[str, TrackName] = {"audio": "audio", "main": "main", "screen": "screen"}


class Inbox:
    """The events of one client. **Whose a frame is says the roster**, or the slot where there is no sealing."""

    def __init__(self, user_id: str, slots: SlotTable, membership: Membership) -> None:
        self._user_id = user_id
        self._slots = slots
        self._membership = membership
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self.not_taken = 0
        """Frames, messages and other events that were dropped because nobody took them."""

    async def events(self) -> AsyncIterator[Event]:
        """Everything that happens, until and including `Closed`."""
        while True:
            event = await self._events.get()
            yield event
            if isinstance(event, Closed):
                return

    def tell(self, event: Event) -> None:
        """Adds an event. Frames and messages are dropped while nobody takes them."""
        most = _most(event)
        if most is not None and self._events.qsize() >= most:
            self.not_taken += 1
            return
        self._events.put_nowait(event)

    def take(self, event: "_native.Event") -> None:
        """An event of the core that is of frames."""
        if event[0] == "frame":
            self._opened(event[2], event[3], event[4], event[5], event[6])
        elif event[0] == "clear":
            self._came_clear(event[1], event[2], event[3], event[4])
        elif event[0] == "sealed":
            self._came(event[1], event[2], event[3])
        elif event[0] == "refused":
            self.tell(FrameRefused(event[2]))
        elif event[0] == "key_frame":
            self.tell(KeyFrameWanted(_TRACKS[event[1]], event[2]))

    def _came(self, number: int, timestamp: int, data: bytes) -> None:
        slot = self._slots.at(number)
        if slot is not None and slot.user is not None:
            self.tell(SealedFrame(slot.user, slot.track, timestamp, data))

    def _came_clear(self, number: int, codec: str, timestamp: int, data: bytes) -> None:
        slot = self._slots.at(number)
        user, track = (slot.user, slot.track) if slot else (self._slots.voice_at(number), _TRACKS["audio"])
        if user is not None:
            self.tell(Frame(user, track, _CODECS[codec], timestamp, data))

    def _opened(self, index: int, track: str, codec: str, timestamp: int, data: bytes) -> None:
        """Hands on a frame under the name that the signed roster gives; a frame of nobody on it is nobody's, and one of our own does
        not come back."""
        member = self._membership.member_at(index)
        own = member is not None and member.user == self._user_id
        if member is None or own or member.role is not MemberRole.PUBLISH:
            self.tell(FrameRefused("wrong_sender"))
            return
        self.tell(Frame(member.user, _TRACKS[track], _CODECS[codec], timestamp, data))


def _most(event: Event) -> int | None:
    """With how many waiting events this one is dropped; None for what is always told, which only we and the authority cause."""
    if isinstance(event, Frame | SealedFrame | CustomMessage | FrameRefused | KeyFrameWanted):
        return _MAX_EVENTS
    return None if isinstance(event, RosterChanged | Closed) else _MAX_TOLD
