# SPDX-License-Identifier: Apache-2.0
"""The bots of the demo room, in a process of their own, and the live line that they report."""

import asyncio
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

_STOP_SECONDS = 5.0
_LINES_APART = 10
"""Without a terminal that can be written over, one report of so many is printed."""


class LiveLine:
    """One line that stays at the bottom of a terminal; elsewhere a line now and then."""

    def __init__(self, write: Callable[[str], None], terminal: bool) -> None:
        self._write, self._terminal, self._told = write, terminal, 0

    def show(self, text: str) -> None:
        """Takes the place of the line before."""
        if self._terminal:
            self._write(f"\r\x1b[K{text}")
        elif self._told % _LINES_APART == 0:
            self._write(text + "\n")
        self._told += 1

    def end(self) -> None:
        """What is written next gets a line of its own."""
        if self._terminal and self._told:
            self._write("\n")


async def keep(page: str, room: str, count: int, live: LiveLine, authority_file: Path | None = None) -> None:
    """Runs the bots until cancelled, and shows what they report. They trust the certificates of `authority_file` (PEM), by
    default those that the system does.

    They are a process of their own, so that their encoders keep nobody from his keys, and enter as anybody does: with tokens
    that they ask of the page's backend.
    """
    # Named as OpenSSL reads it: what the bots connect with need not know of it.
    trust = {} if authority_file is None else {"SSL_CERT_FILE": str(authority_file)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sealroom_customer", "bot", "--page", page, "--room", room, "--count", str(count), "--json",
        stdout=asyncio.subprocess.PIPE, env=os.environ | trust,
    )  # fmt: skip
    # Not at the top: it needs the extra that `bots.available` asks for.
    from sealroom_customer.bots.run import Report, line

    try:
        while process.stdout is not None and (text := await process.stdout.readline()):
            # Logs of the bots may stand between reports.
            with suppress(msgspec.DecodeError):
                live.show("live       " + line(msgspec.json.decode(text, type=Report)))
        await process.wait()
        live.show("live       the bots ended; see above")
    finally:
        live.end()
        if process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(_STOP_SECONDS):
                    await process.wait()
            except TimeoutError:
                process.kill()
