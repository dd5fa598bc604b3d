# SPDX-License-Identifier: Apache-2.0
"""The log on a real PostgreSQL, where two processes may write at once."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from sealroom.audit.events import AuditEvent, Record
from sealroom.audit.report import verify
from sealroom.audit.service import AuditLog
from sealroom.core.db import Database
from server.tests import fakes
from tools.services.fixtures import OwnDatabase

pytestmark = pytest.mark.services


@pytest.fixture
async def databases(own_database: OwnDatabase) -> AsyncIterator[list[Database]]:
    """Of two processes."""
    made = [Database(own_database.url) for _ in range(2)]
    yield made
    for one in made:
        await one.close()


async def write(database: Database, log: AuditLog, count: int) -> None:
    async with database.writing() as connection:
        for number in range(count):
            await log.append(
                connection, Record(AuditEvent.USER_SIGS_REVOKED, fakes.ACTOR, f"application {number}")
            )


async def waits_for_a_lock(database: Database) -> bool:
    blocked = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    async with database.reading() as connection:
        return bool((await connection.execute(blocked)).scalar())


async def test_two_may_be_the_first_to_place(databases: list[Database]) -> None:
    keys, clock = fakes.MemoryKeys(), fakes.VirtualClock()
    first, second = (AuditLog(one, keys, clock) for one in databases)
    await write(databases[0], first, 5)
    async with databases[0].writing() as connection:
        await first._locked_head(connection)
        placing = asyncio.ensure_future(second.place())
        async with asyncio.timeout(10):
            while not await waits_for_a_lock(databases[1]):  # noqa: ASYNC110 - the server knows, and tells nobody
                await asyncio.sleep(0.01)
    assert await placing == 5
    assert await verify(databases[0], keys, (), lambda _: None)


async def test_many_who_place_at_once_make_one_tree(databases: list[Database]) -> None:
    keys, clock = fakes.MemoryKeys(), fakes.VirtualClock()
    logs = [AuditLog(one, keys, clock) for one in databases]

    async def work(database: Database, log: AuditLog) -> None:
        for _ in range(5):
            await write(database, log, 3)
            await log.place()

    await asyncio.gather(*(work(*one) for one in zip(databases, logs, strict=True)))
    said: list[str] = []
    assert await verify(databases[0], keys, (), said.append), said
