# SPDX-License-Identifier: Apache-2.0
"""The dashboard's numbers from what was recorded: the port `dashboard.Dashboard`. Definitions stand in docs/trtc-api.md."""

import datetime as dt
from collections.abc import Sequence
from typing import TypeVar

from sealroom.catalogue import Document
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
from sealroom.quality.diagnosis import DELAY_MS
from sealroom.quality.models import CallBegun, Entry, Minute, Sample, Stay
from sealroom.trtc_api.dashboard import Online, Period, Rates, Scale, Stutter
from sealroom.trtc_api.parameters import Window
from sealroom_wire.signalling import Track

D = TypeVar("D", bound=Document)

STEP_MS = 10_000
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
JOIN_MS = 5_000
_STEPS = {Period.DAY: DAY_MS, Period.HOUR: HOUR_MS}
_VIDEO = (Track.MAIN.value, Track.SCREEN.value)


class RecordedNumbers:
    """Reads the documents of the feature `quality`."""

    def __init__(self, records: Records) -> None:
        self._records = records

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
            {_second(one): _share(one, "frozen", "played") for one in found} for found in (video, audio)
        ]
        return [
            Stutter(at, shares[0].get(at, 0.0), shares[1].get(at, 0.0))
            for at in sorted({*shares[0], *shares[1]})
        ]

    async def scale(self, sdk_app_id: int, first: dt.date, last: dt.date, period: Period) -> Sequence[Scale]:
        """Numbers of the UTC days from first to last."""
        since, until, step = _begin(first), _begin(last) + DAY_MS, _STEPS[period]
        where = (Equals("sdk_app_id", sdk_app_id),)
        distinct = Aggregation((Histogram(step),), (Measure("user_id", of=("distinct",)),))
        entered = await self._records.aggregate(Query(Stay, since, until, where), distinct)
        begun = await self._records.aggregate(
            Query(CallBegun, since, until, where), Aggregation((Histogram(step),))
        )
        users = {_second(one): int(one.numbers["user_id", "distinct"]) for one in entered}
        rooms = {_second(one): one.count for one in begun}
        peaks = await self._peaks(where, since, until, step)
        return [
            Scale(at, users.get(at, 0), rooms.get(at, 0), *peaks.get(at, (0, 0)))
            for at in sorted({*users, *rooms, *peaks})
        ]

    async def _peaks(
        self, where: tuple[Condition, ...], since: int, until: int, step: int
    ) -> dict[int, tuple[int, int]]:
        """The most users and rooms of one minute, by the step (Unix seconds). Day by day: minutes are many."""
        measures = (Measure("users", of=("sum",)), Measure("room_key", of=("distinct",)))
        found: dict[int, tuple[int, int]] = {}
        for day in range(since, until, DAY_MS):
            query = Query(Minute, day, day + DAY_MS, where)
            minutes = await self._records.aggregate(query, Aggregation((Histogram(MINUTE_MS),), measures))
            for one in minutes:
                at = int(one.keys[0]) // step * step // 1000
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
        joined = await self._joins(where, since, until, step)
        frozen = await self._frozen(where, since, until, step)
        delayed = await self._delayed(where, since, until, step)
        return [
            Rates(at, *joined.get(at, (1.0, 1.0)), *frozen.get(at, (0.0, 0.0)), delayed.get(at, 0.0))
            for at in sorted({*joined, *frozen, *delayed})
        ]

    async def _joins(
        self, where: tuple[Condition, ...], since: int, until: int, step: int
    ) -> dict[int, tuple[float, float]]:
        let_in = (*where, Equals("code", ""))
        in_time = (*let_in, Between("milliseconds", below=JOIN_MS + 1))
        tried, joined, quick = [
            await self._counts(Query(Entry, since, until, one), step) for one in (where, let_in, in_time)
        ]
        return {at: (joined.get(at, 0) / count, quick.get(at, 0) / count) for at, count in tried.items()}

    async def _frozen(
        self, where: tuple[Condition, ...], since: int, until: int, step: int
    ) -> dict[int, tuple[float, float]]:
        names = ("audio_frozen", "audio_played", "video_frozen", "video_played")
        sums = Aggregation((Histogram(step),), tuple(Measure(name, of=("sum",)) for name in names))
        found = await self._records.aggregate(Query(Minute, since, until, where), sums)
        return {
            _second(one): (
                _share(one, "audio_frozen", "audio_played"),
                _share(one, "video_frozen", "video_played"),
            )
            for one in found
        }

    async def _delayed(
        self, where: tuple[Condition, ...], since: int, until: int, step: int
    ) -> dict[int, float]:
        measured = await self._counts(Query(Sample, since, until, (*where, Between("rtt", least=0.0))), step)
        late = (*where, Between("rtt", least=DELAY_MS))
        found = await self._counts(Query(Sample, since, until, late), step)
        return {at: found.get(at, 0) / count for at, count in measured.items()}

    async def _counts(self, query: Query[D], step: int) -> dict[int, int]:
        found = await self._records.aggregate(query, Aggregation((Histogram(step),)))
        return {_second(one): one.count for one in found}


def _samples(sdk_app_id: int, span: Window, room: str | None, *more: Condition) -> Query[Sample]:
    """Samples of whole steps: a step that the span only touches would look as if half of its users were gone."""
    where: tuple[Condition, ...] = (Equals("sdk_app_id", sdk_app_id), *more)
    if room is not None:
        where += (Equals("room", room),)
    since, until = -(-span.start * 1000 // STEP_MS) * STEP_MS, (span.end + 1) * 1000 // STEP_MS * STEP_MS
    return Query(Sample, since, max(since, until), where)


def _second(bucket: Bucket) -> int:
    return int(bucket.keys[0]) // 1000


def _share(bucket: Bucket, part: str, whole: str) -> float:
    total = bucket.numbers.get((whole, "sum"), 0.0)
    return min(1.0, bucket.numbers.get((part, "sum"), 0.0) / total) if total > 0 else 0.0


def _begin(day: dt.date) -> int:
    return int(dt.datetime.combine(day, dt.time(), dt.UTC).timestamp()) * 1000
