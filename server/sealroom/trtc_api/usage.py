# SPDX-License-Identifier: Apache-2.0
"""Usage: minutes of audio and of video by resolution, of recording, mixing and relay."""

import csv
import datetime as dt
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import msgspec

from sealroom.core.clock import Clock
from sealroom.trtc_api.accounts import Applications
from sealroom.trtc_api.errors import ApiError, Code
from sealroom.trtc_api.operations import Answer, Caller, Operation
from sealroom.trtc_api.parameters import OfAccount, OfApplication, date, invalid, minute

MAX_DAYS = 31
ROOM_HOURS = 24
ROOM_DAYS = 90
"""How far back usage by room goes ("about three months")."""
DAY, FIVE_MINUTES = dt.timedelta(days=1), dt.timedelta(minutes=5)

BY_RESOLUTION = ("Audio", "SD", "HD", "FullHD", "2K", "4K")
MIXED = (
    "Audio", "SDH264", "HDH264", "FullHDH264", "2KH264", "4KH264", "SDH265", "HDH265", "FullHDH265", "2KH265", "4KH265",
)  # fmt: skip


class Kind(StrEnum):
    """What is metered."""

    INTERACTIVE = "interactive"
    RECORDING_SINGLE = "recording_single"
    RECORDING_MIXED = "recording_mixed"
    MIX_TRANSCODING = "mix_transcoding"
    RELAY = "relay"


KEYS: dict[Kind, tuple[str, ...]] = {
    Kind.INTERACTIVE: BY_RESOLUTION,
    Kind.RECORDING_SINGLE: BY_RESOLUTION,
    Kind.RECORDING_MIXED: BY_RESOLUTION,
    Kind.MIX_TRANSCODING: MIXED,
    Kind.RELAY: ("Bandwidth",),
}
"""TRTC's names of what is counted, in their order."""


@dataclass(frozen=True, slots=True)
class Point:
    """What was used in one step. `at`: its begin, in UTC. A key that is not there counts 0. Minutes; relay in Mbit/s."""

    at: dt.datetime
    used: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class RoomUsage:
    """Seconds of one room by TRTC's keys `Audio`, `SD`, `HD`, `FullHD`, `2K`, `4K`."""

    room: str
    seconds: Mapping[str, int]


class Usage(Protocol):
    """What is read of the meters. Whoever asks owns the applications already."""

    async def points(
        self, kind: Kind, sdk_app_ids: Sequence[int], start: dt.datetime, end: dt.datetime, step: dt.timedelta
    ) -> Sequence[Point]:
        """The sum over the applications for each step in [start, end), in order; a step without use may be left out."""

    async def by_room(self, sdk_app_id: int, start: dt.datetime, end: dt.datetime) -> Sequence[RoomUsage]:
        """Every room with use in [start, end)."""


class OfDays(OfAccount, frozen=True, kw_only=True):
    """Parameters of the usage queries by day."""

    start_time: str
    end_time: str


class OfRecording(OfDays, frozen=True, kw_only=True):
    """Parameters of `DescribeRecordingUsage`."""

    mix_type: str


class OfRooms(OfApplication, frozen=True, kw_only=True):
    """Parameters of `DescribeTrtcRoomUsage`, which spells the application in its own way."""

    sdk_app_id: int = msgspec.field(name="SdkAppid")
    start_time: str
    end_time: str


class TrtcUsage(Answer, frozen=True, kw_only=True):
    """A step in an answer."""

    time_key: str
    time_stamp_key: int
    usage_value: tuple[float, ...]


class UsageAnswer(Answer, frozen=True, kw_only=True):
    """Usage by step."""

    usage_key: tuple[str, ...]
    usage_list: tuple[TrtcUsage, ...]


class RoomUsageAnswer(Answer, frozen=True, kw_only=True):
    """Usage by room, as CSV."""

    data: str


class _Actions:
    def __init__(self, usage: Usage, applications: Applications, clock: Clock) -> None:
        self._usage, self._applications, self._clock = usage, applications, clock

    async def interactive(self, caller: Caller, given: OfDays) -> UsageAnswer:
        return await self._answer(Kind.INTERACTIVE, caller, given)

    async def recording(self, caller: Caller, given: OfRecording) -> UsageAnswer:
        kinds = {"single": Kind.RECORDING_SINGLE, "multi": Kind.RECORDING_MIXED}
        if given.mix_type not in kinds:
            raise invalid("MixType", "use single or multi")
        return await self._answer(kinds[given.mix_type], caller, given)

    async def mixing(self, caller: Caller, given: OfDays) -> UsageAnswer:
        return await self._answer(Kind.MIX_TRANSCODING, caller, given)

    async def relay(self, caller: Caller, given: OfDays) -> UsageAnswer:
        return await self._answer(Kind.RELAY, caller, given)

    async def _answer(self, kind: Kind, caller: Caller, given: OfDays) -> UsageAnswer:
        first, last = _days(given.start_time, given.end_time)
        mine = (
            await self._applications.owned_by(caller.uin) if given.sdk_app_id is None else (given.sdk_app_id,)
        )
        step = FIVE_MINUTES if first == last else DAY
        found = await self._usage.points(kind, mine, _midnight(first), _midnight(last) + DAY, step)
        keys = KEYS[kind]
        return UsageAnswer(usage_key=keys, usage_list=tuple(_trtc_usage(point, keys) for point in found))

    async def by_room(self, _caller: Caller, given: OfRooms) -> RoomUsageAnswer:
        start, end = minute(given.start_time, "StartTime"), minute(given.end_time, "EndTime")
        if end < start:
            raise invalid("EndTime", "it is before StartTime")
        if end - start > dt.timedelta(hours=ROOM_HOURS):
            raise ApiError(
                Code.INVALID_QUERY_SCALE_OVERSIZE,
                f"StartTime and EndTime can be at most {ROOM_HOURS} h apart.",
            )
        if start.timestamp() < self._clock.unix() - ROOM_DAYS * 86_400:
            raise ApiError(Code.INVALID_START_TS_OVERSIZE, f"StartTime must be in the last {ROOM_DAYS} days.")
        return RoomUsageAnswer(data=_table(await self._usage.by_room(given.sdk_app_id, start, end)))


def operations(usage: Usage, applications: Applications, clock: Clock) -> tuple[Operation, ...]:
    """The five actions."""
    actions = _Actions(usage, applications, clock)
    return (
        Operation.of("DescribeTrtcUsage", OfDays, actions.interactive),
        Operation.of("DescribeTrtcRoomUsage", OfRooms, actions.by_room),
        Operation.of("DescribeRecordingUsage", OfRecording, actions.recording),
        Operation.of("DescribeMixTranscodingUsage", OfDays, actions.mixing),
        Operation.of("DescribeRelayUsage", OfDays, actions.relay),
    )


def _days(start: str, end: str) -> tuple[dt.date, dt.date]:
    """Two dates, both of whose days are meant; at most 31 days."""
    first, last = date(start, "StartTime"), date(end, "EndTime")
    if last < first:
        raise invalid("EndTime", "it is before StartTime")
    if (last - first).days >= MAX_DAYS:
        raise ApiError(
            Code.INVALID_QUERY_SCALE_OVERSIZE, f"At most {MAX_DAYS} days can be asked for at once."
        )
    return first, last


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), dt.UTC)


def _trtc_usage(point: Point, keys: Sequence[str]) -> TrtcUsage:
    return TrtcUsage(
        time_key=point.at.strftime("%Y-%m-%d %H:%M:%S"), time_stamp_key=int(point.at.timestamp()),
        usage_value=tuple(float(point.used.get(key, 0)) for key in keys),
    )  # fmt: skip


def _table(rooms: Sequence[RoomUsage]) -> str:
    """The columns as TRTC's example has them, with its `hd`."""
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\n")
    write.writerow(("RoomId", "Audio", "SD", "hd", "FullHD", "2K", "4K"))
    for one in rooms:
        write.writerow((one.room, *(one.seconds.get(key, 0) for key in BY_RESOLUTION)))
    return out.getvalue()
