# SPDX-License-Identifier: Apache-2.0
"""Rooms that other servers of the site have: which those are, and how they are told to moderate one.

Nothing places rooms yet: one room may be open at several servers, and an act is for all of them. The table of calls knows which; a
call is there some 20 ms after it began.
"""

from typing import Protocol

from sqlalchemy import select

from sealroom.audit.events import Actor
from sealroom.audit.service import AuditLog
from sealroom.core.bus import Bus, BusError, BusUnavailable, Delivered, NobodyAnswered, Subscription
from sealroom.core.clock import Clock
from sealroom.core.db import Database
from sealroom.core.logging import get_logger
from sealroom.nodes.service import alive
from sealroom.rooms.acts import MODERATE, Act, Acts, Outcome, records_of
from sealroom.rooms.models import calls
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.ids import RoomId
from sealroom_wire.limits import MAX_REMOVED_AT_ONCE

ANSWER_SECONDS = 5.0
"""How long another server may take. A backend waits for all of it."""
WRITTEN_SECONDS = 60.0
"""How old what the audit log says of an act may be. Longer forgives clocks of servers that differ by more."""
_ANYBODY = Actor("system", "any")

_log = get_logger()


class Elsewhere(Protocol):
    """The other servers."""

    async def having(self, sdk_app_id: int, room: RoomId) -> list[str]:
        """Which of them have the room open."""

    async def ask(self, node: str, act: Act) -> Outcome:
        """Has one do it. **Whoever asks has written it down.**"""


class OtherNodes:
    """The servers of one database, over the bus."""

    def __init__(self, bus: Bus, database: Database, audit: AuditLog, clock: Clock, name: str) -> None:
        """`name`: this server's own."""
        self._bus, self._database, self._audit = bus, database, audit
        self._clock, self._name = clock, name
        self._done: dict[int, int] = {}
        self._served: Subscription | None = None

    async def serve(self, acts: Acts) -> None:
        """Does from now on what others ask of this server. Raises `BusUnavailable`."""

        async def asked(delivered: Delivered[Act]) -> Outcome:
            if not await self._is_authorised(delivered.message):
                _log.error("moderation_not_written", kind=delivered.message.kind.value)
                return Outcome(refused=ErrorCode.INTERNAL_ERROR.value)
            return await acts.do(delivered.message)

        self._served = await self._bus.serve(MODERATE, asked, key=self._name)

    async def _is_authorised(self, act: Act) -> bool:
        """Whether the audit log tells of it, since a moment ago, and it was not asked before: who can speak on the bus, and cannot write
        to the database, has nothing done.
        """
        now = int(self._clock.unix() * 1000)
        since = now - int(WRITTEN_SECONDS * 1000)
        if len(act.users) > MAX_REMOVED_AT_ONCE or len(act.written) > MAX_REMOVED_AT_ONCE:
            return False
        if not await self._audit.has(act.written, records_of(act, _ANYBODY), since=since):
            return False
        self._done = {number: at for number, at in self._done.items() if at >= since}
        if not self._done.keys().isdisjoint(act.written):
            return False
        self._done |= dict.fromkeys(act.written, now)
        return True

    async def end(self) -> None:
        """Does no more of it: **of two who serve one name, whoever comes first would answer for the other's rooms**."""
        if self._served is not None:
            await self._served.close()

    async def having(self, sdk_app_id: int, room: RoomId) -> list[str]:
        """See `Elsewhere`. What a server left open that is dead is nobody's room any more."""
        mine = select(calls.c.node).where(
            calls.c.sdk_app_id == sdk_app_id, calls.c.room_kind == room.kind.value, calls.c.room == room.id,
            calls.c.closed_at.is_(None), calls.c.node != self._name,
        )  # fmt: skip
        found = {row.node for row in await self._database.ask(mine)}
        return sorted(found & await alive(self._database, self._clock)) if found else []

    async def ask(self, node: str, act: Act) -> Outcome:
        """See `Elsewhere`. Where no answer comes it may have been done; it is harmless to ask again."""
        try:
            return await self._bus.request(MODERATE, act, seconds=ANSWER_SECONDS, key=node)
        except BusError as error:
            _log.warning("moderation_not_answered", code=error.code)
            away = isinstance(error, BusUnavailable | NobodyAnswered)
            return Outcome(refused=(ErrorCode.SERVER_BUSY if away else ErrorCode.INTERNAL_ERROR).value)


def combined(outcomes: list[Outcome]) -> tuple[str, ...]:
    """Whom it was done to, at any of them.

    Raises:
        Refusal: one could not do it, though it may be the one that has the room; or none has what it is about.
    """
    refused = {_code(one.refused) for one in outcomes if one.refused}
    missing = {ErrorCode.ROOM_UNKNOWN, ErrorCode.USER_NOT_IN_ROOM}
    for code in sorted(refused - missing):
        raise Refusal(code)
    if all(one.refused for one in outcomes):
        known = ErrorCode.USER_NOT_IN_ROOM in refused
        raise Refusal(ErrorCode.USER_NOT_IN_ROOM if known else ErrorCode.ROOM_UNKNOWN)
    return tuple(dict.fromkeys(user for one in outcomes for user in one.found))


def _code(text: str) -> ErrorCode:
    """A server of a newer version may have codes of its own."""
    return ErrorCode(text) if text in set(ErrorCode) else ErrorCode.INTERNAL_ERROR
