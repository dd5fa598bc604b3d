# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL: the contract on a real server, and what only a server can do: be slow, be away, be killed."""

import asyncio
import time

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import DBAPIError

from sealroom.apps.models import revocations
from sealroom.core.config.schema import DatabaseSettings
from sealroom.core.db import AWAY, Database, insert_new
from sealroom.core.db.migrations import HEAD
from sealroom.core.db.probe import probe
from sealroom.core.db.target import Target
from sealroom.core.errors import ConfigurationError, StartError
from server.tests.core.db.contract import DatabaseContract, row, users
from tools.services import PostgreSQL
from tools.services.fixtures import OwnDatabase

pytestmark = pytest.mark.services


@pytest.fixture
def server(own_database: OwnDatabase) -> PostgreSQL:
    return own_database.server


@pytest.fixture
def where(own_database: OwnDatabase) -> str:
    """The address of an empty database."""
    return own_database.url


class TestPostgreSQL(DatabaseContract):
    """All of it."""


async def test_a_probe_says_schema_latency_and_clock_and_makes_nothing(where: str) -> None:
    target = Target(where, DatabaseSettings())
    empty = await asyncio.to_thread(probe, target)
    assert empty.schema is None
    assert empty.ahead is not None
    assert abs(empty.ahead) < 1
    assert 0 < empty.seconds < 5
    await Database(where).close()
    found = await asyncio.to_thread(probe, target)
    assert found.schema is not None
    assert found.schema.version == HEAD


async def test_the_way_there_is_encrypted_when_the_address_says_so(where: str) -> None:
    database = Database(where)
    (found,) = await database.ask(
        select(text("ssl")).select_from(text("pg_stat_ssl")).where(text("pid = pg_backend_pid()"))
    )
    assert found == (True,)
    await database.close()


async def test_a_reader_cannot_write(where: str) -> None:
    database = Database(where)
    with pytest.raises(DBAPIError, match="read-only"):
        async with database.reading() as connection:
            await connection.execute(insert(revocations).values(row("alice")))
    await database.close()


async def test_a_statement_that_takes_too_long_is_ended_by_the_server(where: str) -> None:
    database = Database(where, DatabaseSettings(statement_timeout=0.1))
    begin = time.monotonic()
    with pytest.raises(AWAY, match="statement timeout"):
        await database.ask(select(func.pg_sleep(20)))
    assert time.monotonic() - begin < 10
    await database.check()
    await database.close()


@pytest.mark.parametrize(
    "url",
    ["postgresql", "mysql://x/y", "postgresql://host", "sqlite:///x.db", "postgresql://u:secret@h:port/x"],
)
def test_what_is_no_address_of_postgresql_is_a_wrong_setting(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Database(url)
    assert "secret" not in str(caught.value)


def test_a_server_that_is_away_is_told_without_its_password(where: str, server: PostgreSQL) -> None:
    server.process.kill()
    with pytest.raises(StartError) as caught:
        Database(where, DatabaseSettings(connect_timeout=2))
    assert caught.value.code == "database_unusable"
    assert "127.0.0.1" in caught.value.sentence
    assert "sealroom-tests" not in str(caught.value)


async def test_a_server_that_was_restarted_is_used_again_at_once(where: str, server: PostgreSQL) -> None:
    database = Database(where)
    assert await users(database) == []
    server.process.stop()
    with pytest.raises(AWAY):
        await database.check()
    server.process.start()
    for _ in range(3):
        await database.check()
    await database.close()


async def test_what_was_acknowledged_is_there_after_the_server_was_killed_and_nothing_is_twice(
    where: str, server: PostgreSQL
) -> None:
    """Each writer tries a row again until it is acknowledged, as whoever keeps what must last has to."""
    database = Database(where, DatabaseSettings(connect_timeout=2))
    acknowledged: list[str] = []
    enough = {count: asyncio.Event() for count in (50, 150, 300)}
    failed = asyncio.Event()
    tries = 0

    async def write(writer: int) -> None:
        nonlocal tries
        for number in range(100):
            user = f"{writer}-{number}"
            while True:
                tries += 1
                try:
                    async with database.writing() as connection:
                        await insert_new(connection, revocations, row(user))
                    break
                except AWAY:
                    failed.set()
                    await asyncio.sleep(0.02)
            acknowledged.append(user)
            if event := enough.get(len(acknowledged)):
                event.set()

    async def murder() -> None:
        for event in enough.values():
            await event.wait()
            server.process.kill()
            failed.clear()
            await failed.wait()
            # Not in a thread: the server ends with the thread that started it.
            server.process.start()

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(murder())
        for writer in range(6):
            group.create_task(write(writer))
    assert tries > len(acknowledged) == 600
    assert sorted(await users(database)) == sorted(acknowledged)
    await database.close()
