# SPDX-License-Identifier: Apache-2.0
"""Usage from the meters: the port `usage.Usage`."""

import datetime as dt
from collections.abc import Mapping, Sequence

from sealroom.trtc_api.usage import Kind, Point, RoomUsage
from sealroom.usage.service import UsageService

COLUMNS = {
    "Audio": ("audio",),
    "SD": ("sd", "unknown"),
    "HD": ("hd",),
    "FullHD": ("fhd",),
    "2K": ("qhd",),
    "4K": ("uhd",),
}
"""What TRTC's names count. A picture whose size nobody could see is counted as the smallest: never more than what was seen."""
MINUTE_MS = 60_000


class RecordedUsage:
    """Reads the feature `usage`. Recording, mixing and relay are the customer's own here: nothing of them is metered."""

    def __init__(self, usage: UsageService) -> None:
        self._usage = usage

    async def points(
        self, kind: Kind, sdk_app_ids: Sequence[int], start: dt.datetime, end: dt.datetime, step: dt.timedelta
    ) -> Sequence[Point]:
        """Minutes for each step in [start, end) with use."""
        if kind is not Kind.INTERACTIVE:
            return ()
        found = await self._usage.steps(sdk_app_ids, _ms(start), _ms(end), round(step.total_seconds() * 1000))
        return [
            Point(dt.datetime.fromtimestamp(one.at / 1000, dt.UTC), _named(one.milliseconds, MINUTE_MS))
            for one in found
        ]

    async def by_room(self, sdk_app_id: int, start: dt.datetime, end: dt.datetime) -> Sequence[RoomUsage]:
        """Seconds of every room with use in [start, end)."""
        found = await self._usage.by_room(sdk_app_id, _ms(start), _ms(end))
        return [
            RoomUsage(one.room, {name: round(used) for name, used in _named(one.milliseconds, 1000).items()})
            for one in found
        ]


def _named(milliseconds: Mapping[str, int], unit: int) -> dict[str, float]:
    return {
        name: round(sum(milliseconds[column] for column in columns) / unit, 2)
        for name, columns in COLUMNS.items()
    }


def _ms(moment: dt.datetime) -> int:
    return round(moment.timestamp() * 1000)
