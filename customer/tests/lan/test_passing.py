# SPDX-License-Identifier: Apache-2.0
"""The operator's signalling, passed through: what is said arrives as it was said, and each end learns how the other ended."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_operator
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus
from websockets.frames import Close

from customer.tests.lines import serve
from sealroom_customer.http.asgi import Message, Receive, Scope, Send
from sealroom_customer.http.callers import OwnPage
from sealroom_customer.http.listen import Listening
from sealroom_customer.http.server import bound, serving
from sealroom_customer.lan.passing import MAX_MESSAGE_BYTES, PassThrough, carry
from sealroom_wire.limits import MAX_SIGNALLING_MESSAGE_BYTES

WAIT = 15.0


@dataclass
class Operator:
    """A WebSocket server that keeps its lines for the test to use."""

    port: int = 0
    lines: "asyncio.Queue[ServerConnection]" = field(default_factory=asyncio.Queue)

    async def serve(self, line: ServerConnection) -> None:
        self.lines.put_nowait(line)
        await line.wait_closed()

    async def line(self) -> ServerConnection:
        return await asyncio.wait_for(self.lines.get(), WAIT)


@dataclass
class Passing:
    """A pass-through on loopback, and the operator behind it."""

    operator: Operator
    port: int

    @contextlib.asynccontextmanager
    async def joined(
        self, *, query: str = "", **how: str
    ) -> AsyncIterator[tuple[ClientConnection, ServerConnection]]:
        """A device's line and the operator's end of it."""
        async with self.device(query=query, **how) as device:
            yield device, await self.operator.line()

    def device(self, *, query: str = "", **how: str) -> connect:
        headers = {name.replace("_", "-"): value for name, value in how.items()}
        return connect(
            f"ws://localhost:{self.port}/rtc/v1{query}",
            additional_headers=headers,
            compression=None,
            proxy=None,
        )


@contextlib.asynccontextmanager
async def passing(**limits: int) -> AsyncIterator[Passing]:
    operator = Operator()
    async with serve_operator(
        operator.serve, "127.0.0.1", 0, max_size=MAX_MESSAGE_BYTES, compression=None, max_queue=4
    ) as server:
        operator.port = server.sockets[0].getsockname()[1]
        async with passed_to(operator.port, **limits) as port:
            yield Passing(operator, port)


@contextlib.asynccontextmanager
async def passed_to(operator_port: int, **limits: int) -> AsyncIterator[int]:
    listening = Listening()
    sockets, port = bound(listening)
    own_page = OwnPage(listening.origins(port))
    door = PassThrough(f"ws://127.0.0.1:{operator_port}/rtc/v1", own_page, **limits)
    try:
        async with serving(door, listening, sockets, max_message=MAX_MESSAGE_BYTES):
            yield port
    finally:
        for listener in sockets:
            listener.close()


async def ended(line: ClientConnection | ServerConnection) -> tuple[int | None, str | None]:
    """How the other end closed `line`; what it still says before that is passed over."""
    async with asyncio.timeout(WAIT):
        with contextlib.suppress(ConnectionClosed):
            while True:
                await line.recv()
    return line.close_code, line.close_reason


async def test_messages_arrive_as_they_were_said_both_ways() -> None:
    said: list[str | bytes] = ["one", "ä" * 1000, "x" * MAX_SIGNALLING_MESSAGE_BYTES, b"\x00\xff", "five"]
    async with passing() as place, place.joined() as (device, operator):
        for text in said:
            await device.send(text)
            await operator.send(text)
        async with asyncio.timeout(WAIT):
            assert [await operator.recv() for _ in said] == said
            assert [await device.recv() for _ in said] == said


async def test_the_operator_learns_who_calls_and_from_which_page() -> None:
    async with passing() as place:
        origin = f"http://localhost:{place.port}"
        async with place.joined(Origin=origin, X_Forwarded_For="203.0.113.9", Cookie="a=b") as (_, operator):
            assert operator.request is not None
            headers = operator.request.headers
            assert headers.get_all("X-Forwarded-For") == ["127.0.0.1"], "not the caller's own word"
            assert headers["X-Forwarded-Proto"] == "https"
            assert headers["Origin"] == origin
            assert "Cookie" not in headers
        async with place.joined() as (_, operator):
            assert operator.request is not None
            assert "Origin" not in operator.request.headers


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("?takes=reports", "/rtc/v1?takes=reports"),
        ("?a=b&takes=reports&takes=other-one&token=x", "/rtc/v1?takes=reports&takes=other-one"),
        ("?takes=Reports&takes=%0d%0aX:y&takes=a.b", "/rtc/v1"),
        ("?" + "x" * 600 + "&takes=reports", "/rtc/v1"),
        ("", "/rtc/v1"),
    ],
)
async def test_the_operator_learns_what_the_device_knows_of_the_protocol_and_nothing_else_of_its_address(
    query: str, told: str
) -> None:
    async with passing() as place, place.joined(query=query) as (_, operator):
        assert operator.request is not None
        assert operator.request.path == told


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Host": "evil.example"},
    ],
)
async def test_other_pages_are_refused_before_the_operator_hears_of_them(headers: dict[str, str]) -> None:
    async with passing() as place:
        with pytest.raises(InvalidStatus) as caught:
            async with place.device(**headers):
                pass
        assert caught.value.response.status_code == 403
        assert place.operator.lines.empty()


async def test_how_the_operator_ends_a_line_is_told_to_the_device() -> None:
    async with passing() as place:
        for code, reason in ((4409, "replaced_by_new_entry"), (1001, "server_busy"), (1000, "")):
            async with place.joined() as (device, operator):
                await operator.send("last word")
                await operator.close(code, reason)
                assert await device.recv() == "last word"
                assert await ended(device) == (code, reason)


class Leaving:
    """An operator's line that takes nothing any more before it has said why."""

    async def send(self, _text: object) -> None:
        raise ConnectionClosedError(Close(4409, "replaced_by_new_entry"), None)

    async def recv(self) -> str:
        for _ in range(5):
            await asyncio.sleep(0)
        raise ConnectionClosedError(Close(4409, "replaced_by_new_entry"), None)


async def test_a_device_that_is_speaking_is_told_too_how_the_operator_ended() -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.receive", "text": "still here"}

    async def send(message: Message) -> None:
        sent.append(message)

    async with asyncio.timeout(WAIT):
        await carry(Leaving(), receive, send)  # type: ignore[arg-type]
    assert sent == [{"type": "websocket.close", "code": 4409, "reason": "replaced_by_new_entry"}]


async def test_an_operator_that_is_gone_is_said_with_a_code() -> None:
    async with passing() as place, place.joined() as (device, operator):
        operator.transport.abort()
        assert await ended(device) == (1014, "operator_unreachable")
    async with (
        passed_to(place.operator.port) as port,
        connect(f"ws://localhost:{port}/rtc/v1", proxy=None) as device,
    ):
        assert await ended(device) == (1014, "operator_unreachable")


async def test_a_device_that_ends_in_order_is_told_from_one_whose_line_broke() -> None:
    async with passing() as place:
        async with place.joined() as (device, operator):
            await device.close(1000)
            assert (await ended(operator))[0] == 1000
        async with place.joined() as (device, operator):
            device.transport.abort()
            assert (await ended(operator))[0] == 1006


async def test_lines_are_bounded_and_places_are_given_back() -> None:
    async with passing(max_lines=2) as place, place.joined(), place.joined() as (second, _):
        async with place.device() as third:
            assert await ended(third) == (1013, "server_busy")
        await second.close()
        async with asyncio.timeout(WAIT):
            while True:
                async with place.device() as again:
                    try:
                        await asyncio.wait_for(again.recv(), 0.05)
                    except TimeoutError:
                        break
                    except ConnectionClosed:
                        continue
    async with passing(max_lines_per_address=1) as place, place.joined(), place.device() as second:
        assert await ended(second) == (1013, "server_busy")


async def test_a_message_beyond_the_bound_ends_the_line() -> None:
    async with passing() as place, place.joined() as (device, operator):
        await device.send("x" * (MAX_MESSAGE_BYTES + 1))
        assert (await ended(device))[0] == 1009
        assert (await ended(operator))[0] == 1006
    async with passing() as place, place.joined() as (device, operator):
        await operator.send("x" * (MAX_MESSAGE_BYTES + 1))
        assert (await ended(device))[0] == 1014


async def taken_while_nobody_reads(line: ClientConnection | ServerConnection) -> int:
    """Megabytes that a line takes before it stops taking more."""
    taken = 0
    text = "x" * MAX_SIGNALLING_MESSAGE_BYTES
    with contextlib.suppress(TimeoutError, ConnectionClosed):
        while taken < 64 * 1024 * 1024:
            await asyncio.wait_for(line.send(text), 0.3)
            taken += len(text)
    return taken // (1024 * 1024)


def hang_up(*lines: ClientConnection | ServerConnection) -> None:
    """A closing handshake would wait for an end that does not read."""
    for line in lines:
        line.transport.abort()


async def test_whoever_does_not_read_slows_the_other_end_down() -> None:
    async with passing() as place, place.joined() as (device, operator):
        operator.transport.pause_reading()
        assert await taken_while_nobody_reads(device) < 32
        hang_up(device, operator)
    async with passing() as place, place.joined() as (device, operator):
        device.transport.pause_reading()
        assert await taken_while_nobody_reads(operator) < 32
        hang_up(device, operator)


async def test_an_end_that_takes_nothing_for_long_loses_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sealroom_customer.lan.passing._SEND_SECONDS", 0.2)
    async with passing() as place, place.joined() as (device, operator):
        device.transport.pause_reading()
        await taken_while_nobody_reads(operator)
        assert (await ended(operator))[0] == 1006
        hang_up(device, operator)
    async with passing() as place, place.joined() as (device, operator):
        operator.transport.pause_reading()
        await taken_while_nobody_reads(device)
        assert await ended(device) == (1014, "operator_unreachable")
        hang_up(device, operator)


async def test_nothing_of_what_is_said_is_logged(capfd: pytest.CaptureFixture[str]) -> None:
    async with passing() as place, place.joined() as (device, operator):
        await device.send("canary-up")
        await operator.send("canary-down")
        await device.recv()
        operator.transport.abort()
        await ended(device)
    logged = "".join(capfd.readouterr())
    assert "canary" not in logged
    assert "127.0.0.1" not in logged


async def test_the_listeners_own_bound_is_unchanged_elsewhere() -> None:
    async def echo(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await receive()

    async with serve(echo) as port, connect(f"ws://127.0.0.1:{port}", proxy=None) as device:
        await device.send("x" * (64 * 1024 + 1))
        assert (await ended(device))[0] == 1009
