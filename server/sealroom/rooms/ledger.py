# SPDX-License-Identifier: Apache-2.0
"""What happened in rooms, written down: every event once, with the rows of all who keep something of it, in one transaction.

**Calls never wait for the database.** Events wait here, in order and bounded; while the database is away they go on waiting, and
what exceeds the bound is counted and lost.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from sealroom.core.clock import Clock, Timer, pause, wait_at_most
from sealroom.core.db import AWAY, Database
from sealroom.core.errands import place_of
from sealroom.core.ids import Ids
from sealroom.core.logging import get_logger
from sealroom.core.traces import OFF, SpanName, Traces
from sealroom.rooms.events import RoomClosed, RoomEvent, RoomOpened
from sealroom.rooms.models import marks
from sealroom.rooms.presences import keep, left_open

Writer: TypeAlias = Callable[[AsyncConnection, Sequence[RoomEvent]], Awaitable[None]]
"""Writes what a feature keeps of a batch, in the ledger's transaction. Called again, on another connection, where that failed.

**It does nothing that lasts outside of that connection**: a process that is killed before the commit would have done it, and another
would do it again. What is to be done outside is a row, and is done from there once the batch is committed."""
Fence: TypeAlias = Callable[[AsyncConnection], Awaitable[bool]]
"""Says, in the ledger's transaction, whether the server's name is still its own, and keeps it so until that ends."""

GATHER_SECONDS = 0.02
"""How long the first event of a batch waits for others. Longer makes fewer commits and later webhooks."""
APART_SECONDS = 0.06
"""How far apart batches begin while events keep coming. Longer makes fewer commits and later webhooks."""
MAX_BATCH = 1_000
"""Events of one transaction. More hold the database's lock for longer."""
MAX_WAITING = 100_000
MAX_WAITING_BYTES = 64 << 20
"""What waits while the database is away, as JSON. Beyond, new events are lost."""
WRITE_SECONDS = 30.0
"""How long one transaction may take before it counts as failed."""
RETRY_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Waits before a transaction is tried again; the last one from then on."""
ALIVE_SECONDS = 5.0
"""While calls are open the database is told so often that they are: after a crash they end at the last of these moments."""
CLOSE_SECONDS = 10.0
"""How long the end of the process waits for what is not written yet."""

_MARK = select(marks.c.batch).where(marks.c.node == bindparam("of"))
_FORWARD = (
    update(marks)
    .where(marks.c.node == bindparam("of"), marks.c.batch < bindparam("number"))
    .values(batch=bindparam("number"), alive_at=bindparam("now"))
)
_log = get_logger()


class LedgerMetrics:
    """How much is written, and what was lost."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.written = Counter("sealroom_ledger_events_total", "Room events written.", registry=registry)
        self.lost = Counter(
            "sealroom_ledger_lost_events_total",
            "Room events that will never be written: too many waited, the database refused one, the process ended, or another has its name.",
            ["reason"],
            registry=registry,
        )
        # Shown from the start: what appears with its first loss shows no increase to an alert rule.
        for reason in ("bound", "refused", "closed", "name_lost"):
            self.lost.labels(reason)
        self.waiting = Gauge(
            "sealroom_ledger_waiting_events", "Room events that are not written yet.", registry=registry
        )
        self.seconds = Histogram(
            "sealroom_ledger_write_seconds",
            "One transaction of the ledger.",
            buckets=(0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0, 10.0),
            registry=registry,
        )
        self.retries = Counter(
            "sealroom_ledger_retries_total", "Transactions that were tried again.", registry=registry
        )


class Ledger:
    """The ledger of one server. `node` is its name, which it keeps over restarts."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        metrics: LedgerMetrics,
        *,
        writers: Sequence[Writer] = (),
        committed: Sequence[Callable[[], None]] = (),
        node: str = "main",
        fence: Fence | None = None,
        traces: Traces = OFF,
    ) -> None:
        """`committed` are called, and must not wait, when a batch with rows of `writers` is in the database. Without a `fence` nobody
        else can have the name.
        """
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._writers = tuple(writers)
        self._committed = tuple(committed)
        self._node = node
        self._fence = fence
        self._traces = traces
        self._waiting: deque[tuple[RoomEvent, int]] = deque()
        self._bytes = 0
        self._in_hand = 0
        self._batch = 0
        self._began_at = float("-inf")
        self._open = 0
        self._flushing = 0
        self._work, self._hurry, self._idle = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._idle.set()
        self._beat: Timer | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def node(self) -> str:
        """The server's name."""
        return self._node

    def on_room_event(self, event: RoomEvent) -> None:
        """Takes an event; it is written within moments, or when the database is back."""
        size = len(msgspec.json.encode(event))
        if len(self._waiting) >= MAX_WAITING or self._bytes + size > MAX_WAITING_BYTES:
            self._lose("bound", 1)
            return
        self._waiting.append((event, size))
        self._bytes += size
        self._metrics.waiting.set(len(self._waiting) + self._in_hand)
        self._idle.clear()
        self._work.set()

    async def start(self) -> None:
        """Begins to write."""
        await self._position()
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def recover(self, ids: Ids) -> int:
        """Ends what the process before left open, once, with the moment it was last seen; returns how many calls that were.

        **Before `start`**, and with every writer there: they are told as if the rooms had told them.
        """
        alive_at = await self._position()
        ended = await left_open(self._database, ids, self._node, alive_at)
        batch: list[RoomEvent] = []
        for events in ended:
            batch += events
            if len(batch) >= MAX_BATCH or events is ended[-1]:
                await self._write(batch)
                batch = []
        if ended:
            _log.warning("calls_recovered", count=len(ended))
        return len(ended)

    async def _position(self) -> int:
        """When this node was seen last (Unix milliseconds; 0 if never). Its batches are numbered on from there."""
        async with self._database.reading() as connection:
            row = (await connection.execute(select(marks).where(marks.c.node == self._node))).one_or_none()
        if row is not None:
            self._batch = max(self._batch, row.batch)
        return 0 if row is None else int(row.alive_at)

    def says(self) -> str:
        """One line for the readiness text."""
        waiting = len(self._waiting) + self._in_hand
        return f"{waiting} of at most {MAX_WAITING} events wait to be written, {self._bytes} of {MAX_WAITING_BYTES} bytes"

    async def flush(self) -> None:
        """Returns when all that was told before is written, or lost."""
        self._flushing += 1
        self._hurry.set()
        try:
            await self._idle.wait()
        finally:
            self._flushing -= 1

    async def close(self) -> None:
        """Writes what waits, for at most `CLOSE_SECONDS`; what cannot be written is counted as lost."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.flush()
        except TimeoutError:
            self._lose("closed", len(self._waiting) + self._in_hand)
        if self._beat is not None:
            self._beat.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _write(self, batch: Sequence[RoomEvent]) -> None:
        """Writes a batch, however long the database is away. What it refuses is written without the event that it refuses."""
        self._batch += 1
        number, tried = self._batch, 0
        while True:
            try:
                begin = self._clock.monotonic()
                async with asyncio.timeout(WRITE_SECONDS):
                    await self._write_once(number, batch)
            except _NameLostError:
                self._lose("name_lost", len(batch))
                return
            except Exception as error:
                if not _is_away(error):
                    await self._write_apart(batch, error)
                    return
                _log.warning("ledger_waits", error=type(error).__name__, count=len(batch))
                self._metrics.retries.inc()
                await pause(self._clock, RETRY_SECONDS[min(tried, len(RETRY_SECONDS) - 1)])
                tried += 1
            else:
                self._metrics.seconds.observe(self._clock.monotonic() - begin)
                self._metrics.written.inc(len(batch))
                for told in self._committed:
                    told()
                return

    async def _write_once(self, number: int, batch: Sequence[RoomEvent]) -> None:
        with self._traces.span(SpanName.LEDGER) as span:
            span.set("count", len(batch))
            await self._write_batch(number, batch)

    async def _write_batch(self, number: int, batch: Sequence[RoomEvent]) -> None:
        async with self._database.writing() as connection:
            # First of all: the mark, and what is open under the name, are of whoever has it.
            if self._fence is not None and not await self._fence(connection):
                raise _NameLostError
            if not await self._move_mark(connection, number):
                return  # written already: what broke before broke after the commit
            await keep(connection, batch, self._node)
            for writer in self._writers:
                await writer(connection, batch)

    async def _move_mark(self, connection: AsyncConnection, number: int) -> bool:
        """Moves this node's mark on; False where it is there already. A change first: whoever else writes for the node waits."""
        mine = {"of": self._node, "number": number, "now": int(self._clock.unix() * 1000)}
        if (await connection.execute(_FORWARD, mine)).rowcount:
            return True
        if (await connection.execute(_MARK, {"of": self._node})).one_or_none() is not None:
            return False
        await connection.execute(insert(marks).values(node=self._node, batch=number, alive_at=mine["now"]))
        return True

    async def _write_apart(self, batch: Sequence[RoomEvent], error: Exception) -> None:
        if len(batch) > 1:
            for event in batch:
                await self._write([event])
        elif batch:
            kind = type(batch[0]).__name__
            _log.error("event_refused", kind=kind, error=type(error).__name__, place=place_of(error))
            self._lose("refused", 1)

    async def _run(self) -> None:
        while True:
            await self._work.wait()
            await self._gather()
            self._began_at = self._clock.monotonic()
            taken = [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_BATCH))]
            self._bytes -= sum(size for _, size in taken)
            self._in_hand = len(taken)
            if not self._waiting:
                self._work.clear()
            await self._write([event for event, _ in taken])
            self._in_hand = 0
            self._metrics.waiting.set(len(self._waiting))
            self._count([event for event, _ in taken])
            if not self._waiting:
                self._idle.set()

    async def _gather(self) -> None:
        """Lets a batch grow, unless it is large already or somebody waits for it."""
        if self._flushing or len(self._waiting) >= MAX_BATCH:
            return
        self._hurry.clear()
        left = self._began_at + APART_SECONDS - self._clock.monotonic()
        await wait_at_most(self._clock, self._hurry, max(GATHER_SECONDS, left))

    def _count(self, batch: Sequence[RoomEvent]) -> None:
        self._open += sum(isinstance(event, RoomOpened) for event in batch)
        self._open -= sum(isinstance(event, RoomClosed) for event in batch)
        if self._beat is None and self._open > 0:
            self._beat = self._clock.call_later(ALIVE_SECONDS, self._beaten)

    def _beaten(self) -> None:
        """A batch without events says that the server lives."""
        self._beat = None
        self._idle.clear()
        self._work.set()

    def _lose(self, reason: str, count: int) -> None:
        if count:
            self._metrics.lost.labels(reason).inc(count)
            _log.error("events_lost", reason=reason, count=count)


class _NameLostError(Exception):
    """Another process has the server's name, and has ended its calls."""


def _is_away(error: Exception) -> bool:
    """Whether the database may take the same batch later."""
    return isinstance(error, AWAY) or (isinstance(error, DBAPIError) and error.connection_invalidated)
