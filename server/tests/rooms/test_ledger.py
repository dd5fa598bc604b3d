# SPDX-License-Identifier: Apache-2.0
"""Every event is written once, in order, in one transaction with the rows of all who keep something of it."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from sealroom.core.db import Database
from sealroom.core.ids import Ids
from sealroom.core.metrics import Metrics
from sealroom.rooms import events, ledger
from sealroom.rooms.events import (
    Call,
    CloseReason,
    EnterReason,
    ExitReason,
    ParticipantEntered,
    ParticipantLeft,
    RoomClosed,
    RoomEvent,
    RoomOpened,
    Terminal,
)
from sealroom.rooms.ledger import APART_SECONDS, Ledger, LedgerMetrics
from sealroom_wire.ids import room_string
from sealroom_wire.participant import ClientInfo, Role
from server.tests.fakes import APP, NOW, VirtualClock

CALL = Call(f"{APP}_room_{NOW}", APP, room_string("room"), NOW * 1000)


def opened(call: Call = CALL) -> RoomOpened:
    return RoomOpened(id=f"opened {call.id}", call=call, at=call.opened_at, user_id="alice")


def closed(call: Call = CALL) -> RoomClosed:
    return RoomClosed(id=f"closed {call.id}", call=call, at=call.opened_at + 9000, reason=CloseReason.EMPTY)


def entered(user: str, call: Call = CALL, at: int = NOW * 1000) -> ParticipantEntered:
    return ParticipantEntered(
        id=f"{user} entered {at}", call=call, at=at, user_id=user, peer=1, role=Role.ANCHOR, reason=EnterReason.VOLUNTARY,
        address="192.0.2.1", client=ClientInfo(), terminal=Terminal.OTHER,
    )  # fmt: skip


def left(user: str, call: Call = CALL) -> ParticipantLeft:
    return ParticipantLeft(
        id=f"{user} left", call=call, at=NOW * 1000, user_id=user, peer=1, role=Role.ANCHOR, entered_at=NOW * 1000,
        reason=ExitReason.VOLUNTARY,
    )  # fmt: skip


class Writer:
    """Keeps ids of events in a table, which is how a test sees what was committed; fails as it is told to."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.batches: list[list[str]] = []
        self.failures: list[Exception] = []
        self.before: Callable[[], Awaitable[None]] | None = None

    async def prepare(self) -> None:
        async with self.database.writing() as connection:
            number = "INTEGER" if connection.dialect.name == "sqlite" else "SERIAL"
            await connection.execute(text(f"CREATE TABLE kept (n {number} PRIMARY KEY, id TEXT UNIQUE)"))

    async def __call__(self, connection: AsyncConnection, batch: Sequence[RoomEvent]) -> None:
        if self.failures and batch:
            raise self.failures.pop(0)
        if self.before is not None:
            await self.before()
        self.batches.append([event.id for event in batch])
        for event in batch:
            await connection.execute(text("INSERT INTO kept (id) VALUES (:id)"), {"id": event.id})

    async def kept(self) -> list[str]:
        async with self.database.reading() as connection:
            return [row.id for row in await connection.execute(text("SELECT id FROM kept ORDER BY n"))]


def away() -> OperationalError:
    return OperationalError("INSERT", {}, sqlite3.OperationalError("disk I/O error"))


@pytest.fixture
async def writer(database: Database) -> Writer:
    writer = Writer(database)
    await writer.prepare()
    return writer


@pytest.fixture
async def made(
    database: Database, clock: VirtualClock, metrics: Metrics, writer: Writer
) -> AsyncIterator[Ledger]:
    made = Ledger(database, clock, LedgerMetrics(metrics.registry), writers=(writer,))
    await made.start()
    yield made
    writer.failures.clear()
    await made.close()


async def rows(database: Database, table: str) -> list[tuple[object, ...]]:
    async with database.reading() as connection:
        return [tuple(row) for row in await connection.execute(text(f"SELECT * FROM {table}"))]


async def until(true: Callable[[], bool], clock: VirtualClock | None = None) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.001)
            if clock is not None:
                clock.advance(0.05)


def lost(metrics: Metrics, reason: str) -> float:
    return metrics.registry.get_sample_value("sealroom_ledger_lost_events_total", {"reason": reason}) or 0.0


async def test_events_of_a_moment_are_one_transaction_in_their_order(
    made: Ledger, clock: VirtualClock, writer: Writer
) -> None:
    told: list[RoomEvent] = [opened(), entered("alice"), entered("bob"), left("alice")]
    for event in told:
        made.on_room_event(event)
    await asyncio.sleep(0.02)
    assert writer.batches == []  # the moment is not over
    await until(lambda: writer.batches != [], clock)
    await made.flush()
    assert writer.batches == [[event.id for event in told]]
    assert await writer.kept() == [event.id for event in told]


async def test_while_events_keep_coming_transactions_begin_apart(
    made: Ledger, clock: VirtualClock, writer: Writer
) -> None:
    begun: list[float] = []
    for at in range(20):
        made.on_room_event(entered("alice", at=NOW * 1000 + at))
        before = len(writer.batches)
        # The clock moves in steps far smaller than what is between two transactions.
        for _ in range(10):
            clock.advance(0.001)
            await asyncio.sleep(0.001)
        if len(writer.batches) > before:
            begun.append(clock.monotonic())
    assert len(begun) >= 2
    assert all(later - earlier >= APART_SECONDS for earlier, later in pairwise(begun))
    await made.flush()
    assert sum(map(len, writer.batches)) == 20


async def test_who_is_in_a_call_is_known_and_its_end(made: Ledger, database: Database) -> None:
    for event in (
        opened(),
        entered("alice"),
        entered("bob"),
        left("alice"),
        entered("alice", at=NOW * 1000 + 5),
    ):
        made.on_room_event(event)
    await made.flush()
    assert [(row[1], row[4]) for row in await rows(database, "presences")] == [
        ("alice", NOW * 1000 + 5),
        ("bob", NOW * 1000),
    ]
    made.on_room_event(left("alice"))
    made.on_room_event(left("bob"))
    made.on_room_event(closed())
    await made.flush()
    assert await rows(database, "presences") == []
    (call,) = await rows(database, "calls")
    assert call == (
        CALL.id, "main", APP, "string", "room", NOW * 1000, "alice", NOW * 1000 + 9000, "empty",
    )  # fmt: skip


async def test_while_the_database_is_away_events_wait_and_all_are_there_afterwards(
    made: Ledger, clock: VirtualClock, writer: Writer, metrics: Metrics
) -> None:
    writer.failures = [away() for _ in range(7)]
    for user in ("alice", "bob"):
        made.on_room_event(entered(user))
        await until(lambda: len(writer.failures) < 7, clock)
    retries = "sealroom_ledger_retries_total"
    await until(lambda: metrics.registry.get_sample_value(retries) == 7, clock)
    clock.advance(5)
    await made.flush()
    assert await writer.kept() == [entered("alice").id, entered("bob").id]


async def test_a_commit_that_was_not_heard_of_is_not_written_again(
    made: Ledger,
    clock: VirtualClock,
    writer: Writer,
    database: Database,
    metrics: Metrics,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The connection breaks between the commit and its answer."""
    original = database.writing
    broken: list[bool] = []

    @asynccontextmanager
    async def breaking() -> AsyncIterator[AsyncConnection]:
        async with original() as connection:
            yield connection
        if not broken:
            broken.append(True)
            raise away()

    monkeypatch.setattr(database, "writing", breaking)
    made.on_room_event(opened())
    retries = "sealroom_ledger_retries_total"
    await until(lambda: metrics.registry.get_sample_value(retries) == 1, clock)
    clock.advance(1)
    await made.flush()
    assert len(writer.batches) == 1
    assert await writer.kept() == [opened().id]


async def test_an_event_that_is_refused_costs_the_others_nothing(
    made: Ledger, writer: Writer, metrics: Metrics
) -> None:
    made.on_room_event(entered("alice"))
    made.on_room_event(entered("alice"))  # the same id again: the writer's table takes it once
    made.on_room_event(entered("bob"))
    await made.flush()
    assert await writer.kept() == [entered("alice").id, entered("bob").id]
    assert lost(metrics, "refused") == 1


async def test_a_writer_that_fails_leaves_nothing_of_the_batch_behind(
    made: Ledger, writer: Writer, database: Database, metrics: Metrics
) -> None:
    broken = IntegrityError("INSERT", {}, sqlite3.IntegrityError("no"))
    writer.failures = [broken, broken]  # of the batch, and of the event alone
    made.on_room_event(opened())
    await made.flush()
    assert await rows(database, "calls") == []
    assert lost(metrics, "refused") == 1


@pytest.mark.parametrize(("name", "most"), [("MAX_WAITING", 3), ("MAX_WAITING_BYTES", 1100)])
async def test_what_exceeds_the_bound_is_counted(
    made: Ledger, writer: Writer, metrics: Metrics, monkeypatch: pytest.MonkeyPatch, name: str, most: int
) -> None:
    monkeypatch.setattr(ledger, name, most)
    for number in range(10):
        made.on_room_event(entered(f"user{number}"))
    await made.flush()
    kept = await writer.kept()
    assert kept == [entered(f"user{number}").id for number in range(len(kept))]
    assert 0 < len(kept) < 10
    assert lost(metrics, "bound") == 10 - len(kept)


async def test_the_end_does_not_wait_for_ever_and_says_what_it_cost(
    database: Database, clock: VirtualClock, metrics: Metrics, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "CLOSE_SECONDS", 0.05)
    made = Ledger(database, clock, LedgerMetrics(metrics.registry), writers=(writer,))
    await made.start()
    writer.failures = [away() for _ in range(100)]
    made.on_room_event(opened())
    await made.close()
    assert lost(metrics, "closed") == 1


async def test_after_a_crash_calls_end_when_the_server_was_last_seen(
    database: Database, clock: VirtualClock, writer: Writer
) -> None:
    made = Ledger(database, clock, LedgerMetrics(Metrics("killed").registry), writers=(writer,))
    await made.start()
    for event in (opened(), entered("alice"), entered("bob")):
        made.on_room_event(event)
    await made.flush()

    async def mark() -> tuple[int, int]:
        async with database.reading() as connection:
            row = (await connection.execute(text("SELECT batch, alive_at FROM ledger_marks"))).one()
            return row.batch, row.alive_at

    async with asyncio.timeout(10):
        while (await mark())[0] < 2:
            clock.advance(1)
    await made.flush()
    _, seen = await mark()
    assert made._task is not None
    made._task.cancel()  # as kill -9: nothing is said any more
    clock.advance(3600)

    writer.batches.clear()
    ended: list[RoomEvent] = []

    async def keeping(_: AsyncConnection, batch: Sequence[RoomEvent]) -> None:
        ended.extend(batch)

    after = Ledger(database, clock, LedgerMetrics(Metrics("after").registry), writers=(writer, keeping))
    assert await after.recover(Ids()) == 1
    assert await after.recover(Ids()) == 0
    assert [(type(event), event.at) for event in ended] == [
        (ParticipantLeft, seen), (ParticipantLeft, seen), (RoomClosed, seen),
    ]  # fmt: skip
    assert NOW * 1000 + 5_000 <= seen < NOW * 1000 + 3_000_000
    assert isinstance(ended[0], ParticipantLeft)
    assert (ended[0].user_id, ended[0].reason, ended[0].call) == ("alice", ExitReason.TIMEOUT, CALL)
    assert isinstance(ended[2], RoomClosed)
    assert ended[2].reason is CloseReason.LOST
    assert await rows(database, "presences") == []


async def test_one_node_does_not_end_the_calls_of_another(database: Database, clock: VirtualClock) -> None:
    other = Ledger(database, clock, LedgerMetrics(Metrics("a").registry), node="other")
    await other.start()
    other.on_room_event(opened())
    await other.flush()
    mine = Ledger(database, clock, LedgerMetrics(Metrics("b").registry), node="mine")
    assert await mine.recover(Ids()) == 0
    await other.close()


async def test_many_calls_are_recovered_in_few_transactions_and_none_is_cut(
    database: Database, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Ledger(database, clock, LedgerMetrics(Metrics("killed").registry))
    await made.start()
    for number in range(7):
        call = replace(CALL, id=f"{CALL.id}{number}")
        for event in (opened(call), entered("alice", call), entered("bob", call)):
            made.on_room_event(event)
    await made.flush()
    assert made._task is not None
    made._task.cancel()
    monkeypatch.setattr(ledger, "MAX_BATCH", 6)
    batches: list[list[RoomEvent]] = []

    async def keeping(_: AsyncConnection, batch: Sequence[RoomEvent]) -> None:
        batches.append(list(batch))

    after = Ledger(database, clock, LedgerMetrics(Metrics("after").registry), writers=(keeping,))
    assert await after.recover(Ids()) == 7
    assert [len(batch) for batch in batches] == [6, 6, 6, 3]
    assert all(isinstance(batch[-1], RoomClosed) for batch in batches)


async def test_the_batch_is_there_when_its_commit_is_told(
    database: Database, clock: VirtualClock, writer: Writer, tmp_path: Path
) -> None:
    seen: list[int] = []

    def committed() -> None:
        with closing(sqlite3.connect(tmp_path / "test.db")) as connection:
            seen.append(connection.execute("SELECT count(*) FROM kept").fetchone()[0])

    made = Ledger(
        database, clock, LedgerMetrics(Metrics("x").registry), writers=(writer,), committed=(committed,)
    )
    await made.start()
    made.on_room_event(opened())
    await made.flush()
    await made.close()
    assert seen == [1]


def test_every_event_has_a_size() -> None:
    """The bound counts bytes: an event that cannot be encoded would be an error in the middle of a call."""
    import msgspec

    assert b"alice" in msgspec.json.encode(entered("alice"))
    assert events.ParticipantBlocked.__dataclass_fields__.keys() >= {"audio", "video"}
