# SPDX-License-Identifier: Apache-2.0
"""uvicorn's HTTP with the limits it lacks, time and size of a request header; and what connections of every listener have in common."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from sealroom.core.http.crowd import Crowd

HEADER_SECONDS = 5.0
"""From the first byte that may be of a request to the end of its header. Slow senders are cut then."""
MAX_HEADER_BYTES = 16 * 1024
"""A browser's request with its cookies is some 2 kB."""
CLOSE_SECONDS = 2.0
"""How long a peer may take to answer our close frame."""

ABORT = "sealroom.abort"
"""ASGI extension: a callable that cuts the connection without sending what waits."""
SETTLE = "sealroom.settle"
"""ASGI extension: a callable that says that it is known whose connection this is, so that it counts no longer among those on their way in."""
DIRECT = "sealroom.direct"
"""ASGI extension: a `Direct`."""
DISCONNECTED = 1006
"""The close code of a connection that broke (RFC 6455 section 7.4.1)."""


class Direct(NamedTuple):
    """A way to send to a WebSocket without waiting, in one order with what is sent as ASGI has it."""

    send: Callable[[str], bool]
    """Sends a text message; says whether so much waits now that nothing more should be sent before `drained`. What is sent to who is gone is
    lost in silence."""
    drained: Callable[[], Awaitable[None]]
    """Returns when little waits. Raises TimeoutError where nobody takes it."""


class HttpConnection(HttpToolsProtocol):
    """An HTTP connection that must bring its header in time."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        crowd: Crowd | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._crowd, self._counted = crowd, ""
        self._header_timer: asyncio.TimerHandle | None = None
        self._header_bytes = 0
        self._in_header = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection without a request is given the same time; one too many is cut."""
        super().connection_made(transport)
        if self._crowd is not None:
            peer = transport.get_extra_info("peername")
            address = str(peer[0]) if peer else "unknown"
            if not self._crowd.admit(address):
                transport.abort()
                return
            self._counted = address
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._stop_timer()
        if self._crowd is not None and self._counted:
            self._crowd.leave(self._counted)
            self._counted = ""
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Counts what comes before the end of a header. Taken piece by piece: one read may bring a whole header far too long."""
        for start in range(0, len(data), MAX_HEADER_BYTES):
            if self.transport.is_closing():
                return
            self._take(data[start : start + MAX_HEADER_BYTES])

    def _take(self, piece: bytes) -> None:
        if self._in_header:
            self._start_timer()
            self._header_bytes += len(piece)
        super().data_received(piece)
        if self._in_header and self._header_bytes >= MAX_HEADER_BYTES:
            self.transport.abort()

    def on_headers_complete(self) -> None:
        """The header is whole."""
        self._in_header = False
        self._stop_timer()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The next byte is of the next request."""
        super().on_message_complete()
        self._in_header = True
        self._header_bytes = 0

    def _unsupported_upgrade_warning(self) -> None:
        """uvicorn writes two lines of log for it, as often as somebody asks. Who asks reads in the answer what is served here."""

    def _start_timer(self) -> None:
        if self._header_timer is None:
            self._header_timer = self.loop.call_later(HEADER_SECONDS, self.transport.abort)

    def _stop_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None


def client_address(scope: Any) -> str:
    """The address of the client, or '' where there is none."""
    client = scope.get("client")
    return str(client[0]) if client else ""
