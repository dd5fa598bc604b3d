# SPDX-License-Identifier: Apache-2.0
"""A real listener on a free port, spoken to by real clients: limits of the network that no fake has."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from sealroom.core.callers import Caller
from sealroom.core.config.schema import SignallingSettings
from sealroom.core.db import Database
from sealroom.core.errors import StartError
from sealroom.core.http.address import ListenAddress, read_networks
from sealroom.core.http.dispatch import Dispatcher
from sealroom.core.http.problem import NOT_ENCRYPTED, answer
from sealroom.core.http.proxy import Application, BehindProxy, Receive, Scope, Send
from sealroom.core.http.tls import Certificate
from sealroom.core.metrics import Metrics
from sealroom.listeners import public_limits, public_routes
from sealroom.media.sockets import Limits, SocketListener
from sealroom.rooms.service import RoomService
from sealroom.rooms.state import Blocked
from sealroom.signalling.conversation import Services
from sealroom.signalling.endpoint import SignallingEndpoint
from sealroom.signalling.limits import Gate
from sealroom_wire import signalling
from sealroom_wire.errors import ErrorCode
from sealroom_wire.limits import MAX_SIGNALLING_MESSAGE_BYTES
from sealroom_wire.signalling import SendSection, Track
from server.tests import fakes, offers
from server.tests.administration import apps_with
from server.tests.certificates import make_certificate

_SERVER_MESSAGES = msgspec.json.Decoder(signalling.ServerMessage)


@pytest.fixture
async def endpoint(
    rooms: RoomService, clock: fakes.VirtualClock, metrics: Metrics, database: Database
) -> SignallingEndpoint:
    settings = SignallingSettings(max_waiting_per_address=3)
    apps = await apps_with(database, clock, fakes.application())
    return SignallingEndpoint(Services(apps, rooms, clock, metrics, settings), Gate(settings))


@asynccontextmanager
async def serving(
    application: Application, certificate: Certificate | None = None, limits: Limits | None = None
) -> AsyncIterator[ListenAddress]:
    listener = SocketListener(
        application, ListenAddress("127.0.0.1", 0), limits or public_limits(SignallingSettings()), certificate=certificate
    )  # fmt: skip
    try:
        yield await listener.start()
    finally:
        await listener.stop()


@pytest.fixture
async def address(endpoint: SignallingEndpoint) -> AsyncIterator[ListenAddress]:
    async with serving(Dispatcher(public_routes(endpoint))) as bound:
        yield bound
        endpoint.close()


def enter(user: str) -> str:
    sends = tuple(SendSection(mid, track) for mid, track in offers.TRACKS.items())
    message = signalling.Enter(
        id=1, version=1, sdk_app_id=fakes.APP, user_id=user, user_sig=fakes.user_sig(user), sdp=offers.offer(), sends=sends,
        room_id=5,
    )  # fmt: skip
    return msgspec.json.encode(message).decode()


async def hear(line: ClientConnection) -> signalling.ServerMessage:
    message: signalling.ServerMessage = _SERVER_MESSAGES.decode(await line.recv())
    return message


async def closed(line: ClientConnection) -> tuple[int, str]:
    """Close code and reason, after whatever is still said."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            await line.recv()
    return line.close_code or 0, line.close_reason or ""


def url(address: ListenAddress) -> str:
    return f"ws://{address}/rtc/v1"


def test_every_public_route_says_who_may_call_it(endpoint: SignallingEndpoint) -> None:
    for route in public_routes(endpoint):
        assert isinstance(route.caller, Caller)


async def test_what_a_device_is_told_wakes_no_writer(endpoint: SignallingEndpoint) -> None:
    written: list[str] = []

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        async def noted(message: Any) -> None:
            written.append(message["type"])
            await send(message)

        await endpoint(scope, receive, noted)

    async with serving(watched) as at, connect(url(at)) as line:
        await line.send(enter("alice"))
        assert isinstance(await hear(line), signalling.Entered)
        await line.send(msgspec.json.encode(signalling.Ping(2)).decode())
        assert await hear(line) == signalling.Pong(2)
        assert written == ["websocket.accept"]


async def test_from_enter_to_leave(
    address: ListenAddress, engine: fakes.FakeEngine, metrics: Metrics
) -> None:
    async with connect(url(address)) as alice, connect(url(address)) as bob:
        await alice.send(enter("alice"))
        assert isinstance(await hear(alice), signalling.Entered)
        await bob.send(enter("bob"))
        entered = await hear(bob)
        assert isinstance(entered, signalling.Entered)
        assert [one.user_id for one in entered.participants] == ["alice"]
        assert isinstance(await hear(alice), signalling.ParticipantEntered)
        await alice.send('{"type":"publish","id":2,"track":"main"}')
        assert await hear(alice) == signalling.Done(2)
        assert await hear(bob) == signalling.TrackPublished("alice", Track.MAIN, muted=False)
        await alice.send('{"type":"leave","id":3}')
        assert await hear(alice) == signalling.Done(3)
        assert await closed(alice) == (1000, "")
        assert await hear(bob) == signalling.ParticipantLeft("alice", signalling.LeaveReason.LEFT)
    assert b'sealroom_signalling_closed_lines_total{code="done"} 1.0' in metrics.text()


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("?takes=reports", True),
        ("?token=x&takes=something&takes=reports", True),
        ("", False),
        ("?takes=Reports", False),
        ("?takes=%ff", False),
        ("?takes=reports&" + "x" * 600, False),
        ("?" + "a=1&" * 20 + "takes=reports", False),
    ],
)
async def test_only_a_line_that_takes_reports_is_asked_for_them(
    endpoint: SignallingEndpoint, query: str, *, asked: bool
) -> None:
    services = replace(endpoint._services, reports=fakes.HeardReports())
    endpoint = SignallingEndpoint(services, endpoint._gate)
    async with serving(Dispatcher(public_routes(endpoint))) as bound, connect(url(bound) + query) as line:
        await line.send(enter("alice"))
        entered = await hear(line)
        assert isinstance(entered, signalling.Entered)
        assert (entered.reports is not None) is asked
        endpoint.close()


async def test_only_a_line_that_takes_it_hears_that_its_user_was_blocked(
    endpoint: SignallingEndpoint, address: ListenAddress
) -> None:
    rooms = endpoint._services.rooms
    async with (
        connect(url(address) + "?takes=reports") as older,
        connect(url(address) + "?takes=blocked") as current,
    ):
        for line, user in ((older, "alice"), (current, "bob")):
            await line.send(enter(user))
            assert isinstance(await hear(line), signalling.Entered)
        assert isinstance(await hear(older), signalling.ParticipantEntered)
        (room,) = {one.room for one in rooms.everybody()}
        for line, user in ((older, "alice"), (current, "bob")):
            await rooms.block(room, user, Blocked(audio=True, video=False))
            await line.send('{"type":"ping","id":9}')
        assert await hear(older) == signalling.Pong(9)
        assert await hear(current) == signalling.Blocked(audio=True, video=False)


async def test_a_page_that_is_left_is_gone_and_a_cut_connection_stays(
    address: ListenAddress, clock: fakes.VirtualClock
) -> None:
    async with connect(url(address)) as watching:
        await watching.send(enter("watching"))
        await hear(watching)
        for user in ("alice", "bob"):
            line = await connect(url(address))
            await line.send(enter(user))
            await hear(line)
            assert isinstance(await hear(watching), signalling.ParticipantEntered)
            if user == "alice":
                await line.close(1001)
                assert isinstance(await hear(watching), signalling.ParticipantLeft)
            else:
                line.transport.abort()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(hear(watching), 0.1)
        clock.advance(29)
        await watching.send('{"type":"ping","id":9}')
        assert await hear(watching) == signalling.Pong(9)
        for _ in range(3):
            clock.advance(25)
            await watching.send('{"type":"ping","id":9}')
            left = await hear(watching)
            if isinstance(left, signalling.ParticipantLeft):
                break
        assert left == signalling.ParticipantLeft("bob", signalling.LeaveReason.TIMEOUT)


async def test_binary_too_large_and_much_too_large_messages(address: ListenAddress) -> None:
    async with connect(url(address)) as line:
        await line.send(b"\x00")
        assert await closed(line) == (4400, "malformed_message")
    async with connect(url(address)) as line:
        await line.send("x" * (MAX_SIGNALLING_MESSAGE_BYTES + 1))
        assert await closed(line) == (1009, "message_too_large")
    async with connect(url(address)) as line:
        await line.send("x" * (2 * MAX_SIGNALLING_MESSAGE_BYTES + 1))
        assert (await closed(line))[0] == 1009


async def test_the_enter_timeout_closes_the_line(address: ListenAddress, clock: fakes.VirtualClock) -> None:
    async with connect(url(address)) as line:
        await line.send('{"type":"ping","id":1}')
        await hear(line)
        clock.advance(5)
        refused = await hear(line)
        assert isinstance(refused, signalling.Refused)
        assert refused.code is ErrorCode.ENTER_TIMEOUT
        assert await closed(line) == (4408, "enter_timeout")


async def test_a_fourth_line_that_waits_is_told_to_try_later(address: ListenAddress) -> None:
    lines = [await connect(url(address)) for _ in range(4)]
    refused = await hear(lines[3])
    assert isinstance(refused, signalling.Refused)
    assert refused.code is ErrorCode.SERVER_BUSY
    assert await closed(lines[3]) == (1013, "server_busy")
    for line in lines:
        await line.close()


async def test_who_has_entered_is_not_among_those_on_their_way_in(endpoint: SignallingEndpoint) -> None:
    one_at_a_time = public_limits(SignallingSettings())._replace(max_opening_per_address=1)
    async with (
        serving(Dispatcher(public_routes(endpoint)), limits=one_at_a_time) as bound,
        connect(url(bound)) as alice,
    ):
        assert await raw(bound, b"") in {b"", b"reset"}, "she has not said who she is"
        await alice.send(enter("alice"))
        assert isinstance(await hear(alice), signalling.Entered)
        async with connect(url(bound)) as bob:
            await bob.send(enter("bob"))
            assert isinstance(await hear(bob), signalling.Entered)
        endpoint.close()


async def test_who_comes_after_the_end_was_said_is_told_so(
    address: ListenAddress, endpoint: SignallingEndpoint
) -> None:
    endpoint.close()
    async with connect(url(address)) as line:
        assert (await closed(line))[0] == 1001


async def test_the_end_of_the_server_is_said(address: ListenAddress, endpoint: SignallingEndpoint) -> None:
    async with connect(url(address)) as line:
        await line.send(enter("alice"))
        await hear(line)
        endpoint.close()
        assert (await closed(line))[0] == 1001


async def test_a_page_of_another_origin_is_refused(address: ListenAddress) -> None:
    async with connect(url(address), origin="https://evil.example") as line:  # type: ignore[arg-type]
        await line.send(enter("alice"))
        assert await closed(line) == (4401, "origin_not_allowed")


async def raw(address: ListenAddress, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(request)
    try:
        return await reader.read()
    except ConnectionResetError:
        return b"reset"
    finally:
        writer.close()


async def test_plain_requests_are_answered_with_a_problem(address: ListenAddress) -> None:
    for path, status in ((b"/rtc/v1", b"426"), (b"/", b"404"), (b"/rtc/v1/", b"404")):
        answer = await raw(address, b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 " + status)
        assert b"application/problem+json" in answer
    with pytest.raises(InvalidStatus):
        await connect(f"ws://{address}/rtc/v2")


async def test_a_header_that_does_not_end_in_time_or_in_size_is_cut(
    address: ListenAddress, endpoint: SignallingEndpoint
) -> None:
    hurried = public_limits(SignallingSettings())._replace(header_seconds=0.05)
    async with serving(Dispatcher(public_routes(endpoint)), limits=hurried) as hurrying:
        for start in (b"", b"GET / HTTP/1.1\r\nHost: x\r\n"):
            assert await raw(hurrying, start) in {b"", b"reset"}
        complete = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
        first_then_slow = await raw(hurrying, complete + b"GET /slow HTTP/1.1\r\n")
        assert first_then_slow.count(b"HTTP/1.1 404") <= 1
    assert await raw(address, b"GET / HTTP/1.1\r\n" + b"x: " + b"y" * 40_000) in {b"", b"reset"}
    whole = b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 6_000 + b"Connection: close\r\n\r\n"
    assert await raw(address, whole) in {b"", b"reset"}, "nor one that comes whole in one read"


async def test_what_comes_right_behind_the_upgrade_is_read_like_any_message(address: ListenAddress) -> None:
    upgrade = (
        b"GET /rtc/v1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    ping = b'{"type":"ping","id":7}'
    masked = bytes((0x81, 0x80 | len(ping), 0, 0, 0, 0)) + ping
    answer = await raw(address, upgrade + masked + b"\x81\xfe" * 20_000)
    head, _, frames = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101")
    assert b"connection: upgrade\r\n" in head.lower() + b"\r\n"
    assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head, "RFC 6455 section 1.3"
    assert b'{"type":"pong","id":7}' in frames
    assert b"malformed_message" in frames, "and the next one, which is none, ends the line"


async def test_over_tls_wss_works_and_nothing_older_or_in_clear_does(
    endpoint: SignallingEndpoint, tmp_path: Path
) -> None:
    files = make_certificate(tmp_path, "localhost")
    clock = fakes.VirtualClock()
    certificate = Certificate(*files, clock)
    trusting = ssl.create_default_context(cafile=str(files[0]))
    async with serving(Dispatcher(public_routes(endpoint)), certificate) as address:
        async with connect(f"wss://localhost:{address.port}/rtc/v1", ssl=trusting) as line:
            await line.send(enter("alice"))
            assert isinstance(await hear(line), signalling.Entered)
        old = ssl.create_default_context(cafile=str(files[0]))
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        async with connect(f"wss://localhost:{address.port}/rtc/v1", ssl=old):
            pass
        assert b"HTTP" not in await raw(address, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        make_certificate(tmp_path, "localhost")
        clock.advance(10)
        with pytest.raises(ssl.SSLError):
            await connect(f"wss://localhost:{address.port}/rtc/v1", ssl=trusting)
        files[1].write_text("half a file")
        clock.advance(10)
        renewed = ssl.create_default_context(cafile=str(files[0]))
        async with connect(f"wss://localhost:{address.port}/rtc/v1", ssl=renewed):
            pass
        endpoint.close()
    assert certificate.context.minimum_version is ssl.TLSVersion.TLSv1_2


async def test_behind_a_proxy_only_the_proxy_is_let_in_and_only_with_tls(
    endpoint: SignallingEndpoint,
) -> None:
    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(NOT_ENCRYPTED, scope, receive, send)

    inner = Dispatcher(public_routes(endpoint))
    headers = {"X-Forwarded-For": "203.0.113.5", "X-Forwarded-Proto": "https"}
    async with serving(BehindProxy(inner, read_networks(("127.0.0.0/8",)), refuse)) as address:
        async with connect(url(address), additional_headers=headers) as line:
            await line.send(enter("alice"))
            assert isinstance(await hear(line), signalling.Entered)
        for wrong in ({}, {"X-Forwarded-Proto": "http"}):
            with pytest.raises(InvalidStatus):
                await connect(url(address), additional_headers=wrong)
        endpoint.close()
    async with serving(BehindProxy(inner, read_networks(("10.0.0.0/8",)), refuse)) as address:
        with pytest.raises(InvalidStatus):
            await connect(url(address), additional_headers=headers)


async def test_a_port_that_is_taken_is_said_in_a_sentence(endpoint: SignallingEndpoint) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        listen = ListenAddress("127.0.0.1", other.getsockname()[1])
        with pytest.raises(StartError) as caught:
            await SocketListener(endpoint, listen, public_limits(SignallingSettings())).start()
    assert caught.value.code == "port_taken"
