# SPDX-License-Identifier: Apache-2.0
"""Takes the journal to the store. **A segment goes only after the store confirmed all of it**; delivered twice, a document is there once."""

import asyncio
import contextlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from sealroom.catalogue import Document
from sealroom.core.clock import Clock
from sealroom.core.errands import place_of
from sealroom.core.errors import OperatorError
from sealroom.core.logging import get_logger
from sealroom.core.records.journal.dead import DeadLetters
from sealroom.core.records.journal.entries import Entries, Entry, Unreadable
from sealroom.core.records.journal.log import Journal, Segment
from sealroom.core.records.journal.reading import SegmentReader
from sealroom.core.records.journal.segment import SegmentDamaged, SegmentTorn
from sealroom.core.records.journal.what import KEPT_DAYS
from sealroom.core.records.port import DocumentsRefused, Records, RecordsUnavailable
from sealroom.core.records.tally import Standing, Tally
from sealroom.core.state import write_private
from sealroom.core.traces import OFF, SpanName, Traces

BULK = 1_000
"""Documents written together. More are cheaper each, and more is written again after a failure."""
FIRST_DELAY, LAST_DELAY = 0.25, 30.0
"""Seconds until the store is tried again: doubled with each failure, and half of it by chance, so that processes do not come together."""
IDLE_SECONDS = 2.0
"""How often old files are looked for while nothing is written."""
APART_SECONDS = 0.2
"""How far apart rounds begin while there is something to ship, unless somebody waits for it. Longer makes larger bulks and shows
documents later."""
POSITION_SECONDS = 1.0
"""How often it is written down how far a file was shipped. Seldom: more is shipped twice after a kill."""
_POSITION = "position"
_DAY_MS = 86_400_000
_log = get_logger()


@dataclass
class _Bulk:
    """What is written to the store together, and how far the segment is shipped with it."""

    documents: list[Document] = field(default_factory=list)
    dead: list[Entry] = field(default_factory=list)
    shipped: int = 0


class Shipper:
    """One task that reads segments and writes to the store."""

    def __init__(
        self, journal: Journal, entries: Entries, dead: DeadLetters, records: Records, clock: Clock, tally: Tally, chance: random.Random,
        traces: Traces = OFF,
    ) -> None:  # fmt: skip
        self._journal, self._entries, self._dead, self._records = journal, entries, dead, records
        self._clock, self._tally, self._chance = clock, tally, chance
        self._traces = traces
        self._readers: dict[int, SegmentReader] = {}
        self._reported: dict[int, tuple[int, int]] = {}
        self._positions = _read_positions(journal.folder / _POSITION)
        self._written_at = clock.monotonic()
        self._failures = 0
        self._passed, self._hurry = asyncio.Event(), asyncio.Event()
        self._dead_files: set[Path] = set()

    async def run(self) -> None:
        """Ships until it is cancelled. Nothing that fails ends it."""
        while True:
            begin = asyncio.get_running_loop().time()
            try:
                await self.round()
                self._failures = 0
                await self._pause(IDLE_SECONDS, woken=True)
                await self._gather(begin + APART_SECONDS)
            except Exception as error:
                code = (
                    error.code
                    if isinstance(error, RecordsUnavailable | OperatorError)
                    else type(error).__name__
                )
                _log.warning("records_not_shipped", code=code, place=place_of(error))
                self._tally.retries += 1
                self._failures += 1
                await self._pause(self._delay(), woken=False)

    async def round(self) -> None:
        """Ships everything that is there, and removes what is done. Raises where the store or the disk fails."""
        self._journal.committed.clear()
        await self._expire()
        failed: OSError | None = None
        for segment in self._journal.segments():
            try:
                await self._ship(segment)
            except OSError as error:
                # What the disk does not give back of one file must not keep all later ones here.
                failed = failed or error
        await self._journal.rotate(older_than=self._journal.bounds.segment_seconds)
        self._passed.set()
        if failed is not None:
            raise failed

    async def drain(self) -> None:
        """Waits until everything that was journalled before is in the store, and on this disk no more. Waits for a store that is gone too."""
        last = await self._journal.rotate()
        # Once: a file whose key is not there now would have round after round without a pause.
        self._journal.committed.set()
        self._hurry.set()
        while any(segment.number <= last for segment in self._journal.segments()):
            self._passed.clear()
            await self._passed.wait()

    def standing(self, buffered: int = 0) -> Standing:
        """How things stand."""
        segments = self._journal.segments()
        made = min((one.made for one in segments if one.made), default=None)
        oldest = 0.0 if made is None else max(0.0, self._clock.unix() - made / 1000)
        return Standing(len(segments), self._journal.size, oldest, len(self._dead_files), buffered)

    async def _ship(self, segment: Segment) -> None:
        reader = await self._reader(segment)
        if reader is None:
            return
        while True:
            before = reader.place()
            bulk = await asyncio.to_thread(self._next_bulk, reader, segment.committed)
            self._report(segment, reader)
            if not bulk.shipped:
                break
            try:
                with self._traces.span(SpanName.SHIPPING) as span:
                    span.set("count", len(bulk.documents))
                    await self._write(bulk)
            except BaseException:
                reader.return_to(before)
                raise
            self._positions[_key(reader)] = bulk.shipped
            await self._write_positions()
        if segment.committed is None:
            await self._remove(segment)

    async def _reader(self, segment: Segment) -> SegmentReader | None:
        """The segment, opened; None where it cannot be opened now, or never."""
        if segment.number not in self._readers:
            try:
                reader = await SegmentReader.open(segment.path, self._journal.keys)
            except SegmentTorn:
                self._tally.torn += segment.path.stat().st_size
                _log.warning("journal_torn", count=segment.path.stat().st_size)
                await self._remove(segment)
                return None
            except (SegmentDamaged, FileNotFoundError):
                await self._give_up(segment, "file_damaged")
                return None
            except OperatorError as error:
                # Another segment may be under a key that is there.
                _log.warning("journal_segment_locked", code=error.code)
                return None
            reader.skip = self._positions.get(_key(reader), 0)
            self._readers[segment.number] = reader
        return self._readers[segment.number]

    def _next_bulk(self, reader: SegmentReader, until: int | None) -> _Bulk:
        bulk = _Bulk()
        for number, payload in reader.read(until):
            for one in self._unpacked(reader, payload):
                if isinstance(one, Unreadable):
                    bulk.dead.append(msgspec.structs.replace(one.entry, reason="undecodable"))
                else:
                    bulk.documents.append(one)
            bulk.shipped = number + 1
            if len(bulk.documents) + len(bulk.dead) >= BULK:
                break
        return bulk

    def _unpacked(self, reader: SegmentReader, payload: bytes) -> list[Document | Unreadable]:
        try:
            return list(self._entries.unpack(payload))
        except msgspec.DecodeError:
            # Written by a program with other frames: not damaged, but nothing that this one could ship.
            reader.findings.frames += 1
            return []

    async def _write(self, bulk: _Bulk) -> None:
        dead = list(bulk.dead)
        try:
            await self._records.write(bulk.documents)
        except DocumentsRefused as refused:
            dead += [
                self._entries.entry_of(bulk.documents[place], code) for place, code in refused.refused.items()
            ]
        self._failures = 0
        if dead:
            await self._put_aside(dead)
        self._tally.shipped += len(bulk.documents) + len(bulk.dead) - len(dead)

    async def _put_aside(self, dead: Sequence[Entry]) -> None:
        reasons = {entry.reason for entry in dead}
        if not self._journal.has_room(sum(len(entry.document) for entry in dead)):
            self._tally.lost["dead_full"] += len(dead)
            _log.error("records_lost", reason="dead_full", count=len(dead))
            return
        await self._dead.keep(dead)
        await asyncio.to_thread(self._count_dead)
        for entry in dead:
            self._tally.dead[entry.reason] += 1
        for reason in reasons:
            _log.error("records_put_aside", reason=reason, count=sum(one.reason == reason for one in dead))

    async def _expire(self) -> None:
        """What the store did not take in the journal's own time goes."""
        before = int(self._clock.unix() * 1000) - KEPT_DAYS * _DAY_MS
        if old := await self._dead.expire(before):
            self._tally.lost["file_too_old"] += len(old)
        await asyncio.to_thread(self._count_dead)
        for segment in self._journal.segments():
            if segment.committed is None and 0 < segment.made < before:
                await self._give_up(segment, "file_too_old")

    def _count_dead(self) -> None:
        """Counts files of dead letters into the journal's bound. A command may have taken some away."""
        present = set(self._dead.files())
        for path in self._dead_files - present:
            self._journal.account(path, None)
        for path in present - self._dead_files:
            self._journal.account(path, path.stat().st_size)
        self._dead_files = present

    async def _give_up(self, segment: Segment, reason: str) -> None:
        self._tally.lost[reason] += 1
        _log.error("journal_segment_lost", reason=reason, count=1)
        await self._remove(segment)

    def _report(self, segment: Segment, reader: SegmentReader) -> None:
        """What is newly found to be damaged."""
        found, known = reader.findings, self._reported.get(segment.number, (0, 0))
        frames, torn = max(0, found.frames - known[0]), max(0, found.torn - known[1])
        self._reported[segment.number] = (known[0] + frames, known[1] + torn)
        if frames:
            self._tally.lost["damaged"] += frames
            _log.error("journal_damaged", reason="damaged", count=frames)
        if torn:
            self._tally.torn += torn
            _log.warning("journal_torn", count=torn)

    async def _remove(self, segment: Segment) -> None:
        await self._journal.remove(segment)
        reader = self._readers.pop(segment.number, None)
        if reader is not None:
            self._positions.pop(_key(reader), None)
        self._reported.pop(segment.number, None)
        self._passed.set()

    async def _write_positions(self) -> None:
        if self._clock.monotonic() - self._written_at >= POSITION_SECONDS:
            self._written_at = self._clock.monotonic()
            packed = msgspec.json.encode(self._positions)
            await asyncio.to_thread(write_private, self._journal.folder / _POSITION, packed)

    def _delay(self) -> float:
        longest = min(FIRST_DELAY * float(2 ** min(self._failures - 1, 16)), LAST_DELAY)
        return longest * (0.5 + self._chance.random() / 2)

    async def _gather(self, until: float) -> None:
        """Lets a bulk grow, until a moment of the loop, unless somebody waits."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await self._hurry.wait()
        self._hurry.clear()

    async def _pause(self, seconds: float, *, woken: bool) -> None:
        """Lets time pass; with `woken`, only until there is something new."""
        over = asyncio.Event()
        timer = self._clock.call_later(seconds, over.set)
        waiting = [asyncio.ensure_future(over.wait())]
        if woken:
            waiting.append(asyncio.ensure_future(self._journal.committed.wait()))
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            for one in waiting:
                one.cancel()


def _key(reader: SegmentReader) -> str:
    """What tells a segment from every other one there ever was; numbers may come again."""
    return reader.opened.digest.hex()[:32]


def _read_positions(path: Path) -> dict[str, int]:
    """How far segments were shipped. Without the file everything is shipped again, which harms nothing."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, int])
    except (OSError, msgspec.DecodeError):
        return {}
