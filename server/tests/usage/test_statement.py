# SPDX-License-Identifier: Apache-2.0
"""Bills: every minute stands in one line, in the mode of its day, whenever and however often one asks."""

import datetime as dt

import pytest
from sqlalchemy import select

from sealroom.core.db import Database
from sealroom.core.errors import MissingError
from sealroom.usage.models import KINDS, days, meters
from sealroom.usage.service import UsageService
from sealroom.usage.statement import MAX_DAYS, Line, RangeInvalid, begin_of
from server.tests import fakes
from server.tests.administration import Desk, apps_with
from server.tests.fakes import APP, NOW, VirtualClock

DAILY, PACKAGE = "daily_duration", "monthly_package"
MINUTE = 60_000
START = dt.datetime.fromtimestamp(NOW, dt.UTC).date()
FIRST = (START.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
"""The month after the one that the clock begins in."""


def day(number: int) -> dt.date:
    """Of that month, from 1 on."""
    return FIRST + dt.timedelta(days=number - 1)


class Month:
    """An application that uses something on some days, and an operator who changes how it is billed."""

    def __init__(self, database: Database, clock: VirtualClock) -> None:
        self.database, self.clock = database, clock
        self.desk, self.usage = Desk(database, clock), UsageService(database, clock)

    def go_to(self, number: int, hour: float) -> None:
        self.clock.advance(begin_of(day(number)) / 1000 + hour * 3600 - self.clock.unix())

    async def use(self, number: int, **minutes: int) -> None:
        used = dict.fromkeys(KINDS, 0) | {kind: count * MINUTE for kind, count in minutes.items()}
        row = {
            "stay": f"stay{number}",
            "bucket": begin_of(day(number)),
            "sdk_app_id": APP,
            "room": "r",
            **used,
        }
        async with self.database.writing() as connection:
            await connection.execute(meters.insert().values(row))

    async def bill(self, mode: str) -> None:
        await self.desk.register.change(APP, {"billing_mode": mode}, fakes.ACTOR, expected_revision=None)

    async def lines(self, first: dt.date = FIRST, last: dt.date | None = None) -> list[Line]:
        return await self.usage.statement(APP, first, last or day(28))


@pytest.fixture
async def month(database: Database, clock: VirtualClock) -> Month:
    await apps_with(database, clock, fakes.application())
    return Month(database, clock)


def told(lines: list[Line]) -> list[tuple[str, dt.date, dt.date, int, dict[str, float]]]:
    return [
        (one.mode.value, one.first, one.last, one.days, {name: n for name, n in one.minutes.items() if n})
        for one in lines
    ]


async def test_by_day_each_day_with_use_is_a_line(month: Month) -> None:
    await month.use(2, audio=10, hd=5)
    await month.use(5, sd=1, unknown=2)
    month.go_to(6, 12)
    assert told(await month.lines()) == [
        (DAILY, day(2), day(2), 1, {"audio": 10, "hd": 5}),
        (DAILY, day(5), day(5), 1, {"sd": 3}),
    ]


async def test_with_a_package_all_days_of_a_calendar_month_are_one_line(month: Month) -> None:
    await month.bill(PACKAGE)
    for number in (1, 5, 40):
        await month.use(number, audio=10, fhd=number)
    month.go_to(45, 0)
    second = day(40).replace(day=1)
    assert told(await month.lines(FIRST, day(45))) == [
        (PACKAGE, FIRST, second - dt.timedelta(days=1), 2, {"audio": 20, "fhd": 6}),
        (PACKAGE, second, day(45), 1, {"audio": 10, "fhd": 40}),
    ]


async def test_a_change_of_mode_within_a_month_splits_it_and_bills_every_minute_once(month: Month) -> None:
    for number in (1, 2, 3, 4, 5, 6):
        await month.use(number, audio=number)
    month.go_to(2, 23.99)
    await month.bill(PACKAGE)
    month.go_to(5, 0)
    await month.bill(DAILY)
    month.go_to(6, 1)
    assert told(await month.lines()) == [
        (DAILY, day(1), day(1), 1, {"audio": 1}),
        # The day on which it was changed counts in the mode that it ended in; that which began with a change in its own.
        (PACKAGE, FIRST, day(28), 3, {"audio": 2 + 3 + 4}),
        (DAILY, day(5), day(5), 1, {"audio": 5}),
        (DAILY, day(6), day(6), 1, {"audio": 6}),
    ]


async def test_a_change_after_midnight_does_not_reach_back_though_the_day_was_not_closed_yet(
    month: Month, database: Database
) -> None:
    await month.use(3, audio=7)
    month.go_to(4, 0.1)
    await month.bill(PACKAGE)
    month.go_to(4, 1)
    before = await month.lines()
    assert told(before) == [(DAILY, day(3), day(3), 1, {"audio": 7})]
    await month.usage.close_day(day(3))
    await month.usage.close_day(day(3))
    assert await month.lines() == before
    # Long after, from the total alone, by another process.
    month.go_to(200, 0)
    await month.bill(DAILY)
    await month.bill(PACKAGE)
    async with database.writing() as connection:
        await connection.execute(meters.delete())
        assert len((await connection.execute(select(days))).all()) == 1
    assert await UsageService(database, month.clock).statement(APP, FIRST, day(28)) == before


async def test_other_changes_of_an_application_change_no_bill(month: Month) -> None:
    await month.use(1, audio=1)
    month.go_to(3, 0)
    await month.desk.register.change(
        APP, {"relay": True, "billing_mode": DAILY}, fakes.ACTOR, expected_revision=None
    )
    assert [line.mode.value for line in await month.lines()] == [DAILY]


async def test_days_that_are_no_range_and_applications_that_are_not_there_are_refused(month: Month) -> None:
    with pytest.raises(RangeInvalid, match="before"):
        await month.lines(day(2), day(1))
    await month.lines(FIRST, FIRST + dt.timedelta(days=MAX_DAYS - 1))
    with pytest.raises(RangeInvalid, match="400 days"):
        await month.lines(FIRST, FIRST + dt.timedelta(days=MAX_DAYS))
    with pytest.raises(MissingError):
        await month.usage.statement(APP + 1, FIRST, FIRST)
