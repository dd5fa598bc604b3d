# SPDX-License-Identifier: Apache-2.0
"""Call quality and history: calls, who was in them, their curves, events, and what went wrong."""

import datetime as dt
import re
from collections.abc import Sequence

from sealroom.core.clock import Clock
from sealroom.trtc_api.errors import ApiError, Code
from sealroom.trtc_api.history import Call, CallId, Curve, Event, History, Metric, Stay, Unusual
from sealroom.trtc_api.operations import Answer, Caller, Operation
from sealroom.trtc_api.parameters import (
    OfApplication,
    Page,
    Window,
    check_application,
    check_users,
    invalid,
    page,
    window,
)

ROOMS_HOURS, USERS_HOURS, CURVES_HOURS, UNUSUAL_HOURS = 24, 4, 1, 1
USUAL_ROOMS, USUAL_USERS, MOST, MOST_WITH_CURVES = 10, 6, 100, 6
MAX_UNUSUAL = 20
MAX_ROOM_TEXT = 64


class DescribeRoomInfo(OfApplication, frozen=True, kw_only=True):
    """Parameters of `DescribeRoomInfo`."""

    start_time: int
    end_time: int
    room_id: str | None = None
    page_number: int | None = None
    page_size: int | None = None


class DescribeUserInfo(OfApplication, frozen=True, kw_only=True):
    """Parameters of `DescribeUserInfo`."""

    comm_id: str
    start_time: int
    end_time: int
    user_ids: tuple[str, ...] = ()
    page_number: int | None = None
    page_size: int | None = None


class DescribeCallDetailInfo(DescribeUserInfo, frozen=True, kw_only=True):
    """Parameters of `DescribeCallDetailInfo`."""

    data_type: tuple[str, ...] = ()


class DescribeUserEvent(OfApplication, frozen=True, kw_only=True):
    """Parameters of `DescribeUserEvent`."""

    comm_id: str
    start_time: int
    end_time: int
    user_id: str
    room_id: str


class DescribeUnusualEvent(OfApplication, frozen=True, kw_only=True):
    """Parameters of `DescribeUnusualEvent`."""

    start_time: int
    end_time: int
    room_id: str | None = None


class DescribeScaleInfo(OfApplication, frozen=True, kw_only=True):
    """Parameters of `DescribeScaleInfo`."""

    start_time: int
    end_time: int


class RoomState(Answer, frozen=True, kw_only=True):
    """A call in an answer."""

    comm_id: str
    room_string: str
    create_time: int
    destroy_time: int
    is_finished: bool
    user_id: str


class UserInformation(Answer, frozen=True, kw_only=True):
    """A user of a call in an answer."""

    room_str: str
    user_id: str
    join_ts: int
    leave_ts: int
    device_type: str
    sdk_version: str
    client_ip: str
    finished: bool


class TimeValue(Answer, frozen=True, kw_only=True):
    """A point of a curve."""

    time: int
    value: float


class QualityData(Answer, frozen=True, kw_only=True):
    """A curve in an answer."""

    content: tuple[TimeValue, ...]
    user_id: str
    peer_id: str
    data_type: str


class EventMessage(Answer, frozen=True, kw_only=True):
    """An event in an answer."""

    type: int
    time: int
    event_id: int
    param_one: int
    param_two: int


class EventList(Answer, frozen=True, kw_only=True):
    """The events that have to do with one peer."""

    content: tuple[EventMessage, ...]
    peer_id: str


class AbnormalEvent(Answer, frozen=True, kw_only=True):
    """A cause in an answer."""

    abnormal_event_id: int
    peer_id: str


class AbnormalExperience(Answer, frozen=True, kw_only=True):
    """An unusual experience in an answer."""

    user_id: str
    experience_id: int
    room_id: str
    abnormal_event_list: tuple[AbnormalEvent, ...]
    event_time: int


class ScaleInfomation(Answer, frozen=True, kw_only=True):
    """A day in an answer, spelled as TRTC spells it."""

    time: int
    user_number: int
    user_count: int
    room_numbers: int


class RoomList(Answer, frozen=True, kw_only=True):
    """`Total` is the number on this page, as TRTC has it."""

    total: int
    room_list: tuple[RoomState, ...]


class UserList(Answer, frozen=True, kw_only=True):
    """Users of a call."""

    total: int
    user_list: tuple[UserInformation, ...]


class CallDetail(UserList, frozen=True, kw_only=True):
    """Users of a call and their curves."""

    data: tuple[QualityData, ...]


class Events(Answer, frozen=True, kw_only=True):
    """Events of a user, by peer."""

    data: tuple[EventList, ...]


class UnusualList(Answer, frozen=True, kw_only=True):
    """Unusual experiences."""

    total: int
    abnormal_experience_list: tuple[AbnormalExperience, ...]


class ScaleList(Answer, frozen=True, kw_only=True):
    """Days."""

    total: int
    scale_list: tuple[ScaleInfomation, ...]


class _Actions:
    def __init__(self, history: History, clock: Clock) -> None:
        self._history, self._clock = history, clock

    async def rooms(self, _caller: Caller, given: DescribeRoomInfo) -> RoomList:
        span = self._window(given.start_time, given.end_time, ROOMS_HOURS)
        wanted = page(given.page_number, given.page_size, usual=USUAL_ROOMS, most=MOST)
        room = _room_text(given.room_id)
        calls = await self._history.calls(given.sdk_app_id, span, room=room, wanted=wanted)
        now = int(self._clock.unix())
        found = tuple(_room_state(call, now) for call in calls)
        return RoomList(total=len(found), room_list=found)

    async def users(self, _caller: Caller, given: DescribeUserInfo) -> UserList:
        call = _call_id(given.comm_id, given.sdk_app_id)
        span = self._window(given.start_time, given.end_time, USERS_HOURS)
        found = await self._stays(call, span, given, MOST)
        return UserList(total=len(found), user_list=found)

    async def detail(self, _caller: Caller, given: DescribeCallDetailInfo) -> CallDetail:
        call = _call_id(given.comm_id, given.sdk_app_id)
        metrics = _metrics(given.data_type)
        if metrics and len(given.user_ids) > MOST_WITH_CURVES:
            raise ApiError(
                Code.INVALID_USER_IDS_MORE_THAN_SIX,
                f"At most {MOST_WITH_CURVES} users can be asked for with DataType.",
            )
        span = self._window(given.start_time, given.end_time, CURVES_HOURS if metrics else USERS_HOURS)
        users = await self._stays(call, span, given, MOST_WITH_CURVES if metrics else MOST)
        names = list(dict.fromkeys(user.user_id for user in users))
        curves = (
            await self._history.curves(call, span, users=names, metrics=metrics) if metrics and names else ()
        )
        return CallDetail(
            total=len(users), user_list=users, data=tuple(_quality_data(curve) for curve in curves)
        )

    async def _stays(
        self, call: CallId, span: Window, given: DescribeUserInfo, most: int
    ) -> tuple[UserInformation, ...]:
        users = check_users(given.user_ids, most=MOST)
        wanted = page(given.page_number, given.page_size, usual=USUAL_USERS, most=most)
        if users and (given.page_number is None or given.page_size is None):
            # Who names users wants them all; six is for those who name none.
            wanted = Page(0, most)
        stays = await self._history.stays(call, span, users=users, wanted=wanted)
        now = int(self._clock.unix())
        return tuple(_user_information(call.room, stay, now) for stay in stays)

    async def events(self, _caller: Caller, given: DescribeUserEvent) -> Events:
        call_id = _call_id(given.comm_id, given.sdk_app_id)
        (user,) = check_users((given.user_id,), most=1, name="UserId")
        span = self._window(given.start_time, given.end_time, None)
        call = await self._history.call(call_id)
        if call is None or _room_text(given.room_id) != call_id.room:
            return Events(data=())
        if call.ended is not None:
            # "If later than the end of the room, the end of the room is used"; its last second counts whole.
            span = Window(span.start, min(span.end, call.ended + 1))
        by_peer: dict[str, list[EventMessage]] = {}
        for event in await self._history.events(call_id, span, user):
            # What is about himself stands under his own name.
            by_peer.setdefault(event.peer or user, []).append(_event_message(event))
        return Events(
            data=tuple(EventList(content=tuple(content), peer_id=peer) for peer, content in by_peer.items())
        )

    async def unusual(self, _caller: Caller, given: DescribeUnusualEvent) -> UnusualList:
        span = self._window(given.start_time, given.end_time, UNUSUAL_HOURS)
        room = _room_text(given.room_id)
        found = await self._history.unusual(given.sdk_app_id, span, room=room, most=MAX_UNUSUAL)
        shown = tuple(_abnormal_experience(one) for one in found[:MAX_UNUSUAL])
        return UnusualList(total=len(shown), abnormal_experience_list=shown)

    async def scale(self, _caller: Caller, given: DescribeScaleInfo) -> ScaleList:
        span = self._window(given.start_time, given.end_time, None)
        first, last = _utc_day(span.start), _utc_day(span.end)
        if span.end == _midnight(last):
            # To get a day, the end must be later than its 00:00.
            last -= dt.timedelta(days=1)
        last = min(last, _utc_day(int(self._clock.unix())) - dt.timedelta(days=1))
        days = await self._history.days(given.sdk_app_id, first, last) if first <= last else ()
        shown = tuple(
            ScaleInfomation(
                time=_midnight(one.day), user_number=one.users, user_count=one.entries, room_numbers=one.rooms
            )
            for one in days
        )
        return ScaleList(total=len(shown), scale_list=shown)

    def _window(self, start: int, end: int, hours: int | None) -> Window:
        return window(start, end, now=self._clock.unix(), hours=hours)


def operations(history: History, clock: Clock) -> tuple[Operation, ...]:
    """The six actions."""
    actions = _Actions(history, clock)
    return (
        Operation.of("DescribeRoomInfo", DescribeRoomInfo, actions.rooms),
        Operation.of("DescribeUserInfo", DescribeUserInfo, actions.users),
        Operation.of("DescribeCallDetailInfo", DescribeCallDetailInfo, actions.detail),
        Operation.of("DescribeUserEvent", DescribeUserEvent, actions.events),
        Operation.of("DescribeUnusualEvent", DescribeUnusualEvent, actions.unusual),
        Operation.of("DescribeScaleInfo", DescribeScaleInfo, actions.scale),
    )


def _call_id(text: str, sdk_app_id: int) -> CallId:
    """Reads a CommId. A room may hold underscores, so its ends are taken off. It must be of the application that was named."""
    match = re.fullmatch(r"([0-9]{1,10})_(.{1,64})_([0-9]{1,11})", text, re.ASCII | re.DOTALL)
    if match is None:
        raise invalid("CommId", "take it from DescribeRoomInfo")
    if check_application(int(match[1])) != sdk_app_id:
        raise invalid("CommId", "it is of another application than SdkAppId")
    return CallId(sdk_app_id, match[2], int(match[3]))


def _room_text(room: str | None) -> str | None:
    if room is not None and not 1 <= len(room) <= MAX_ROOM_TEXT:
        raise invalid("RoomId", f"it has 1 to {MAX_ROOM_TEXT} characters")
    return room


def _metrics(names: Sequence[str]) -> tuple[Metric, ...]:
    if "all" in names:
        return tuple(Metric)
    try:
        return tuple(dict.fromkeys(Metric(name) for name in names))
    except ValueError as error:
        raise invalid("DataType", f"use {', '.join(Metric)}, or all") from error


def _room_state(call: Call, now: int) -> RoomState:
    """A call that goes on ends "now", and says that it is not finished."""
    return RoomState(
        comm_id=str(call.id), room_string=call.id.room, create_time=call.id.created,
        destroy_time=now if call.ended is None else call.ended, is_finished=call.ended is not None, user_id=call.creator,
    )  # fmt: skip


def _user_information(room: str, stay: Stay, now: int) -> UserInformation:
    return UserInformation(
        room_str=room, user_id=stay.user, join_ts=stay.joined, leave_ts=now if stay.left is None else stay.left,
        device_type=stay.device, sdk_version=stay.sdk_version, client_ip=stay.address, finished=stay.left is not None,
    )  # fmt: skip


def _quality_data(curve: Curve) -> QualityData:
    content = tuple(TimeValue(time=time, value=value) for time, value in curve.points)
    return QualityData(content=content, user_id=curve.user, peer_id=curve.peer, data_type=curve.metric.value)


def _event_message(event: Event) -> EventMessage:
    return EventMessage(
        type=event.kind, time=event.at, event_id=event.number, param_one=event.first, param_two=event.second
    )


def _abnormal_experience(one: Unusual) -> AbnormalExperience:
    return AbnormalExperience(
        user_id=one.user, experience_id=one.experience, room_id=one.room, event_time=one.at,
        abnormal_event_list=tuple(AbnormalEvent(abnormal_event_id=cause.number, peer_id=cause.peer) for cause in one.causes),
    )  # fmt: skip


def _utc_day(seconds: int) -> dt.date:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).date()


def _midnight(day: dt.date) -> int:
    return int(dt.datetime.combine(day, dt.time(), dt.UTC).timestamp())
