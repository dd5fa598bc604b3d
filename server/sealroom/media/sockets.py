# SPDX-License-Identifier: Apache-2.0
"""Serves an ASGI application's WebSockets with the native module: TLS, HTTP and framing cost the event loop nothing.

Only plumbing: who may connect and what is said is the application's (ASGI 3.0, WebSocket specification 2.5). Each connection carries one
request; whatever asks for no WebSocket reaches the application as `http`, without its body.
"""

import asyncio
from collections import deque
from collections.abc import MutableMapping
from typing import Any, NamedTuple
from urllib.parse import unquote

import msgspec

from sealroom.core.errands import place_of
from sealroom.core.http.address import ListenAddress
from sealroom.core.http.connection import (
    ABORT,
    CLOSE_SECONDS,
    DIRECT,
    DISCONNECTED,
    HEADER_SECONDS,
    MAX_HEADER_BYTES,
    SETTLE,
    Direct,
)
from sealroom.core.http.listener import BACKLOG, HANDSHAKE_SECONDS, STOP_SECONDS, cannot_bind
from sealroom.core.http.proxy import Application
from sealroom.core.http.tls import Certificate, unusable
from sealroom.core.logging import get_logger
from sealroom.media import _engine

_FAILED = 1011
"""The close code of an application that failed (RFC 6455 section 7.4.1)."""
_LAST_SECONDS = 1.0
"""How long applications may take to end once their connections are gone."""
_log = get_logger()


class Limits(NamedTuple):
    """What connections may cost before anybody has judged them, and at their end."""

    max_message: int
    """Bytes. A larger message closes its connection with 1009."""
    max_opening: int
    """Connections of which the application has not said that they are settled, in all."""
    max_opening_per_address: int | None
    """The same of one address (IPv6: one /64); None where all come from proxies, whose address says nothing."""
    handshake_seconds: float = HANDSHAKE_SECONDS
    header_seconds: float = HEADER_SECONDS
    max_header: int = MAX_HEADER_BYTES
    close_seconds: float = CLOSE_SECONDS
    send_seconds: float = 10.0
    """How long a peer may take nothing while messages wait for it."""


class Counted(NamedTuple):
    """What came of connections before any of them was answered, since the start."""

    accepted: int
    turned_away: int
    """Cut at once: too many, in all or of their address, were on their way in."""
    handshakes_failed: int


class SocketListener:
    """Serves an ASGI application at one address."""

    def __init__(
        self, application: Application, listen: ListenAddress, limits: Limits, *, certificate: Certificate | None = None
    ) -> None:  # fmt: skip
        self._application = application
        self._listen = listen
        self._limits = limits
        self._certificate = certificate
        self._native: _engine.SocketListener | None = None
        self._open: dict[int, _Connection] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._all_gone = asyncio.Event()
        self._stopping = False

    async def start(self) -> ListenAddress:
        """Binds and serves; returns the address with the port that was taken.

        Raises:
            StartError: the address cannot be bound.
            ConfigurationError: the certificate cannot be served.
        """
        limits, certificate = self._limits, self._certificate
        settings = {
            "listen": str(self._listen),
            "backlog": BACKLOG,
            "handshake_seconds": limits.handshake_seconds,
            "header_seconds": limits.header_seconds,
            "max_header_bytes": limits.max_header,
            "max_message_bytes": limits.max_message,
            "close_seconds": limits.close_seconds,
            "send_seconds": limits.send_seconds,
            "max_opening": limits.max_opening,
            "max_opening_per_address": limits.max_opening_per_address,
        }
        try:
            native = _engine.SocketListener(
                msgspec.json.encode(settings), certificate.read() if certificate else None
            )
        except OSError as error:
            raise cannot_bind(self._listen, error) from error
        except ValueError as error:
            raise unusable() from error
        self._native = native
        asyncio.get_running_loop().add_reader(native.fileno(), self._drain)
        if certificate is not None:
            certificate.watch(native.set_certificate)
        return self._listen.with_port(native.address()[1])

    async def stop(self) -> None:
        """Takes no more connections, lets those there are end, and cuts what takes too long."""
        native = self._native
        if native is None or self._stopping:
            return
        self._stopping = True
        if self._certificate is not None:
            self._certificate.close()
        native.stop_accepting()
        if self._open:
            self._all_gone.clear()
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await self._all_gone.wait()
            except TimeoutError:
                _log.warning("connections_cut", count=len(self._open))
        asyncio.get_running_loop().remove_reader(native.fileno())
        await asyncio.to_thread(native.close)
        self._native = None
        for connection in self._open.values():
            connection.gone(DISCONNECTED)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_LAST_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def counted(self) -> Counted:
        """Counters of connections; zeros where it does not listen."""
        return Counted(0, 0, 0) if self._native is None else Counted(*self._native.counted())

    async def works(self) -> bool:
        """Whether it serves: False before it does, and once its thread has failed."""
        return self._native is not None and self._native.is_running()

    def _drain(self) -> None:
        if self._native is None:
            return
        for event in self._native.drain():
            try:
                self._take(event)
            except Exception as error:  # what waits behind this event must not be lost with it
                _log.error("connection_failed", error=type(error).__name__, place=place_of(error))
                if event[0] == _engine.ASKED:
                    # It would wait for an answer for ever.
                    event[2].cut()
        if not self._open:
            self._all_gone.set()

    def _take(self, event: tuple[Any, ...]) -> None:
        kind, number, *of_it = event
        if kind == _engine.ASKED:
            self._ask(*of_it)
            return
        connection = self._open.get(number)
        if connection is None:
            return
        if kind == _engine.MESSAGE:
            connection.came(of_it[0])
        elif kind == _engine.WRITABLE:
            connection.writable()
        else:
            del self._open[number]
            connection.gone(of_it[0])

    def _ask(
        self,
        native: _engine.SocketConnection,
        client: tuple[str, int],
        is_websocket: bool,
        method: str,
        path: str,
        query: str,
        headers: list[tuple[bytes, bytes]],
    ) -> None:
        first = {"type": "websocket.connect"} if is_websocket else {"type": "http.request"}
        connection = _Connection(native, first, self._limits.send_seconds)
        encrypted = self._certificate is not None
        scope: dict[str, Any] = {
            "asgi": {"version": "3.0", "spec_version": "2.5"},
            "http_version": "1.1",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": headers,
            "client": client,
            "server": None,
            "extensions": {
                ABORT: native.cut,
                SETTLE: native.settle,
                DIRECT: Direct(connection.say, connection.drained),
            },
        }
        if is_websocket:
            scope |= {"type": "websocket", "scheme": "wss" if encrypted else "ws", "subprotocols": []}
        else:
            scope |= {"type": "http", "scheme": "https" if encrypted else "http", "method": method}
        self._open[native.id] = connection
        task = asyncio.get_running_loop().create_task(self._serve(scope, connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, scope: dict[str, Any], connection: "_Connection") -> None:
        try:
            await self._application(scope, connection.receive, connection.send)
        except Exception as error:
            _log.error("request_failed", error=type(error).__name__, place=place_of(error))
        finally:
            connection.left()


class _Connection:
    """One connection as its application sees it."""

    __slots__ = (
        "_accepted", "_answer", "_arrival", "_asked", "_code", "_ended", "_first", "_inbox", "_native", "_patience", "_room",
    )  # fmt: skip

    def __init__(
        self, native: _engine.SocketConnection, first: MutableMapping[str, Any], patience: float
    ) -> None:
        self._native, self._first, self._patience = native, first, patience
        self._inbox: deque[str | bytes] = deque()
        self._arrival: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self._code: int | None = None
        """The close code; None while it is there."""
        self._answer: tuple[int, list[tuple[bytes, bytes]]] | None = None
        self._asked = self._accepted = self._ended = False

    # what the application calls

    async def receive(self) -> MutableMapping[str, Any]:
        """The next thing that the peer did. **One at a time.**"""
        if not self._asked:
            self._asked = True
            return self._first
        while not self._inbox:
            if self._code is not None:
                return {"type": "websocket.disconnect", "code": self._code, "reason": ""}
            self._arrival = asyncio.get_running_loop().create_future()
            await self._arrival
        message = self._inbox.popleft()
        self._native.took()
        return {"type": "websocket.receive", "text" if isinstance(message, str) else "bytes": message}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Does what the application says. Raises TimeoutError where nobody takes it. **What is said to who is gone is lost in silence**: the
        application hears of that as what it receives next, behind all that was received before."""
        match message["type"]:
            case "websocket.send":
                if self.say(message["text"]):
                    await self.drained()
            case "websocket.accept":
                self._accepted = True
                self._native.accept()
            case "websocket.close":
                self._end(int(message.get("code", 1000)), str(message.get("reason") or ""))
            case "http.response.start" | "websocket.http.response.start":
                self._answer = int(message["status"]), list(message.get("headers", ()))
            case "http.response.body" | "websocket.http.response.body" if self._answer is not None:
                status, headers = self._answer
                self._ended = True
                self._native.respond(status, headers, bytes(message.get("body", b"")))
            case other:
                raise ValueError(f"`{other}` is nothing that can be sent here")

    def say(self, text: str) -> bool:
        """Sends a text message; says whether `drained` should be waited for now. What is said to who is gone is lost in silence."""
        full = self._code is None and self._native.send(text)
        if full and (self._room is None or self._room.done()):
            # Here, not by whoever waits for it: there may be room again before he does.
            self._room = asyncio.get_running_loop().create_future()
        return full

    async def drained(self) -> None:
        """Returns when little waits to be sent. Raises TimeoutError where nobody takes it."""
        if self._room is not None:
            async with asyncio.timeout(self._patience):
                await self._room

    # what the native side tells

    def came(self, message: str | bytes) -> None:
        """A message came."""
        self._inbox.append(message)
        _wake(self._arrival)

    def writable(self) -> None:
        """Little waits to be sent."""
        _wake(self._room)

    def gone(self, code: int) -> None:
        """It is no more."""
        if self._code is None:
            self._code = code
        _wake(self._arrival)
        _wake(self._room)

    def left(self) -> None:
        """The application has ended, in order or not: so does the connection."""
        if self._ended or self._code is not None:
            return
        if self._accepted:
            self._end(_FAILED, "")
        else:
            self._native.cut()

    def _end(self, code: int, reason: str) -> None:
        self._ended = True
        if self._accepted:
            self._native.close(code, reason)
        else:
            self._native.respond(403, [], b"")


def _wake(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)
