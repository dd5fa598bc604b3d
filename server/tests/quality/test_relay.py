# SPDX-License-Identifier: Apache-2.0
"""History goes from the ledger's transaction to the journal: all of it, in order, once, and while the journal takes nothing it waits."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from sealroom.app import catalogue
from sealroom.catalogue import Document
from sealroom.core.db import Database
from sealroom.core.metrics import Metrics
from sealroom.core.records import RecordsUnavailable
from sealroom.quality import relay
from sealroom.quality.models import CallEvent, Departure, Stay, history_outbox
from sealroom.quality.relay import HistoryMetrics, HistoryRelay
from sealroom.rooms.events import RoomEvent
from sealroom.rooms.ledger import Ledger, LedgerMetrics
from server.tests.asked import question_held
from server.tests.fakes import VirtualClock
from server.tests.quality.keeping import Kept
from server.tests.rooms.test_ledger import closed, entered, left, opened, until


class Journal(Kept):
    """Keeps the order too."""

    def __init__(self) -> None:
        super().__init__()
        self.order: list[str] = []

    def put(self, documents: Sequence[Document]) -> None:
        self.order += [one.id for one in documents if isinstance(one, CallEvent)]
        super().put(documents)


@dataclass
class Node:
    """A server as far as its history goes."""

    database: Database
    clock: VirtualClock
    metrics: Metrics
    journal: Journal
    history: HistoryRelay
    ledger: Ledger

    async def start(self) -> None:
        await self.history.start()
        await self.ledger.start()

    async def tell(self, *events: RoomEvent) -> None:
        for event in events:
            self.ledger.on_room_event(event)
        await self.ledger.flush()

    async def rows(self) -> int:
        return len(await self.database.ask(select(history_outbox.c.id)))

    def lost(self, reason: str) -> float:
        name = "sealroom_history_lost_documents_total"
        return self.metrics.registry.get_sample_value(name, {"reason": reason}) or 0.0

    def kill(self) -> None:
        """As kill -9: nothing is said any more."""
        for task in (self.history._task, self.ledger._task):
            assert task is not None
            task.cancel()

    async def close(self) -> None:
        await self.ledger.close()
        await self.history.close()


def made(database: Database, clock: VirtualClock, journal: Journal, node: str = "main") -> Node:
    metrics = Metrics("test")
    history = HistoryRelay(database, journal, catalogue(), clock, HistoryMetrics(metrics.registry), node=node)
    ledger = Ledger(
        database, clock, LedgerMetrics(metrics.registry), writers=(history.write,), committed=(history.committed,), node=node
    )  # fmt: skip
    return Node(database, clock, metrics, journal, history, ledger)


@pytest.fixture
async def node(database: Database, clock: VirtualClock) -> AsyncIterator[Node]:
    node = made(database, clock, Journal())
    await node.start()
    yield node
    node.journal.full = node.journal.fails = False
    await node.close()


async def gone(node: Node) -> None:
    """Waits until nothing of history is in the database."""
    async with asyncio.timeout(10):
        while await node.rows():
            node.clock.advance(0.5)
            await asyncio.sleep(0.001)


async def test_the_journal_gets_what_was_committed_in_its_order(node: Node) -> None:
    told: list[RoomEvent] = [opened(), entered("alice"), entered("bob"), left("alice")]
    await node.tell(*told)
    await node.tell(left("bob"), closed())
    await node.history.flush()
    assert node.journal.order == [event.id for event in (*told[1:], left("bob"))]
    assert {one.user_id for one in node.journal.all(Stay)} == {"alice", "bob"}


async def test_the_journal_gets_nothing_of_a_transaction_that_failed(
    database: Database, clock: VirtualClock
) -> None:
    node = made(database, clock, Journal())
    broken = [IntegrityError("INSERT", {}, sqlite3.IntegrityError("no"))]

    async def fails(_: AsyncConnection, batch: Sequence[RoomEvent]) -> None:
        if batch and broken:
            raise broken.pop()

    node.ledger._writers = (*node.ledger._writers, fails)
    await node.start()
    await node.tell(entered("alice"))  # refused
    await node.tell(entered("bob"))
    await node.history.flush()
    assert [one.user_id for one in node.journal.all(Stay)] == ["bob"]
    await node.close()


async def test_a_commit_that_was_not_heard_of_reaches_the_journal(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, broken = node.database.writing, list[bool]()

    @asynccontextmanager
    async def breaking() -> AsyncIterator[AsyncConnection]:
        async with original() as connection:
            yield connection
        if not broken:
            broken.append(True)
            raise OperationalError("COMMIT", {}, sqlite3.OperationalError("gone"))

    monkeypatch.setattr(node.database, "writing", breaking)
    node.ledger.on_room_event(entered("alice"))
    await until(lambda: bool(broken), node.clock)
    await until(lambda: len(node.journal.order) == 1, node.clock)
    await node.ledger.flush()
    assert node.journal.order == [entered("alice").id]


async def test_rows_that_are_done_go_with_the_next_batch_and_cost_no_transaction(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 0
    original = node.database.writing

    @asynccontextmanager
    async def counting() -> AsyncIterator[AsyncConnection]:
        nonlocal count
        count += 1
        async with original() as connection:
            yield connection

    monkeypatch.setattr(node.database, "writing", counting)
    for number in range(20):
        await node.tell(entered(f"user{number}"))
        await node.history.flush()
        node.clock.advance(relay.QUIET_SECONDS / 2)
    assert count == 20, "as many as the ledger has batches"
    assert await node.rows() == 1


async def test_an_idle_server_keeps_nothing(node: Node) -> None:
    await node.tell(entered("alice"))
    await node.history.flush()
    assert await node.rows() == 1
    await gone(node)
    assert node.clock.monotonic() < 10
    assert node.clock.pending == 0


@pytest.mark.parametrize("how", ["full", "fails"])
async def test_while_the_journal_takes_nothing_history_waits_and_nothing_else_does(
    node: Node, how: str
) -> None:
    setattr(node.journal, how, True)
    for user in ("alice", "bob", "carol"):
        await node.tell(entered(user))
    retries = "sealroom_history_retries_total"
    await until(lambda: (node.metrics.registry.get_sample_value(retries) or 0) > 3, node.clock)
    assert await node.rows() == 3
    assert not node.history.says().startswith("0 ")
    setattr(node.journal, how, False)
    await until(lambda: len(node.journal.order) == 3, node.clock)
    assert node.journal.order == [entered(user).id for user in ("alice", "bob", "carol")]
    assert node.history.says().startswith("0 ")
    await gone(node)


async def test_what_waits_is_bounded_and_what_exceeds_it_is_counted(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "MAX_WAITING_BYTES", 2_000)
    node.journal.full = True
    for number in range(20):
        await node.tell(entered(f"user{number}"))
    kept = await node.rows()
    assert 0 < kept < 20
    assert node.lost("bound") == 2 * (20 - kept), "a stay and an event each"
    node.journal.full = False
    await until(lambda: len(node.journal.order) == kept, node.clock)
    await node.tell(entered("late"))
    await node.history.flush()
    assert node.journal.order[-1] == entered("late").id


async def test_what_does_not_stay_in_memory_is_read_when_its_turn_comes(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "HELD_BYTES", 1_000)
    monkeypatch.setattr(relay, "TOGETHER", 4)
    node.journal.full = True
    users = [f"user{number}" for number in range(10)]
    for user in users:
        await node.tell(entered(user))
    node.journal.full = False
    await until(lambda: len(node.journal.order) == 10, node.clock)
    assert node.journal.order == [entered(user).id for user in users]
    assert node.history._held == 0


async def test_what_a_killed_process_left_is_taken_up_before_anything_else(
    database: Database, clock: VirtualClock
) -> None:
    killed = made(database, clock, Journal())
    await killed.start()
    killed.journal.full = True
    await killed.tell(opened(), entered("alice"))
    killed.kill()

    after = made(database, clock, Journal())
    await after.start()
    await after.tell(left("alice"))
    await after.history.flush()
    assert after.journal.order == [entered("alice").id, left("alice").id]
    await gone(after)
    await after.close()


async def test_what_was_left_is_read_back_beside_what_entries_ask(
    database: Database, clock: VirtualClock
) -> None:
    killed = made(database, clock, Journal())
    await killed.start()
    killed.journal.full = True
    await killed.tell(opened(), entered("alice"))
    killed.kill()

    after = made(database, clock, Journal())
    async with asyncio.timeout(10):
        with question_held(database):
            await after.history.start()
            await after.history.flush()
    assert after.journal.order == [entered("alice").id]
    await after.history.close()


async def test_one_node_leaves_the_history_of_another_alone(database: Database, clock: VirtualClock) -> None:
    killed = made(database, clock, Journal(), "other")
    await killed.start()
    killed.journal.full = True
    await killed.tell(entered("alice"))
    killed.kill()
    mine = made(database, clock, Journal(), "mine")
    await mine.start()
    await mine.tell(entered("bob"))
    await mine.history.flush()
    await mine.close()
    assert mine.journal.order == [entered("bob").id]
    assert await mine.rows() == 1


async def test_what_the_journal_refuses_keeps_nothing_else(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, times_full = node.journal.put_durable, 2

    async def refusing(documents: Sequence[Document]) -> None:
        nonlocal times_full
        users = {one.user_id for one in documents if isinstance(one, Stay)}
        if "mallory" in users:
            raise ValueError("no record")
        if users == {"bob"} and times_full:
            times_full -= 1
            raise RecordsUnavailable("journal_full", "It has no room.")
        await original(documents)

    monkeypatch.setattr(node.journal, "put_durable", refusing)
    await node.tell(entered("alice"), entered("mallory"), entered("bob"))
    await until(lambda: node.history.says().startswith("0 "), node.clock)
    assert {one.user_id for one in node.journal.all(Stay)} == {"alice", "bob"}
    assert node.lost("refused") == 1


async def test_what_another_program_wrote_keeps_nothing_else(database: Database, clock: VirtualClock) -> None:
    async with database.writing() as connection:
        await connection.execute(
            insert(history_outbox).values(node="main", documents=b"\xc1", count=3, made_at=1)
        )
    node = made(database, clock, Journal())
    await node.start()
    await node.tell(entered("alice"))
    await node.history.flush()
    assert node.journal.order == [entered("alice").id]
    assert node.lost("unreadable") == 3
    await node.close()


async def test_the_end_waits_for_the_journal_for_a_while_and_leaves_the_rest_to_the_next(
    database: Database, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "CLOSE_SECONDS", 0.05)
    node = made(database, clock, Journal())
    await node.start()
    node.journal.hold = asyncio.Event()
    await node.tell(entered("alice"), left("alice"))
    await node.close()
    assert await node.rows() == 1
    after = made(database, clock, Journal())
    await after.start()
    await after.close()
    assert len(after.journal.all(Departure)) == 1
    assert await after.rows() == 0
