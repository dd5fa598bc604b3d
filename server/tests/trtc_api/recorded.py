# SPDX-License-Identifier: Apache-2.0
"""Documents of a call, as the feature `quality` writes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sealroom.catalogue import Document
from sealroom.core.records import Records
from sealroom.quality.models import (
    CallBegun,
    CallEvent,
    Departure,
    Entry,
    EventKind,
    Joins,
    Minute,
    Sample,
    Span,
    Stay,
    Total,
    name_of,
)
from sealroom.trtc_api.history import CallId
from server.tests.fakes import NOW
from server.tests.trtc_api.parts import APP

CALL = CallId(APP, "room_1", NOW - 1800)
OTHER = CallId(APP, "room_2", NOW - 1700)


@dataclass
class Keeper:
    """Writes what must last into the store itself."""

    records: Records

    def put(self, documents: Sequence[Document]) -> None:
        raise AssertionError("nothing here is sampled")

    async def put_durable(self, documents: Sequence[Document]) -> None:
        await self.records.write(documents, wait=True)


def begun(call: CallId = CALL) -> CallBegun:
    return CallBegun(
        id=name_of(str(call)), time=call.created * 1000 + 7, sdk_app_id=call.sdk_app_id, call_id=str(call), room=call.room,
        room_is_number=False, creator="alice",
    )  # fmt: skip


def stay(
    user: str, joined: int, left: int | None = None, *, call: CallId = CALL, app: int | None = None
) -> list[Document]:
    """Somebody's stay, and its end unless he is there still. Unix seconds."""
    name = name_of(str(call), user, joined)
    found: list[Document] = [
        Stay(
            id=name, time=joined * 1000 + 5, sdk_app_id=app or call.sdk_app_id, call_id=str(call), room=call.room, user_id=user,
            role="anchor", client_ip="192.0.2.7", sdk_name="sdk", sdk_version="1.2.3", os_type="Windows", terminal=1, reason=1,
        )
    ]  # fmt: skip
    if left is not None:
        found.append(
            Departure(
                id=name, time=left * 1000 + 5, sdk_app_id=app or call.sdk_app_id, call_id=str(call), user_id=user,
                entered_at=joined * 1000 + 5, reason=1,
            )
        )  # fmt: skip
    return found


def sample(
    user: str, at: int, track: str = "main", peer: str = "", *, call: CallId = CALL, **more: Any
) -> Sample:
    """One sample at a Unix second."""
    return Sample(
        id=name_of(str(call), user, peer, track, at), time=at * 1000, sdk_app_id=call.sdk_app_id, call_id=str(call), room=call.room,
        user_id=user, peer_id=peer, track=track, span=2000, on=True, **more,
    )  # fmt: skip


def event(user: str, at: int, kind: EventKind, *, call: CallId = CALL, **more: Any) -> CallEvent:
    """One event at a Unix second."""
    return CallEvent(
        id=name_of(user, at, kind, *more.values()), time=at * 1000, sdk_app_id=call.sdk_app_id, call_id=str(call), room=call.room,
        user_id=user, kind=kind, **more,
    )  # fmt: skip


def entry(user: str, at: int, milliseconds: int, code: str = "") -> Entry:
    """One answered `enter`."""
    return Entry(
        id=name_of(user, at), time=at * 1000, sdk_app_id=APP, room="room_1", user_id=user, code=code, milliseconds=milliseconds
    )  # fmt: skip


def joins(at: int, asked: int, let_in: int, in_time: int, part: str = "") -> Joins:
    """The entries of one minute."""
    return Joins(
        id=name_of(at, part), time=at * 1000, sdk_app_id=APP, asked=asked, let_in=let_in, in_time=in_time
    )


def total(at: int, span: Span, users: int, calls: int) -> Total:
    """An hour or a day that was counted."""
    return Total(id=name_of(span, at), time=at * 1000, sdk_app_id=APP, span=span, users=users, calls=calls)


def minute(
    at: int, room: str, users: int, frozen: int = 0, played: int = 0, *, delays: int = 0, late: int | None = None
) -> Minute:  # fmt: skip
    """One minute of one room; sound and picture alike."""
    return Minute(
        id=name_of(at, room), time=at * 1000, sdk_app_id=APP, room_key=room, users=users, streams=users, audio_played=played,
        audio_frozen=frozen // 2, video_played=played, video_frozen=frozen, delays=delays, delay_sum=0, lost=0, losses=0, late=late,
    )  # fmt: skip


def flat(parts: Sequence[Document | Sequence[Document]]) -> list[Document]:
    """Documents, and lists of them, as one list."""
    return [one for part in parts for one in (part if isinstance(part, list) else [part])]  # type: ignore[misc]
