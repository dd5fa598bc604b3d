# SPDX-License-Identifier: Apache-2.0
"""The ledger's own rows: open calls and who is in them; and the end of what a killed process left open."""

from collections.abc import Sequence
from typing import TypeAlias

from sqlalchemy import and_, bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sealroom.core.db import Database, insert_new, upsert
from sealroom.core.ids import Ids
from sealroom.rooms.events import (
    Call,
    CloseReason,
    ExitReason,
    ParticipantEntered,
    ParticipantLeft,
    RoomClosed,
    RoomEvent,
    RoomOpened,
)
from sealroom.rooms.models import calls, presences
from sealroom_wire.ids import RoomId, RoomKind
from sealroom_wire.participant import Role

Row: TypeAlias = dict[str, object]


async def keep(connection: AsyncConnection, batch: Sequence[RoomEvent], node: str) -> None:
    """Brings both tables to where they are after the batch."""
    opened = [_opened(event, node) for event in batch if isinstance(event, RoomOpened)]
    closed = [event for event in batch if isinstance(event, RoomClosed)]
    if opened:
        await insert_new(connection, calls, opened)
    await _keep_presences(connection, batch)
    if closed:
        ends: list[Row] = [
            {"of": one.call.id, "closed_at": one.at, "reason": one.reason.value} for one in closed
        ]
        await connection.execute(update(calls).where(calls.c.id == bindparam("of")), ends)
        gone = delete(presences).where(presences.c.call_id == bindparam("of"))
        await connection.execute(gone, [{"of": one.call.id} for one in closed])


async def _keep_presences(connection: AsyncConnection, batch: Sequence[RoomEvent]) -> None:
    last: dict[tuple[str, str], ParticipantEntered | ParticipantLeft] = {}
    for event in batch:
        if isinstance(event, ParticipantEntered | ParticipantLeft):
            last[event.call.id, event.user_id] = event
    if not last:
        return
    there = [_present(event) for event in last.values() if isinstance(event, ParticipantEntered)]
    gone = [
        {"of": call, "user": user}
        for (call, user), event in last.items()
        if isinstance(event, ParticipantLeft)
    ]
    if gone:
        his = and_(presences.c.call_id == bindparam("of"), presences.c.user_id == bindparam("user"))
        await connection.execute(delete(presences).where(his), gone)
    await upsert(connection, presences, there)


def _opened(event: RoomOpened, node: str) -> Row:
    call = event.call
    return {
        "id": call.id, "node": node, "sdk_app_id": call.sdk_app_id, "room_kind": call.room.kind.value, "room": call.room.id,
        "opened_at": call.opened_at, "opened_by": event.user_id,
    }  # fmt: skip


def _present(event: ParticipantEntered) -> Row:
    return {
        "call_id": event.call.id, "user_id": event.user_id, "sdk_app_id": event.call.sdk_app_id, "role": event.role.value,
        "entered_at": event.at,
    }  # fmt: skip


async def left_open(database: Database, ids: Ids, node: str, alive_at: int) -> list[list[RoomEvent]]:
    """The events that end what this node left open, call by call: at the last moment at which it is known to have lived."""
    async with database.reading() as connection:
        still = select(calls).where(calls.c.node == node, calls.c.closed_at.is_(None))
        found = (await connection.execute(still.order_by(calls.c.opened_at))).all()
        mine = select(calls.c.id).where(calls.c.node == node, calls.c.closed_at.is_(None))
        there = select(presences).where(presences.c.call_id.in_(mine)).order_by(presences.c.entered_at)
        inside = (await connection.execute(there)).all()
    ends: dict[str, list[RoomEvent]] = {}
    known: dict[str, Call] = {}
    for row in found:
        room = RoomId(RoomKind(row.room_kind), row.room)
        known[row.id] = Call(row.id, row.sdk_app_id, room, row.opened_at)
        ends[row.id] = []
    for row in inside:
        at = max(alive_at, row.entered_at)
        ends[row.call_id].append(
            ParticipantLeft(
                id=_id(ids), call=known[row.call_id], at=at, user_id=row.user_id, peer=0, role=Role(row.role),
                entered_at=row.entered_at, reason=ExitReason.TIMEOUT,
            )
        )  # fmt: skip
    for name, events in ends.items():
        at = max([alive_at, known[name].opened_at, *(event.at for event in events)])
        events.append(RoomClosed(id=_id(ids), call=known[name], at=at, reason=CloseReason.LOST))
    return list(ends.values())


def _id(ids: Ids) -> str:
    return f"{ids.number(128):032x}"
