# SPDX-License-Identifier: Apache-2.0
"""Webhooks of a real server that is killed in the middle of calls: whatever was written is told, under the same id, and how it ended."""

import asyncio
import json
import os
import re
import signal
import sqlite3
import subprocess
import time
from collections import defaultdict
from contextlib import closing
from pathlib import Path

import msgspec
from websockets.asyncio.client import ClientConnection, connect

from sealroom.apps.models import ApplicationSpec
from sealroom_wire import PROTOCOL_VERSION, signalling
from sealroom_wire.usersig import sign_user_sig
from server.tests import offers
from server.tests.webhooks.sink import HANG, OK, Request, Sink
from tests.deployment import BIN, Process, make_application

APP = 1400000001
KEY = "0123456789abcdef" * 4
HOOK_KEY = "Hook1234"
ROOMS, USERS = 8, 6


def started(state: Path, config: Path) -> tuple[Process, str]:
    operator = Process.start(
        "operator", str(BIN / "sealroom"), "dev", "--config", str(config), "--state", str(state),
        "--port", "0", "--admin-port", "0", "--api-port", "0",
    )  # fmt: skip
    return operator, operator.wait_for(re.compile(r"ws://\S+"), 60)


def command(state: Path, config: Path, *arguments: str) -> str:
    """Runs `sealroom` beside the server."""
    done = subprocess.run(
        [str(BIN / "sealroom"), *arguments, "--state", str(state), "--config", str(config)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


async def entered(endpoint: str, room: str, user: str, app: int = APP) -> ClientConnection:
    """Somebody who is in, and publishes sound."""
    line = await connect(endpoint)
    sig = sign_user_sig(secret_key=KEY, sdk_app_id=app, user_id=user, issued_at=int(time.time()), expire=300)
    sends = tuple(signalling.SendSection(mid, track) for mid, track in offers.TRACKS.items())
    enter = signalling.Enter(
        id=1, version=PROTOCOL_VERSION, sdk_app_id=app, user_id=user, user_sig=sig, str_room_id=room, sdp=offers.offer(),
        sends=sends, client=signalling.ClientInfo("sealroom-web", "1", "Android 15"),
    )  # fmt: skip
    for message in (enter, signalling.Publish(id=2, track=signalling.Track.AUDIO)):
        await line.send(msgspec.json.encode(message).decode())
        while True:
            said = json.loads(await line.recv())
            if said.get("id") == message.id:
                assert said["type"] in ("entered", "done"), said
                break
    return line


def waiting(state: Path) -> dict[str, str]:
    """What lies in the outbox: event id and what is told."""
    with closing(sqlite3.connect(state / "sealroom.db")) as connection:
        return dict(connection.execute("SELECT event_id, info FROM webhook_outbox").fetchall())


def told(request: Request) -> tuple[str, int, dict[str, object]]:
    """Event id, type and info of a request."""
    body = json.loads(request.body)
    return request.headers["X-Sealroom-Event-Id"], body["EventType"], body["EventInfo"]


async def test_a_killed_server_loses_no_event_and_tells_how_its_calls_ended(tmp_path: Path) -> None:
    state, config, key = tmp_path / "state", tmp_path / "sealroom.toml", tmp_path / "key"
    await asyncio.to_thread(make_application, state, ApplicationSpec("hooks"), APP, KEY)
    config.write_text('[webhooks]\nallow = ["127.0.0.0/8"]\n')
    key.write_text(HOOK_KEY)
    taken: set[str] = set()

    def some(request: Request) -> bytes:
        """The first few are taken, then the endpoint hangs."""
        if len(taken) >= 20:
            return HANG
        taken.add(request.headers["X-Sealroom-Event-Id"])
        return OK

    async with Sink(some) as sink:
        operator, endpoint = await asyncio.to_thread(started, state, config)
        for group in ("room", "media"):
            await asyncio.to_thread(
                command, state, config, "webhook", "set", str(APP), group, f"http://127.0.0.1:{sink.port}/hook",
                "--key-file", str(key),
            )  # fmt: skip
        lines = [
            await entered(endpoint, f"room{room}", f"user{room}-{user}")
            for user in range(USERS)
            for room in range(ROOMS)
        ]
        async with asyncio.timeout(20):
            while len(taken) < 20 or len(sink.requests) == len(taken):  # noqa: ASYNC110 - another process sends
                await asyncio.sleep(0.01)
        os.kill(operator.child.pid, signal.SIGKILL)
        operator.child.wait()
        operator.stop()
        await asyncio.gather(*(line.close() for line in lines), return_exceptions=True)

        left = await asyncio.to_thread(waiting, state)
        before = {told(one)[0] for one in sink.requests}
        assert len(left) > 20
        mark = len(sink.requests)
        sink.answer = lambda _: OK
        operator, _ = await asyncio.to_thread(started, state, config)
        try:
            async with asyncio.timeout(30):
                while await asyncio.to_thread(waiting, state):  # noqa: ASYNC110 - another process sends
                    await asyncio.sleep(0.05)
        finally:
            await asyncio.to_thread(operator.stop)
        after = [told(one) for one in sink.requests[mark:]]
    sent_again = {event: info for event, _, info in after}

    # All that was written when it was killed was told afterwards, under its id and with its words; what was taken before, was not.
    assert left.keys() <= sent_again.keys()
    assert all(json.loads(info) == sent_again[event] for event, info in left.items())
    assert len(sent_again) == len(after)
    assert before - left.keys() <= taken
    # Each call, and everybody who was told to be in it, ended once, and says when: before the kill, not after.
    everything = {one[0]: one for one in [*map(told, sink.requests[:mark]), *after]}.values()
    by_room: dict[object, list[tuple[int, dict[str, object]]]] = defaultdict(list)
    for _, event_type, info in sorted(everything, key=lambda one: int(str(one[2]["EventMsTs"]))):
        by_room[info["RoomId"]].append((event_type, info))
    assert len(by_room) == ROOMS
    for events in by_room.values():
        kinds = [event_type for event_type, _ in events]
        assert kinds.count(101) == kinds.count(102) == 1
        came = {info["UserId"] for event_type, info in events if event_type == 103}
        went = {info["UserId"]: info["Reason"] for event_type, info in events if event_type == 104}
        assert came == went.keys()
        assert set(went.values()) == {2}
