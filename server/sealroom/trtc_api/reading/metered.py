# SPDX-License-Identifier: Apache-2.0
"""Usage from the meters: the port `usage.Usage`.

What is recorded, mixed and relayed is so on the customer's side, where the operator meters nothing: those questions have no points.
"""

import datetime as dt
from collections.abc import Mapping, Sequence

from sealroom.trtc_api.usage import Kind, Point, RoomUsage
from sealroom.usage.service import UsageService

_KEYS = {
    "Audio": ("audio",),
    # Of pictures whose size does not lie open it is certain that they were pictures, and no more.
    "SD": ("sd", "unknown"),
    "HD": ("hd",),
    "FullHD": ("fhd",),
    "2K": ("qhd",),
    "4K": ("uhd",),
}
"""TRTC's keys, and the meters that each is the sum of."""
_STEP = dt.timedelta(milliseconds=1)


class MeteredUsage:
    """Reads the service of the feature `usage`."""

    def __init__(self, service: UsageService) -> None:
        self._service = service

    async def points(
        self, kind: Kind, sdk_app_ids: Sequence[int], start: dt.datetime, end: dt.datetime, step: dt.timedelta
    ) -> Sequence[Point]:
        """Minutes of each step, where there are any."""
        if kind is not Kind.INTERACTIVE:
            return ()
        found = await self._service.steps(
            sdk_app_ids, _milliseconds(start), _milliseconds(end), step // _STEP
        )
        return [
            Point(
                dt.datetime.fromtimestamp(one.at / 1000, dt.UTC),
                {key: round(used / 60_000, 2) for key, used in _by_key(one.milliseconds).items()},
            )
            for one in found
        ]

    async def by_room(self, sdk_app_id: int, start: dt.datetime, end: dt.datetime) -> Sequence[RoomUsage]:
        """Seconds of each room. Meters have steps of five minutes: a step belongs to the minute in which it begins."""
        found = await self._service.by_room(sdk_app_id, _milliseconds(start), _milliseconds(end))
        return [
            RoomUsage(one.room, {key: round(used / 1000) for key, used in _by_key(one.milliseconds).items()})
            for one in found
        ]


def _by_key(milliseconds: Mapping[str, int]) -> dict[str, int]:
    return {key: sum(milliseconds.get(meter, 0) for meter in meters) for key, meters in _KEYS.items()}


def _milliseconds(at: dt.datetime) -> int:
    return int(at.timestamp()) * 1000
