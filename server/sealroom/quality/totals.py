# SPDX-License-Identifier: Apache-2.0
"""Totals of hours and days: what no sum of minutes gives, for distinct users of two minutes may be the same.

Each is counted from the back-end log while that is there, and outlives it, without persons. **Counted again it is the same document**: a
run that was killed is made up for, and servers of one site may do it at once.
"""

from dataclasses import dataclass
from typing import TypeVar

from sealroom.catalogue import Document
from sealroom.core.clock import Clock
from sealroom.core.jobs import Daily, Job, JobKind
from sealroom.core.records import (
    Aggregation,
    Bucket,
    Equals,
    Histogram,
    Measure,
    Query,
    Records,
    Terms,
)
from sealroom.core.records.query import MAX_BUCKETS, Condition
from sealroom.quality.history import Keeper
from sealroom.quality.models import CallBegun, Minute, Span, Stay, Total, name_of

D = TypeVar("D", bound=Document)

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
FRESH_DAYS = 3
"""Days before today that readers look into the back-end log for, too, and that are counted anew each night: what came late is in them.
More forgives longer outages of the store of records, and reads more."""
_STEPS = {Span.HOUR: HOUR_MS, Span.DAY: DAY_MS}
_USERS = (Measure("user_id", of=("distinct",)),)


@dataclass(slots=True)
class Count:
    """Users who entered, and calls that began."""

    users: int = 0
    calls: int = 0

    def at_least(self, other: "Count") -> "Count":
        """The larger of each: of two counts of one step the lower one missed something."""
        return Count(max(self.users, other.users), max(self.calls, other.calls))


class Totals:
    """Counts days that are over, every night."""

    def __init__(self, records: Records, keeper: Keeper, clock: Clock, *, days: int) -> None:
        """`days`: how long the back-end log is kept. An older day is counted no more: some of it may be gone."""
        self._records, self._keeper, self._clock, self._days = records, keeper, clock, days

    def kinds(self) -> tuple[JobKind, ...]:
        """The nightly job: after every server has written what happened before midnight, and before anything is purged."""
        return (JobKind("count_quality_totals", self.count, Daily(0, 40)),)

    async def count(self, _job: Job) -> None:
        """Counts the days that are over and were not counted, and the latest again. Raises `RecordsUnavailable`."""
        now = int(self._clock.unix() * 1000)
        today = now // DAY_MS * DAY_MS
        first = (now - self._days * DAY_MS) // DAY_MS * DAY_MS
        query = Query(Total, first, today, (Equals("span", Span.DAY.value),))
        found = await self._records.aggregate(query, Aggregation((Histogram(DAY_MS),)))
        counted = {int(one.keys[0]) for one in found}
        for day in range(first, today, DAY_MS):
            if day not in counted or day >= today - (FRESH_DAYS + 1) * DAY_MS:
                await self.count_day(day)

    async def count_day(self, day: int) -> None:
        """Writes the totals of a day (its begin, Unix milliseconds) and of its hours."""
        by_day = await self._counts(Span.DAY, day, day + DAY_MS)
        if not by_day:
            return
        # As many hours at once as the answer has room for.
        hours = HOUR_MS * min(24, max(1, MAX_BUCKETS // (len(by_day) + 1)))
        made = [_total(Span.DAY, key, count) for key, count in by_day.items()]
        for since in range(day, day + DAY_MS, hours):
            found = await self._counts(Span.HOUR, since, min(since + hours, day + DAY_MS))
            made += [_total(Span.HOUR, key, count) for key, count in found.items()]
        await self._keeper.put_durable(made)

    async def _counts(self, span: Span, since: int, until: int) -> dict[tuple[int, int], Count]:
        """By application and begin, wherever there was anything: a step in which somebody stayed and nobody entered counts 0."""
        split = (Terms("sdk_app_id", MAX_BUCKETS + 1), Histogram(_STEPS[span]))
        entered = await self._records.aggregate(Query(Stay, since, until), Aggregation(split, _USERS))
        begun = await self._records.aggregate(Query(CallBegun, since, until), Aggregation(split))
        stayed = await self._records.aggregate(Query(Minute, since, until), Aggregation(split))
        counts = {_key(one): Count() for one in (*entered, *begun, *stayed)}
        for one in entered:
            counts[_key(one)].users = _users(one)
        for one in begun:
            counts[_key(one)].calls = one.count
        return counts


async def counts_of(
    records: Records, sdk_app_id: int, since: int, until: int, span: Span, now: int
) -> dict[int, Count]:
    """By begin (Unix milliseconds) the counts of steps in [since, until). A step from `fresh_since(now)` on that is not there counts 0;
    of an earlier one nothing is known."""
    where: tuple[Condition, ...] = (Equals("sdk_app_id", sdk_app_id),)
    kept = Query(Total, since, until, (*where, Equals("span", span.value)))
    sums = (Measure("users", of=("most",)), Measure("calls", of=("most",)))
    found = {
        int(one.keys[0]): Count(int(one.numbers["users", "most"]), int(one.numbers["calls", "most"]))
        for one in await records.aggregate(kept, Aggregation((Histogram(_STEPS[span]),), sums))
    }
    split, fresh = (Histogram(_STEPS[span]),), max(since, fresh_since(now))
    if fresh < until:
        entered = await records.aggregate(Query(Stay, fresh, until, where), Aggregation(split, _USERS))
        begun = await records.aggregate(Query(CallBegun, fresh, until, where), Aggregation(split))
        for at, count in (
            *((int(one.keys[0]), Count(users=_users(one))) for one in entered),
            *((int(one.keys[0]), Count(calls=one.count)) for one in begun),
        ):
            found[at] = found.get(at, Count()).at_least(count)
    return found


def fresh_since(now: int) -> int:
    """From when on the back-end log itself is looked into (both Unix milliseconds)."""
    return now // DAY_MS * DAY_MS - FRESH_DAYS * DAY_MS


def _total(span: Span, key: tuple[int, int], count: Count) -> Total:
    sdk_app_id, begin = key
    return Total(
        id=name_of(sdk_app_id, span.value, begin), time=begin, sdk_app_id=sdk_app_id, span=span, users=count.users, calls=count.calls
    )  # fmt: skip


def _key(bucket: Bucket) -> tuple[int, int]:
    return int(bucket.keys[0]), int(bucket.keys[1])


def _users(bucket: Bucket) -> int:
    return int(bucket.numbers["user_id", "distinct"])
