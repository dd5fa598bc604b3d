# SPDX-License-Identifier: Apache-2.0
"""The media engine's native module: one class, JSON in and out, at control rate."""

from typing import Final, final

__all__ = ["FACE", "Engine", "EngineError"]

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
