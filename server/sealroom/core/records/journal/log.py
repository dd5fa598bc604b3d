# SPDX-License-Identifier: Apache-2.0
"""The journal's face: `append` returns once the documents survive whatever kills the process.

**`append` either returns, or raises and has acknowledged nothing.** What it refused is counted; who called may tell it again.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sealroom.catalogue import Document
from sealroom.core.clock import Clock
from sealroom.core.errors import OperatorError, StartError
from sealroom.core.grouping import Grouped
from sealroom.core.logging import get_logger
from sealroom.core.records.journal.entries import Entries
from sealroom.core.records.journal.segment import (
    MAX_FRAME_BYTES,
    SegmentKeys,
    SegmentWriter,
    finish_shredding,
    made_of,
    new_header,
    shred,
)
from sealroom.core.records.port import RecordsUnavailable
from sealroom.core.records.tally import Tally

R = TypeVar("R")
SUFFIX = ".journal"
_HALF = 0.5
"""How near its bounds a file is when the next one is made, so that nobody waits for a new file."""
_GROUP = 256
"""Calls of `append` that share one fsync."""
_log = get_logger()


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large the journal may become."""

    total_bytes: int = 1024**3
    """On disk, dead letters included. Higher bridges a longer outage of the store."""
    segment_bytes: int = 8 * 1024**2
    """A file beyond it is closed. Lower frees disk sooner and makes more files."""
    segment_seconds: float = 10.0
    """An older file is closed, and goes when it was shipped. Lower keeps personal data on this disk for less time."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A file of the journal. `made`: when it was begun (Unix milliseconds; 0 where nobody can tell). `committed`: how far it may
    be read while it is written; None: closed."""

    number: int
    path: Path
    made: int
    committed: int | None


class Journal:
    """Segments in one folder, written by this process alone. The shipper reads them and removes them."""

    def __init__(
        self, folder: Path, site: str, entries: Entries, keys: SegmentKeys, clock: Clock, bounds: Bounds, tally: Tally
    ) -> None:  # fmt: skip
        self.folder, self.site, self.keys = folder, site, keys
        self._entries, self._clock, self.bounds, self._tally = entries, clock, bounds, tally
        self.committed = asyncio.Event()
        """Set when there is something new to read; the shipper clears it."""
        self._thread = ThreadPoolExecutor(1, "journal")
        self._aside = ThreadPoolExecutor(1, "journal-files")
        self._commits = Grouped(self._commit, _GROUP)
        self._turn = asyncio.Lock()
        self._writer: SegmentWriter | None = None
        self._closing: dict[int, tuple[SegmentWriter, asyncio.Task[None]]] = {}
        self._spare: asyncio.Task[SegmentWriter] | None = None
        self._opened_at = 0.0
        self._next = 1
        self._newest = 0
        self._closed: dict[int, Segment] = {}
        self._sizes: dict[Path, int] = {}
        self._waiting_bytes = 0

    async def open(self) -> None:
        """Finds what an earlier process left. Raises StartError where the folder cannot be used."""
        try:
            await self._in_thread(self._find)
        except OSError as error:
            raise StartError(
                "journal_unusable",
                f"{self.folder} cannot be used: {error.strerror}.",
                "Check its permissions and free space.",
            ) from error

    @property
    def size(self) -> int:
        """Bytes on disk, as far as this process knows."""
        open_bytes = self._writer.size if self._writer else 0
        return sum(self._sizes.values()) + sum(one.size for one, _ in self._closing.values()) + open_bytes

    def account(self, path: Path, size: int | None) -> None:
        """Counts a file of dead letters into the bound, or None: no more."""
        if size is None:
            self._sizes.pop(path, None)
        else:
            self._sizes[path] = size

    def has_room(self, size: int) -> bool:
        """Whether so many bytes more are within the bound."""
        return self.size + self._waiting_bytes + size <= self.bounds.total_bytes

    async def append(self, documents: Sequence[Document]) -> None:
        """Returns when they are on the disk, at the latest 50 ms after the fsync before.

        Raises:
            RecordsUnavailable: `journal_full`, `journal_unwritable` or `journal_no_key`: they are not acknowledged.
            Undeclared: a kind that is not declared as durable.
        """
        payloads = self._entries.pack(documents)
        size = sum(map(len, payloads))
        if any(len(payload) > MAX_FRAME_BYTES // 2 for payload in payloads):
            raise ValueError("documents of several megabytes are no records")
        if not payloads:
            return
        if not self.has_room(size):
            raise self._refused(len(documents), "full", "The journal has reached its bound.")
        self._waiting_bytes += size
        try:
            await self._commits.do(payloads)
        except OSError:
            raise self._refused(
                len(documents), "unwritable", "The journal's disk takes nothing now."
            ) from None
        except OperatorError:
            raise self._refused(
                len(documents), "no_key", "The journal's keys cannot be wrapped now."
            ) from None
        finally:
            self._waiting_bytes -= size
        self._tally.journalled += len(documents)

    def segments(self) -> list[Segment]:
        """Every file that the store has not confirmed, oldest first."""
        found = dict(self._closed)
        written = [one for one, _ in self._closing.values()] + ([self._writer] if self._writer else [])
        for writer in written:
            header = writer.opened.header
            found[header.number] = Segment(header.number, writer.path, header.made, writer.size)
        return [found[number] for number in sorted(found)]

    async def rotate(self, *, older_than: float = 0.0) -> int:
        """Closes the file that is written, if it is that old (seconds); returns the number of the newest closed one."""
        async with self._turn:
            if self._writer is not None and self._clock.monotonic() - self._opened_at >= older_than:
                self._close_segment()
                # Whoever uses it later would find it begun long ago.
                await self._discard_spare()
        await asyncio.gather(*(task for _, task in self._closing.values()))
        return self._newest - (self._writer is not None)

    async def remove(self, segment: Segment) -> None:
        """Removes a closed file for good. Raises OSError."""
        await self._in_thread(lambda: shred(segment.path), self._aside)
        self._closed.pop(segment.number, None)
        self._sizes.pop(segment.path, None)

    async def close(self) -> None:
        """Writes what waits, and closes the file in order."""
        await self._commits.settle()
        await self.rotate()
        await self._discard_spare()
        self._thread.shutdown()
        self._aside.shutdown()

    def _refused(self, count: int, reason: str, sentence: str) -> RecordsUnavailable:
        self._tally.refused[reason] += count
        _log.warning("journal_refused", reason=reason, count=count)
        return RecordsUnavailable(f"journal_{reason}", sentence)

    async def _commit(self, group: Sequence[Sequence[bytes]]) -> Sequence[None]:
        payloads = [payload for one in group for payload in one]
        async with self._turn:
            writer = await self._writer_now()
            try:
                await self._in_thread(lambda: writer.add(payloads))
            except OSError:
                # Behind a failure nothing is certain about the end of the file: it stays as it is, and another begins.
                writer.abandon()
                self._writer = None
                self._set_aside(writer)
                raise
        self.committed.set()
        return [None for _ in group]

    async def _writer_now(self) -> SegmentWriter:
        """The file to write to: the present one, or where it has reached a bound the next, which was made meanwhile."""
        if self._writer is not None:
            used = self._used(self._writer)
            if used >= 1:
                self._close_segment()
            elif used >= _HALF and self._spare is None:
                self._spare = asyncio.get_running_loop().create_task(self._new_segment())
        if self._writer is None:
            made, self._spare = self._spare, None
            self._writer = await (made if made is not None else self._new_segment())
            self._newest, self._opened_at = self._writer.opened.header.number, self._clock.monotonic()
        return self._writer

    def _used(self, writer: SegmentWriter) -> float:
        """How near a file is to its bounds; 1: it has reached one."""
        age = (self._clock.monotonic() - self._opened_at) / self.bounds.segment_seconds
        return max(age, writer.size / self.bounds.segment_bytes)

    async def _new_segment(self) -> SegmentWriter:
        number, self._next = self._next, self._next + 1
        octets, opened = await new_header(self.keys, self.site, number, int(self._clock.unix() * 1000))
        path = self.folder / f"{number:016}{SUFFIX}"
        return await self._in_thread(lambda: SegmentWriter(path, octets, opened), self._aside)

    async def _discard_spare(self) -> None:
        made, self._spare = self._spare, None
        if made is None:
            return
        try:
            writer = await made
            writer.abandon()
            await self._in_thread(lambda: shred(writer.path), self._aside)
        except (OSError, OperatorError) as error:
            _log.warning("journal_spare_lost", error=type(error).__name__)

    def _close_segment(self) -> None:
        """Ends the present file beside whoever writes to the next: its end needs a sync that nobody waits for."""
        writer, self._writer = self._writer, None
        if writer is not None:
            closing = asyncio.get_running_loop().create_task(self._finish(writer))
            self._closing[writer.opened.header.number] = writer, closing

    async def _finish(self, writer: SegmentWriter) -> None:
        try:
            await self._in_thread(writer.finish, self._aside)
        except OSError:
            # All that was acknowledged is in it. Only its end is missing.
            _log.warning("journal_not_closed", reason="unwritable")
        finally:
            # Also for who is cancelled here: the thread goes on, and a file that is closed twice may be somebody else's the second time.
            self._set_aside(writer)
            self._closing.pop(writer.opened.header.number, None)

    def _set_aside(self, writer: SegmentWriter) -> None:
        header = writer.opened.header
        self._closed[header.number] = Segment(header.number, writer.path, header.made, None)
        self._sizes[writer.path] = writer.size
        self.committed.set()

    def _find(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            name = path.name.removesuffix(SUFFIX)
            if not name.isdecimal():
                # Somebody else's: a file that was put there keeps nobody from what the journal holds.
                continue
            if finish_shredding(path):
                # All of it was in the store, and its key is gone: nothing is lost with it.
                continue
            number = int(name)
            self._closed[number] = Segment(number, path, made_of(path), None)
            self._sizes[path] = path.stat().st_size
            self._next, self._newest = max(self._next, number + 1), max(self._newest, number)

    async def _in_thread(self, work: Callable[[], R], thread: ThreadPoolExecutor | None = None) -> R:
        return await asyncio.get_running_loop().run_in_executor(thread or self._thread, work)
