# SPDX-License-Identifier: Apache-2.0
"""What features write records with. **`put` never waits and never raises for want of a store; `put_durable` returns when it is safe.**"""

import asyncio
import random
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from sealroom.catalogue import Catalogue, Document, Durability, Undeclared
from sealroom.core.clock import Clock
from sealroom.core.errands import place_of
from sealroom.core.logging import get_logger
from sealroom.core.records.journal.dead import DeadLetters, Matches
from sealroom.core.records.journal.entries import Entries
from sealroom.core.records.journal.log import Bounds, Journal
from sealroom.core.records.journal.segment import SegmentKeys
from sealroom.core.records.port import DocumentsRefused, Records, RecordsUnavailable
from sealroom.core.records.shipper import Shipper
from sealroom.core.records.tally import Standing, Tally, as_text
from sealroom.core.traces import OFF, Traces

FLUSH_SECONDS = 0.5
"""How often samples are written. Lower loses less with a killed process and makes smaller bulks."""
BUFFER = 20_000
"""Samples that wait in memory; beyond it the oldest are lost. Higher bridges a longer pause of the store and takes memory."""
BULK = 2_000
_FAREWELL_SECONDS = 5.0
"""How long the last samples are tried to be written when the process ends."""
_log = get_logger()


class RecordWriter:
    """Samples go to the store from memory, everything else by way of the journal."""

    def __init__(
        self, folder: Path, site: str, catalogue: Catalogue, records: Records, keys: SegmentKeys, clock: Clock, bounds: Bounds, *,
        chance: random.Random | None = None, traces: Traces = OFF,
    ) -> None:  # fmt: skip
        """`folder` is the journal's, this process's alone."""
        self.tally = Tally()
        entries = Entries(catalogue)
        self._catalogue, self._records, self._clock = catalogue, records, clock
        self.dead = DeadLetters(folder, site, keys, clock)
        self._journal = Journal(folder, site, entries, keys, clock, bounds, self.tally)
        self._shipper = Shipper(
            self._journal, entries, self.dead, records, clock, self.tally, chance or random.Random(), traces
        )
        self._buffer: deque[Document] = deque()
        self._flushing = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "RecordWriter":
        """Raises StartError where the journal's folder cannot be used."""
        await self._journal.open()
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._shipper.run()), loop.create_task(self._run())]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            async with asyncio.timeout(_FAREWELL_SECONDS):
                await self._flush_samples()
        except (TimeoutError, RecordsUnavailable):
            self._lose(len(self._buffer), "at_end")
        await self._journal.close()

    def put(self, documents: Sequence[Document]) -> None:
        """Takes samples, which the store has within a second. The last second may be lost.

        Raises:
            Undeclared: a kind that is not declared as sampled.
        """
        for kind in {type(document) for document in documents}:
            dataset = self._catalogue.of(kind)
            if dataset.durability is not Durability.SAMPLED:
                raise Undeclared(f"{dataset.name} is declared as durable: it goes through the journal")
        self._buffer.extend(documents)
        if (excess := len(self._buffer) - BUFFER) > 0:
            for _ in range(excess):
                self._buffer.popleft()
            self._lose(excess, "buffer_full")

    async def put_durable(self, documents: Sequence[Document]) -> None:
        """Returns once they survive whatever kills the process.

        Raises:
            RecordsUnavailable: the journal is full or cannot be written; they are not taken.
            Undeclared: a kind that is not declared as durable.
        """
        await self._journal.append(documents)

    async def flush(self) -> None:
        """Waits until everything that was put before is in the store, and on this disk no more. Waits for a store that is gone, too.

        **An erasure begins here**: what is deleted from the store afterwards cannot come back out of the journal.

        Raises:
            RecordsUnavailable: the store does not take the samples.
        """
        await self._flush_samples()
        await self._shipper.drain()

    async def erase_dead(self, matches: Matches) -> int:
        """Removes dead letters that an erasure is about; returns how many. Raises OSError, OperatorError."""
        return await self.dead.erase(matches)

    def standing(self) -> Standing:
        """How things stand."""
        return self._shipper.standing(len(self._buffer))

    def says(self) -> str:
        """One line for the readiness text."""
        return as_text(self.tally, self.standing())

    async def _run(self) -> None:
        while True:
            over = asyncio.Event()
            timer = self._clock.call_later(FLUSH_SECONDS, over.set)
            try:
                await over.wait()
                await self._flush_samples()
            except RecordsUnavailable as error:
                self.tally.retries += 1
                _log.warning("samples_not_written", code=error.code)
            except Exception as error:
                _log.error("samples_not_written", code=type(error).__name__, place=place_of(error))
            finally:
                timer.cancel()

    async def _flush_samples(self) -> None:
        """Writes what waits. What the store did not take waits for the next time, as far as there is room."""
        async with self._flushing:
            while self._buffer:
                bulk = [self._buffer.popleft() for _ in range(min(BULK, len(self._buffer)))]
                try:
                    await self._records.write(bulk)
                except DocumentsRefused as refused:
                    self._lose(len(refused.refused), "store_refused")
                    self.tally.sampled -= len(refused.refused)
                except BaseException:
                    self._buffer.extendleft(reversed(bulk))
                    raise
                self.tally.sampled += len(bulk)

    def _lose(self, count: int, reason: str) -> None:
        if count:
            self.tally.lost[reason] += count
            _log.warning("records_lost", reason=reason, count=count)
