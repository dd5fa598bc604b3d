# SPDX-License-Identifier: Apache-2.0
"""Which calls there were, from the ledger's own table: a call is there some 20 ms after it began, and 30 days after it ended."""

from collections.abc import Sequence

from sqlalchemy import Row, or_, select

from sealroom.core.db import Database
from sealroom.rooms.models import calls
from sealroom.trtc_api.history import Call, CallId
from sealroom.trtc_api.parameters import Page, Window


class LedgerBook:
    """Reads the table `calls`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def calls(self, sdk_app_id: int, span: Window, *, room: str | None, wanted: Page) -> Sequence[Call]:
        """Calls that were going on in the span, newest first. Both kinds of room are meant by `room`."""
        going_on = or_(calls.c.closed_at.is_(None), calls.c.closed_at >= span.start * 1000)
        statement = (
            select(calls)
            .where(calls.c.sdk_app_id == sdk_app_id, calls.c.opened_at < (span.end + 1) * 1000, going_on)
            .order_by(calls.c.opened_at.desc(), calls.c.id.desc())
            .offset(wanted.offset)
            .limit(wanted.limit)
        )
        if room is not None:
            statement = statement.where(calls.c.room == room)
        async with self._database.reading() as connection:
            return [_call(row) for row in await connection.execute(statement)]

    async def call(self, call: CallId) -> Call | None:
        """One call, or None."""
        statement = select(calls).where(calls.c.id == str(call), calls.c.sdk_app_id == call.sdk_app_id)
        async with self._database.reading() as connection:
            row = (await connection.execute(statement)).one_or_none()
        return None if row is None else _call(row)


def _call(row: Row[tuple[object, ...]]) -> Call:
    """The id as it was given: the second in it is what told this life of the room from the one before."""
    created = int(row.id.rpartition("_")[2])
    ended = None if row.closed_at is None else row.closed_at // 1000
    return Call(CallId(row.sdk_app_id, row.room, created), row.opened_by, ended)
