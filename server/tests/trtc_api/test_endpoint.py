# SPDX-License-Identifier: Apache-2.0
"""From a request to its answer: who may call, what is refused before anything is done, and what is told of it."""

import json
import tracemalloc
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from sealroom.core import logging
from sealroom.core.callers import Caller
from sealroom.core.metrics import LABELS
from sealroom.trtc_api import endpoint
from sealroom.trtc_api.actions import ACTIONS
from sealroom.trtc_api.endpoint import TrtcApi
from sealroom_wire.ids import room_number
from server.tests.fakes import NOW, VirtualClock
from server.tests.trtc_api.parts import (
    APP,
    DISABLED_ID,
    OTHER_ID,
    OTHER_KEY,
    OTHERS_APP,
    SECRET_ID,
    Request,
    World,
    exchange,
    signed_headers,
)

ROOM = {"SdkAppId": APP, "RoomId": 1234}


async def code_of(world: World, request: Request) -> str:
    return str((await exchange(world.api, request))["Response"].get("Error", {}).get("Code", ""))


def request(action: str, parameters: object, **changes: Any) -> Request:
    body = json.dumps(parameters).encode()
    return Request(signed_headers(action, body=body, timestamp=NOW, **changes), body)


async def test_a_signed_request_is_carried_out_and_answered(world: World) -> None:
    answer = await exchange(world.api, request("DismissRoom", ROOM))
    assert list(answer["Response"]) == ["RequestId"]
    assert (APP, room_number(1234)) not in world.rooms.inside
    assert str(world.rooms.actors[0]) == f"api_key:{SECRET_ID}"
    assert endpoint.CALLER is Caller.API_KEY


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"secret_id": "AKIDnobody"}, "AuthFailure.SecretIdNotFound"),
        ({"secret_id": DISABLED_ID}, "AuthFailure.SecretIdNotFound"),
        ({"secret_key": "wrong"}, "AuthFailure.SignatureFailure"),
        ({"secret_id": OTHER_ID}, "AuthFailure.SignatureFailure"),
        (
            {"secret_id": OTHER_ID, "secret_key": OTHER_KEY},
            "FailedOperation.SdkAppIdNotUnderAppId",
        ),
        ({"more": {"x-tc-token": "t"}}, "AuthFailure.TokenFailure"),
        ({"more": {"x-tc-version": "2017-03-12"}}, "NoSuchVersion"),
        ({"more": {"x-tc-version": ""}}, "MissingParameter"),
        ({"service": "cvm"}, "AuthFailure.InvalidAuthorization"),
    ],
)
async def test_who_may_not_call_changes_nothing(world: World, changes: dict[str, Any], wrong: str) -> None:
    assert await code_of(world, request("DismissRoom", ROOM, **changes)) == wrong
    assert not world.rooms.actors


async def test_whether_an_application_is_another_s_or_nobody_s_is_not_told(world: World) -> None:
    answers = [
        await world.call("DismissRoom", {"SdkAppId": number, "RoomId": 1})
        for number in (OTHERS_APP, 1_400_000_555)
    ]
    assert answers[0]["Error"] == answers[1]["Error"]
    assert await world.code("DismissRoom", {"SdkAppId": 0, "RoomId": 1}) == "InvalidParameter.SdkAppId"
    assert await world.code("DismissRoom", {"SdkAppId": 2**40, "RoomId": 1}) == "InvalidParameter.SdkAppId"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])
async def test_other_methods_are_refused(world: World, method: str) -> None:
    asked = request("DismissRoom", ROOM, method=method)
    asked.method = method
    assert await code_of(world, asked) == "UnsupportedProtocol"


async def test_a_get_is_answered_like_a_post(world: World) -> None:
    query = f"SdkAppId={APP}&RoomId=1234&UserIds.0=alice&UserIds.1=bob"
    kind = "application/x-www-form-urlencoded"
    given = signed_headers("RemoveUser", method="GET", query=query, timestamp=NOW, content_type=kind)
    assert await code_of(world, Request(given, method="GET", query=query)) == ""
    assert world.rooms.inside[APP, room_number(1234)] == {"carol"}
    long = "SdkAppId=1&x=" + "y" * endpoint.MAX_QUERY_BYTES
    given = signed_headers("RemoveUser", method="GET", query=long, timestamp=NOW, content_type=kind)
    assert await code_of(world, Request(given, method="GET", query=long)) == "RequestSizeLimitExceeded"


async def test_a_body_is_bounded_whatever_it_says_of_itself(world: World) -> None:
    body = b" " * endpoint.MAX_BODY_BYTES + json.dumps(ROOM).encode()
    given = signed_headers("DismissRoom", body=body, timestamp=NOW)
    assert await code_of(world, Request(given, body)) == "RequestSizeLimitExceeded"
    assert not world.rooms.actors


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"]
)
async def test_parameters_are_taken_as_json_alone(world: World, kind: str) -> None:
    assert await code_of(world, request("DismissRoom", ROOM, content_type=kind)) == "UnsupportedProtocol"
    assert (
        await code_of(
            world, request("DismissRoom", ROOM, content_type="Application/JSON; charset=utf-8", lower=True)
        )
        == ""
    )


async def test_a_change_is_carried_out_once_and_a_query_as_often_as_it_is_signed(
    world: World, clock: VirtualClock
) -> None:
    """Two equal queries in one second have one signature, as SDKs sign with the second; both are right."""
    span = {"SdkAppId": APP, "StartTime": NOW - 60, "EndTime": NOW}
    assert [await code_of(world, request("DescribeRoomInfo", span)) for _ in range(3)] == ["", "", ""]
    block = {"SdkAppId": APP, "RoomId": 1234, "UserId": "alice", "IsMute": 1}
    assert await code_of(world, request("SetUserBlocked", block)) == ""
    world.rooms.blocked.clear()
    assert await code_of(world, request("SetUserBlocked", block)) == "AuthFailure.SignatureExpire"
    clock.advance(240)
    assert await code_of(world, request("SetUserBlocked", block)) == "AuthFailure.SignatureExpire"
    assert not world.rooms.blocked
    assert await world.code("SetUserBlocked", block) == ""


async def test_a_change_is_not_carried_out_again_after_a_restart(world: World, clock: VirtualClock) -> None:
    """Nor by another process: the database of all of them knows its signature. A query's is not written there."""
    assert (
        await code_of(
            world, request("DescribeRoomInfo", {"SdkAppId": APP, "StartTime": NOW - 60, "EndTime": NOW})
        )
        == ""
    )
    assert not world.used.kept
    asked = request("RemoveUser", ROOM | {"UserIds": ["alice"]})
    assert await code_of(world, asked) == ""
    restarted = World(clock, used=world.used)
    assert await code_of(restarted, asked) == "AuthFailure.SignatureExpire"
    assert not restarted.rooms.actors


async def test_a_change_whose_signature_cannot_be_kept_is_not_carried_out(world: World) -> None:
    world.used.fails = OperationalError("INSERT", {}, Exception())
    assert await code_of(world, request("DismissRoom", ROOM)) == "InternalError.DBError"
    assert not world.rooms.actors


async def test_a_signature_seen_with_a_query_is_no_good_for_a_change(world: World) -> None:
    """The action is not signed by the SDKs: who overhears a query must not make a change of it."""
    overheard = request("DescribeRoomInfo", ROOM)
    assert await code_of(world, overheard) == "MissingParameter.StartTs"
    overheard.headers["x-tc-action"] = "DismissRoom"
    assert await code_of(world, overheard) == "AuthFailure.SignatureExpire"
    assert (APP, room_number(1234)) in world.rooms.inside


async def test_unsigned_payloads_are_told_apart_by_what_they_say(world: World) -> None:
    first = request("RemoveUser", ROOM | {"UserIds": ["alice"]}, unsigned=True)
    second = request("RemoveUser", ROOM | {"UserIds": ["bob"]}, unsigned=True)
    assert first.headers == second.headers
    assert [await code_of(world, one) for one in (first, second)] == ["", ""]
    assert await code_of(world, first) == "AuthFailure.SignatureExpire"


async def test_a_change_that_failed_is_no_good_later_either(world: World, clock: VirtualClock) -> None:
    """The room that was not there may be there when the request is replayed."""
    room = (APP, room_number(77))
    dismissal = request("DismissRoom", {"SdkAppId": APP, "RoomId": 77})
    assert await code_of(world, dismissal) == "FailedOperation.RoomNotExist"
    world.rooms.inside[room] = {"zoe"}
    clock.advance(60)
    assert await code_of(world, dismissal) == "AuthFailure.SignatureExpire"
    assert room in world.rooms.inside
    malformed = request("DismissRoom", {"SdkAppId": APP, "RoomId": "x"})
    codes = [await code_of(world, malformed) for _ in range(2)]
    assert codes == ["InvalidParameter.RoomId"] * 2


async def test_every_action_that_is_not_served_says_so_by_its_name(world: World, clock: VirtualClock) -> None:
    for action in ACTIONS.values():
        if not action.served:
            answer = await world.call(action.name, {"SdkAppId": APP})
            assert answer["Error"]["Code"] == "UnsupportedOperation"
            assert action.name in answer["Error"]["Message"]
    assert await world.code("DismissRooms", ROOM) == "InvalidAction"
    assert await world.code("", ROOM) == "MissingParameter"


async def test_rates_are_per_account(world: World, clock: VirtualClock) -> None:
    days = {"SdkAppId": APP, "StartTime": "2027-01-01", "EndTime": "2027-01-02"}
    codes = [await world.code("DescribeTrtcUsage", days) for _ in range(6)]
    assert codes == [""] * 5 + ["RequestLimitExceeded"]
    other = days | {"SdkAppId": OTHERS_APP}
    assert await world.code("DescribeTrtcUsage", other, secret_id=OTHER_ID, secret_key=OTHER_KEY) == ""
    clock.advance(0.25)
    assert await world.code("DescribeTrtcUsage", days) == ""


async def test_an_address_that_guesses_is_no_longer_asked_after(world: World, clock: VirtualClock) -> None:
    for _ in range(100):
        assert await world.code("DismissRoom", ROOM, secret_key="guess") == "AuthFailure.SignatureFailure"
    asked = world.keys.asked
    assert await world.code("DismissRoom", ROOM, secret_key="guess") == "RequestLimitExceeded.IPLimitExceeded"
    assert world.keys.asked == asked
    elsewhere = request("DismissRoom", ROOM)
    elsewhere.address = "198.51.100.7"
    assert await code_of(world, elsewhere) == ""
    clock.advance(1)
    assert await world.code("DismissRoom", ROOM) == "FailedOperation.RoomNotExist"


async def test_secret_ids_cannot_be_tried_out_in_great_number(world: World) -> None:
    for number in range(100):
        assert await world.code("DismissRoom", ROOM, secret_id=f"AKIDguess{number}") == (
            "AuthFailure.SecretIdNotFound"
        )
    assert (
        await world.code("DismissRoom", ROOM, secret_id="AKIDguess") == "RequestLimitExceeded.IPLimitExceeded"
    )


@pytest.mark.parametrize("secret_id", [SECRET_ID, "AKIDnobody"])
async def test_of_a_body_that_is_too_large_little_is_read_and_nothing_kept(
    world: World, secret_id: str
) -> None:
    given = signed_headers("DismissRoom", body=b"{}", timestamp=NOW, secret_id=secret_id)
    scope = {
        "type": "http", "method": "POST", "path": "/", "query_string": b"", "client": None,
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }  # fmt: skip
    left = 500
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        nonlocal left
        left -= 1
        return {"type": "http.request", "body": bytes(65536), "more_body": left > 0}

    async def send(message: Any) -> None:
        sent.append(message)

    tracemalloc.start()
    await world.api(scope, receive, send)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert left > 490, "a little is read, so that the answer is not lost in a reset"
    assert (b"connection", b"close") in sent[0]["headers"]
    assert peak < 4_000_000, "of 32 MB"
    assert b'"Error"' in sent[1]["body"]


async def test_a_failure_tells_the_caller_nothing_and_the_log_where(world: World) -> None:
    world.keys.fails = ValueError("password=hunter2")
    with capture_logs() as logs:
        answer = await world.call("DismissRoom", ROOM)
    assert answer["Error"]["Code"] == "InternalError"
    assert "hunter2" not in json.dumps(answer) + json.dumps(logs)
    assert [line["event"] for line in logs] == ["api_failed", "api_answered"]
    assert logs[0]["request"] == answer["RequestId"]
    assert logs[0]["error"] == "ValueError"


async def test_a_database_that_is_away_lets_nobody_in(world: World) -> None:
    world.keys.fails = OperationalError("SELECT secret", {}, OSError("hunter2"))
    with capture_logs() as logs:
        answer = await world.call("DismissRoom", ROOM)
    assert answer["Error"]["Code"] == "InternalError.DBError"
    assert "hunter2" not in json.dumps(answer) + json.dumps(logs)
    assert not world.rooms.actors


async def test_which_key_was_used_is_noted_once_it_verified(world: World) -> None:
    await world.call("DismissRoom", ROOM, secret_key="guess")
    assert world.keys.noted == []
    await world.call("DismissRoom", ROOM)
    assert world.keys.noted == [SECRET_ID]


async def test_logs_and_metrics_are_declared_and_hold_no_parameter(world: World) -> None:
    with capture_logs() as logs:
        await world.call("RemoveUser", ROOM | {"UserIds": ["alice"]})
        await world.call("made_up_action", ROOM)
    for line in logs:
        assert set(line) - {"log_level"} <= set(logging.FIELDS)
    assert "alice" not in json.dumps(logs)
    assert dict(logs[0]) | {"request": "", "milliseconds": 0} == {
        "event": "api_answered", "action": "RemoveUser", "application": APP, "code": "ok", "request": "", "milliseconds": 0,
        "log_level": "info",
    }  # fmt: skip
    text = world.metrics.text().decode()
    assert 'sealroom_api_requests_total{action="RemoveUser"} 1.0' in text
    assert 'sealroom_api_requests_total{action="none"} 1.0' in text
    assert 'sealroom_api_answers_total{code="InvalidAction"} 1.0' in text
    for family in world.metrics.registry.collect():
        assert {label for sample in family.samples for label in sample.labels} <= set(LABELS)


async def test_a_client_that_goes_away_in_its_body_is_let_go(world: World) -> None:
    given = signed_headers("DismissRoom", body=b"{}", timestamp=NOW)
    scope = {
        "type": "http", "method": "POST", "path": "/", "query_string": b"", "client": None,
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }  # fmt: skip
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await world.api(scope, receive, send)
    assert b"BodyParamsError" in sent[1]["body"]


def test_a_table_that_promises_what_nobody_does_does_not_start(world: World) -> None:
    operations = tuple(world.api._operations.values())
    with pytest.raises(ValueError, match="operations"):
        TrtcApi(world.keys, world.owned, world.used, operations[1:], world.clock, World(world.clock).metrics)
