# SPDX-License-Identifier: Apache-2.0
"""A process with a call of two that kills itself while a batch of room events is written.

`python -m server.tests.quality.dying FOLDER (enters | leaves) POINT`: when the second user enters, or leaves.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from sealroom.app import catalogue
from sealroom.catalogue import Document
from sealroom.core.clock import SystemClock
from sealroom.core.db import Database
from sealroom.core.ids import Ids
from sealroom.core.metrics import Metrics
from sealroom.core.records import Records
from sealroom.core.records.journal import Bounds
from sealroom.core.records.sqlite import SqliteRecords
from sealroom.core.records.writing import RecordWriter
from sealroom.quality.relay import HistoryMetrics, HistoryRelay
from sealroom.rooms.events import RoomEvent
from sealroom.rooms.ledger import Ledger, LedgerMetrics
from server.tests.core.records.appending import FixedKeys
from server.tests.rooms.test_ledger import entered, left, opened

POINTS = ("uncommitted", "committed", "journalled")
BATCHES = {"enters": "bob entered", "leaves": "bob left"}


@dataclass
class Dying:
    """Dies at its point, when its time has come."""

    point: str
    event: str
    here: bool = False

    async def write(self, _: AsyncConnection, batch: Sequence[RoomEvent]) -> None:
        """The last writer of the transaction."""
        self.here = self.here or any(one.id.startswith(self.event) for one in batch)
        self.pass_by("uncommitted")

    def committed(self) -> None:
        self.pass_by("committed")

    def pass_by(self, point: str) -> None:
        if self.here and point == self.point:
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Journal:
    """The real one, behind which somebody may die."""

    writer: RecordWriter
    journalled: Callable[[], None]

    def put(self, documents: Sequence[Document]) -> None:
        self.writer.put(documents)

    async def put_durable(self, documents: Sequence[Document]) -> None:
        await self.writer.put_durable(documents)
        self.journalled()


@asynccontextmanager
async def _opened(folder: Path, dying: Dying) -> AsyncIterator[tuple[Ledger, HistoryRelay, Records]]:
    clock, made, metrics = SystemClock(), catalogue(), Metrics("test")
    database = Database(folder / "test.db")
    records = SqliteRecords(folder / "records.db", made, "sg")
    await records.prepare()
    async with RecordWriter(folder / "journal", "sg", made, records, FixedKeys(), clock, Bounds()) as writer:
        journal = Journal(writer, lambda: dying.pass_by("journalled"))
        history = HistoryRelay(database, journal, made, clock, HistoryMetrics(metrics.registry))
        ledger = Ledger(
            database, clock, LedgerMetrics(metrics.registry), writers=(history.write, dying.write),
            committed=(dying.committed, history.committed),
        )  # fmt: skip
        await history.start()
        yield ledger, history, records
        await ledger.close()
        await history.close()
        await writer.flush()
    await records.close()
    await database.close()


@asynccontextmanager
async def opened_again(folder: Path) -> AsyncIterator[Records]:
    """What there is after a start that ended what was left."""
    async with _opened(folder, Dying("never", "nothing")) as (ledger, _, _):
        await ledger.recover(Ids())
    records = SqliteRecords(folder / "records.db", catalogue(), "sg")
    await records.prepare()
    yield records
    await records.close()


async def _main(folder: Path, batch: str, point: str) -> None:
    async with _opened(folder, Dying(point, BATCHES[batch])) as (ledger, history, _):
        await ledger.start()
        batches: list[list[RoomEvent]] = [[opened(), entered("alice")], [entered("bob")], [left("bob")]]
        for events in batches:
            for event in events:
                ledger.on_room_event(event)
            await ledger.flush()
            await history.flush()


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
