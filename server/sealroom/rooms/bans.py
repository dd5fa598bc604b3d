# SPDX-License-Identifier: Apache-2.0
"""Who may not enter: one user, in one room or in the whole application, with every token issued before the ban.

The list lies in memory, so that an entry costs no query; a change that another process made is seen when it is heard of, and at
the next look at the latest. **While the
database is away the list stays as it was.**
"""

import asyncio
from dataclasses import dataclass, field
from typing import Protocol

from sqlalchemy import ColumnElement, and_, delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from sealroom.apps.models import Admission
from sealroom.audit.events import Actor, AuditEvent, Record
from sealroom.audit.service import AuditLog
from sealroom.core.clock import Clock
from sealroom.core.db import NOTHING, Database, check_tag, number_of, raise_number, upsert
from sealroom.rooms.models import bans
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.ids import RoomId, RoomKind, check_room, check_sdk_app_id, check_user_id

TOPIC = "bans"


@dataclass(frozen=True, slots=True)
class Ban:
    """One ban. `room` is None for every room of the application; `issued_before` in Unix seconds, `made_at` in milliseconds."""

    sdk_app_id: int
    user_id: str = field(repr=False)
    room: RoomId | None = field(repr=False)
    issued_before: int
    made_at: int

    @property
    def tag(self) -> str:
        """Names this state of it."""
        return f"{self.issued_before}-{self.made_at}"


class BanCheck(Protocol):
    """What rooms ask before they let somebody in."""

    def check(self, admission: Admission, room: RoomId) -> None:
        """Raises `Refusal(banned)` where a token of his is older than a ban."""


class NoBans:
    """Where nobody is ever banned."""

    def check(self, admission: Admission, room: RoomId) -> None:
        """Lets everybody in."""


class Bans:
    """The bans of one database."""

    def __init__(self, database: Database, audit: AuditLog, clock: Clock) -> None:
        self._database, self._audit, self._clock = database, audit, clock
        self._known: dict[tuple[int, str], list[Ban]] = {}
        self._number = -1
        self._looking = asyncio.Lock()

    def check(self, admission: Admission, room: RoomId) -> None:
        """Raises `Refusal(banned)` where a token of his is older than a ban."""
        identity = admission.identity
        mine = self._known.get((identity.application.sdk_app_id, identity.user_id), ())
        if any(ban.room in (None, room) and admission.issued_at < ban.issued_before for ban in mine):
            raise Refusal(ErrorCode.BANNED)

    async def refresh(self) -> bool:
        """Reads the list again where it changed; says whether it did."""
        # One look at a time: of two, the later to end could be the earlier to have read.
        async with self._looking:
            return await self._look()

    async def _look(self) -> bool:
        ((number,),) = await self._database.ask(select(number_of(TOPIC)))
        if number == self._number:
            return False
        async with self._database.reading() as connection:
            number = (await connection.execute(select(number_of(TOPIC)))).scalar_one()
            rows = (await connection.execute(select(bans))).all()
        known: dict[tuple[int, str], list[Ban]] = {}
        for row in rows:
            known.setdefault((row.sdk_app_id, row.user_id), []).append(_ban(*row))
        self._known, self._number = known, number
        return True

    async def add(
        self,
        sdk_app_id: int,
        user_id: str,
        room: RoomId | None,
        *,
        actor: Actor,
        issued_before: int | None = None,
        expected: str | None = None,
    ) -> Ban:
        """Refuses tokens of a user that were issued before a moment: without one, all that there are by now. A ban is never moved back.

        Tokens of a backend whose clock is ahead may be younger than they are: for such name a later moment.

        Raises:
            Refusal: an id that is none.
            ConflictError: the ban has another tag than the expected one (`check_tag`).
        """
        check_sdk_app_id(sdk_app_id)
        check_user_id(user_id)
        now = self._clock.unix()
        moment = int(now) + 1 if issued_before is None else issued_before
        async with self._database.writing() as connection:
            await raise_number(connection, TOPIC)
            before = await _present(connection, sdk_app_id, user_id, room)
            check_tag("ban", before.tag if before else NOTHING, expected)
            least = before.issued_before if before else 0
            ban = Ban(sdk_app_id, user_id, room, max(moment, least), int(now * 1000))
            await upsert(connection, bans, _row(ban), greatest=("issued_before",))
            record = _record(AuditEvent.USER_BANNED, actor, ban, issued_before=ban.issued_before)
            await self._audit.append(connection, record)
        await self._audit.place()
        await self.refresh()
        return ban

    async def lift(
        self, sdk_app_id: int, user_id: str, room: RoomId | None, *, actor: Actor, expected: str | None = None
    ) -> bool:
        """Takes a ban back; says whether there was one. Raises ConflictError where it has another tag than the expected one."""
        async with self._database.writing() as connection:
            await raise_number(connection, TOPIC)
            before = await _present(connection, sdk_app_id, user_id, room)
            if before is not None:
                check_tag("ban", before.tag, expected)
            gone = await connection.execute(delete(bans).where(_where(sdk_app_id, user_id, room)))
            if gone.rowcount == 0:
                return False
            ban = Ban(sdk_app_id, user_id, room, 0, 0)
            await self._audit.append(connection, _record(AuditEvent.BAN_LIFTED, actor, ban))
        await self._audit.place()
        await self.refresh()
        return True

    async def all(self, sdk_app_id: int | None = None) -> list[Ban]:
        """Every ban, or those of one application, as the database has them."""
        statement = select(bans).order_by(bans.c.sdk_app_id, bans.c.user_id, bans.c.room)
        if sdk_app_id is not None:
            statement = statement.where(bans.c.sdk_app_id == sdk_app_id)
        return [_ban(*row) for row in await self._database.read(statement)]

    async def page(self, sdk_app_id: int, *, after: tuple[str, str, str], limit: int) -> list[Ban]:
        """Bans of one application by user, kind of room and room, from behind the place `after` on."""
        place = (bans.c.user_id, bans.c.room_kind, bans.c.room)
        mine = select(bans).where(bans.c.sdk_app_id == sdk_app_id, tuple_(*place) > after)
        return [_ban(*row) for row in await self._database.read(mine.order_by(*place).limit(limit))]

    async def find(self, sdk_app_id: int, user_id: str, room: RoomId | None) -> Ban | None:
        """One ban, as the database has it. Raises `Refusal` for a room that is none."""
        async with self._database.reading() as connection:
            return await _present(connection, sdk_app_id, user_id, room)


async def _present(
    connection: AsyncConnection, sdk_app_id: int, user_id: str, room: RoomId | None
) -> Ban | None:
    found = (await connection.execute(select(bans).where(_where(sdk_app_id, user_id, room)))).one_or_none()
    return None if found is None else _ban(*found)


def _ban(sdk_app_id: int, user_id: str, kind: str, room: str, issued_before: int, made_at: int) -> Ban:
    where = RoomId(RoomKind(kind), room) if kind else None
    return Ban(sdk_app_id, user_id, where, issued_before, made_at)


def _place(room: RoomId | None) -> tuple[str, str]:
    return ("", "") if room is None else (room.kind.value, check_room(room).id)


def _row(ban: Ban) -> dict[str, object]:
    kind, room = _place(ban.room)
    return {
        "sdk_app_id": ban.sdk_app_id, "user_id": ban.user_id, "room_kind": kind, "room": room,
        "issued_before": ban.issued_before, "made_at": ban.made_at,
    }  # fmt: skip


def _where(sdk_app_id: int, user_id: str, room: RoomId | None) -> ColumnElement[bool]:
    kind, name = _place(room)
    return and_(
        bans.c.sdk_app_id == sdk_app_id, bans.c.user_id == user_id, bans.c.room_kind == kind, bans.c.room == name
    )  # fmt: skip


def _record(event: AuditEvent, actor: Actor, ban: Ban, **more: int) -> Record:
    told: dict[str, str | int] = {"user": ban.user_id, "room": "every" if ban.room is None else str(ban.room)}
    told.update(more)
    return Record(event, actor, f"application {ban.sdk_app_id}", told, f"{ban.sdk_app_id}/{ban.user_id}")
