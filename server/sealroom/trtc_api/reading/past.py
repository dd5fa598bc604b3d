# SPDX-License-Identifier: Apache-2.0
"""History from what was recorded: the port `history.History`."""

import datetime as dt
from collections.abc import Sequence
from typing import Protocol

from sealroom.core.clock import Clock
from sealroom.core.records import (
    Aggregation,
    Condition,
    Equals,
    Histogram,
    Measure,
    OneOf,
    Query,
    Records,
)
from sealroom.quality import models
from sealroom.quality.reading import NAMED_AHEAD_MS
from sealroom.trtc_api.history import Call, CallId, Curve, Day, Event, Metric, Stay, Unusual
from sealroom.trtc_api.parameters import Page, Window
from sealroom.trtc_api.reading.curves import curves_of
from sealroom.trtc_api.reading.event_numbers import told
from sealroom.trtc_api.reading.pages import AHEAD_MS, pages
from sealroom.trtc_api.reading.unusual import unusual_in

DAY_MS = 86_400_000


class CallBook(Protocol):
    """Which calls there were."""

    async def calls(self, sdk_app_id: int, span: Window, *, room: str | None, wanted: Page) -> Sequence[Call]:
        """Calls that were going on in the span, newest first."""

    async def call(self, call: CallId) -> Call | None:
        """One call, or None."""


class RecordedHistory:
    """Reads the documents of the feature `quality`."""

    def __init__(self, records: Records, book: CallBook, clock: Clock) -> None:
        self._records, self._book, self._clock = records, book, clock

    async def calls(self, sdk_app_id: int, span: Window, *, room: str | None, wanted: Page) -> Sequence[Call]:
        """Calls that were going on in the span, newest first."""
        return await self._book.calls(sdk_app_id, span, room=room, wanted=wanted)

    async def call(self, call: CallId) -> Call | None:
        """One call, or None."""
        return await self._book.call(call)

    async def stays(
        self, call: CallId, span: Window, *, users: Sequence[str], wanted: Page
    ) -> Sequence[Stay]:
        """Who was in the call during the span, in the order of entry."""
        where: tuple[Condition, ...] = (Equals("call_id", str(call)),)
        if users:
            where += (OneOf("user_id", tuple(users)),)
        query = Query(models.Stay, call.created * 1000 - NAMED_AHEAD_MS, (span.end + 1) * 1000, where)
        found: list[Stay] = []
        skip = wanted.offset
        async for page in pages(self._records, query):
            left = await self._departures(call, page)
            for one in page:
                end = left.get(one.id)
                if end is not None and end < span.start * 1000:
                    continue
                if skip:
                    skip -= 1
                    continue
                found.append(_stay(one, end))
                if len(found) == wanted.limit:
                    return found
        return found

    async def _departures(self, call: CallId, stays: Sequence[models.Stay]) -> dict[str, int]:
        """When stays ended, by their ids, Unix milliseconds."""
        where = (Equals("call_id", str(call)), OneOf("id", tuple(stay.id for stay in stays)))
        query = Query(models.Departure, stays[0].time, self._until(), where)
        return {one.id: one.time async for page in pages(self._records, query) for one in page}

    async def events(self, call: CallId, span: Window, user: str) -> Sequence[Event]:
        """What happened to one user, in order, as far as TRTC has numbers for it."""
        where = (Equals("call_id", str(call)), Equals("user_id", user))
        query = Query(models.CallEvent, span.start * 1000, (span.end + 1) * 1000, where)
        found = [told(one) async for page in pages(self._records, query) for one in page]
        return [event for event in found if event is not None]

    async def curves(
        self, call: CallId, span: Window, *, users: Sequence[str], metrics: Sequence[Metric]
    ) -> Sequence[Curve]:
        """The curves of those users."""
        return [
            curve for user in users for curve in await curves_of(self._records, call, span, user, metrics)
        ]

    async def unusual(
        self, sdk_app_id: int, span: Window, *, room: str | None, most: int
    ) -> Sequence[Unusual]:
        """Unusual experiences in the span, in order."""
        return await unusual_in(self._records, sdk_app_id, span, room=room, most=most)

    async def days(self, sdk_app_id: int, first: dt.date, last: dt.date) -> Sequence[Day]:
        """Whole days, newest first: distinct users and entries of those who entered, calls of those that began."""
        since, until = _begin(first), _begin(last) + DAY_MS
        where = (Equals("sdk_app_id", sdk_app_id),)
        by_day = Aggregation((Histogram(DAY_MS),), (Measure("user_id", of=("distinct",)),))
        entered = await self._records.aggregate(Query(models.Stay, since, until, where), by_day)
        begun = await self._records.aggregate(
            Query(models.CallBegun, since, until, where), Aggregation((Histogram(DAY_MS),))
        )
        rooms = {int(bucket.keys[0]): bucket.count for bucket in begun}
        return [
            Day(
                dt.datetime.fromtimestamp(int(bucket.keys[0]) / 1000, dt.UTC).date(),
                int(bucket.numbers["user_id", "distinct"]), bucket.count, rooms.get(int(bucket.keys[0]), 0),
            )
            for bucket in reversed(entered)
        ]  # fmt: skip

    def _until(self) -> int:
        return int(self._clock.unix() * 1000) + AHEAD_MS


def _begin(day: dt.date) -> int:
    return int(dt.datetime.combine(day, dt.time(), dt.UTC).timestamp()) * 1000


def _stay(one: models.Stay, end: int | None) -> Stay:
    left = None if end is None else end // 1000
    return Stay(one.user_id, one.time // 1000, left, one.os_type, one.sdk_version, one.client_ip)
