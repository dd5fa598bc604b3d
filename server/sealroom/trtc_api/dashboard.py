# SPDX-License-Identifier: Apache-2.0
"""The dashboard's numbers: who is there now, how it stutters, and the same by day or hour."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import msgspec

from sealroom.core.clock import Clock
from sealroom.trtc_api.errors import ApiError, Code
from sealroom.trtc_api.operations import Answer, Caller, Operation
from sealroom.trtc_api.parameters import OfApplication, Window, date, invalid, recent

REAL_TIME_HOURS = 12
"""How far back the real-time numbers go: the widest that TRTC documents (3 or 12 h by edition)."""
MARKET_DAYS = 60
"""How far back days and hours go: the widest that TRTC documents (30 or 60 days by edition)."""
MAX_ROOM_TEXT = 64


class Period(StrEnum):
    """The step of the numbers; both begin in UTC."""

    DAY = "d"
    HOUR = "h"


@dataclass(frozen=True, slots=True)
class Online:
    """Who was there at a moment (Unix seconds)."""

    at: int
    users: int
    rooms: int


@dataclass(frozen=True, slots=True)
class Stutter:
    """The share of time, 0 to 1, in which pictures or sound stuttered, in the step that begins at a moment (Unix seconds).

    None where there was nothing to play.
    """

    at: int
    video: float | None
    audio: float | None


@dataclass(frozen=True, slots=True)
class Scale:
    """Users and rooms of one step, and how many there were at once at most. `at`: its begin, Unix seconds. None: not known."""

    at: int
    users: int | None
    rooms: int | None
    peak_users: int | None
    peak_rooms: int | None


@dataclass(frozen=True, slots=True)
class Rates:
    """Rates of one step, 0 to 1, each by its written definition. `at`: its begin, Unix seconds.

    None where there is nothing to be a share of, or it is not known.
    """

    at: int
    join_success: float | None
    join_success_in_5s: float | None
    audio_freeze: float | None
    video_freeze: float | None
    network_delay: float | None


class Dashboard(Protocol):
    """What is read for the dashboard. Whoever asks owns the application already. A step without calls may be left out."""

    async def online(self, sdk_app_id: int, span: Window, *, room: str | None) -> Sequence[Online]:
        """Users and rooms, every 10 s, in order."""

    async def stutter(self, sdk_app_id: int, span: Window, *, room: str | None) -> Sequence[Stutter]:
        """Stutter, every 10 s, in order."""

    async def scale(self, sdk_app_id: int, first: dt.date, last: dt.date, period: Period) -> Sequence[Scale]:
        """Numbers of the UTC days from first to last, in order."""

    async def rates(self, sdk_app_id: int, first: dt.date, last: dt.date, period: Period) -> Sequence[Rates]:
        """Rates of the UTC days from first to last, in order."""


class RealTime(OfApplication, frozen=True, kw_only=True):
    """Parameters of the real-time actions."""

    start_time: int
    end_time: int
    room_id: str | None = None


class Market(OfApplication, frozen=True, kw_only=True):
    """Parameters of the actions by day or hour."""

    start_time: str
    end_time: str
    period: str


class MarketQuality(Market, frozen=True, kw_only=True):
    """Parameters of `DescribeTRTCMarketQualityData`."""

    is_float: bool = False


class RowValues(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """A row: the time, then the numbers in the order of the columns; null where one is not known."""

    row_value: tuple[int | None, ...]
    row_value_float: tuple[float | None, ...] = ()


class SeriesInfos(Answer, frozen=True, kw_only=True):
    """Rows and their columns."""

    columns: tuple[str, ...]
    values: tuple[RowValues, ...]


class TRTCDataResult(Answer, frozen=True, kw_only=True):
    """As TRTC answers; the first and the last number mean nothing."""

    statement_id: int = msgspec.field(default=0, name="StatementID")
    series: tuple[SeriesInfos, ...]
    total: int = 1


class SeriesInfo(Answer, frozen=True, kw_only=True):
    """Rows of `DescribeTRTCMarketScaleMetricData`: plain lists."""

    columns: tuple[str, ...]
    values: tuple[tuple[int | None, ...], ...]


class TRTCDataResp(Answer, frozen=True, kw_only=True):
    """As TRTC answers there."""

    statement_id: int = msgspec.field(default=0, name="StatementID")
    series: tuple[SeriesInfo, ...]
    total: int = 1


class Data(Answer, frozen=True, kw_only=True):
    """The whole answer."""

    data: TRTCDataResult | TRTCDataResp


_SCALE = ("time", "userCount", "roomCount", "peakCurrentChannels", "peakCurrentUsers")
_RATES = (
    "time", "joinSuccessRate", "joinSuccessIn5sRate", "audioFreezeRate", "videoFreezeRate", "networkDelay",
)  # fmt: skip


class _Actions:
    def __init__(self, dashboard: Dashboard, clock: Clock) -> None:
        self._dashboard, self._clock = dashboard, clock

    async def online(self, _caller: Caller, given: RealTime) -> Data:
        span, room = self._recent(given)
        found = await self._dashboard.online(given.sdk_app_id, span, room=room)
        rows = (RowValues(row_value=(one.at, one.users, one.rooms)) for one in found)
        return _result(("time", "userCount", "roomCount"), rows)

    async def stutter(self, _caller: Caller, given: RealTime) -> Data:
        span, room = self._recent(given)
        found = await self._dashboard.stutter(given.sdk_app_id, span, room=room)
        rows = (_percent(one.at, (one.video, one.audio), with_decimals=True) for one in found)
        return _result(("time", "videoFreezeRate", "audioFreezeRate"), rows)

    async def scale(self, _caller: Caller, given: Market) -> Data:
        found = await self._scale(given)
        return _result(_SCALE, (RowValues(row_value=_scale_row(one)) for one in found))

    async def scale_metric(self, _caller: Caller, given: Market) -> Data:
        found = await self._scale(given)
        series = SeriesInfo(columns=_SCALE, values=tuple(_scale_row(one) for one in found))
        return Data(data=TRTCDataResp(series=(series,)))

    async def rates(self, _caller: Caller, given: MarketQuality) -> Data:
        first, last, period = self._days(given)
        found = await self._dashboard.rates(given.sdk_app_id, first, last, period)
        rows = (_percent(one.at, _rates_row(one), with_decimals=given.is_float) for one in found)
        return _result(_RATES, rows)

    async def _scale(self, given: Market) -> Sequence[Scale]:
        first, last, period = self._days(given)
        return await self._dashboard.scale(given.sdk_app_id, first, last, period)

    def _recent(self, given: RealTime) -> tuple[Window, str | None]:
        if given.room_id is not None and not 1 <= len(given.room_id) <= MAX_ROOM_TEXT:
            raise invalid("RoomId", f"it has 1 to {MAX_ROOM_TEXT} characters")
        span = recent(given.start_time, given.end_time, now=self._clock.unix(), hours=REAL_TIME_HOURS)
        return span, given.room_id

    def _days(self, given: Market) -> tuple[dt.date, dt.date, Period]:
        first, last = date(given.start_time, "StartTime"), date(given.end_time, "EndTime")
        if last < first:
            raise invalid("EndTime", "it is before StartTime")
        today = dt.datetime.fromtimestamp(self._clock.unix(), dt.UTC).date()
        if first < today - dt.timedelta(days=MARKET_DAYS):
            raise ApiError(
                Code.INVALID_START_TIME_OVERSIZE, f"StartTime must be in the last {MARKET_DAYS} days."
            )
        try:
            period = Period(given.period)
        except ValueError as error:
            raise invalid("Period", "use d or h") from error
        return first, min(last, today), period


def operations(dashboard: Dashboard, clock: Clock) -> tuple[Operation, ...]:
    """The five actions."""
    actions = _Actions(dashboard, clock)
    return (
        Operation.of("DescribeTRTCRealTimeScaleData", RealTime, actions.online),
        Operation.of("DescribeTRTCRealTimeQualityData", RealTime, actions.stutter),
        Operation.of("DescribeTRTCMarketScaleData", Market, actions.scale),
        Operation.of("DescribeTRTCMarketScaleMetricData", Market, actions.scale_metric),
        Operation.of("DescribeTRTCMarketQualityData", MarketQuality, actions.rates),
    )


def _result(columns: tuple[str, ...], rows: Iterable[RowValues]) -> Data:
    series = SeriesInfos(columns=columns, values=tuple(rows))
    return Data(data=TRTCDataResult(series=(series,)))


def _scale_row(one: Scale) -> tuple[int | None, ...]:
    return (one.at, one.users, one.rooms, one.peak_rooms, one.peak_users)


def _rates_row(one: Rates) -> tuple[float | None, ...]:
    return (one.join_success, one.join_success_in_5s, one.audio_freeze, one.video_freeze, one.network_delay)


def _percent(at: int, shares: Sequence[float | None], *, with_decimals: bool) -> RowValues:
    """Shares as whole percents, and with two decimals beside them where somebody wants those."""
    exact = tuple(None if share is None else round(100 * share, 2) for share in shares)
    whole = tuple(None if share is None else round(100 * share) for share in shares)
    return RowValues(row_value=(at, *whole), row_value_float=(float(at), *exact) if with_decimals else ())
