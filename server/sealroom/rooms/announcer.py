# SPDX-License-Identifier: Apache-2.0
"""Makes the events of rooms and tells whoever listens. A listener that fails harms neither the call nor other listeners."""

from collections.abc import Sequence
from typing import TypedDict

from sealroom.core.clock import Clock
from sealroom.core.errands import place_of
from sealroom.core.ids import Ids
from sealroom.core.logging import get_logger
from sealroom.rooms import events
from sealroom.rooms.events import EnterReason, ExitReason, RoomEvent, RoomListener
from sealroom.rooms.state import Participant, Room
from sealroom_wire.signalling import LeaveReason, Role, Track

_log = get_logger()

_EXIT = {
    LeaveReason.LEFT: ExitReason.VOLUNTARY,
    LeaveReason.TIMEOUT: ExitReason.TIMEOUT,
    LeaveReason.KICKED: ExitReason.REMOVED,
    LeaveReason.ROLE_CHANGED: ExitReason.VOLUNTARY,
}


class _About(TypedDict):
    id: str
    call: events.Call
    at: int
    user_id: str
    peer: int
    role: Role


class Announcer:
    """The only maker of room events."""

    def __init__(self, clock: Clock, ids: Ids, listeners: Sequence[RoomListener]) -> None:
        self._clock = clock
        self._ids = ids
        self._listeners = tuple(listeners)

    def entered(self, participant: Participant, reason: EnterReason) -> None:
        """Somebody is in. The first one to enter makes the call known; both carry the moment that his record does."""
        room, client = participant.room, participant.origin.client
        if not room.announced:
            room.announced = True
            self._tell(
                events.RoomOpened(id=self._id(), call=room.call, at=room.since, user_id=participant.user_id)
            )
        self._tell(
            events.ParticipantEntered(
                **(self._about(participant) | {"at": participant.since}), reason=reason, address=participant.origin.address, client=client,
                terminal=events.terminal_of(client),
            )
        )  # fmt: skip

    def left(self, participant: Participant, reason: LeaveReason) -> None:
        """Somebody who was in is out."""
        self._tell(
            events.ParticipantLeft(
                **self._about(participant), entered_at=participant.since, reason=_EXIT[reason],
            )
        )  # fmt: skip

    def closed(self, room: Room, reason: events.CloseReason) -> None:
        """A call is over; of a room that nobody ever was in nothing is said."""
        if room.announced:
            self._tell(events.RoomClosed(id=self._id(), call=room.call, at=self._now(), reason=reason))

    def published(self, participant: Participant, track: Track, *, muted: bool) -> None:
        """A track flows."""
        self._tell(
            events.TrackPublished(
                **self._about(participant), track=track, muted=muted,
            )
        )  # fmt: skip

    def unpublished(self, participant: Participant, track: Track) -> None:
        """A track ended."""
        self._tell(
            events.TrackUnpublished(
                **self._about(participant), track=track,
            )
        )  # fmt: skip

    def muted(self, participant: Participant, track: Track, *, muted: bool) -> None:
        """A participant muted a track, or took it back."""
        self._tell(
            events.TrackMuted(
                **self._about(participant), track=track, muted=muted,
            )
        )  # fmt: skip

    def blocked(self, participant: Participant) -> None:
        """A moderator took or gave back what somebody may send."""
        blocked = participant.blocked
        self._tell(
            events.ParticipantBlocked(
                **self._about(participant), audio=blocked.audio, video=blocked.video,
            )
        )  # fmt: skip

    def _tell(self, event: RoomEvent) -> None:
        for listener in self._listeners:
            try:
                listener.on_room_event(event)
            except Exception as error:
                _log.error("listener_failed", error=type(error).__name__, place=place_of(error))

    def _about(self, participant: Participant) -> "_About":
        return {
            "id": self._id(), "call": participant.room.call, "at": self._now(),
            "user_id": participant.user_id, "peer": participant.peer, "role": participant.role,
        }  # fmt: skip

    def _id(self) -> str:
        return f"{self._ids.number(128):032x}"

    def _now(self) -> int:
        return int(self._clock.unix() * 1000)
