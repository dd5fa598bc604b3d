# SPDX-License-Identifier: Apache-2.0
"""Reads one call from `records`."""

from typing import TypeVar

from sealroom.catalogue import Document
from sealroom.core.clock import Clock
from sealroom.core.records import Equals, Query, Records
from sealroom.core.records.query import MAX_PAGE
from sealroom.quality.curves import Drawing, draw
from sealroom.quality.models import CallBegun, CallEvent, Sample

D = TypeVar("D", bound=Document)
NAMED_AHEAD_MS = 3_600_000
"""How far a call's documents may lie before the second that its id names: ids of a room that opens again and again count on."""
_SLACK_MS = 60_000
"""Documents may bear a time a little ahead of this process's clock."""


class CallUnknown(Exception):  # noqa: N818 - what it is
    """There is nothing of such a call, or not any more."""


async def drawing_of(records: Records, call_id: str, clock: Clock) -> Drawing:
    """Everything that is known of a call, drawn. Raises `CallUnknown`, `RecordsUnavailable`."""
    created = call_id.rpartition("_")[2]
    if not created.isdecimal():
        raise CallUnknown(f"{call_id} is no call: SdkAppId_room_second")
    since, until = int(created) * 1000 - NAMED_AHEAD_MS, int(clock.unix() * 1000) + _SLACK_MS
    mine = (Equals("call_id", call_id),)
    samples = await everything(records, Query(Sample, since, until, mine))
    events = await everything(records, Query(CallEvent, since, until, mine))
    try:
        return draw(call_id, samples, events)
    except ValueError:
        raise CallUnknown(f"there is nothing of {call_id}, or not any more") from None


async def latest(records: Records, clock: Clock, most: int) -> list[CallBegun]:
    """The calls that began last, the newest first."""
    until = int(clock.unix() * 1000) + _SLACK_MS
    page = await records.search(Query(CallBegun, 0, until), limit=most, newest_first=True)
    return list(page.documents)


async def everything(records: Records, query: Query[D]) -> list[D]:
    """All documents of a query, page by page."""
    found: list[D] = []
    cursor = None
    while True:
        page = await records.search(query, limit=MAX_PAGE, cursor=cursor)
        found += page.documents
        cursor = page.cursor
        if cursor is None:
            return found
