# SPDX-License-Identifier: Apache-2.0
"""History and the dashboard from the embedded store; and what is said where a store is away."""

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from sealroom.app import catalogue
from sealroom.core.records.sqlite import SqliteRecords
from sealroom.quality.models import Span
from sealroom.trtc_api.dashboard import Period
from sealroom.trtc_api.reading.numbers import RecordedNumbers
from server.tests.fakes import NOW, VirtualClock
from server.tests.trtc_api.parts import APP, Numbers, World
from server.tests.trtc_api.reading import DAY, MIDNIGHT, TODAY, ReadingContract
from server.tests.trtc_api.recorded import flat, joins, minute, total


class TestReading(ReadingContract):
    """All of it."""

    @pytest.fixture
    async def records(self, tmp_path: Path) -> AsyncIterator[SqliteRecords]:
        records = SqliteRecords(tmp_path / "records.db", catalogue(), "sg")
        await records.prepare()
        yield records
        await records.close()

    async def test_sixty_days_by_hour_can_be_asked_for(
        self, records: SqliteRecords, numbers: RecordedNumbers
    ) -> None:
        first = MIDNIGHT - 60 * DAY
        await records.write(
            flat([
                *(minute(first + 3600 * hour, "one", 1 + hour % 3, frozen=1, played=10) for hour in range(60 * 24)),
                *(joins(first + 3600 * hour, 2, 1, 1) for hour in range(60 * 24)),
                *(total(first + 3600 * hour, Span.HOUR, 7, 1) for hour in range(60 * 24)),
            ]),
            wait=True,
        )  # fmt: skip
        days = (TODAY - dt.timedelta(days=60), TODAY)
        scale, rates = (
            await numbers.scale(APP, *days, Period.HOUR),
            await numbers.rates(APP, *days, Period.HOUR),
        )
        assert (len(scale), {one.users for one in scale}) == (1440, {7})
        assert (len(rates), {one.join_success for one in rates}) == (1440, {0.5})


async def test_a_store_that_is_away_is_said_to_be(clock: VirtualClock, tmp_path: Path) -> None:
    away = SqliteRecords(tmp_path / "gone" / "records.db", catalogue(), "sg")
    world = World(clock, numbers=cast(Numbers, RecordedNumbers(away, clock)))
    span = {"SdkAppId": APP, "StartTime": NOW - 60, "EndTime": NOW}
    assert await world.code("DescribeTRTCRealTimeScaleData", span) == "InternalError.EsQueryError"
    await away.close()
