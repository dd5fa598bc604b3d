# SPDX-License-Identifier: Apache-2.0
"""Turns what happens in rooms into the back-end log and the events of calls.

**It may be told the same events again**: documents have the names of what they tell, so that told twice they are there once. Nothing
is kept in mind from one event to the next, so that a process which ends what a killed one began writes the same.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

from sealroom.catalogue import Document
from sealroom.quality.models import CallBegun, CallEnded, CallEvent, Departure, EventKind, Stay, name_of
from sealroom.rooms import events
from sealroom.rooms.events import Call, RoomEvent
from sealroom_wire.ids import RoomKind


class Keeper(Protocol):
    """What takes documents: `core.records` has it."""

    def put(self, documents: Sequence[Document]) -> None:
        """Takes samples; never waits, and may lose the last second."""

    async def put_durable(self, documents: Sequence[Document]) -> None:
        """Returns once they survive whatever kills the process."""


def stay_name(call: Call, user_id: str, entered_at: int) -> str:
    """The id of a stay, and of the departure that ends it."""
    return name_of(call.id, user_id, entered_at)


def documents_of(event: RoomEvent) -> Iterator[Document]:
    """What is written of one event."""
    match event:
        case events.RoomOpened():
            yield _begun(event)
        case events.RoomClosed():
            yield _ended(event)
        case events.ParticipantEntered():
            yield _stay(event)
            yield _event(event, EventKind.ENTER, number=int(event.reason))
        case events.ParticipantLeft():
            yield _departure(event)
            yield _event(event, EventKind.LEAVE, number=int(event.reason))
        case events.ParticipantBlocked():
            blocked = [name for name, is_so in (("audio", event.audio), ("video", event.video)) if is_so]
            yield _event(event, EventKind.BLOCKED, detail="+".join(blocked) or "none")
        case events.TrackPublished():
            detail = "muted" if event.muted else None
            yield _event(event, EventKind.PUBLISH, track=event.track.value, detail=detail)
        case events.TrackUnpublished():
            yield _event(event, EventKind.UNPUBLISH, track=event.track.value)
        case events.TrackMuted():
            kind = EventKind.MUTE if event.muted else EventKind.UNMUTE
            yield _event(event, kind, track=event.track.value)


def _begun(event: events.RoomOpened) -> CallBegun:
    call = event.call
    return CallBegun(
        id=name_of(call.id), time=call.opened_at, sdk_app_id=call.sdk_app_id, call_id=call.id, room=call.room.id,
        room_is_number=call.room.kind is RoomKind.NUMBER, creator=event.user_id,
    )  # fmt: skip


def _ended(event: events.RoomClosed) -> CallEnded:
    call = event.call
    return CallEnded(
        id=name_of(call.id), time=event.at, sdk_app_id=call.sdk_app_id, call_id=call.id, begun_at=call.opened_at,
        reason=event.reason.value,
    )  # fmt: skip


def _stay(event: events.ParticipantEntered) -> Stay:
    call, client = event.call, event.client
    return Stay(
        id=stay_name(call, event.user_id, event.at), time=event.at, sdk_app_id=call.sdk_app_id, call_id=call.id, room=call.room.id,
        room_kind=call.room.kind, user_id=event.user_id, role=event.role.value, client_ip=event.address, sdk_name=client.sdk, sdk_version=client.version,
        os_type=client.os, terminal=int(event.terminal), reason=int(event.reason),
    )  # fmt: skip


def _departure(event: events.ParticipantLeft) -> Departure:
    call = event.call
    return Departure(
        id=stay_name(call, event.user_id, event.entered_at), time=event.at, sdk_app_id=call.sdk_app_id, call_id=call.id,
        user_id=event.user_id, entered_at=event.entered_at, reason=int(event.reason),
    )  # fmt: skip


def _event(
    event: events.ParticipantEntered | events.ParticipantLeft | events.ParticipantBlocked | events.TrackPublished | events.TrackUnpublished | events.TrackMuted,
    kind: EventKind,
    *,
    track: str | None = None,
    detail: str | None = None,
    number: int | None = None,
) -> CallEvent:  # fmt: skip
    call = event.call
    return CallEvent(
        id=event.id, time=event.at, sdk_app_id=call.sdk_app_id, call_id=call.id, room=call.room.id, room_kind=call.room.kind,
        user_id=event.user_id, kind=kind, track=track, detail=detail, number=number,
    )  # fmt: skip
