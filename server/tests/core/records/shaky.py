# SPDX-License-Identifier: Apache-2.0
"""A store that fails when a test says so, and keys of segments without an installation around them."""

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sealroom.catalogue import Document
from sealroom.core.errors import OperatorError
from sealroom.core.records import DocumentsRefused, RecordsUnavailable
from sealroom.core.records.sqlite import SqliteRecords
from server.tests.fakes import VirtualClock


class MemoryKeys:
    """Wraps with a key in memory, by the rules of the envelope encryption: bound to purpose and place."""

    def __init__(self) -> None:
        self._cipher = AESGCM(AESGCM.generate_key(256))
        self.gone = False

    async def encrypt(self, purpose: str, context: tuple[str, ...], plaintext: bytes) -> bytes:
        self._ask()
        nonce = secrets.token_bytes(12)
        return nonce + self._cipher.encrypt(nonce, plaintext, repr((purpose, context)).encode())

    async def decrypt(self, purpose: str, context: tuple[str, ...], value: bytes) -> bytes:
        self._ask()
        try:
            return self._cipher.decrypt(value[:12], value[12:], repr((purpose, context)).encode())
        except InvalidTag:
            raise OperatorError("sealed_value_damaged", "Not as written.", "Restore it.") from None

    def _ask(self) -> None:
        if self.gone:
            raise OperatorError("master_key_missing", "The master key is not there.", "Restore it.")


class ShakyRecords(SqliteRecords):
    """A real store behind a line that breaks: gone, slow, or refusing some documents."""

    gone = False
    stopped = False
    """Takes a call and does not answer until it is gone or goes on."""
    poison: Callable[[Document], bool] = staticmethod(lambda _document: False)
    written: int = 0
    """Documents of calls that were confirmed, those of repeated ones again."""
    lose_answer = False
    """The next write is done, and the line breaks before the answer."""

    async def write(self, documents: Sequence[Document], *, wait: bool = False) -> None:
        while self.stopped and not self.gone:  # noqa: ASYNC110 - the test turns either, whenever it likes
            await asyncio.sleep(0.001)
        if self.gone:
            raise RecordsUnavailable("store_gone", "As the test wants it.")
        refused = {at: "mapping" for at, one in enumerate(documents) if self.poison(one)}
        taken = [one for at, one in enumerate(documents) if at not in refused]
        await super().write(taken, wait=wait)
        if self.lose_answer:
            self.lose_answer = False
            raise RecordsUnavailable("store_gone", "The answer was lost.")
        self.written += len(taken)
        if refused:
            raise DocumentsRefused(refused)


def everything_in(folder: Path) -> bytes:
    """What lies on the disk below a folder. A server may take files away meanwhile."""
    found = []
    for path in sorted(folder.rglob("*")):
        with contextlib.suppress(FileNotFoundError):
            if path.is_file():
                found.append(path.read_bytes())
    return b"".join(found)


async def until(condition: Callable[[], bool], clock: VirtualClock | None = None) -> None:
    """Turns the clock until something is so. Threads need real moments too; what never becomes so fails after a while."""
    async with asyncio.timeout(20):
        while not condition():
            if clock is not None:
                clock.advance(0.1)
            await asyncio.sleep(0.001)
