# SPDX-License-Identifier: Apache-2.0
"""One listening address for HTTP: uvicorn's protocol on a server of our own, so that handshakes have a time-out too."""

import asyncio
import errno
from email.utils import formatdate
from typing import Any

from uvicorn.config import Config
from uvicorn.server import ServerState

from sealroom.core.clock import Clock, Timer
from sealroom.core.errors import StartError
from sealroom.core.http.address import ListenAddress
from sealroom.core.http.connection import HttpConnection
from sealroom.core.http.crowd import Crowd
from sealroom.core.http.proxy import Application
from sealroom.core.http.tls import Certificate

HANDSHAKE_SECONDS = 5.0
"""A TLS handshake that takes longer is cut."""
KEEP_ALIVE_SECONDS = 10
BACKLOG = 1024
STOP_SECONDS = 5.0
"""How long connections may take to end before they are cut."""


class Listener:
    """Serves an ASGI application at one address."""

    def __init__(
        self,
        application: Application,
        listen: ListenAddress,
        clock: Clock,
        *,
        certificate: Certificate | None = None,
        crowd: Crowd | None = None,
    ) -> None:
        """`crowd` bounds connections, where the application does not."""
        self._crowd = crowd
        self._listen = listen
        self._clock = clock
        self._certificate = certificate
        self._state = ServerState()
        self._date: Timer | None = None
        self._server: asyncio.Server | None = None
        config: Any = application
        self._config = Config(
            config,
            http=HttpConnection,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )

    async def start(self) -> ListenAddress:
        """Binds and serves; returns the address with the port that was taken.

        Raises:
            StartError: the address cannot be bound.
        """
        self._config.load()
        self._tell_date()
        loop = asyncio.get_running_loop()
        context = self._certificate.context if self._certificate else None
        try:
            self._server = await loop.create_server(
                lambda: HttpConnection(self._config, self._state, {}, crowd=self._crowd),
                self._listen.host,
                self._listen.port,
                ssl=context,
                ssl_handshake_timeout=HANDSHAKE_SECONDS if context else None,
                backlog=BACKLOG,
            )
        except OSError as error:
            raise cannot_bind(self._listen, error) from error
        if self._certificate:
            self._certificate.watch()
        return self._listen.with_port(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Takes no more connections, lets those there are end, and cuts what takes too long."""
        if self._server is None:
            return
        self._server.close()
        if self._certificate:
            self._certificate.close()
        if self._date:
            self._date.cancel()
        for connection in list(self._state.connections):
            connection.shutdown()
        tasks = set(self._state.tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_SECONDS)
        for connection in list(self._state.connections):
            connection.transport.abort()
        for task in list(self._state.tasks):
            task.cancel()
        await asyncio.gather(*self._state.tasks, return_exceptions=True)

    def _tell_date(self) -> None:
        self._state.default_headers = [(b"date", formatdate(self._clock.unix(), usegmt=True).encode())]
        self._date = self._clock.call_later(1.0, self._tell_date)


def cannot_bind(listen: ListenAddress, error: OSError) -> StartError:
    """Why nothing listens there."""
    if error.errno == errno.EADDRINUSE:
        return StartError(
            "port_taken",
            f"{listen} is in use.",
            "End what uses it, or choose another port (0 takes any free one).",
        )
    return StartError(
        "cannot_listen", f"{listen} cannot be bound: {error.strerror}.", "Choose another address."
    )
