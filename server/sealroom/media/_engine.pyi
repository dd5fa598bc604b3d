# SPDX-License-Identifier: Apache-2.0
"""The operator's native module: the media engine (JSON in and out, at control rate), and WebSocket connections (events as tuples)."""

from typing import Any, Final, final

__all__ = [
    "ASKED",
    "CLOSED",
    "FACE",
    "MESSAGE",
    "WRITABLE",
    "Engine",
    "EngineError",
    "SocketConnection",
    "SocketListener",
]

FACE: Final[int]
"""Version of this boundary; `engine.py` compares it before it starts."""

class EngineError(Exception):
    """The engine did not do it; the text begins with a stable code."""

@final
class Engine:
    """One media engine: a thread with its sockets."""

    def __new__(cls, config: bytes) -> Engine:
        """Starts an engine with `EngineConfig` as JSON; raises ValueError for bad settings, EngineError else."""
    def addresses(self) -> list[tuple[str, int]]:
        """The addresses that media is taken on."""
    @property
    def fingerprint(self) -> str:
        """SHA-256 fingerprint of the DTLS certificate, as SDP writes it."""
    def fileno(self) -> int:
        """A descriptor that is readable while events wait."""
    def send(self, command: bytes) -> None:
        """Queues a command; raises ValueError if it cannot be read, EngineError if too many wait."""
    def drain(self) -> list[bytes]:
        """Takes all events that wait."""
    def load(self) -> tuple[float, int, int, int]:
        """CPU seconds of the thread; datagrams unsent for a full buffer, unsent for another reason, thrown away unread."""
    def close(self) -> None:
        """Stops and joins the thread. A second call does nothing."""

ASKED: Final[int]
"""(ASKED, id, connection, (ip, port), whether a WebSocket can be made of it, method, path, query, headers)."""
MESSAGE: Final[int]
"""(MESSAGE, id, str or bytes)."""
WRITABLE: Final[int]
"""(WRITABLE, id)."""
CLOSED: Final[int]
"""(CLOSED, id, close code): the last of a connection."""

@final
class SocketListener:
    """A listening address: a thread with its connections."""

    def __new__(cls, settings: bytes, certificate: tuple[bytes, bytes] | None = None) -> SocketListener:
        """Binds and serves with `wss::Settings` as JSON, with TLS where there are certificate and key (PEM); raises OSError where the
        address cannot be bound, ValueError for what cannot be read or served."""
    def address(self) -> tuple[str, int]:
        """The address, with the port that was taken."""
    def fileno(self) -> int:
        """A descriptor that is readable while events wait."""
    def drain(self) -> list[tuple[Any, ...]]:
        """Takes all events that wait: each begins with its kind and its connection's id."""
    def set_certificate(self, certificates: bytes, key: bytes) -> None:
        """Serves another certificate (PEM) from now on; raises ValueError where it cannot be served."""
    def counted(self) -> tuple[int, int, int]:
        """Connections accepted, turned away at once, handshakes that failed."""
    def is_running(self) -> bool:
        """Whether its thread runs."""
    def stop_accepting(self) -> None:
        """Accepts nobody more, and frees the address."""
    def close(self) -> None:
        """Cuts every connection and ends the thread. A second call does nothing."""

@final
class SocketConnection:
    """One connection. Nothing here waits; what comes too late is ignored."""

    @property
    def id(self) -> int:
        """The number that its events carry."""
    def accept(self) -> None:
        """Makes it a WebSocket."""
    def respond(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """Answers with an HTTP response, which ends it."""
    def send(self, text: str) -> bool:
        """Sends a text message; says whether so much waits that `WRITABLE` should be waited for."""
    def took(self) -> None:
        """Says that a message was taken: another may come."""
    def settle(self) -> None:
        """Counts it no longer among those on their way in: it is known who it is."""
    def close(self, code: int, reason: str) -> None:
        """Ends the WebSocket in order, behind what waits."""
    def cut(self) -> None:
        """Cuts it, without sending what waits."""
