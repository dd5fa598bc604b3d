# SPDX-License-Identifier: Apache-2.0
"""The client of docs/api.md, word for word, against a real listener that serves both APIs."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from sealroom.core.clock import SystemClock
from sealroom.core.config.schema import ApiSettings
from sealroom.core.db import Database
from sealroom.core.errands import Errands
from sealroom.core.http.proxy import Receive, Scope, Send
from sealroom.listeners import api_listener
from server.tests.api.parts import OTHERS_APP, World
from server.tests.fakes import APP

PAGE = Path(__file__).parents[3] / "docs" / "api.md"
Calling = Callable[..., Any]


@pytest.fixture
async def world(database: Database, tmp_path: Path, errands: Errands) -> AsyncIterator[World]:
    second = Database(tmp_path / "test.db")
    yield await World.make(database, second, SystemClock(), errands)
    await second.close()


async def trtc(scope: Scope, receive: Receive, send: Send) -> None:
    """Says that TRTC's API was reached."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": b"trtc"})


@pytest.fixture
async def endpoint(world: World) -> AsyncIterator[str]:
    listener = api_listener(ApiSettings(listen="127.0.0.1:0"), trtc, world.here.gate, world.here.desk.clock)
    address = await listener.start()
    yield f"http://{address}"
    await listener.stop()


def examples() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)


async def test_the_examples_work_as_they_stand(world: World, endpoint: str) -> None:
    said: dict[str, Any] = {
        "endpoint": endpoint, "secret_id": world.pair[0], "secret_key": world.pair[1], "sdk_app_id": APP,
    }  # fmt: skip
    for example in examples():
        await asyncio.to_thread(exec, example, said)
    assert (said["status"], said["changed"]["recording"]) == (200, True)
    assert {entry["actor"] for entry in said["checked"]} == {"operator", f"api_key:{world.pair[0]}"}
    known = await world.there.desk.apps.find(APP)
    assert known.secret_keys[0] == said["key"]["secret_key"]


async def test_what_is_percent_encoded_is_signed_as_it_is_sent(world: World, endpoint: str) -> None:
    said: dict[str, Any] = {}
    exec(examples()[0], said)
    room = said["Sealroom"](endpoint, *world.pair)
    path = f"/v1/applications/{APP}/bans/alice"
    query = {"room": "string:a b|c~&=%"}
    refused, _, problem = await asyncio.to_thread(
        room.call, "PUT", path, {}, {"room": "string:ü"}, if_none_match="*"
    )
    assert (refused, problem["code"]) == (422, "room_id_invalid")
    query = {"room": "string:a b|c~&="}
    made, _, ban = await asyncio.to_thread(room.call, "PUT", path, {}, query, if_none_match="*")
    assert (made, ban["room"]) == (200, query["room"])
    encoded, _, _ = await asyncio.to_thread(
        room.call, "GET", f"/v1/applications/{APP}/bans/%61lice", None, query
    )
    assert encoded == 200
    other, _, problem = await asyncio.to_thread(room.call, "GET", f"/v1/applications/{OTHERS_APP}")
    assert (other, problem["code"]) == (404, "application_unknown")


async def test_both_apis_are_at_one_address(world: World, endpoint: str) -> None:
    host, port = endpoint.removeprefix("http://").split(":")

    async def ask(path: str) -> str:
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer.decode()

    assert (await ask("/")).endswith("trtc")
    assert "authorization_invalid" in await ask("/v1/applications")
    assert "store" in await ask("/v1/problems/store_away")
    for elsewhere in ("/v1x", "/v2/applications", "/v1x/applications"):
        assert " 404 " in (await ask(elsewhere)).splitlines()[0]
