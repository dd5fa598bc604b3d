# SPDX-License-Identifier: Apache-2.0
"""A server that may be killed at any moment: whenever one of its tasks waits, what a kill would leave there can be copied."""

import asyncio
import random
import shutil
from collections.abc import Awaitable, Callable, Coroutine, Generator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from sealroom.app import catalogue
from sealroom.catalogue import Document
from sealroom.core.db import Database
from sealroom.core.metrics import Metrics
from sealroom.core.records import RecordsUnavailable
from sealroom.quality.history import documents_of
from sealroom.quality.models import CallEvent
from sealroom.quality.relay import HistoryMetrics, HistoryRelay
from sealroom.rooms.events import RoomEvent
from sealroom.rooms.ledger import Ledger, LedgerMetrics
from server.tests.fakes import VirtualClock
from server.tests.quality.keeping import Kept
from server.tests.rooms.test_ledger import Writer, away


class Watched(Coroutine[Any, Any, Any]):
    """A coroutine that tells whenever it waits."""

    def __init__(self, inner: Coroutine[Any, Any, Any], waits: Callable[[], None]) -> None:
        self._inner, self._waits = inner, waits

    def send(self, value: Any, /) -> Any:
        yielded = self._inner.send(value)
        self._waits()
        return yielded

    def throw(self, *given: Any) -> Any:
        yielded = self._inner.throw(*given)
        self._waits()
        return yielded

    def close(self) -> None:
        self._inner.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._inner.__await__()


class HalfJournal(Kept):
    """A journal on which a kill may leave half of what it was given; now and then it is full."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance
        self.troubled = False

    async def put_durable(self, documents: Sequence[Document]) -> None:
        if self.troubled and self._chance.random() < 0.3:
            raise RecordsUnavailable("journal_full", "It has no room.")
        half = len(documents) // 2
        for part in (documents[:half], documents[half:]):
            self.put(part)
            await asyncio.sleep(0)


class Told(Writer):
    """Keeps the ids of what history has an event for: what the database knows."""

    async def __call__(self, connection: AsyncConnection, batch: Sequence[RoomEvent]) -> None:
        events = [one for one in batch if any(isinstance(told, CallEvent) for told in documents_of(one))]
        await super().__call__(connection, events)


class Server:
    """Ledger and history in one folder. Its `writer` has what the database knows."""

    def __init__(self, folder: Path, journal: HalfJournal, clock: VirtualClock) -> None:
        self.folder, self.journal, self.clock = folder, journal, clock
        self.database = Database(folder / "test.db")
        self.writer = Told(self.database)
        metrics = Metrics("test")
        self.history = HistoryRelay(
            self.database, journal, catalogue(), clock, HistoryMetrics(metrics.registry)
        )
        self.ledger = Ledger(
            self.database, clock, LedgerMetrics(metrics.registry), writers=(self.history.write, self.writer),
            committed=(self.history.committed,),
        )  # fmt: skip

    async def turn(self, work: Awaitable[object]) -> None:
        """Does it, while time passes."""
        task = asyncio.ensure_future(work)
        while not task.done():
            self.clock.advance(0.05)
            await asyncio.sleep(0)
        await task

    async def close(self) -> None:
        await self.turn(self.ledger.close())
        await self.turn(self.history.close())
        await self.database.close()

    def trouble(self, chance: random.Random, monkeypatch: Any) -> None:
        """From now on the journal is full at times, and the database away before or behind its commit."""
        self.journal.troubled = True
        original = self.database.writing

        @asynccontextmanager
        async def troubled() -> Any:
            where = chance.choice(("none", "none", "none", "before", "behind"))
            async with original() as connection:
                yield connection
                if where == "before":
                    raise away()
            if where == "behind":
                raise OperationalError("COMMIT", {}, Exception("not heard of"))

        monkeypatch.setattr(self.database, "writing", troubled)


class Snapshots:
    """What kills would leave: copies of the database's files, and what the journal had."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.moments = 0
        self.taken: dict[object, tuple[Path, dict[tuple[type[Document], str], Document]]] = {}

    def watch(self, server: Server) -> None:
        """Takes one whenever a task that begins from now on waits."""

        def factory(loop: asyncio.AbstractEventLoop, inner: Any, **given: Any) -> "asyncio.Future[Any]":
            return asyncio.Task(Watched(inner, lambda: self._take(server)), loop=loop, **given)

        asyncio.get_running_loop().set_task_factory(factory)

    def rest(self) -> None:
        asyncio.get_running_loop().set_task_factory(None)

    def _take(self, server: Server) -> None:
        self.moments += 1
        files = [server.folder / name for name in ("test.db", "test.db-wal")]
        held = tuple(file.read_bytes() for file in files if file.exists())
        name = (held, frozenset(server.journal.by_id))
        if name in self.taken:
            return
        place = self.folder / str(len(self.taken))
        place.mkdir(parents=True)
        for file, octets in zip(files, held, strict=False):
            (place / file.name).write_bytes(octets)
        self.taken[name] = place, dict(server.journal.by_id)

    def server(self, name: object, chance: random.Random, clock: VirtualClock) -> Server:
        """A server on a copy of what a kill left there."""
        place, documents = self.taken[name]
        folder = place.with_name(f"{place.name}-after")
        shutil.copytree(place, folder)
        journal = HalfJournal(chance)
        journal.by_id = dict(documents)
        return Server(folder, journal, clock)
