# SPDX-License-Identifier: Apache-2.0
"""The demo backend: tokens that the other parts take, for its own page only; and the operator's hand-over file."""

import asyncio
import contextlib
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from litestar import Litestar
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from sealroom_customer.client.events import TrackName
from sealroom_customer.clock import SystemClock
from sealroom_customer.demo import synthetic
from sealroom_customer.demo.app import Demo, make
from sealroom_customer.demo.operator import Operator, read_operator, wait_for_operator
from sealroom_customer.errors import ConfigurationError, StartError
from sealroom_customer.http.callers import Caller
from sealroom_customer.http.listen import Listening
from sealroom_customer.http.server import bound, serving
from sealroom_customer.signing.grants import read_grant
from sealroom_wire.usersig import verify_user_sig

SECRET = "0123456789abcdef" * 4
OPERATOR = Operator("ws://127.0.0.1:7880/rtc/v1", 1400000000, SECRET)


@contextlib.asynccontextmanager
async def running(state: Path) -> AsyncIterator[tuple[Demo, int]]:
    listening = Listening()
    sockets, port = bound(listening)
    demo = make(OPERATOR, state, listening.origins(port), SystemClock(), state / "static")
    async with serving(demo.app, listening, sockets):
        yield demo, port
    for listener in sockets:
        listener.close()


async def ask(
    port: int, path: str, body: object = None, host: str | None = None, **headers: str
) -> tuple[int, dict[str, object]]:
    def work() -> tuple[int, dict[str, object]]:
        octets = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named.setdefault("content-type", "application/json")
        named["host"] = host or f"localhost:{port}"
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", octets, named)
        try:
            with urllib.request.urlopen(request, timeout=5) as got:
                return got.status, json.loads(got.read() or b"{}")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read() or b"{}")

    return await asyncio.to_thread(work)


async def test_tokens_are_what_operator_and_authority_take(tmp_path: Path) -> None:
    async with running(tmp_path / "state") as (_, port):
        status, tokens = await ask(
            port, "/api/tokens", {"user": "alice", "room": "demo"}, sec_fetch_site="same-origin"
        )
        assert status == 200
        assert set(tokens) == {"sdkAppId", "userId", "userSig", "operator", "authority", "grant", "strRoomId"}
        assert (tokens["userId"], tokens["strRoomId"], tokens["sdkAppId"]) == ("alice", "demo", 1400000000)
        assert tokens["operator"] == OPERATOR.endpoint
        assert tokens["authority"] == f"ws://localhost:{port}/authority/v1"
        now = int(time.time())
        verify_user_sig(
            str(tokens["userSig"]), secret_keys=[SECRET], sdk_app_id=1400000000, user_id="alice", now=now
        )
        claims = read_grant(str(tokens["grant"])).claims
        assert (claims.sub, claims.room.id, claims.app) == ("alice", "demo", 1400000000)
        status, renewed = await ask(port, "/api/grants", {"user": "alice", "room": "demo"})
        assert status == 200
        assert read_grant(str(renewed["grant"])).claims.jti != claims.jti
        status, config = await ask(port, "/api/config")
        assert (status, config["sdkAppId"]) == (200, 1400000000)
        assert SECRET not in json.dumps([tokens, renewed, config])


async def test_only_the_own_page_is_answered(tmp_path: Path) -> None:
    body = {"user": "alice", "room": "demo"}
    async with running(tmp_path / "state") as (_, port):
        own = f"http://localhost:{port}"
        assert (await ask(port, "/api/tokens", body, origin=own))[0] == 200
        for path in ("/api/tokens", "/api/grants"):
            for headers in (
                {"origin": "https://evil.example"},
                {"origin": f"http://127.0.0.1:{port}"},
                {"origin": "null"},
                {"sec_fetch_site": "cross-site"},
                {"sec_fetch_site": "same-site"},
            ):
                status, answer = await ask(port, path, body, **headers)
                assert (status, answer["code"]) == (403, "origin_not_allowed"), headers
        for host in (f"evil.example:{port}", "localhost", f"localhost:{port}.evil.example"):
            assert (await ask(port, "/api/tokens", body, host=host))[0] == 403
            assert (await ask(port, "/api/config", host=host))[0] == 403


async def test_what_does_not_fit_is_refused_with_a_code_and_what_to_do(tmp_path: Path) -> None:
    async with running(tmp_path / "state") as (_, port):
        for body, status, code in (
            ({"user": "no such user!", "room": "demo"}, 400, "user_id_invalid"),
            ({"user": "alice", "room": "a/b"}, 400, "room_id_invalid"),
            ({"user": "a" * 33, "room": "demo"}, 400, "malformed_message"),
            ({"user": "alice"}, 400, "malformed_message"),
            ({"user": "alice", "room": "demo", "role": "admin"}, 400, "malformed_message"),
            ([], 400, "malformed_message"),
            (b"{", 400, "malformed_message"),
            (b"[" * 3000, 400, "malformed_message"),
            (b"\xff" * 100, 400, "malformed_message"),
            ({"user": "alice", "room": "x" * 5000}, 413, "message_too_large"),
        ):
            got, answer = await ask(port, "/api/tokens", body)
            assert (got, answer["code"]) == (status, code), (body, answer)
            assert answer["action"]
        assert (await ask(port, "/api/nowhere"))[0] == 404
        assert (await ask(port, "/api/tokens"))[0] == 405


async def test_signing_has_a_pace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sealroom_customer.demo.app._BURST", 3.0)
    monkeypatch.setattr("sealroom_customer.demo.app._SIGNATURES_PER_SECOND", 0.01)
    async with running(tmp_path / "state") as (_, port):
        got = [(await ask(port, "/api/grants", {"user": "alice", "room": "demo"}))[0] for _ in range(5)]
        assert got == [200, 200, 200, 429, 429]


async def test_there_are_no_other_websockets(tmp_path: Path) -> None:
    async with running(tmp_path / "state") as (_, port):
        with pytest.raises(InvalidStatus):
            await connect(f"ws://127.0.0.1:{port}/elsewhere")


async def test_every_route_says_who_may_call_it(tmp_path: Path) -> None:
    demo = make(OPERATOR, tmp_path / "state", ("http://localhost:1",), SystemClock())
    http = demo.app._http  # type: ignore[attr-defined]
    assert isinstance(http, Litestar)
    handlers = [handler for route in http.routes for handler in getattr(route, "route_handlers", [])]
    assert len(handlers) >= 5
    for handler in handlers:
        if "OPTIONS" in handler.http_methods:
            continue
        caller = handler.opt.get("caller")
        assert isinstance(caller, Caller), handler
        assert bool(handler.guards) == (caller is not Caller.ANYONE), handler


def test_keys_are_made_once_and_kept_for_this_user_only(tmp_path: Path) -> None:
    state = tmp_path / "state"
    make(OPERATOR, state, ("http://localhost:1",), SystemClock())
    kept = {path.name: path.read_bytes() for path in state.iterdir()}
    assert set(kept) == {"authority-signing-key.pem", "grant-signing-key.pem", "backend-credential"}
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in state.iterdir())
    assert state.stat().st_mode & 0o777 == 0o700
    make(OPERATOR, state, ("http://localhost:1",), SystemClock())
    assert {path.name: path.read_bytes() for path in state.iterdir()} == kept
    (state / "authority-signing-key.pem").chmod(0o644)
    with pytest.raises(StartError) as caught:
        make(OPERATOR, state, ("http://localhost:1",), SystemClock())
    assert caught.value.code == "file_readable_by_others"


def hand_over(path: Path, change: dict[str, object] | None = None, *, mode: int = 0o600) -> Path:
    given = {"endpoint": OPERATOR.endpoint, "sdk_app_id": OPERATOR.sdk_app_id, "secret_key": SECRET} | (
        change or {}
    )
    path.touch(mode)
    path.chmod(mode)
    path.write_text(json.dumps(given))
    return path


def test_the_operators_file_is_read_when_it_is_there_and_ours_alone(tmp_path: Path) -> None:
    assert read_operator(tmp_path / "missing") is None
    operator = read_operator(hand_over(tmp_path / "good"))
    assert operator is not None
    assert operator.origin == "ws://127.0.0.1:7880"
    assert SECRET not in repr(operator)
    with pytest.raises(StartError) as caught:
        read_operator(hand_over(tmp_path / "open", mode=0o640))
    assert caught.value.code == "file_readable_by_others"
    bad: list[dict[str, object]] = [
        {"sdk_app_id": "1"},
        {"secret_key": "short"},
        {"extra": 1},
        {"endpoint": ""},
    ]
    for number, change in enumerate(bad):
        with pytest.raises(StartError) as caught:
            read_operator(hand_over(tmp_path / f"bad-{number}", change))
        assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1", "ws://rtc.example/rtc/v1", "ws://10.0.0.1", "rtc.example", ""]
)
def test_an_operator_is_reached_by_wss_or_by_ws_on_loopback(endpoint: str) -> None:
    with pytest.raises(ConfigurationError):
        Operator(endpoint, 1, SECRET)
    assert Operator("wss://rtc.example:444/rtc/v1", 1, SECRET).origin == "wss://rtc.example:444"


async def test_the_operators_file_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "operator.json"
    waiting = asyncio.create_task(wait_for_operator(path, lambda _: None))
    await asyncio.sleep(0)
    fresh = hand_over(tmp_path / "fresh")
    os.replace(fresh, path)  # noqa: PTH105 - as the operator's side does
    operator = await asyncio.wait_for(waiting, 5)
    assert operator.sdk_app_id == OPERATOR.sdk_app_id


@pytest.mark.parametrize("track", ["audio", "main"])
def test_a_synthetic_frame_is_known_by_every_byte(track: TrackName) -> None:
    for key in (False, True):
        frame = synthetic.make("alice", track, 70_000, key=key and track == "main")
        assert synthetic.number_of("alice", track, frame) == 70_000
        assert synthetic.number_of("bob", track, frame) is None
        for at in (0, 5, len(frame) - 1):
            assert (
                synthetic.number_of("alice", track, frame[:at] + bytes([frame[at] ^ 2]) + frame[at + 1 :])
                is None
            )
        assert synthetic.number_of("alice", track, frame[:-1]) is None
        assert synthetic.number_of("alice", track, b"") is None
