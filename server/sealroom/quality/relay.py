# SPDX-License-Identifier: Apache-2.0
"""Takes history from the ledger's transaction to the journal, so that after a kill both tell the same.

**A batch's documents are a row of its own transaction; the journal gets them once that is committed**, in the order of the batches.
What a killed process left is taken up by the next one. A row that was taken to the journal may be taken there again: documents have
ids of their own. Rows that are done go with the next batch, or by themselves when nothing happens for a while.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge
from sqlalchemy import bindparam, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sealroom.catalogue import Catalogue, Document
from sealroom.core.clock import Clock, pause
from sealroom.core.db import AWAY, Database
from sealroom.core.errands import place_of
from sealroom.core.logging import get_logger
from sealroom.core.records import RecordsUnavailable
from sealroom.core.records.journal import Entries
from sealroom.quality.history import Keeper, documents_of
from sealroom.quality.models import history_outbox
from sealroom.rooms.events import RoomEvent

MAX_WAITING_BYTES = 64 << 20
"""What waits in the database while the journal takes nothing. Beyond, history of new batches is lost, and counted."""
HELD_BYTES = 4 << 20
"""Of it, what stays in memory; the others are read when their turn comes. Higher spares reads after an outage."""
TOGETHER = 2_000
"""Documents handed to the journal at once. More catch up sooner and are tried again together."""
QUIET_SECONDS = 2.0
"""When no batch came for so long, rows that are done go in a transaction of their own. Longer keeps them longer in an idle server."""
RETRY_SECONDS = (0.1, 0.5, 1.0, 2.0, 5.0)
"""Waits before the journal is tried again; the last one from then on."""
CLOSE_SECONDS = 5.0
"""How long the end of the process waits for the journal. What it does not take is the next process's."""
LOST = ("bound", "refused", "unreadable", "too_old")
"""Why history is lost: see `HistoryMetrics`."""

_LATER: tuple[type[Exception], ...] = (RecordsUnavailable, *AWAY)
"""What says that the journal may take later what it did not take now."""
_mine = history_outbox.c
_PUT = insert(history_outbox).returning(_mine.id)
_DONE = delete(history_outbox).where(_mine.node == bindparam("of"), _mine.id <= bindparam("last"))
_log = get_logger()


class HistoryMetrics:
    """How much waits for the journal, and what was lost on the way."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.waiting = Gauge(
            "sealroom_history_waiting_bytes",
            "History that is in the database and not in the journal yet.",
            registry=registry,
        )
        self.retries = Counter(
            "sealroom_history_retries_total",
            "Times that the journal did not take history, or the database did not give it.",
            registry=registry,
        )
        self.lost = Counter(
            "sealroom_history_lost_documents_total",
            "Documents of history that will never be kept: too many waited, the journal refused them, another program wrote them, or they waited for too long.",
            ["reason"],
            registry=registry,
        )
        for reason in LOST:
            self.lost.labels(reason)


@dataclass(slots=True)
class _Row:
    """A row of the database. `documents` is None where it has to be read."""

    id: int
    count: int
    size: int
    documents: Sequence[Document] | None


class HistoryRelay:
    """The way of one server's history. `node` is its name, which it keeps over restarts."""

    def __init__(
        self, database: Database, keeper: Keeper, catalogue: Catalogue, clock: Clock, metrics: HistoryMetrics, *, node: str = "main",
        expected: Callable[[Sequence[Document]], None] = lambda _: None,
    ) -> None:  # fmt: skip
        """`expected` is told, in the transaction, of documents that will be put."""
        self._database, self._keeper, self._entries = database, keeper, Entries(catalogue)
        self._clock, self._metrics, self._node, self._expected = clock, metrics, node, expected
        self._rows: deque[_Row] = deque()
        self._bytes = self._held = 0
        self._written: _Row | None = None
        self._excess = 0
        self._refused: set[str] = set()
        self._relayed_to = self._deleting_to = self._deleted_to = 0
        self._work, self._idle = asyncio.Event(), asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None

    async def write(self, connection: AsyncConnection, told: Sequence[RoomEvent]) -> None:
        """A writer of the ledger: one row for the batch; and the end of rows that are done."""
        documents = [document for event in told for document in documents_of(event)]
        self._written, self._excess, self._deleting_to = None, 0, self._relayed_to
        if self._deleting_to > self._deleted_to:
            await connection.execute(_DONE, {"of": self._node, "last": self._deleting_to})
        if not documents:
            return
        packed = msgspec.msgpack.encode(self._entries.pack(documents))
        if self._bytes + len(packed) > MAX_WAITING_BYTES:
            # What else hangs on these events (webhooks, receipts) must not wait for the journal.
            self._excess = len(documents)
            return
        self._expected(documents)
        row = {
            "node": self._node,
            "documents": packed,
            "count": len(documents),
            "made_at": int(self._clock.unix() * 1000),
        }
        number = (await connection.execute(_PUT, row)).scalar_one()
        self._written = _Row(number, len(documents), len(packed), documents)

    def committed(self) -> None:
        """What was written last is in the database for good: the journal gets it."""
        self._deleted_to = max(self._deleted_to, self._deleting_to)
        self._lose("bound", self._excess)
        row, self._written, self._excess = self._written, None, 0
        if row is not None:
            self._take(row)

    async def start(self) -> None:
        """Takes up what the process before left, and goes on until `close`. **Before the ledger recovers**: what that ends comes after."""
        mine = select(_mine.id, _mine["count"], func.length(_mine.documents)).where(_mine.node == self._node)
        for number, count, size in await self._database.read(mine.order_by(_mine.id)):
            self._take(_Row(number, count, size, None))
        if self._rows:
            _log.warning("history_taken_up", count=len(self._rows))
        self._task = asyncio.get_running_loop().create_task(self._run())

    def says(self) -> str:
        """One line for the readiness text."""
        return f"{self._bytes} of at most {MAX_WAITING_BYTES} bytes wait for the journal"

    async def flush(self) -> None:
        """Returns when the journal has all that was committed before."""
        await self._idle.wait()

    async def close(self) -> None:
        """Gives the journal what waits, for at most `CLOSE_SECONDS`. What it does not take stays in the database."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.flush()
        except TimeoutError:
            _log.warning("history_waits", count=len(self._rows))
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        await self._tidy()

    def _take(self, row: _Row) -> None:
        if row.documents is not None and self._held + row.size > HELD_BYTES:
            row.documents = None
        self._held += row.size if row.documents is not None else 0
        self._count(row.size)
        self._rows.append(row)
        self._idle.clear()
        self._work.set()

    async def _run(self) -> None:
        tried = 0
        while True:
            await self._next()
            while self._rows:
                try:
                    await self._relay()
                    tried = 0
                except Exception as error:
                    self._metrics.retries.inc()
                    _log.warning(
                        "history_waits",
                        error=type(error).__name__,
                        place=place_of(error),
                        count=len(self._rows),
                    )
                    await pause(self._clock, RETRY_SECONDS[min(tried, len(RETRY_SECONDS) - 1)])
                    tried += 1
            self._idle.set()

    async def _next(self) -> None:
        """Waits for rows. Where none come for a while, what is done goes."""
        while not self._rows:
            self._work.clear()
            timer = None
            if self._relayed_to > self._deleted_to:
                timer = self._clock.call_later(QUIET_SECONDS, self._work.set)
            try:
                await self._work.wait()
            finally:
                if timer is not None:
                    timer.cancel()
            if not self._rows:
                await self._tidy()

    async def _relay(self) -> None:
        """Gives the journal the oldest rows; they are done once it has them. Raises what may go well later."""
        taken, documents = 0, list[Document]()
        # By number: batches are added while these are read.
        while taken < len(self._rows) and len(documents) < TOGETHER:
            documents += await self._documents(self._rows[taken])
            taken += 1
        await self._put(documents)
        self._refused.clear()
        for _ in range(taken):
            row = self._rows.popleft()
            self._relayed_to = row.id
            self._held -= row.size if row.documents is not None else 0
            self._count(-row.size)

    async def _put(self, documents: Sequence[Document]) -> None:
        if not documents:
            return
        try:
            await self._keeper.put_durable(documents)
        except _LATER:
            raise
        except Exception as error:
            # It will not go better the next time, and must not keep all later ones here.
            if len(documents) > 1:
                for one in documents:
                    await self._put([one])
                return
            if documents[0].id not in self._refused:
                # Once: the others may have to be tried again, and this one with them.
                self._refused.add(documents[0].id)
                _log.error("history_refused", error=type(error).__name__, place=place_of(error))
                self._lose("refused", 1)

    async def _documents(self, row: _Row) -> Sequence[Document]:
        if row.documents is None:
            # Kept until it is done: tried again it is not read, and nothing that is lost is counted, again.
            row.documents = await self._read(row)
            self._held += row.size
        return row.documents

    async def _read(self, row: _Row) -> Sequence[Document]:
        found = await self._database.read(select(_mine.documents).where(_mine.id == row.id))
        if not found:
            self._lose("too_old", row.count)
            return []
        try:
            frames = msgspec.msgpack.decode(found[0][0], type=list[bytes])
            read = [one for frame in frames for one in self._entries.unpack(frame)]
        except msgspec.DecodeError:
            self._lose("unreadable", row.count)
            return []
        documents = [one for one in read if isinstance(one, Document)]
        self._lose("unreadable", len(read) - len(documents))
        return documents

    async def _tidy(self) -> None:
        """Deletes what is done. What cannot be deleted now is later, or by the next process."""
        done = self._relayed_to
        if done <= self._deleted_to:
            return
        try:
            async with self._database.writing() as connection:
                await connection.execute(_DONE, {"of": self._node, "last": done})
        except Exception as error:
            _log.warning("history_not_deleted", error=type(error).__name__)
        else:
            self._deleted_to = max(self._deleted_to, done)

    def _count(self, size: int) -> None:
        self._bytes += size
        self._metrics.waiting.set(self._bytes)

    def _lose(self, reason: str, count: int) -> None:
        if count:
            self._metrics.lost.labels(reason).inc(count)
            _log.error("history_lost", reason=reason, count=count)
