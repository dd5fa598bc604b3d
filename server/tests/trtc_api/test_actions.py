# SPDX-License-Identifier: Apache-2.0
"""What each action reads and answers: rooms, history, the dashboard, usage."""

import datetime as dt
from typing import Any

import pytest

from sealroom.trtc_api import dashboard, history, usage
from sealroom_wire.ids import room_number, room_string
from server.tests.fakes import NOW, VirtualClock
from server.tests.trtc_api.parts import APP, OTHERS_APP, SECOND_APP, World

DAY = 86_400
TODAY = dt.datetime.fromtimestamp(NOW, dt.UTC).date()
SPAN = {"SdkAppId": APP, "StartTime": NOW - 3600, "EndTime": NOW}


def call(room: str = "1234", created: int = NOW - 3000, app: int = APP) -> history.CallId:
    return history.CallId(app, room, created)


def in_call(**more: object) -> dict[str, object]:
    return SPAN | {"CommId": str(call())} | more


# rooms


async def test_numbers_and_texts_are_two_rooms(world: World) -> None:
    await world.call(
        "RemoveUserByStrRoomId", {"SdkAppId": APP, "RoomId": "1234", "UserIds": ["dave", "alice"]}
    )
    assert world.rooms.inside[APP, room_string("1234")] == {"erin"}
    assert "alice" in world.rooms.inside[APP, room_number(1234)]
    assert await world.code("DismissRoomByStrRoomId", {"SdkAppId": APP, "RoomId": "1234"}) == ""
    assert (APP, room_number(1234)) in world.rooms.inside


@pytest.mark.parametrize(
    ("mute", "audio", "video"),
    [(0, False, False), (1, True, True), (2, True, True), (3, True, True)],
)
async def test_to_block_one_does_not_unblock_the_other(
    world: World, mute: int, audio: bool, video: bool
) -> None:
    key = (room_number(1234), "alice")
    world.rooms.blocked[key] = (True, True)
    given = {"SdkAppId": APP, "RoomId": 1234, "UserId": "alice", "IsMute": mute}
    assert await world.code("SetUserBlocked", given) == ""
    assert world.rooms.blocked[key] == (audio, video)


@pytest.mark.parametrize(("mute", "expected"), [(1, (True, True)), (2, (True, False)), (3, (False, True))])
async def test_audio_and_video_are_blocked_apart(
    world: World, mute: int, expected: tuple[bool, bool]
) -> None:
    given = {"SdkAppId": APP, "StrRoomId": "1234", "UserId": "dave", "IsMute": mute}
    assert await world.code("SetUserBlockedByStrRoomId", given) == ""
    assert world.rooms.blocked == {(room_string("1234"), "dave"): expected}


@pytest.mark.parametrize(
    ("action", "given", "wrong"),
    [
        ("DismissRoom", {"RoomId": 99}, "FailedOperation.RoomNotExist"),
        ("DismissRoom", {"RoomId": 0}, "InvalidParameter.RoomId"),
        ("DismissRoom", {"RoomId": 4294967295}, "InvalidParameter.RoomId"),
        ("DismissRoom", {"RoomId": -1}, "InvalidParameter.RoomId"),
        ("DismissRoom", {"RoomId": "1234"}, "InvalidParameter.RoomId"),
        ("DismissRoom", {}, "MissingParameter.RoomId"),
        ("DismissRoomByStrRoomId", {"RoomId": 1234}, "InvalidParameter.RoomId"),
        ("DismissRoomByStrRoomId", {"RoomId": ""}, "InvalidParameter.RoomId"),
        ("DismissRoomByStrRoomId", {"RoomId": "x" * 65}, "InvalidParameter.RoomId"),
        ("DismissRoomByStrRoomId", {"RoomId": "nobody"}, "FailedOperation.RoomNotExist"),
        ("RemoveUser", {"RoomId": 99, "UserIds": ["a"]}, "FailedOperation.RoomNotExist"),
        ("RemoveUser", {"RoomId": 1234}, "MissingParameter.UserIds"),
        ("RemoveUser", {"RoomId": 1234, "UserIds": []}, "MissingParameter.UserIds"),
        ("RemoveUser", {"RoomId": 1234, "UserIds": [f"u{n}" for n in range(11)]}, "InvalidParameter.UserIds"),
        ("RemoveUser", {"RoomId": 1234, "UserIds": ["a b"]}, "InvalidParameter.UserIds"),
        ("RemoveUser", {"RoomId": 1234, "UserIds": "alice"}, "InvalidParameter.UserIds"),
        ("SetUserBlocked", {"RoomId": 1234, "UserId": "zoe", "IsMute": 1}, "FailedOperation.UserNotExist"),
        ("SetUserBlocked", {"RoomId": 99, "UserId": "zoe", "IsMute": 1}, "FailedOperation.RoomNotExist"),
        ("SetUserBlocked", {"RoomId": 1234, "UserId": "alice", "IsMute": 4}, "InvalidParameter.OutOfRange"),
        ("SetUserBlocked", {"RoomId": 1234, "UserId": "a\n", "IsMute": 1}, "InvalidParameter.UserId"),
        ("SetUserBlocked", {"RoomId": 1234, "UserId": "alice"}, "MissingParameter"),
        ("SetUserBlockedByStrRoomId", {"StrRoomId": "", "UserId": "a", "IsMute": 1}, "InvalidParameter.StrRoomId"),
        ("SetUserBlockedByStrRoomId", {"RoomId": "1234", "UserId": "a", "IsMute": 1}, "UnknownParameter"),
    ],
)  # fmt: skip
async def test_wrong_room_requests(world: World, action: str, given: dict[str, Any], wrong: str) -> None:
    assert await world.code(action, {"SdkAppId": APP} | given) == wrong


# history


@pytest.fixture
def past(world: World) -> history.CallId:
    """A call that goes on, one that ended, one of another application with the same room."""
    mine = call()
    world.past.kept = [
        history.Call(mine, "alice", None),
        history.Call(call("old_room", NOW - 50_000), "bob", NOW - 40_000),
        history.Call(call("9_9", NOW - 3500), "carol", NOW - 3400),
        history.Call(call(app=OTHERS_APP), "mallory", None),
    ]
    world.past.kept_stays[mine] = [
        history.Stay(
            f"user{n}", NOW - 2900 + n, None if n % 2 else NOW - 100, "Windows", "1.2.3", "192.0.2.7"
        )
        for n in range(30)
    ]
    return mine


async def test_calls_of_a_span(world: World, past: history.CallId) -> None:
    answer = await world.call("DescribeRoomInfo", SPAN)
    assert answer["Total"] == 2
    assert answer["RoomList"][0] == {
        "CommId": str(past), "RoomString": "1234", "CreateTime": NOW - 3000, "DestroyTime": NOW, "IsFinished": False, "UserId": "alice",
    }  # fmt: skip
    ended = answer["RoomList"][1]
    assert (ended["CommId"], ended["DestroyTime"], ended["IsFinished"]) == (
        f"{APP}_9_9_{NOW - 3500}", NOW - 3400, True,
    )  # fmt: skip
    of_room = await world.call("DescribeRoomInfo", SPAN | {"RoomId": "9_9"})
    assert [one["UserId"] for one in of_room["RoomList"]] == ["carol"]
    day = SPAN | {"StartTime": NOW - DAY}
    assert (await world.call("DescribeRoomInfo", day))["Total"] == 3
    assert await world.code("DescribeRoomInfo", SPAN | {"StartTime": NOW - DAY - 1}) == (
        "InvalidParameter.QueryScaleOversize"
    )


async def test_calls_come_in_pages(world: World) -> None:
    world.past.kept = [history.Call(call(f"r{n}", NOW - 1000 + n), "u", NOW - 10) for n in range(25)]
    assert (await world.call("DescribeRoomInfo", SPAN))["Total"] == 10
    pages = [
        await world.call("DescribeRoomInfo", SPAN | {"PageNumber": number, "PageSize": 10})
        for number in range(4)
    ]
    assert [one["Total"] for one in pages] == [10, 10, 5, 0]
    rooms = [room["RoomString"] for one in pages for room in one["RoomList"]]
    assert rooms == [f"r{n}" for n in range(24, -1, -1)]


async def test_users_of_a_call(world: World, past: history.CallId) -> None:
    answer = await world.call("DescribeUserInfo", in_call())
    assert answer["Total"] == 6
    assert answer["UserList"][0] == {
        "RoomStr": "1234", "UserId": "user0", "JoinTs": NOW - 2900, "LeaveTs": NOW - 100, "DeviceType": "Windows",
        "SdkVersion": "1.2.3", "ClientIp": "192.0.2.7", "Finished": True,
    }  # fmt: skip
    assert (answer["UserList"][1]["LeaveTs"], answer["UserList"][1]["Finished"]) == (NOW, False)
    named = await world.call("DescribeUserInfo", in_call(UserIds=[f"user{n}" for n in range(20)]))
    assert named["Total"] == 20
    last = await world.call("DescribeUserInfo", in_call(PageNumber=1, PageSize=20))
    assert [one["UserId"] for one in last["UserList"]] == [f"user{n}" for n in range(20, 30)]


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ({"CommId": "x"}, "InvalidParameter"),
        ({"CommId": f"{APP}_1234"}, "InvalidParameter"),
        ({"CommId": f"{OTHERS_APP}_1234_{NOW}"}, "InvalidParameter"),
        ({"CommId": None}, "MissingParameter.CommId"),
        ({"UserIds": ["u"] * 101}, "InvalidParameter.UserIds"),
        ({"PageNumber": 0, "PageSize": 101}, "InvalidParameter.PageSizeOversize"),
        ({"StartTime": NOW - 4 * 3600 - 1}, "InvalidParameter.QueryScaleOversize"),
        ({"StartTime": NOW - 15 * DAY, "EndTime": NOW - 15 * DAY + 1}, "InvalidParameter.StartTsOversize"),
        ({"EndTime": None}, "MissingParameter.EndTs"),
    ],
)
async def test_wrong_questions_about_users(
    world: World, past: history.CallId, more: dict[str, Any], wrong: str
) -> None:
    assert await world.code("DescribeUserInfo", in_call() | more) == wrong
    assert await world.code("DescribeCallDetailInfo", in_call() | more) == wrong


async def test_curves_of_a_call(world: World, past: history.CallId) -> None:
    world.past.kept_curves[past] = [
        history.Curve(user, peer, metric, ((NOW - 20, 1.5), (NOW - 18, 2.0)))
        for user in ("user0", "user1", "user29")
        for peer in ("", "user2")
        for metric in (history.Metric.AUDIO_BITRATE, history.Metric.APP_CPU)
    ]
    without = await world.call("DescribeCallDetailInfo", in_call())
    assert (without["Total"], without["Data"]) == (6, [])
    one = await world.call("DescribeCallDetailInfo", in_call(DataType=["aBit"]))
    assert {(curve["UserId"], curve["PeerId"], curve["DataType"]) for curve in one["Data"]} == {
        (user, peer, "aBit") for user in ("user0", "user1") for peer in ("", "user2")
    }
    assert one["Data"][0]["Content"] == [{"Time": NOW - 20, "Value": 1.5}, {"Time": NOW - 18, "Value": 2.0}]
    everything = await world.call("DescribeCallDetailInfo", in_call(DataType=["all"], UserIds=["user29"]))
    assert [curve["DataType"] for curve in everything["Data"]] == ["aBit", "appCpu"] * 2


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ({"DataType": ["aBit"], "StartTime": NOW - 3601}, "InvalidParameter.QueryScaleOversize"),
        (
            {"DataType": ["aBit"], "UserIds": [f"u{n}" for n in range(7)]},
            "InvalidParameter.UserIdsMorethanSix",
        ),
        ({"DataType": ["aBit"], "PageNumber": 0, "PageSize": 7}, "InvalidParameter.PageSizeOversize"),
        ({"DataType": ["made up"]}, "InvalidParameter"),
        ({"StartTime": NOW - 4 * 3600}, ""),
        ({"PageNumber": 0, "PageSize": 100}, ""),
    ],
)
async def test_curves_have_narrower_limits(
    world: World, past: history.CallId, more: dict[str, Any], wrong: str
) -> None:
    assert await world.code("DescribeCallDetailInfo", in_call() | more) == wrong


async def test_events_come_by_peer_and_end_with_the_call(world: World, past: history.CallId) -> None:
    ended = call("done", NOW - 3000)
    world.past.kept.append(history.Call(ended, "alice", NOW - 1000))
    world.past.kept_events[ended, "alice"] = [
        history.Event("", 0, (NOW - 2999) * 1000, 7000),
        history.Event("bob", 2, (NOW - 2900) * 1000, 4003, 1280, 720),
        history.Event("", 0, (NOW - 1000) * 1000 + 500, 7001),
        history.Event("", 0, (NOW - 900) * 1000, 1),
    ]
    given = SPAN | {"CommId": str(ended), "UserId": "alice", "RoomId": "done"}
    answer = await world.call("DescribeUserEvent", given)
    assert [(one["PeerId"], [event["EventId"] for event in one["Content"]]) for one in answer["Data"]] == [
        ("alice", [7000, 7001]), ("bob", [4003]),
    ]  # fmt: skip
    assert answer["Data"][1]["Content"][0] == {
        "Type": 2, "Time": (NOW - 2900) * 1000, "EventId": 4003, "ParamOne": 1280, "ParamTwo": 720,
    }  # fmt: skip
    assert (await world.call("DescribeUserEvent", given | {"RoomId": "other"}))["Data"] == []
    assert (await world.call("DescribeUserEvent", given | {"CommId": f"{APP}_x_1"}))["Data"] == []


async def test_unusual_experiences_are_at_most_twenty(world: World) -> None:
    causes = (history.Cause(2011, ""), history.Cause(2012, "bob"))
    world.past.kept_unusual = [
        (APP, history.Unusual("alice", 4, "461", NOW - 100 + n, causes)) for n in range(25)
    ] + [(OTHERS_APP, history.Unusual("mallory", 4, "461", NOW - 5, ()))]
    answer = await world.call("DescribeUnusualEvent", SPAN | {"RoomId": "461"})
    assert answer["Total"] == len(answer["AbnormalExperienceList"]) == 20
    assert answer["AbnormalExperienceList"][0] == {
        "UserId": "alice", "ExperienceId": 4, "RoomId": "461", "EventTime": NOW - 100,
        "AbnormalEventList": [{"AbnormalEventId": 2011, "PeerId": ""}, {"AbnormalEventId": 2012, "PeerId": "bob"}],
    }  # fmt: skip
    assert (await world.call("DescribeUnusualEvent", SPAN | {"RoomId": "462"}))["Total"] == 0
    assert await world.code("DescribeUnusualEvent", SPAN | {"StartTime": NOW - 3601}) == (
        "InvalidParameter.QueryScaleOversize"
    )


async def test_days_are_whole_and_over(world: World) -> None:
    world.past.kept_days = [
        (APP, history.Day(TODAY - dt.timedelta(days=n), 10 + n, 20 + n, 30 + n)) for n in range(5)
    ]
    midnight = NOW - NOW % DAY
    given = SPAN | {"StartTime": midnight - 3 * DAY, "EndTime": NOW}
    answer = await world.call("DescribeScaleInfo", given)
    assert [one["Time"] for one in answer["ScaleList"]] == [midnight - n * DAY for n in (1, 2, 3)]
    assert answer["ScaleList"][0] == {
        "Time": midnight - DAY, "UserNumber": 11, "UserCount": 21, "RoomNumbers": 31,
    }  # fmt: skip
    until = await world.call("DescribeScaleInfo", given | {"EndTime": midnight - 2 * DAY})
    assert [one["Time"] for one in until["ScaleList"]] == [midnight - 3 * DAY]
    assert (await world.call("DescribeScaleInfo", SPAN))["ScaleList"] == []


# dashboard


async def test_real_time_numbers(world: World) -> None:
    world.numbers.moments = [dashboard.Online(NOW - 10, 7, 2), dashboard.Online(NOW, 8, 2)]
    world.numbers.stutters = [dashboard.Stutter(NOW - 10, 0.12345, 0.004)]
    answer = await world.call("DescribeTRTCRealTimeScaleData", SPAN | {"SdkAppId": str(APP), "RoomId": "r"})
    assert answer["Data"] == {
        "StatementID": 0, "Total": 1,
        "Series": [
            {"Columns": ["time", "userCount", "roomCount"], "Values": [{"RowValue": [NOW - 10, 7, 2]}, {"RowValue": [NOW, 8, 2]}]}
        ],
    }  # fmt: skip
    assert world.numbers.asked == [(APP, "r")]
    answer = await world.call("DescribeTRTCRealTimeQualityData", SPAN | {"SdkAppId": str(APP)})
    assert answer["Data"]["Series"][0] == {
        "Columns": ["time", "videoFreezeRate", "audioFreezeRate"],
        "Values": [{"RowValue": [NOW - 10, 12, 0], "RowValueFloat": [NOW - 10, 12.35, 0.4]}],
    }
    late = SPAN | {"StartTime": NOW - 12 * 3600 - 1}
    assert await world.code("DescribeTRTCRealTimeScaleData", late) == "InvalidParameter.StartTimeOversize"
    assert (
        await world.code("DescribeTRTCRealTimeScaleData", SPAN | {"RoomId": ""}) == "InvalidParameter.RoomId"
    )


async def test_numbers_by_day_and_hour(world: World) -> None:
    world.numbers.scales = [dashboard.Scale(NOW, 16, 12, 9, 4)]
    world.numbers.shares = [dashboard.Rates(NOW, 0.99876, 0.95, 0.01, 0.0249, 0.5)]
    days = {"SdkAppId": str(APP), "StartTime": str(TODAY - dt.timedelta(days=60)), "EndTime": str(TODAY)}
    columns = ["time", "userCount", "roomCount", "peakCurrentChannels", "peakCurrentUsers"]
    scale = await world.call("DescribeTRTCMarketScaleData", days | {"Period": "h"})
    assert scale["Data"]["Series"] == [{"Columns": columns, "Values": [{"RowValue": [NOW, 16, 12, 4, 9]}]}]
    metric = await world.call("DescribeTRTCMarketScaleMetricData", days | {"Period": "d"})
    assert metric["Data"]["Series"] == [{"Columns": columns, "Values": [[NOW, 16, 12, 4, 9]]}]
    assert [asked[2] for asked in world.numbers.asked if isinstance(asked, tuple)] == ["h", "d"]
    rates = await world.call("DescribeTRTCMarketQualityData", days | {"Period": "d"})
    assert rates["Data"]["Series"][0]["Columns"][1:] == [
        "joinSuccessRate", "joinSuccessIn5sRate", "audioFreezeRate", "videoFreezeRate", "networkDelay",
    ]  # fmt: skip
    assert rates["Data"]["Series"][0]["Values"] == [{"RowValue": [NOW, 100, 95, 1, 2, 50]}]
    exact = await world.call("DescribeTRTCMarketQualityData", days | {"Period": "d", "IsFloat": True})
    assert exact["Data"]["Series"][0]["Values"][0]["RowValueFloat"] == [NOW, 99.88, 95.0, 1.0, 2.49, 50.0]


async def test_what_is_not_known_is_null(world: World) -> None:
    world.numbers.stutters = [dashboard.Stutter(NOW - 10, 0.5, None)]
    world.numbers.scales = [dashboard.Scale(NOW, None, None, 9, 4)]
    world.numbers.shares = [dashboard.Rates(NOW, None, None, 0.01, 0.02, None)]
    days = {"SdkAppId": str(APP), "StartTime": str(TODAY), "EndTime": str(TODAY), "Period": "d"}
    for action, more, row in (
        ("DescribeTRTCRealTimeQualityData", SPAN, {"RowValue": [NOW - 10, 50, None], "RowValueFloat": [NOW - 10, 50.0, None]}),
        ("DescribeTRTCMarketScaleData", days, {"RowValue": [NOW, None, None, 4, 9]}),
        ("DescribeTRTCMarketScaleMetricData", days, [NOW, None, None, 4, 9]),
        ("DescribeTRTCMarketQualityData", days, {"RowValue": [NOW, None, None, 1, 2, None]}),
    ):  # fmt: skip
        answer = await world.call(action, more | {"SdkAppId": str(APP)})
        assert answer["Data"]["Series"][0]["Values"] == [row]


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ({"Period": "m"}, "InvalidParameter"),
        ({"StartTime": "2027-01-40"}, "InvalidParameter.StartTs"),
        ({"StartTime": str(TODAY - dt.timedelta(days=61))}, "InvalidParameter.StartTimeOversize"),
        ({"EndTime": str(TODAY - dt.timedelta(days=9))}, "InvalidParameter.EndTs"),
        ({"EndTime": NOW}, "InvalidParameter.EndTs"),
    ],
)
async def test_wrong_days(world: World, more: dict[str, Any], wrong: str) -> None:
    days = {
        "SdkAppId": APP,
        "StartTime": str(TODAY - dt.timedelta(days=1)),
        "EndTime": str(TODAY),
        "Period": "d",
    }
    for action in (
        "DescribeTRTCMarketScaleData", "DescribeTRTCMarketQualityData", "DescribeTRTCMarketScaleMetricData",
    ):  # fmt: skip
        assert await world.code(action, days | more) == wrong


# usage


def at(day: str, hour: int = 0, minute: int = 0) -> dt.datetime:
    return dt.datetime.combine(dt.date.fromisoformat(day), dt.time(hour, minute), dt.UTC)


async def test_usage_of_an_application_and_of_an_account(world: World) -> None:
    world.meters.kept = {
        (usage.Kind.INTERACTIVE, APP): [usage.Point(at("2027-01-02"), {"Audio": 10, "HD": 2.5})],
        (usage.Kind.INTERACTIVE, SECOND_APP): [usage.Point(at("2027-01-02"), {"Audio": 5, "4K": 1})],
        (usage.Kind.INTERACTIVE, OTHERS_APP): [usage.Point(at("2027-01-02"), {"Audio": 1000})],
    }
    days = {"StartTime": "2027-01-01", "EndTime": "2027-01-02"}
    one = await world.call("DescribeTrtcUsage", days | {"SdkAppId": APP})
    assert one["UsageKey"] == ["Audio", "SD", "HD", "FullHD", "2K", "4K"]
    assert one["UsageList"] == [
        {"TimeKey": "2027-01-02 00:00:00", "TimeStampKey": int(at("2027-01-02").timestamp()), "UsageValue": [10, 0, 2.5, 0, 0, 0]}
    ]  # fmt: skip
    mine = await world.call("DescribeTrtcUsage", days)
    assert mine["UsageList"][0]["UsageValue"] == [15, 0, 2.5, 0, 0, 1]
    assert world.meters.asked[-1] == (
        usage.Kind.INTERACTIVE, (APP, SECOND_APP), at("2027-01-01"), at("2027-01-03"), usage.DAY,
    )  # fmt: skip


async def test_one_day_comes_in_steps_of_five_minutes(world: World) -> None:
    world.meters.kept = {
        (usage.Kind.RELAY, APP): [usage.Point(at("2027-01-01", 13, 5), {"Bandwidth": 10.11})]
    }
    answer = await world.call(
        "DescribeRelayUsage", {"SdkAppId": APP, "StartTime": "2027-01-01", "EndTime": "2027-01-01"}
    )
    assert answer["UsageKey"] == ["Bandwidth"]
    assert (answer["UsageList"][0]["TimeKey"], answer["UsageList"][0]["UsageValue"]) == (
        "2027-01-01 13:05:00", [10.11],
    )  # fmt: skip
    assert world.meters.asked[-1][-1] == usage.FIVE_MINUTES


async def test_recording_and_mixing(world: World) -> None:
    days = {"SdkAppId": APP, "StartTime": "2027-01-01", "EndTime": "2027-01-31"}
    for mix, kind in (("single", usage.Kind.RECORDING_SINGLE), ("multi", usage.Kind.RECORDING_MIXED)):
        await world.call("DescribeRecordingUsage", days | {"MixType": mix})
        assert world.meters.asked[-1][0] is kind
    assert await world.code("DescribeRecordingUsage", days | {"MixType": "x"}) == "InvalidParameter"
    assert await world.code("DescribeRecordingUsage", days) == "MissingParameter"
    mixing = await world.call("DescribeMixTranscodingUsage", days)
    assert mixing["UsageKey"][:2] == ["Audio", "SDH264"]
    assert len(mixing["UsageKey"]) == 11


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ({"EndTime": "2027-02-01"}, "InvalidParameter.QueryScaleOversize"),
        ({"EndTime": "2026-12-31"}, "InvalidParameter.EndTs"),
        ({"StartTime": "2027-1-1"}, "InvalidParameter.StartTs"),
        ({"SdkAppId": OTHERS_APP}, "FailedOperation.SdkAppIdNotUnderAppId"),
    ],
)
async def test_wrong_usage_questions(world: World, more: dict[str, Any], wrong: str) -> None:
    days = {"SdkAppId": APP, "StartTime": "2027-01-01", "EndTime": "2027-01-31"}
    for action in ("DescribeTrtcUsage", "DescribeMixTranscodingUsage", "DescribeRelayUsage"):
        assert await world.code(action, days | more) == wrong


async def test_usage_by_room_is_a_table(world: World, clock: VirtualClock) -> None:
    world.meters.rooms = [
        usage.RoomUsage("test_room", {"Audio": 1, "SD": 2, "HD": 3, "FullHD": 4, "2K": 5, "4K": 6}),
        usage.RoomUsage("a,b", {"Audio": 7}),
    ]
    given = {"SdkAppid": APP, "StartTime": "2027-01-06 00:00", "EndTime": "2027-01-07 00:00"}
    answer = await world.call("DescribeTrtcRoomUsage", given)
    assert answer["Data"] == ('RoomId,Audio,SD,hd,FullHD,2K,4K\ntest_room,1,2,3,4,5,6\n"a,b",7,0,0,0,0,0\n')
    for more, wrong in (
        ({"EndTime": "2027-01-07 00:01"}, "InvalidParameter.QueryScaleOversize"),
        ({"EndTime": "2027-01-05 00:00"}, "InvalidParameter.EndTs"),
        (
            {"StartTime": "2026-01-06 00:00", "EndTime": "2026-01-06 01:00"},
            "InvalidParameter.StartTsOversize",
        ),
        ({"SdkAppid": OTHERS_APP}, "FailedOperation.SdkAppIdNotUnderAppId"),
    ):
        clock.advance(15)
        assert await world.code("DescribeTrtcRoomUsage", given | more) == wrong
