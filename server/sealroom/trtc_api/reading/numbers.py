# SPDX-License-Identifier: Apache-2.0
"""The dashboard's numbers from what was recorded: the port `dashboard.Dashboard`. Definitions stand in docs/trtc-api.md."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TypeVar

from sealroom.catalogue import Document
from sealroom.core.clock import Clock
from sealroom.core.records import (
    Aggregation,
    Between,
    Bucket,
    Condition,
    Equals,
    Histogram,
    Measure,
    OneOf,
    Query,
    Records,
)
from sealroom.quality.models import Joins, Minute, Sample, Span
from sealroom.quality.totals import Count, counts_of, fresh_since
from sealroom.trtc_api.dashboard import Online, Period, Rates, Scale, Stutter
from sealroom.trtc_api.parameters import Window
from sealroom_wire.signalling import Track

D = TypeVar("D", bound=Document)

STEP_MS = 10_000
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
_STEPS = {Period.DAY: DAY_MS, Period.HOUR: HOUR_MS}
_SPANS = {Period.DAY: Span.DAY, Period.HOUR: Span.HOUR}
_VIDEO = (Track.MAIN.value, Track.SCREEN.value)


class RecordedNumbers:
    """Reads the documents of the feature `quality`."""

    def __init__(self, records: Records, clock: Clock) -> None:
        self._records, self._clock = records, clock

    async def online(self, sdk_app_id: int, span: Window, *, room: str | None) -> Sequence[Online]:
        """Users and rooms, every 10 s."""
        query = _samples(sdk_app_id, span, room)
        measures = (Measure("user_id", of=("distinct",)), Measure("call_id", of=("distinct",)))
        found = await self._records.aggregate(query, Aggregation((Histogram(STEP_MS),), measures))
        return [
            Online(_second(one), int(one.numbers["user_id", "distinct"]), int(one.numbers["call_id", "distinct"]))
            for one in found
        ]  # fmt: skip

    async def stutter(self, sdk_app_id: int, span: Window, *, room: str | None) -> Sequence[Stutter]:
        """Stutter, every 10 s."""
        measures = (Measure("frozen", of=("sum",)), Measure("played", of=("sum",)))
        by_step = Aggregation((Histogram(STEP_MS),), measures)
        video = await self._records.aggregate(
            _samples(sdk_app_id, span, room, OneOf("track", _VIDEO), Between("played", least=1)), by_step
        )
        audio = await self._records.aggregate(
            _samples(sdk_app_id, span, room, Equals("track", Track.AUDIO.value), Between("played", least=1)),
            by_step,
        )
        shares = [
            {_second(one): _share(_summed(one), "frozen", "played") for one in found}
            for found in (video, audio)
        ]
        return [Stutter(at, shares[0].get(at), shares[1].get(at)) for at in sorted({*shares[0], *shares[1]})]

    async def scale(self, sdk_app_id: int, first: dt.date, last: dt.date, period: Period) -> Sequence[Scale]:
        """Numbers of the UTC days from first to last."""
        since, until, step = _begin(first), _begin(last) + DAY_MS, _STEPS[period]
        now = int(self._clock.unix() * 1000)
        counts = await counts_of(self._records, sdk_app_id, since, until, _SPANS[period], now)
        peaks = await self._peaks((Equals("sdk_app_id", sdk_app_id),), since, until, step)
        known, nothing = fresh_since(now), (None, None)
        found: list[Scale] = []
        for at in sorted({*counts, *peaks}):
            count = counts.get(at, Count() if at >= known else None)
            users, calls = nothing if count is None else (count.users, count.calls)
            found.append(Scale(at // 1000, users, calls, *peaks.get(at, nothing)))
        return found

    async def _peaks(
        self, where: tuple[Condition, ...], since: int, until: int, step: int
    ) -> dict[int, tuple[int, int]]:
        """The most users and rooms of one minute, by the step (Unix milliseconds). Day by day: minutes are many."""
        measures = (Measure("users", of=("sum",)), Measure("room_key", of=("distinct",)))
        found: dict[int, tuple[int, int]] = {}
        for day in range(since, until, DAY_MS):
            query = Query(Minute, day, day + DAY_MS, where)
            minutes = await self._records.aggregate(query, Aggregation((Histogram(MINUTE_MS),), measures))
            for one in minutes:
                at = int(one.keys[0]) // step * step
                users, rooms = found.get(at, (0, 0))
                found[at] = (
                    max(users, int(one.numbers["users", "sum"])),
                    max(rooms, int(one.numbers["room_key", "distinct"])),
                )
        return found

    async def rates(self, sdk_app_id: int, first: dt.date, last: dt.date, period: Period) -> Sequence[Rates]:
        """Rates of the UTC days from first to last."""
        since, until, step = _begin(first), _begin(last) + DAY_MS, _STEPS[period]
        where = (Equals("sdk_app_id", sdk_app_id),)
        joins = await self._sums(Query(Joins, since, until, where), step, "asked", "let_in", "in_time")
        names = ("audio_frozen", "audio_played", "video_frozen", "video_played")
        frozen = await self._sums(Query(Minute, since, until, where), step, *names)
        # Minutes of before they were counted know their round trips, and not how many were late.
        known = (*where, Between("late", least=0))
        delayed = await self._sums(Query(Minute, since, until, known), step, "delays", "late")
        found: list[Rates] = []
        for at in sorted({*joins, *frozen, *delayed}):
            join, freeze, delay = (one.get(at, {}) for one in (joins, frozen, delayed))
            shares = (
                _share(join, "let_in", "asked"), _share(join, "in_time", "asked"), _share(freeze, "audio_frozen", "audio_played"),
                _share(freeze, "video_frozen", "video_played"), _share(delay, "late", "delays"),
            )  # fmt: skip
            if any(share is not None for share in shares):
                found.append(Rates(at, *shares))
        return found

    async def _sums(self, query: Query[D], step: int, *names: str) -> dict[int, Mapping[str, float]]:
        """Sums by field, by the step (Unix seconds)."""
        measures = tuple(Measure(name, of=("sum",)) for name in names)
        found = await self._records.aggregate(query, Aggregation((Histogram(step),), measures))
        return {_second(one): _summed(one) for one in found}


def _samples(sdk_app_id: int, span: Window, room: str | None, *more: Condition) -> Query[Sample]:
    """Samples of whole steps: a step that the span only touches would look as if half of its users were gone."""
    where: tuple[Condition, ...] = (Equals("sdk_app_id", sdk_app_id), *more)
    if room is not None:
        where += (Equals("room", room),)
    since, until = -(-span.start * 1000 // STEP_MS) * STEP_MS, (span.end + 1) * 1000 // STEP_MS * STEP_MS
    return Query(Sample, since, max(since, until), where)


def _second(bucket: Bucket) -> int:
    return int(bucket.keys[0]) // 1000


def _summed(bucket: Bucket) -> Mapping[str, float]:
    return {name: number for (name, _), number in bucket.numbers.items()}


def _share(sums: Mapping[str, float], part: str, whole: str) -> float | None:
    """None where there is no whole to be a share of: nobody asked, nothing was played, nothing was measured."""
    total = sums.get(whole, 0.0)
    return min(1.0, sums.get(part, 0.0) / total) if total > 0 else None


def _begin(day: dt.date) -> int:
    return int(dt.datetime.combine(day, dt.time(), dt.UTC).timestamp()) * 1000
