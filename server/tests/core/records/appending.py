# SPDX-License-Identifier: Apache-2.0
"""A process that appends to a journal until it is killed, and prints the ids of what was acknowledged, line by line.

`python -m server.tests.core.records.appending FOLDER [FILE_BYTES COUNT | store]`: with a bound that the system sets to its files, so many
times; or with a store behind the journal.
"""

import asyncio
import resource
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sealroom.catalogue import Document
from sealroom.core.clock import SystemClock
from sealroom.core.records import RecordsUnavailable
from sealroom.core.records.journal import Bounds, Journal
from sealroom.core.records.journal.entries import Entries
from sealroom.core.records.sqlite import SqliteRecords
from sealroom.core.records.tally import Tally
from sealroom.core.records.writing import RecordWriter
from server.tests.core.records.samples import catalogue, note
from server.tests.core.records.shaky import MemoryKeys


class FixedKeys(MemoryKeys):
    """The same in every process."""

    def __init__(self) -> None:
        super().__init__()
        self._cipher = AESGCM(b"k" * 32)


async def _append(folder: Path, count: int) -> None:
    journal = Journal(folder, "sg", Entries(catalogue()), FixedKeys(), SystemClock(), Bounds(), Tally())
    await journal.open()
    await _print_acknowledged(journal.append, count)
    await journal.close()


async def _write(folder: Path) -> None:
    records = SqliteRecords(folder / "records.db", catalogue(), "sg")
    await records.prepare()
    bounds = Bounds(segment_bytes=50_000)
    async with RecordWriter(
        folder / "journal", "sg", catalogue(), records, FixedKeys(), SystemClock(), bounds
    ) as writer:
        await _print_acknowledged(writer.put_durable, 10**9)


async def _print_acknowledged(put: Callable[[list[Document]], Awaitable[None]], count: int) -> None:
    for number in range(count):
        try:
            await put([note(number, "x" * 1000)])
            print(note(number).id, flush=True)
        except RecordsUnavailable as refused:
            print(refused.code, flush=True)


if __name__ == "__main__":
    if sys.argv[2:] == ["store"]:
        asyncio.run(_write(Path(sys.argv[1])))
    if len(sys.argv) > 3:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
    asyncio.run(_append(Path(sys.argv[1]), int(sys.argv[3]) if len(sys.argv) > 3 else 10**9))
