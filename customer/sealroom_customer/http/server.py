# SPDX-License-Identifier: Apache-2.0
"""Runs one ASGI application on one listener until told to stop."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sealroom_customer.errors import StartError
from sealroom_customer.http.asgi import App
from sealroom_customer.http.listen import Certificate, Listening, bind
from sealroom_customer.http.proxies import BehindProxy
from sealroom_customer.logging import get_logger

MAX_WEBSOCKET_BYTES = 64 * 1024
"""The library's own limit, above that of every endpoint, so that endpoints can answer why."""
_REQUEST_SECONDS = 10.0
"""For a whole request, head and body. Lower sheds slow floods sooner; phones on bad lines need some."""
_MAX_REQUEST_BYTES = 128 * 1024
"""Head and body of one request; endpoints take far less."""
_SHUTDOWN_SECONDS = 3
_WATCH_SECONDS = 5.0


class _BoundedProtocol(HttpToolsProtocol):
    """Drops a connection whose request is not complete in time or whose head has no end; the library alone would wait."""

    _limit: asyncio.TimerHandle | None = None
    _bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The time runs from the first moment on."""
        super().connection_made(transport)
        self._start()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is left to drop."""
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Counts until a request is complete."""
        self._bytes += len(data)
        if self._bytes > _MAX_REQUEST_BYTES:
            self.transport.abort()
            return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Each request on a kept connection has its own time."""
        self._start()
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """The request is here."""
        self._bytes = 0
        self._stop()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """WebSockets have limits of their own."""
        self._stop()
        super().handle_websocket_upgrade()

    def _start(self) -> None:
        self._stop()
        self._limit = self.loop.call_later(_REQUEST_SECONDS, self.transport.abort)

    def _stop(self) -> None:
        if self._limit is not None:
            self._limit.cancel()


class _Server(uvicorn.Server):
    """uvicorn without signal handlers: the process decides when it ends."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals alone."""
        yield


@asynccontextmanager
async def serving(
    app: App,
    listening: Listening,
    sockets: list[socket.socket],
    *,
    max_message: int = MAX_WEBSOCKET_BYTES,
) -> AsyncIterator[None]:
    """Serves on sockets of `bind` while inside; on leaving, lines get `_SHUTDOWN_SECONDS` to close.

    `max_message` bounds a WebSocket message, in bytes; a larger one closes its line with 1009.

    Raises:
        ConfigurationError, StartError: the listener's rules are not kept, or its certificate cannot be used.
    """
    listening.check()
    certificate = None
    if listening.certificate is not None and listening.key is not None:
        certificate = Certificate(listening.certificate, listening.key)
    if listening.behind_proxy:
        app = BehindProxy(app, listening.behind_proxy)
    config = uvicorn.Config(
        app,
        loop="none",
        http=_BoundedProtocol,
        ws="websockets-sansio",
        ws_max_size=max_message,
        ws_ping_interval=None,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=True,
        timeout_keep_alive=10,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        ssl_certfile=str(listening.certificate) if listening.certificate else None,
        ssl_keyfile=str(listening.key) if listening.key else None,
    )
    config.load()
    if certificate is not None:
        config.ssl = certificate.context
    server = _Server(config)
    tasks = [asyncio.create_task(server.serve(sockets))]
    if certificate is not None:
        tasks.append(asyncio.create_task(_watch(certificate)))
    try:
        await _until_started(server, tasks[0])
        yield
    finally:
        server.should_exit = True
        for task in tasks[1:]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _until_started(server: uvicorn.Server, run: "asyncio.Task[None]") -> None:
    while not server.started:
        if run.done():
            raise StartError("server_ended", "The HTTP server did not start.", "See the lines above.")
        await asyncio.sleep(0.005)


async def _watch(certificate: Certificate) -> None:
    while True:
        await asyncio.sleep(_WATCH_SECONDS)
        loaded = certificate.reload()
        if loaded is not None:
            get_logger().info("certificate_reloaded" if loaded else "certificate_unusable")


def bound(listening: Listening) -> tuple[list[socket.socket], int]:
    """Checks the rules, binds, and says which port it became."""
    listening.check()
    sockets = bind(listening)
    return sockets, int(sockets[0].getsockname()[1])
