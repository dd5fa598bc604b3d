# SPDX-License-Identifier: Apache-2.0
"""What happens in rooms, as facts that are over: who listens can change nothing of them.

One life of a room is a call. **Events of one call come in the order in which they happened**; those of two have none. Who leaves
ends his tracks with it: nothing is said of each. Times are Unix milliseconds.
"""

import re
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Protocol, TypeAlias

from sealroom_wire.ids import RoomId
from sealroom_wire.participant import ClientInfo, Role, Track


class CloseReason(StrEnum):
    """Why a call ended."""

    EMPTY = "empty"
    """The last one left, by TRTC's rules of scenes."""
    DISMISSED = "dismissed"
    ENDED = "ended"
    """The server ended, or its engine failed."""
    LOST = "lost"
    """Found open by the next start: the process before was killed."""


class EnterReason(IntEnum):
    """TRTC's `Reason` of event 103. The server concludes 2 and 3 from an earlier line of the same user that broke."""

    VOLUNTARY = 1
    NETWORK_CHANGED = 2
    """From another address than the line that broke."""
    RETRIED = 3
    """From the same address."""
    CROSS_ROOM = 4

    @property
    def words(self) -> str:
        """What TRTC says that it means."""
        return _ENTERED_BY[self]


class ExitReason(IntEnum):
    """TRTC's `Reason` of event 104."""

    VOLUNTARY = 1
    TIMEOUT = 2
    REMOVED = 3
    CROSS_ROOM_ENDED = 4
    KILLED = 5

    @property
    def words(self) -> str:
        """What TRTC says that it means."""
        return _LEFT_BY[self]


_ENTERED_BY = {
    EnterReason.VOLUNTARY: "voluntary",
    EnterReason.NETWORK_CHANGED: "network change",
    EnterReason.RETRIED: "timeout retry",
    EnterReason.CROSS_ROOM: "cross-room",
}
_LEFT_BY = {
    ExitReason.VOLUNTARY: "voluntary",
    ExitReason.TIMEOUT: "timeout",
    ExitReason.REMOVED: "removed",
    ExitReason.CROSS_ROOM_ENDED: "cross-room cancelled",
    ExitReason.KILLED: "process killed",
}


class Terminal(IntEnum):
    """TRTC's `TerminalType`, from what the client says of its system."""

    WINDOWS = 1
    ANDROID = 2
    IOS = 3
    LINUX = 4
    OTHER = 100


_SYSTEMS = (
    (Terminal.ANDROID, re.compile("android")),
    (Terminal.IOS, re.compile("iphone|ipad|ipod|ios")),
    (Terminal.WINDOWS, re.compile(r"\bwin")),
    (Terminal.LINUX, re.compile("linux")),
)
"""In this order: Android calls itself Linux too."""


def terminal_of(client: ClientInfo) -> Terminal:
    """The kind of device."""
    told = client.os.lower()
    return next((kind for kind, word in _SYSTEMS if word.search(told)), Terminal.OTHER)


@dataclass(frozen=True, slots=True)
class Call:
    """One life of a room. `id` is unique, and has the form of TRTC's CommId: SdkAppId, room, Unix second of the opening."""

    id: str = field(repr=False)
    sdk_app_id: int
    room: RoomId = field(repr=False)
    opened_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    id: str
    """32 hexadecimal digits, drawn once: whoever is told twice knows it again."""
    call: Call
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomOpened(_Event):
    """The first one entered a room that was not there."""

    user_id: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomClosed(_Event):
    """The call is over; nobody is in it."""

    reason: CloseReason


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfParticipant(_Event):
    user_id: str = field(repr=False)
    peer: int
    """The participant's number in the engine of this process; 0 where it is not known any more."""
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantEntered(_OfParticipant):
    """Somebody is in; in a live room of the audience too."""

    reason: EnterReason
    address: str = field(repr=False)
    client: ClientInfo = field(repr=False)
    terminal: Terminal


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantLeft(_OfParticipant):
    """Somebody is out, and whatever he published has ended."""

    entered_at: int
    reason: ExitReason


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantBlocked(_OfParticipant):
    """A moderator took or gave back what somebody may send. Screens count as video."""

    audio: bool
    video: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackPublished(_OfParticipant):
    """A track flows from now on; `muted`: silent or black for the time being."""

    track: Track
    muted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackUnpublished(_OfParticipant):
    """A track ended, its participant stays."""

    track: Track


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackMuted(_OfParticipant):
    """A published track fell silent or is heard again, by the participant's own will."""

    track: Track
    muted: bool


RoomEvent: TypeAlias = (
    RoomOpened
    | RoomClosed
    | ParticipantEntered
    | ParticipantLeft
    | ParticipantBlocked
    | TrackPublished
    | TrackUnpublished
    | TrackMuted
)


class RoomListener(Protocol):
    """Who is told of everything in rooms."""

    def on_room_event(self, event: RoomEvent) -> None:
        """Takes an event. Must not wait; what it raises is logged and goes no further."""
