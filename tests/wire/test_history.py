# SPDX-License-Identifier: Apache-2.0
"""A demo call, as a customer's backend reads it with Tencent's own SDK: who was there, how it went, what was used."""

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from server.tests.trtc_api.sdk import Sdk
from tests.deployment import BIN, Deployment, deployment

# The international edition warns of a field that only the Chinese one knows.
pytestmark = pytest.mark.filterwarnings("ignore:.*fileds are useless")

CURVES_SECONDS = 10.0
"""So soon after a call's end its curves must be there."""


@dataclass
class Backend:
    """A customer's backend with the official SDK."""

    sdk: Sdk
    client: Any
    app: int
    run: Callable[..., str]
    """A command of the operator, on this deployment."""

    def ask(self, action: str, **given: object) -> dict[str, Any]:
        answer = self.sdk.call(self.client, action, SdkAppId=self.app, **given)
        found: dict[str, Any] = json.loads(answer.to_json_string())
        return found

    def until(
        self, action: str, holds: Callable[[dict[str, Any]], bool], seconds: float, **given: object
    ) -> dict[str, Any]:
        """Asks until the answer holds; fails with the last one."""
        limit = time.monotonic() + seconds
        while True:
            found = self.ask(action, **given)
            if holds(found):
                return found
            assert time.monotonic() < limit, found
            time.sleep(0.3)


def backend_of(running: Deployment, folder: Path) -> Backend:
    state = ("--state", str(folder / "operator"))

    def run(*command: str) -> str:
        return subprocess.run(
            [BIN / "sealroom", *command, *state], capture_output=True, text=True, check=True
        ).stdout

    (account,) = json.loads(f"[{','.join(run('account', 'list', '--json').splitlines())}]")
    pair = json.loads(run("account", "key", "create", str(account["uin"]), "--json"))
    api = running.operator.wait_for(re.compile(r"(?<=REST API     )http://\S+"))
    sdk = Sdk("intl")
    client = sdk.connect(api.removeprefix("http://"), pair["secret_id"], pair["secret_key"])
    return Backend(sdk, client, int(str(running.application()["sdk_app_id"])), run)


@pytest.fixture(scope="module")
def ended_call(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Backend, float, int]]:
    """A call of two bots that was dismissed; when that was (monotonic, Unix)."""
    folder = tmp_path_factory.mktemp("history")
    with deployment(folder, bots=2, witnessed=False) as running:
        backend = backend_of(running, folder)
        begin = int(time.time()) - 5
        rooms = backend.until(
            "DescribeRoomInfo", lambda found: found["Total"] == 1, 20, StartTime=begin, EndTime=begin + 3600
        )
        call = rooms["RoomList"][0]
        backend.until(
            "DescribeCallDetailInfo", lambda found: len(found["Data"]) >= 4, 40, CommId=call["CommId"], StartTime=begin,
            EndTime=begin + 3600, DataType=["bigvBit", "aBit"],
        )  # fmt: skip
        backend.ask("DismissRoomByStrRoomId", RoomId=call["RoomString"])
        yield backend, time.monotonic(), begin


def test_the_curves_of_a_call_are_there_within_ten_seconds_of_its_end(
    ended_call: tuple[Backend, float, int],
) -> None:
    backend, ended, begin = ended_call
    span = {"StartTime": begin, "EndTime": begin + 3600}
    left = ended + CURVES_SECONDS - time.monotonic()
    rooms = backend.until(
        "DescribeRoomInfo", lambda found: bool(found["RoomList"][0]["IsFinished"]), left, **span
    )
    call = rooms["RoomList"][0]
    assert call["CommId"].startswith(f"{backend.app}_")
    assert call["CreateTime"] <= call["DestroyTime"]
    users = backend.until(
        "DescribeUserInfo",
        lambda found: all(user["Finished"] for user in found["UserList"]),
        10,
        CommId=call["CommId"],
        **span,
    )
    assert users["Total"] == 2
    assert {user["ClientIp"] for user in users["UserList"]} == {"127.0.0.1"}
    assert all(user["SdkVersion"] for user in users["UserList"]), users
    detail = backend.ask("DescribeCallDetailInfo", CommId=call["CommId"], DataType=["all"], **span)
    names = {user["UserId"] for user in users["UserList"]}
    sent = {
        (curve["UserId"], curve["DataType"])
        for curve in detail["Data"]
        if curve["PeerId"] == "" and curve["Content"]
    }
    for user in names:
        assert {(user, "bigvBit"), (user, "aBit"), (user, "bigvWidth")} <= sent
        received = [
            curve for curve in detail["Data"] if curve["UserId"] == user and curve["PeerId"] in names - {user}
        ]
        assert any(curve["DataType"] == "bigvBit" and curve["Content"] for curve in received)
    rates = [
        point["Value"]
        for curve in detail["Data"]
        if curve["DataType"] == "bigvBit"
        for point in curve["Content"]
    ]
    assert max(rates) > 10_000, "pictures flowed"


def test_events_tell_who_did_what(ended_call: tuple[Backend, float, int]) -> None:
    backend, _, begin = ended_call
    span = {"StartTime": begin, "EndTime": begin + 3600}
    call = backend.ask("DescribeRoomInfo", **span)["RoomList"][0]
    (user, *_) = [
        one["UserId"] for one in backend.ask("DescribeUserInfo", CommId=call["CommId"], **span)["UserList"]
    ]
    events = backend.ask(
        "DescribeUserEvent", CommId=call["CommId"], UserId=user, RoomId=call["RoomString"], **span
    )
    numbers = {event["EventId"] for one in events["Data"] for event in one["Content"]}
    assert {7000, 7001} & numbers, "entered and left have TRTC's numbers"


def test_what_was_used_is_metered(ended_call: tuple[Backend, float, int]) -> None:
    backend, _, _ = ended_call
    today = time.strftime("%Y-%m-%d", time.gmtime())
    found = backend.until(
        "DescribeTrtcUsage", lambda found: sum(sum(one["UsageValue"]) for one in found["UsageList"]) > 0, 20, StartTime=today,
        EndTime=today,
    )  # fmt: skip
    assert found["UsageKey"] == ["Audio", "SD", "HD", "FullHD", "2K", "4K"]
    used = [sum(values) for values in zip(*(one["UsageValue"] for one in found["UsageList"]), strict=True)]
    assert sum(used[1:]) > 0, "two bots that look at each other use video"


def test_the_operator_can_draw_the_call(ended_call: tuple[Backend, float, int], tmp_path: Path) -> None:
    backend, _, _ = ended_call
    call = backend.run("quality", "calls").split("\t")[-1].strip()
    text = backend.run("quality", "show", call)
    assert re.search(r"bot-1   .*\n  sends +\S", text)
    assert re.search(r"\d+\.\d s  enter 1", text)
    backend.run("quality", "show", call, "--svg", str(tmp_path / "call.svg"))
    assert (tmp_path / "call.svg").read_text().startswith("<svg")
