# SPDX-License-Identifier: Apache-2.0
"""When days are counted, and which. What comes of it is told in `server.tests.trtc_api.reading`."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sealroom.app import catalogue
from sealroom.core.jobs import Job
from sealroom.core.records import Query
from sealroom.core.records.sqlite import SqliteRecords
from sealroom.quality.models import Span, Stay, Total
from sealroom.quality.totals import DAY_MS, FRESH_DAYS, Totals
from sealroom.retention.service import FIRST_HOUR
from server.tests.fakes import NOW, VirtualClock
from server.tests.trtc_api.recorded import Keeper, flat, stay

MIDNIGHT = NOW - NOW % 86_400


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[SqliteRecords]:
    store = SqliteRecords(tmp_path / "records.db", catalogue(), "main")
    await store.prepare()
    yield store
    await store.close()


async def days(records: SqliteRecords) -> list[int]:
    """The days that were counted, as how many before today."""
    query = Query(Total, 0, NOW * 2000)
    found = (await records.search(query, limit=1000)).documents
    return [(one.time // 1000 - MIDNIGHT) // 86_400 for one in found if one.span is Span.DAY]


async def test_days_are_counted_each_night_before_anything_is_purged(
    records: SqliteRecords, clock: VirtualClock
) -> None:
    (kind,) = Totals(records, Keeper(records), clock, days=30).kinds()
    assert kind.schedule is not None
    assert MIDNIGHT < kind.schedule.after(MIDNIGHT) < MIDNIGHT + FIRST_HOUR * 3600


async def test_a_day_of_which_some_may_be_gone_is_not_counted_and_today_is_not_over(
    records: SqliteRecords, clock: VirtualClock
) -> None:
    await records.write(flat([stay("a", MIDNIGHT - back * 86_400 + 7) for back in range(9)]), wait=True)
    totals = Totals(records, Keeper(records), clock, days=2)
    await totals.count(Job("", "", 1))
    assert await days(records) == [-2, -1]
    # What a shorter retention took is still in the totals, for it is not counted anew.
    await records.expire(Stay, NOW * 1000 - DAY_MS)
    clock.advance(86_400)
    await totals.count(Job("", "", 1))
    assert await days(records) == [-2, -1, 0]


async def test_after_days_without_a_server_all_that_is_still_there_is_counted(
    records: SqliteRecords, clock: VirtualClock
) -> None:
    back = (20, 10, FRESH_DAYS + 2)
    await records.write(flat([stay("a", MIDNIGHT - one * 86_400 + 7) for one in back]), wait=True)
    await Totals(records, Keeper(records), clock, days=30).count(Job("", "", 1))
    assert await days(records) == [-one for one in back]
