# SPDX-License-Identifier: Apache-2.0
"""The ledger on a real PostgreSQL, and on one that is killed in the middle."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import insert, select

from sealroom.audit.events import AuditEvent, Record
from sealroom.audit.models import entries
from sealroom.audit.report import verify
from sealroom.audit.service import AuditLog
from sealroom.core.clock import SystemClock
from sealroom.core.config.schema import DatabaseSettings
from sealroom.core.db import AWAY, Database
from sealroom.core.metrics import Metrics
from sealroom.rooms.events import RoomEvent
from sealroom.rooms.ledger import Ledger, LedgerMetrics
from sealroom.webhooks.models import Group, endpoints, outbox
from sealroom.webhooks.outbox import Outbox
from server.tests import fakes
from server.tests.fakes import APP, NOW
from server.tests.on_postgresql import database
from server.tests.rooms.test_ledger import (
    Writer,
    entered,
    made,
    opened,
    test_a_commit_that_was_not_heard_of_is_not_written_again,
    test_a_writer_that_fails_leaves_nothing_of_the_batch_behind,
    test_after_a_crash_calls_end_when_the_server_was_last_seen,
    test_an_event_that_is_refused_costs_the_others_nothing,
    test_events_of_a_moment_are_one_transaction_in_their_order,
    test_many_calls_are_recovered_in_few_transactions_and_none_is_cut,
    test_one_node_does_not_end_the_calls_of_another,
    test_while_the_database_is_away_events_wait_and_all_are_there_afterwards,
    test_who_is_in_a_call_is_known_and_its_end,
    writer,
)
from tools.services.fixtures import OwnDatabase

pytestmark = pytest.mark.services

__all__ = [
    "database",
    "made",
    "test_a_commit_that_was_not_heard_of_is_not_written_again",
    "test_a_writer_that_fails_leaves_nothing_of_the_batch_behind",
    "test_after_a_crash_calls_end_when_the_server_was_last_seen",
    "test_an_event_that_is_refused_costs_the_others_nothing",
    "test_events_of_a_moment_are_one_transaction_in_their_order",
    "test_many_calls_are_recovered_in_few_transactions_and_none_is_cut",
    "test_one_node_does_not_end_the_calls_of_another",
    "test_while_the_database_is_away_events_wait_and_all_are_there_afterwards",
    "test_who_is_in_a_call_is_known_and_its_end",
    "writer",
]


async def test_what_happens_while_the_server_is_killed_and_killed_again_is_there_once(
    own_database: OwnDatabase,
) -> None:
    """Room events, with what is to be told of them, and moderators' entries of the audit log, while there is load all the time."""
    database, clock, server = (
        Database(own_database.url, DatabaseSettings(connect_timeout=2)),
        SystemClock(),
        own_database.server.process,
    )
    writer, letters, keys = Writer(database), Outbox(database, clock), fakes.MemoryKeys()
    await writer.prepare()
    async with database.writing() as connection:
        await connection.execute(
            insert(endpoints).values(
                sdk_app_id=APP,
                group_id=int(Group.ROOM),
                url="https://hook.example/",
                enabled=True,
                changed_at=0,
            )
        )
    ledger = Ledger(
        database, clock, LedgerMetrics(Metrics("killed").registry), writers=(writer, letters.write), committed=(letters.committed,)
    )  # fmt: skip
    await ledger.start()
    log = AuditLog(database, keys, clock)
    told: list[RoomEvent] = [replace(opened(), id="opened")]
    recorded, failed, over = list[int](), asyncio.Event(), asyncio.Event()
    ledger.on_room_event(told[0])

    async def happen() -> None:
        number = 0
        while not over.is_set():
            number += 1
            told.append(entered(f"user{number}", at=NOW * 1000 + number))
            ledger.on_room_event(told[-1])
            await asyncio.sleep(0.002)

    async def moderate() -> None:
        record = Record(AuditEvent.USER_REMOVED, fakes.ACTOR, f"application {APP}", {"user": "a"}, f"{APP}/a")
        while not over.is_set():
            try:
                recorded.append(await log.record(record))
            except AWAY:
                failed.set()
                await asyncio.sleep(0.02)

    async def murder() -> None:
        for _ in range(3):
            count = len(told), len(recorded)
            while len(told) < count[0] + 100 or len(recorded) < count[1] + 10:  # noqa: ASYNC110 - others go on
                await asyncio.sleep(0.005)
            server.kill()
            failed.clear()
            await failed.wait()
            # Not in a thread: the server ends with the thread that started it.
            server.start()
        over.set()

    async with asyncio.timeout(90):
        async with asyncio.TaskGroup() as group:
            for work in (happen(), moderate(), moderate(), murder()):
                group.create_task(work)
        await ledger.flush()
        await log.place()
    wanted = [event.id for event in told]
    assert await writer.kept() == wanted
    rows = await database.ask(select(outbox.c.event_id).order_by(outbox.c.id))
    assert [row.event_id for row in rows] == wanted
    numbers = [row.id for row in await database.ask(select(entries.c.id))]
    assert set(recorded) <= set(numbers)
    assert len(set(recorded)) == len(recorded) >= 30
    said: list[str] = []
    assert await verify(database, keys, (), said.append), said
    await ledger.close()
    await database.close()
