# SPDX-License-Identifier: Apache-2.0
"""Tells systemd how the process is doing (sd_notify(3)): a datagram to the socket it names. Elsewhere nobody is told, and nothing fails."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

SHARE = 3
"""The watchdog is fed so many times in the time it allows."""


class Supervisor:
    """Who started this process, where that is systemd."""

    def __init__(self, environment: Mapping[str, str], process: int) -> None:
        """`process` is this one's number: a watchdog that was meant for the parent is not fed by the child."""
        self._socket = environment.get("NOTIFY_SOCKET", "")
        meant = environment.get("WATCHDOG_PID", str(process)) == str(process)
        microseconds = environment.get("WATCHDOG_USEC", "") if meant else ""
        self.watchdog_seconds = int(microseconds) / 1e6 if microseconds.isdecimal() else 0.0
        """After so much silence systemd takes the process for hung; 0: it does not watch."""

    def ready(self) -> None:
        """Calls are taken."""
        self._tell("READY=1", "STATUS=serving")

    def stopping(self, seconds: float) -> None:
        """The end has begun, and takes `seconds` at most, whatever TimeoutStopSec says."""
        self._tell("STOPPING=1", "STATUS=draining", f"EXTEND_TIMEOUT_USEC={round(seconds * 1e6)}")

    @asynccontextmanager
    async def fed(self) -> AsyncIterator[None]:
        """Feeds the watchdog while the loop turns."""
        task = asyncio.get_running_loop().create_task(self._feed()) if self.watchdog_seconds else None
        try:
            yield
        finally:
            if task is not None:
                task.cancel()
                await asyncio.wait({task})

    async def _feed(self) -> None:
        while True:
            self._tell("WATCHDOG=1")
            await asyncio.sleep(self.watchdog_seconds / SHARE)

    def _tell(self, *lines: str) -> None:
        if not self._socket.startswith(("/", "@")):
            return
        # A leading @ stands for the zero byte of an abstract name.
        address = f"\0{self._socket[1:]}" if self._socket[0] == "@" else self._socket
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.connect(address)
            out.sendall("\n".join(lines).encode())
