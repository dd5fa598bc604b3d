# SPDX-License-Identifier: Apache-2.0
"""The native listener under an application of few lines: order, bounds in both directions, every way to end."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

from sealroom.core.errors import ConfigurationError
from sealroom.core.http.address import ListenAddress
from sealroom.core.http.connection import ABORT, DIRECT, SETTLE, Direct
from sealroom.core.http.proxy import Application, Receive, Scope, Send
from sealroom.core.http.tls import Certificate
from sealroom.media.sockets import Counted, Limits, SocketListener
from sealroom.signalling.closing import CloseCode
from sealroom.signalling.line import Line
from sealroom_wire import signalling
from server.tests import fakes
from server.tests.certificates import make_certificate

LIMITS = Limits(max_message=100_000, max_opening=50, max_opening_per_address=None)
_UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@asynccontextmanager
async def serving(
    application: Application, limits: Limits = LIMITS, certificate: Certificate | None = None
) -> AsyncIterator[tuple[SocketListener, ListenAddress]]:
    listener = SocketListener(application, ListenAddress("127.0.0.1", 0), limits, certificate=certificate)
    try:
        yield listener, await listener.start()
    finally:
        await listener.stop()


class Heard:
    """An application that accepts, does something, and notes what it receives."""

    def __init__(self, then: Callable[[Send], Awaitable[None]] | None = None) -> None:
        self.scopes: list[dict[str, Any]] = []
        self.messages: list[Any] = []
        self.codes: list[int] = []
        self.taking = asyncio.Event()
        self.taking.set()
        self.failures: list[BaseException] = []
        self._then = then

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(dict(scope))
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept"})
        if scope["path"] == "/settled":
            scope["extensions"][SETTLE]()
        if self._then is not None:
            try:
                await self._then(send)
            except OSError as error:
                self.failures.append(error)
                scope["extensions"][ABORT]()
        while True:
            await self.taking.wait()
            message = await receive()
            if message["type"] == "websocket.disconnect":
                self.codes.append(message["code"])
                return
            self.messages.append(message.get("text", message.get("bytes")))


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - what is waited for is another thread's doing
            await asyncio.sleep(0.01)


async def end_of(line: Any) -> int:
    with contextlib.suppress(ConnectionClosed):
        while True:
            await line.recv()
    return int(line.close_code)


async def test_an_application_sees_the_request_as_it_was_sent() -> None:
    heard = Heard()
    async with serving(heard) as (_, at):
        headers = {"X-One": "a", "X-Two": "b"}
        async with connect(
            f"ws://{at}/a%20b?c=d%20e", additional_headers=headers, compression="deflate"
        ) as line:
            assert not line.protocol.extensions, (
                "nothing is compressed: what is secret and what others say would share a window"
            )
    (scope,) = heard.scopes
    assert (scope["type"], scope["scheme"], scope["path"]) == ("websocket", "ws", "/a b")
    assert (scope["raw_path"], scope["query_string"]) == (b"/a%20b", b"c=d%20e")
    assert scope["client"][0] == "127.0.0.1"
    assert {(b"x-one", b"a"), (b"x-two", b"b")} <= set(scope["headers"])


@pytest.mark.parametrize(
    ("old", "new", "accepted"),
    [
        (b"Connection: Upgrade", b"Connection: keep-alive, Upgrade", True),
        (b"Connection: Upgrade", b"Connection: keep-alive\r\nconnection:\tupgrade", True),
        (b"Upgrade: websocket", b"Upgrade: h2c, WebSocket", True),
        (b"GET / ", b"GET http://x/ ", True),
        (b"Host: x\r\n", b"", False),
        (b"Host: x\r\n", b"Host: x\r\nHost: y\r\n", False),
        (b"Version: 13", b"Version: 8", False),
        (b"dGhlIHNhbXBsZSBub25jZQ==", b"x", False),
        (b"dGhlIHNhbXBsZSBub25jZQ==", b"dGhlIHNhbXBsZSBub25jZQ-=", False),
        (b"GET / ", b"POST / ", False),
        (b"HTTP/1.1", b"HTTP/1.0", False),
        (b"Host: x\r\n", b"Host: x\r\nContent-Length: 5\r\n", False),
        (b"Host: x\r\n", b"Host: x\r\nTransfer-Encoding: chunked\r\n", False),
        (b"Connection: Upgrade", b"Connection: upgraded", False),
    ],
)
async def test_what_asks_for_a_websocket_and_what_does_not(old: bytes, new: bytes, *, accepted: bool) -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": 1000})
            return
        await send({"type": "http.response.start", "status": 426, "headers": [(b"content-length", b"99")]})
        await send({"type": "http.response.body", "body": b"no"})

    asked = _UPGRADE.replace(old, new)
    assert asked != _UPGRADE
    async with serving(application, LIMITS._replace(close_seconds=0.3)) as (_, at):
        reader, writer = await asyncio.open_connection(at.host, at.port)
        writer.write(asked)
        async with asyncio.timeout(5):
            said = await reader.read()
        writer.close()
    assert said.startswith(
        b"HTTP/1.1 101 " if accepted else b"HTTP/1.1 426 " if b"1.0" not in new else b"HTTP/1.0 426 "
    )
    assert (b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in said) is accepted, "RFC 6455 section 1.3"


async def test_messages_keep_their_order_and_kind_in_both_directions() -> None:
    async def greet(send: Send) -> None:
        for number in range(200):
            await send({"type": "websocket.send", "text": f"{number} \u00e9\U0001f600"})

    heard = Heard(greet)
    async with serving(heard) as (_, at), connect(f"ws://{at}/") as line:
        said: list[str | bytes] = ["one", b"two", "", b"", "\u00e9" * 40_000, *map(str, range(50))]
        for message in said:
            await line.send(message)
        await line.send(["in ", "pieces"])
        assert [await line.recv() for _ in range(200)] == [
            f"{number} \u00e9\U0001f600" for number in range(200)
        ]
        await until(lambda: len(heard.messages) == len(said) + 1)
        assert heard.messages == [*said, "in pieces"]
        assert await (await line.ping(b"are you there")) >= 0


async def test_who_is_not_listened_to_is_not_read_from() -> None:
    heard = Heard()
    heard.taking.clear()
    async with serving(heard) as (_, at), connect(f"ws://{at}/", write_limit=1) as line:
        big = "x" * 90_000
        sent = 0

        async def flood() -> None:
            nonlocal sent
            while True:
                await line.send(big)
                sent += 1

        flooding = asyncio.create_task(flood())
        stands = -1
        while stands != sent:
            stands = sent
            await asyncio.sleep(0.3)
        assert sent * len(big) < 20_000_000, "what waits is in the two sockets' buffers, not in this process"
        flooding.cancel()
        heard.taking.set()
        await until(lambda: len(heard.messages) >= sent)


async def test_who_takes_nothing_is_given_up_and_cut() -> None:
    async def flood(send: Send) -> None:
        while True:
            await send({"type": "websocket.send", "text": "x" * 50_000})

    heard = Heard(flood)
    async with serving(heard, LIMITS._replace(send_seconds=0.3)) as (_, at):
        reader, writer = await asyncio.open_connection(at.host, at.port)
        writer.write(_UPGRADE)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await until(lambda: bool(heard.codes))
        writer.transport.abort()
    assert isinstance(heard.failures[0], TimeoutError)
    assert heard.codes == [1006]
    del reader


async def test_an_end_in_order_does_not_wait_for_who_takes_nothing() -> None:
    async def speak_and_end(send: Send) -> None:
        for _ in range(7):
            await send({"type": "websocket.send", "text": "x" * 9_000})
        await send({"type": "websocket.close", "code": 1000})

    heard = Heard(speak_and_end)
    async with serving(heard, LIMITS._replace(send_seconds=0.2, close_seconds=0.2)) as (_, at):

        def small() -> socket.socket:
            plain = socket.socket()
            # Too little for what is said, which waits in this process then.
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            plain.connect((at.host, at.port))
            plain.sendall(_UPGRADE)
            return plain

        takes_nothing = await asyncio.to_thread(small)
        await until(lambda: bool(heard.codes))
        takes_nothing.close()
    assert heard.codes == [1006]


async def test_what_was_received_is_not_lost_where_something_is_said_to_who_is_gone() -> None:
    heard = Heard()

    async def answering(scope: Scope, receive: Receive, send: Send) -> None:
        async def hear() -> Any:
            message = await receive()
            if message["type"] == "websocket.receive":
                await send({"type": "websocket.send", "text": "an answer"})
            return message

        await heard(scope, hear, send)

    heard.taking.clear()
    async with serving(answering) as (_, at):
        line = await connect(f"ws://{at}/")
        for number in range(3):
            await line.send(str(number))
        await line.close(1001)
        heard.taking.set()
        await until(lambda: bool(heard.codes))
    assert (heard.messages, heard.codes) == (["0", "1", "2"], [1001])


async def test_a_slow_reader_gets_everything() -> None:
    async def speak(send: Send) -> None:
        for number in range(300):
            await send({"type": "websocket.send", "text": f"{number}" + "x" * 9_000})

    async with serving(Heard(speak)) as (_, at), connect(f"ws://{at}/", max_queue=1) as line:
        for number in range(300):
            assert (await line.recv()) == f"{number}" + "x" * 9_000
            if number % 50 == 0:
                await asyncio.sleep(0.05)


async def test_what_is_said_directly_has_one_order_with_the_rest_and_waits_for_a_slow_reader() -> None:
    """`Line` with the connection it is used on: nothing is lost or told twice where it is full, and has room again in between."""
    full: list[int] = []

    async def speak(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        direct = scope["extensions"][DIRECT]

        def say(text: str) -> bool:
            is_full: bool = direct.send(text)
            full.append(is_full)
            return is_full

        line = Line(direct=Direct(say, direct.drained))
        writing = asyncio.get_running_loop().create_task(line.write(send))
        for number in range(300):
            line.tell(signalling.CustomMessage("bob", f"{number}" + "x" * 9_000))
            if number % 100 == 99:
                await asyncio.sleep(0.1)
        line.end(CloseCode.DONE)
        await writing
        assert not line.is_dropped

    async with serving(speak) as (_, at), connect(f"ws://{at}/", max_queue=1) as line:
        for number in range(300):
            said = msgspec.json.decode(await line.recv())
            assert said["data"] == f"{number}" + "x" * 9_000
            if number % 50 == 0:
                await asyncio.sleep(0.05)
        assert await end_of(line) == CloseCode.DONE
    assert True in full
    assert full.count(False) > 1


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\x81\xff" + (100_001).to_bytes(8, "big") + bytes(4), 1009),
        (b"\x81\x05hello", 1002),
        (b"\x81\x82\x00\x00\x00\x00\xff\xff", 1007),
        (b"\xc1\x82\x00\x00\x00\x00ok", 1002),
        (b"\x83\x82\x00\x00\x00\x00ok", 1002),
    ],
    ids=["too large", "unmasked", "no text", "compressed", "unknown"],
)
async def test_what_breaks_the_protocol_ends_the_connection_with_its_code(frame: bytes, code: int) -> None:
    heard = Heard()
    async with serving(heard) as (_, at), connect(f"ws://{at}/") as line:
        line.transport.write(frame)
        assert await end_of(line) == code
        await until(lambda: bool(heard.codes))
    assert heard.codes == [code]
    assert not heard.messages


async def test_pings_are_answered_and_a_flood_of_them_ends_the_connection() -> None:
    heard = Heard()
    async with serving(heard) as (_, at), connect(f"ws://{at}/", ping_interval=None) as line:
        for _ in range(20):
            await (await line.ping())
        line.transport.write(b"\x89\x80\x00\x00\x00\x00" * 200)
        assert await end_of(line) == 1008
        await until(lambda: bool(heard.codes))
    assert heard.codes == [1008]


async def test_every_way_of_a_peer_to_end_is_told_apart() -> None:
    heard = Heard()
    async with serving(heard) as (_, at):
        for end in (
            lambda line: line.close(1000),
            lambda line: line.close(4321, "why"),
            lambda line: _cut(line),
        ):
            line = await connect(f"ws://{at}/")
            await end(line)
            await until(lambda: len(heard.codes) == len(heard.scopes))
        line = await connect(f"ws://{at}/")
        line.transport.write(b"\x88\x80\x00\x00\x00\x00")
        assert await end_of(line) == 1005
        await until(lambda: len(heard.codes) == 4)
    assert heard.codes == [1000, 4321, 1006, 1005]


def _said_by(at: ListenAddress) -> bytes:
    """What is said to somebody who says nothing for a moment."""
    with socket.create_connection((at.host, at.port), 0.3) as plain:
        try:
            return plain.recv(1)
        except ConnectionResetError:
            return b""


async def _cut(line: Any) -> None:
    line.transport.abort()


async def test_an_application_that_fails_ends_its_own_connection_only() -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/early":
            raise RuntimeError
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        if scope["path"] == "/late":
            raise RuntimeError
        await send({"type": "websocket.close", "code": 4000, "reason": "done"})

    async with serving(application) as (_, at), connect(f"ws://{at}/fine") as fine:
        with pytest.raises(Exception, match=r"did not receive a valid HTTP response|connection closed"):
            await connect(f"ws://{at}/early")
        async with connect(f"ws://{at}/late") as late:
            await late.send("go")
            assert await end_of(late) == 1011
        await fine.send("go")
        assert await end_of(fine) == 4000
        assert fine.close_reason == "done"


async def test_a_request_that_cannot_be_told_is_cut_and_those_behind_it_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_path: str) -> str:
        raise RuntimeError

    heard = Heard()
    async with serving(heard) as (_, at):
        with monkeypatch.context() as patched:
            patched.setattr("sealroom.media.sockets.unquote", fail)
            with pytest.raises(InvalidMessage):
                await connect(f"ws://{at}/", open_timeout=5)
        async with connect(f"ws://{at}/") as line:
            await line.send("heard")
            await until(lambda: heard.messages == ["heard"])


async def test_a_request_may_be_refused_with_a_response_or_a_bare_403() -> None:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        if scope["path"] == "/closed":
            await send({"type": "websocket.close"})
            return
        headers = [(b"x-why", b"because"), (b"connection", b"keep-alive")]
        await send({"type": "websocket.http.response.start", "status": 418, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": b"no"})

    async with serving(application) as (_, at):
        with pytest.raises(InvalidStatus) as caught:
            await connect(f"ws://{at}/")
        response = caught.value.response
        assert (response.status_code, response.body, response.headers["x-why"]) == (418, b"no", "because")
        assert response.headers["connection"] == "close", "one request each"
        with pytest.raises(InvalidStatus) as caught:
            await connect(f"ws://{at}/closed")
        assert caught.value.response.status_code == 403


async def test_those_on_their_way_in_are_bounded_and_who_is_settled_does_not_count() -> None:
    heard = Heard()
    limits = LIMITS._replace(max_opening_per_address=2, header_seconds=1.5)
    async with serving(heard, limits) as (listener, at):
        lines = [await connect(f"ws://{at}/settled") for _ in range(5)]
        idle = [socket.create_connection((at.host, at.port)) for _ in range(2)]
        await until(lambda: listener.counted.accepted == 7)
        assert await asyncio.to_thread(_said_by, at) == b"", "cut at once"
        for one in idle:
            assert await asyncio.to_thread(one.recv, 1) == b"", "cut in its time"
        unknown = [await connect(f"ws://{at}/") for _ in range(2)]
        assert await asyncio.to_thread(_said_by, at) == b"", "nor beside who is connected and nobody knows"
        counted = listener.counted
        for stranger in unknown:
            await stranger.close()
        await until(lambda: len(heard.codes) == 2)
        async with connect(f"ws://{at}/"):
            pass
        for one in idle:
            one.close()
        for line in lines:
            await line.close()
    assert counted == Counted(accepted=11, turned_away=2, handshakes_failed=0)


async def test_a_handshake_that_does_not_end_is_cut_and_counted(tmp_path: Path) -> None:
    certificate = Certificate(*make_certificate(tmp_path, "localhost"), fakes.VirtualClock())
    async with serving(Heard(), LIMITS._replace(handshake_seconds=0.2), certificate) as (listener, at):
        reader, writer = await asyncio.open_connection(at.host, at.port)
        writer.write(b"\x16\x03\x01")
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        assert listener.counted.handshakes_failed == 1
        writer.close()


async def test_tls_is_resumed_and_speaks_nothing_old(tmp_path: Path) -> None:
    files = make_certificate(tmp_path, "localhost")
    certificate = Certificate(*files, fakes.VirtualClock())
    async with serving(Heard(), certificate=certificate) as (_, at):
        trusting = ssl.create_default_context(cafile=str(files[0]))

        def shake(session: ssl.SSLSession | None) -> tuple[str | None, bool, ssl.SSLSession | None]:
            with socket.create_connection((at.host, at.port), 5) as plain:
                plain.settimeout(5)
                with trusting.wrap_socket(plain, server_hostname="localhost", session=session) as wrapped:
                    wrapped.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                    version, reused = wrapped.version(), bool(wrapped.session_reused)
                    # A ticket comes behind the handshake.
                    wrapped.recv(1)
                    return version, reused, wrapped.session

        version, reused, session = await asyncio.to_thread(shake, None)
        assert (version, reused) == ("TLSv1.3", False)
        assert (await asyncio.to_thread(shake, session))[1]


async def test_a_certificate_that_cannot_be_served_is_said_at_the_start(tmp_path: Path) -> None:
    files = make_certificate(tmp_path, "localhost")
    certificate = Certificate(*files, fakes.VirtualClock())
    files[1].write_text("no key")
    listener = SocketListener(Heard(), ListenAddress("127.0.0.1", 0), LIMITS, certificate=certificate)
    with pytest.raises(ConfigurationError) as caught:
        await listener.start()
    assert caught.value.code == "configuration_certificate_unusable"
    await listener.stop()


async def test_the_end_lets_go_of_who_goes_and_cuts_who_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sealroom.media.sockets.STOP_SECONDS", 0.3)
    heard = Heard()
    async with serving(heard) as (listener, at):
        stays = await connect(f"ws://{at}/")
        await listener.stop()
        assert await end_of(stays) == 1006
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((at.host, at.port))
    assert heard.codes == [1006]


async def test_who_is_told_of_the_end_says_so_before_the_listener_is_gone() -> None:
    ending, codes = asyncio.Event(), []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await ending.wait()
        await send({"type": "websocket.send", "text": "the last"})
        await send({"type": "websocket.close", "code": 1001})
        codes.append((await receive())["code"])

    async with serving(application) as (listener, at), connect(f"ws://{at}/") as line:
        assert await listener.works()
        ending.set()
        await listener.stop()
        assert await line.recv() == "the last"
        assert await end_of(line) == 1001
        assert not await listener.works()
    assert codes == [1001], "its answer was waited for"
