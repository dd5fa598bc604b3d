# SPDX-License-Identifier: Apache-2.0
"""What was used: by five minutes, by day, by room. Days are those of UTC, and a day's total is a sum that can be made again."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, func, select

from sealroom.apps.billing import modes_of
from sealroom.core.clock import Clock
from sealroom.core.db import Database, upsert
from sealroom.core.errors import MissingError
from sealroom.core.jobs import Daily, Job, JobKind
from sealroom.usage.models import BUCKET_MS, DAY_MS, KINDS, days, meters
from sealroom.usage.statement import Line, begin_of, check_range, lines_of

CLOSED_DAYS = 2
"""Days before today whose totals are made anew each night: what came late is in them."""
METERED_DAYS = 100
"""How far back the meters go: an older day's total stays as it is, and is not made again."""


@dataclass(frozen=True, slots=True)
class Used:
    """What was used in one step that begins at `at` (Unix milliseconds): milliseconds by kind, `models.KINDS`."""

    at: int
    milliseconds: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class RoomUsed:
    """What was used in one room."""

    room: str
    milliseconds: Mapping[str, int]


class NotMetered(ValueError):  # noqa: N818 - what it is
    """A day whose meters are gone, or that is not over."""


class UsageService:
    """Reads the meters, and keeps the totals of days."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def steps(self, sdk_app_ids: Sequence[int], since: int, until: int, step: int) -> list[Used]:
        """Sums over applications for each step in [since, until), in order, where there is any. Times and step in milliseconds; the
        step is five minutes or a multiple."""
        if step % BUCKET_MS:
            raise ValueError("a step is a multiple of five minutes")
        if step % DAY_MS == 0:
            return await self._days(sdk_app_ids, since, until)
        begin = meters.c.bucket // step * step
        return await self._ask(
            _sums(begin).where(_within(sdk_app_ids, since, until)).group_by(begin).order_by(begin)
        )

    async def by_room(self, sdk_app_id: int, since: int, until: int) -> list[RoomUsed]:
        """What each room used in [since, until), Unix milliseconds."""
        statement = _sums(meters.c.room).where(_within([sdk_app_id], since, until)).group_by(meters.c.room)
        rows = await self._database.read(statement.order_by(meters.c.room))
        return [RoomUsed(row[0], _kinds(row[1:])) for row in rows]

    async def statement(self, sdk_app_id: int, first: dt.date, last: dt.date) -> list[Line]:
        """What an application used from `first` to `last`, both of them too, by its billing mode on each day; from the totals of days that are
        closed, else from the meters. Asked again it is the same.

        Raises:
            RangeInvalid: these are no days of a statement.
            MissingError: there is no such application.
        """
        check_range(first, last)
        async with self._database.reading() as connection:
            modes = await modes_of(connection, sdk_app_id)
        if modes is None:
            raise MissingError(
                "application_unknown", f"There is no application {sdk_app_id}.", "See `sealroom app list`."
            )
        used = await self._days([sdk_app_id], begin_of(first), begin_of(last) + DAY_MS)
        return lines_of(((one.at, one.milliseconds) for one in used), modes, first, last)

    async def close_day(self, day: dt.date) -> int:
        """Makes the totals of a day from its meters, and says of how many applications. Again it gives the same.

        Raises:
            NotMetered: the day is not over, or its meters are gone.
        """
        begin = begin_of(day)
        now = int(self._clock.unix() * 1000)
        if begin + DAY_MS > now:
            raise NotMetered(f"{day} is not over.")
        if begin < now - METERED_DAYS * DAY_MS:
            raise NotMetered(f"The meters of {day} are gone; its total stays as it is.")
        made = _sums(meters.c.sdk_app_id).where(meters.c.bucket >= begin, meters.c.bucket < begin + DAY_MS)
        async with self._database.writing() as connection:
            rows = (await connection.execute(made.group_by(meters.c.sdk_app_id))).all()
            await connection.execute(delete(days).where(days.c.day == begin))
            await upsert(
                connection, days, [{"sdk_app_id": row[0], "day": begin, **_kinds(row[1:])} for row in rows]
            )
        return len(rows)

    async def close_days(self, _job: Job) -> None:
        """Makes the totals of the days before."""
        today = dt.datetime.fromtimestamp(self._clock.unix(), dt.UTC).date()
        for back in range(1, CLOSED_DAYS + 1):
            await self.close_day(today - dt.timedelta(days=back))

    def kinds(self) -> tuple[JobKind, ...]:
        """The nightly job: late enough that every process has written what it metered before midnight."""
        return (JobKind("close_usage_days", self.close_days, Daily(0, 10)),)

    async def _days(self, sdk_app_ids: Sequence[int], since: int, until: int) -> list[Used]:
        """Totals of days that are closed, and for the others the sums of their meters."""
        closed = select(days.c.day, *(func.sum(days.c[kind]) for kind in KINDS)).where(
            days.c.sdk_app_id.in_(sdk_app_ids), days.c.day >= since, days.c.day < until
        )
        found = {one.at: one for one in await self._ask(closed.group_by(days.c.day))}
        begin = meters.c.bucket // DAY_MS * DAY_MS
        metered = _sums(begin).where(_within(sdk_app_ids, since, until)).group_by(begin)
        fresh = int(self._clock.unix() * 1000) // DAY_MS * DAY_MS - CLOSED_DAYS * DAY_MS
        for one in await self._ask(metered):
            if one.at >= fresh or one.at not in found:
                found[one.at] = one
        return [found[at] for at in sorted(found)]

    async def _ask(self, statement: Select[Any]) -> list[Used]:
        return [Used(int(row[0]), _kinds(row[1:])) for row in await self._database.read(statement)]


def _sums(by: ColumnElement[Any]) -> Select[Any]:
    return select(by, *(func.sum(meters.c[kind]) for kind in KINDS))


def _within(sdk_app_ids: Sequence[int], since: int, until: int) -> ColumnElement[bool]:
    return meters.c.sdk_app_id.in_(sdk_app_ids) & (meters.c.bucket >= since) & (meters.c.bucket < until)


def _kinds(sums: Sequence[int]) -> dict[str, int]:
    return {kind: int(count) for kind, count in zip(KINDS, sums, strict=True)}
