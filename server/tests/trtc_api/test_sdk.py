# SPDX-License-Identifier: Apache-2.0
"""The official SDKs of both editions over real HTTP, with nothing changed but endpoint and key."""

import asyncio
import datetime as dt
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sealroom.core.clock import SystemClock
from sealroom.core.http.address import ListenAddress
from sealroom.core.http.dispatch import Dispatcher, Route
from sealroom.core.http.listener import Listener
from sealroom.core.http.tls import Certificate
from sealroom.trtc_api import dashboard, history, usage
from sealroom.trtc_api.actions import ACTIONS, Site
from sealroom.trtc_api.endpoint import CALLER, PATH
from sealroom.trtc_api.errors import Code
from sealroom_wire.ids import room_number, room_string
from server.tests.certificates import make_certificate
from server.tests.trtc_api.parts import APP, DISABLED_ID, OTHERS_APP, SECRET_ID, SECRET_KEY, World
from server.tests.trtc_api.sdk import Sdk

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tencentcloud"),
    # The China edition alone knows this field. The SDK hides this warning from its users; here any other field that it does not know shows.
    pytest.mark.filterwarnings("ignore:TimeStampKey:UserWarning"),
]

SITES = {"cn": (Site.BOTH, Site.CHINA), "intl": (Site.BOTH, Site.INTERNATIONAL)}


@pytest.fixture(scope="module", params=["cn", "intl"])
def edition(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def sdk(edition: str) -> Sdk:
    return Sdk(edition)


@asynccontextmanager
async def serving(world: World, certificate: Certificate | None = None) -> AsyncIterator[ListenAddress]:
    application = Dispatcher((Route(PATH, "http", CALLER, world.api),))
    listener = Listener(application, ListenAddress("127.0.0.1", 0), SystemClock(), certificate=certificate)
    try:
        yield await listener.start()
    finally:
        await listener.stop()


@dataclass
class Caller:
    """A backend that was written for TRTC."""

    sdk: Sdk
    client: Any

    async def __call__(self, action: str, **parameters: object) -> Any:
        return await asyncio.to_thread(self.sdk.call, self.client, action, **parameters)

    async def code(self, action: str, **parameters: object) -> str:
        """The code of the SDK's own exception."""
        with pytest.raises(self.sdk.Failed) as caught:
            await self(action, **parameters)
        error: Any = caught.value
        assert error.get_request_id()
        assert error.get_message()
        return str(error.get_code())


@pytest.fixture
def now() -> int:
    return int(time.time())


@pytest.fixture
def world() -> World:
    return World(SystemClock())


@pytest.fixture
async def address(world: World) -> AsyncIterator[ListenAddress]:
    async with serving(world) as bound:
        yield bound


@pytest.fixture
async def caller(sdk: Sdk, address: ListenAddress) -> AsyncIterator[Caller]:
    client = sdk.connect(str(address), SECRET_ID, SECRET_KEY)
    yield Caller(sdk, client)
    client.request.conn._session.close()


def test_the_sdk_s_actions_are_those_of_the_table(sdk: Sdk, edition: str) -> None:
    assert sdk.actions == {action.name for action in ACTIONS.values() if action.site in SITES[edition]}


def test_our_codes_are_among_the_published_ones() -> None:
    """Those of the cloud API as a whole are in no package: they are those without a TRTC meaning."""
    published = {
        value
        for name in ("cn", "intl")
        for key, value in vars(Sdk(name).error_codes).items()
        if key.isupper()
    }
    assert len(published) >= 165
    common = {
        "AuthFailure.InvalidAuthorization", "AuthFailure.SecretIdNotFound", "AuthFailure.SignatureExpire", "AuthFailure.SignatureFailure",
        "AuthFailure.TokenFailure", "InvalidAction", "NoSuchVersion", "RequestLimitExceeded", "RequestLimitExceeded.IPLimitExceeded",
        "RequestSizeLimitExceeded", "UnsupportedProtocol", "UnsupportedRegion",
    }  # fmt: skip
    assert {code.value for code in Code} - published == common


async def test_rooms_are_managed(caller: Caller, world: World, edition: str) -> None:
    number, text = room_number(1234), room_string("1234")
    await caller("RemoveUser", SdkAppId=APP, RoomId=1234, UserIds=["alice", "bob"])
    assert world.rooms.inside[APP, number] == {"carol"}
    await caller("RemoveUserByStrRoomId", SdkAppId=APP, RoomId="1234", UserIds=["dave"])
    assert world.rooms.inside[APP, text] == {"erin"}
    if edition == "intl":
        await caller("SetUserBlocked", SdkAppId=APP, RoomId=1234, UserId="carol", IsMute=2)
        await caller("SetUserBlockedByStrRoomId", SdkAppId=APP, StrRoomId="1234", UserId="erin", IsMute=1)
        assert world.rooms.blocked == {(number, "carol"): (True, False), (text, "erin"): (True, True)}
        code = await caller.code("SetUserBlocked", SdkAppId=APP, RoomId=1234, UserId="alice", IsMute=1)
        assert code == "FailedOperation.UserNotExist"
    answer = await caller("DismissRoom", SdkAppId=APP, RoomId=1234)
    assert len(answer.RequestId) == 36
    await caller("DismissRoomByStrRoomId", SdkAppId=APP, RoomId="1234")
    assert not world.rooms.inside
    assert await caller.code("RemoveUser", SdkAppId=APP, RoomId=1234, UserIds=["carol"]) == (
        "FailedOperation.RoomNotExist"
    )


async def test_history_is_read(caller: Caller, world: World, now: int) -> None:
    call = history.CallId(APP, "a_b", now - 600)
    world.past.kept = [history.Call(call, "alice", None)]
    world.past.kept_stays[call] = [history.Stay("alice", now - 600, now - 60, "Windows", "5.1", "192.0.2.9")]
    world.past.kept_curves[call] = [
        history.Curve("alice", "", history.Metric.CAPTURE_RATE, ((now - 590, 15.0), (now - 588, 14.5)))
    ]
    world.past.kept_events[call, "alice"] = [history.Event("bob", 2, (now - 590) * 1000 + 7, 4003, 1280, 720)]
    cause = history.Cause(2011, "bob")
    world.past.kept_unusual = [(APP, history.Unusual("alice", 4, "a_b", now - 500, (cause,)))]
    yesterday = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)
    world.past.kept_days = [(APP, history.Day(yesterday, 3, 5, 2))]
    span: dict[str, Any] = {"SdkAppId": APP, "StartTime": now - 3000, "EndTime": now}

    rooms = await caller("DescribeRoomInfo", **span, PageNumber=0, PageSize=100)
    assert (rooms.Total, rooms.RoomList[0].CommId, rooms.RoomList[0].IsFinished) == (1, str(call), False)
    span["CommId"] = rooms.RoomList[0].CommId
    users = await caller("DescribeUserInfo", **span, UserIds=["alice"])
    assert (users.Total, users.UserList[0].JoinTs, users.UserList[0].Finished) == (1, now - 600, True)
    detail = await caller("DescribeCallDetailInfo", **span, DataType=["bigvCapFps"])
    assert (detail.UserList[0].ClientIp, detail.Data[0].DataType) == ("192.0.2.9", "bigvCapFps")
    assert [(point.Time, point.Value) for point in detail.Data[0].Content] == [
        (now - 590, 15.0),
        (now - 588, 14.5),
    ]
    events = await caller("DescribeUserEvent", **span, UserId="alice", RoomId="a_b")
    assert (events.Data[0].PeerId, events.Data[0].Content[0].ParamOne) == ("bob", 1280)
    del span["CommId"]
    unusual = await caller("DescribeUnusualEvent", **span, RoomId="a_b")
    assert unusual.AbnormalExperienceList[0].AbnormalEventList[0].AbnormalEventId == 2011
    span["StartTime"] = now - 3 * 86_400
    scale = await caller("DescribeScaleInfo", **span)
    assert [(day.UserNumber, day.UserCount, day.RoomNumbers) for day in scale.ScaleList] == [(3, 5, 2)]


async def test_the_dashboard_is_read(caller: Caller, world: World, now: int, edition: str) -> None:
    world.numbers.moments = [dashboard.Online(now - 10, 7, 2)]
    world.numbers.stutters = [dashboard.Stutter(now - 10, 0.05, 0.01)]
    world.numbers.scales = [dashboard.Scale(now, 16, 12, 9, 4)]
    world.numbers.shares = [dashboard.Rates(now, 1.0, 0.95, 0.01, 0.02, 0.03)]
    span: dict[str, Any] = {"SdkAppId": str(APP), "StartTime": now - 600, "EndTime": now}
    online = await caller("DescribeTRTCRealTimeScaleData", **span)
    assert (online.Data.StatementID, online.Data.Total) == (0, 1)
    assert online.Data.Series[0].Columns == ["time", "userCount", "roomCount"]
    assert online.Data.Series[0].Values[0].RowValue == [now - 10, 7, 2]
    stutter = await caller("DescribeTRTCRealTimeQualityData", **span, RoomId="r")
    assert stutter.Data.Series[0].Values[0].RowValueFloat == [now - 10, 5.0, 1.0]
    today = dt.datetime.now(dt.UTC).date()
    days: dict[str, Any] = {
        "SdkAppId": str(APP),
        "StartTime": str(today),
        "EndTime": str(today),
        "Period": "d",
    }
    scale = await caller("DescribeTRTCMarketScaleData", **days)
    assert scale.Data.Series[0].Values[0].RowValue == [now, 16, 12, 4, 9]
    rates = await caller("DescribeTRTCMarketQualityData", **days, IsFloat=True)
    assert rates.Data.Series[0].Values[0].RowValueFloat == [now, 100, 95, 1, 2, 3]
    if edition == "cn":
        metric = await caller("DescribeTRTCMarketScaleMetricData", **days)
        assert metric.Data.Series[0].Values == [[now, 16, 12, 4, 9]]


async def test_usage_is_read(caller: Caller, world: World) -> None:
    at = dt.datetime(2026, 10, 2, tzinfo=dt.UTC)
    world.meters.kept = {(kind, APP): [usage.Point(at, {keys[0]: 12.5})] for kind, keys in usage.KEYS.items()}
    today = str(dt.datetime.now(dt.UTC).date())
    world.meters.rooms = [usage.RoomUsage("test_room", {"Audio": 60})]
    days: dict[str, Any] = {"SdkAppId": APP, "StartTime": "2026-10-01", "EndTime": "2026-10-03"}
    for action in ("DescribeTrtcUsage", "DescribeMixTranscodingUsage", "DescribeRelayUsage"):
        found = await caller(action, **days)
        assert (found.UsageList[0].TimeKey, found.UsageList[0].UsageValue[0]) == ("2026-10-02 00:00:00", 12.5)
        assert len(found.UsageKey) == len(found.UsageList[0].UsageValue)
    recording = await caller("DescribeRecordingUsage", **days, MixType="single")
    assert recording.UsageList[0].UsageValue[0] == 12.5
    del days["SdkAppId"]
    assert (await caller("DescribeTrtcUsage", **days)).UsageList[0].UsageValue[0] == 12.5
    rooms = await caller(
        "DescribeTrtcRoomUsage", SdkAppid=APP, StartTime=f"{today} 00:00", EndTime=f"{today} 10:00"
    )
    assert rooms.Data.splitlines()[1] == "test_room,60,0,0,0,0,0"
    again = {"SdkAppid": APP, "StartTime": f"{today} 00:00", "EndTime": f"{today} 10:00"}
    assert await caller.code("DescribeTrtcRoomUsage", **again) == "RequestLimitExceeded"


async def test_every_other_action_is_refused_by_its_name(caller: Caller, sdk: Sdk) -> None:
    for name in sorted(sdk.actions):
        if not ACTIONS[name].served:
            assert await caller.code(name) == "UnsupportedOperation", name


async def test_errors_arrive_as_the_sdk_s_exception(caller: Caller, sdk: Sdk, address: ListenAddress) -> None:
    room: dict[str, Any] = {"SdkAppId": APP, "RoomId": 1234}
    assert await caller.code("DismissRoom") == "MissingParameter.SdkAppId"
    assert await caller.code("DismissRoom", **room | {"RoomId": 0}) == "InvalidParameter.RoomId"
    assert await caller.code("DismissRoom", **room | {"SdkAppId": OTHERS_APP}) == (
        "FailedOperation.SdkAppIdNotUnderAppId"
    )
    for secret_id, key, wrong in (
        (SECRET_ID, "wrong", "AuthFailure.SignatureFailure"),
        ("AKIDnobody", SECRET_KEY, "AuthFailure.SecretIdNotFound"),
        (DISABLED_ID, SECRET_KEY, "AuthFailure.SecretIdNotFound"),
    ):
        other = Caller(sdk, sdk.connect(str(address), secret_id, key))
        assert await other.code("DismissRoom", **room) == wrong
        other.client.request.conn._session.close()
    old = Caller(sdk, sdk.connect(str(address), SECRET_ID, SECRET_KEY, signMethod="HmacSHA256"))
    assert await old.code("DismissRoom", **room) == "AuthFailure.InvalidAuthorization"
    old.client.request.conn._session.close()


async def test_the_sdk_s_other_ways_to_sign_work(
    sdk: Sdk, address: ListenAddress, world: World, now: int
) -> None:
    get = Caller(sdk, sdk.connect(str(address), SECRET_ID, SECRET_KEY, method="GET"))
    await get("RemoveUser", SdkAppId=APP, RoomId=1234, UserIds=["alice", "bob"])
    assert world.rooms.inside[APP, room_number(1234)] == {"carol"}
    span = {"SdkAppId": APP, "StartTime": now - 60, "EndTime": now, "RoomId": "with space & more?"}
    assert (await get("DescribeRoomInfo", **span)).Total == 0
    get.client.request.conn._session.close()
    unsigned = Caller(sdk, sdk.connect(str(address), SECRET_ID, SECRET_KEY))
    unsigned.client.profile.unsignedPayload = True
    await unsigned("DismissRoom", SdkAppId=APP, RoomId=1234)
    unsigned.client.request.conn._session.close()


async def test_over_tls_with_the_default_scheme(sdk: Sdk, world: World, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, "localhost")
    clock = SystemClock()
    async with serving(world, Certificate(certificate, key, clock)) as bound:
        client = sdk.connect(
            f"localhost:{bound.port}", SECRET_ID, SECRET_KEY, scheme="https", trust=certificate
        )
        await Caller(sdk, client)("DismissRoom", SdkAppId=APP, RoomId=1234)
        client.request.conn._session.close()
        assert (APP, room_number(1234)) not in world.rooms.inside
        strange = sdk.connect(f"localhost:{bound.port}", SECRET_ID, SECRET_KEY, scheme="https")
        with pytest.raises(sdk.Failed, match="ClientNetworkError"):
            await asyncio.to_thread(sdk.call, strange, "DismissRoom", SdkAppId=APP, RoomId=1234)
        strange.request.conn._session.close()
