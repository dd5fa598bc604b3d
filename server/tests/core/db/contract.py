# SPDX-License-Identifier: Apache-2.0
"""What holds of the database, whichever it is. `test_sqlite.py` and `test_postgresql.py` run all of it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, insert, select, text, update

from sealroom.app import catalogue
from sealroom.apps.models import revocations
from sealroom.audit.events import AuditEvent, Record
from sealroom.audit.models import entries
from sealroom.audit.report import verify
from sealroom.audit.service import AuditLog
from sealroom.core.config.schema import DatabaseSettings
from sealroom.core.db import Database, insert_new, metadata, upsert
from sealroom.core.db.changes import number_of, raise_number
from sealroom.core.db.migrations import HEAD, run
from sealroom.core.db.schema import Schema, migrate, schema_of
from sealroom.core.db.target import Target, Where
from sealroom.core.errors import StartError
from server.tests import fakes

USERS = select(revocations.c.user_id).order_by(revocations.c.user_id)


def row(user: str, issued_before: int = 5) -> dict[str, object]:
    return {"sdk_app_id": 1, "user_id": user, "issued_before": issued_before}


async def users(database: Database) -> list[str]:
    return [one.user_id for one in await database.ask(USERS)]


class DatabaseContract:
    """Subclasses give a fixture `where` with the place of an empty database."""

    @pytest.fixture
    async def database(self, where: Where) -> AsyncIterator[Database]:
        database = Database(where)
        yield database
        await database.close()

    @pytest.fixture
    def target(self, where: Where) -> Target:
        return Target(where, DatabaseSettings())

    async def test_an_empty_database_gets_the_schema_and_keeps_it(self, where: Where, target: Target) -> None:
        assert schema_of(target) is None
        for _ in range(2):
            database = Database(where)
            await database.check()
            await database.close()
        assert schema_of(target) == Schema(HEAD, run.lowest_compatible())

    async def test_the_migrations_make_what_the_features_declare(
        self, database: Database, target: Target
    ) -> None:
        assert set(metadata.tables) == {one.name for one in catalogue() if one.store.value == "db"}
        engine = target.engine()
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, metadata) == []
        engine.dispose()

    async def test_what_was_kept_under_the_first_schema_is_there_under_the_newest(
        self, where: Where, target: Target
    ) -> None:
        config = run._config()
        engine = target.engine()
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "0001")
            connection.execute(insert(revocations).values(row("alice")))
        engine.dispose()
        assert schema_of(target) == Schema("0001", "0001")
        database = Database(where)
        assert await users(database) == ["alice"]
        await database.close()

    async def test_starts_at_the_same_time_migrate_once(self, where: Where) -> None:
        opened = await asyncio.gather(*(asyncio.to_thread(Database, where) for _ in range(4)))
        for database in opened:
            assert await users(database) == []
            await database.close()

    async def test_a_newer_schema_is_used_when_it_says_so_and_left_alone_otherwise(
        self, where: Where, target: Target
    ) -> None:
        await Database(where).close()
        self.tell(target, "UPDATE alembic_version SET version_num = '9999'")
        self.tell(target, f"UPDATE schema_compat SET version = '9999', lowest = '{HEAD}'")
        database = Database(where)
        await database.check()
        await database.close()
        assert schema_of(target) == Schema("9999", HEAD), "an older program does not touch it"
        self.tell(target, "UPDATE schema_compat SET lowest = '9998'")
        with pytest.raises(StartError) as caught:
            Database(where)
        assert caught.value.code == "database_of_newer_program"
        assert "9998" in caught.value.sentence
        self.tell(target, "DROP TABLE schema_compat")
        with pytest.raises(StartError):
            Database(where)

    def tell(self, target: Target, statement: str) -> None:
        engine = target.engine()
        with engine.begin() as connection:
            connection.execute(text(statement))
        engine.dispose()

    async def test_a_migration_that_fails_leaves_everything_as_it_was(
        self, target: Target, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken() -> str:
            raise RuntimeError

        monkeypatch.setattr(run, "lowest_compatible", broken)
        with pytest.raises(RuntimeError):
            migrate(target)
        monkeypatch.undo()
        assert schema_of(target) is None
        migrate(target)

    async def test_a_transaction_is_there_whole_or_not_at_all(self, database: Database) -> None:
        with contextlib.suppress(ZeroDivisionError):
            async with database.writing() as connection:
                await connection.execute(insert(revocations).values(row("alice")))
                _ = 1 / 0
        assert await users(database) == []
        async with database.writing() as connection:
            await connection.execute(insert(revocations), [row("alice"), row("bob")])
            assert await users(database) == [], "before its end nobody else sees it"
        assert await users(database) == ["alice", "bob"]

    async def test_a_reader_sees_one_moment(self, database: Database) -> None:
        async with database.reading() as connection:
            assert (await connection.execute(USERS)).all() == []
            async with database.writing() as writer:
                await writer.execute(insert(revocations).values(row("alice")))
            assert (await connection.execute(USERS)).all() == []
        assert await users(database) == ["alice"]

    async def test_many_writers_of_many_processes_wait_for_each_other(self, where: Where) -> None:
        """Each raises the same number: none is lost, none fails."""
        databases = [Database(where) for _ in range(3)]
        raised = update(revocations).values(issued_before=revocations.c.issued_before + 1)

        async def write(database: Database) -> None:
            async with database.writing() as connection:
                await connection.execute(raised)

        async with databases[0].writing() as connection:
            await connection.execute(insert(revocations).values(row("alice", 0)))
        await asyncio.gather(*(write(one) for one in databases * 10))
        (found,) = await databases[0].ask(select(revocations.c.issued_before))
        assert found == (30,)
        for one in databases:
            await one.close()

    async def test_a_writer_does_not_wait_for_ever(self, where: Where) -> None:
        database, other = (Database(where, DatabaseSettings(lock_timeout=0.2)) for _ in range(2))
        change = update(revocations).values(issued_before=7)
        async with database.writing() as connection:
            await connection.execute(insert(revocations).values(row("alice")))
        async with database.writing() as connection:
            await connection.execute(change)
            for one in (database, other):
                with pytest.raises(Exception, match=r"lock|^$"):
                    async with one.writing() as late:
                        await late.execute(change)
        async with other.writing() as connection:
            await connection.execute(change)
        await database.close()
        await other.close()

    async def test_a_row_is_written_in_place_of_the_one_with_its_key(self, database: Database) -> None:
        async with database.writing() as connection:
            await upsert(connection, revocations, row("alice", 5))
            await upsert(connection, revocations, [row("alice", 3), row("bob", 4)])
        found = select(revocations.c.issued_before).order_by(revocations.c.user_id)
        assert [tuple(one) for one in await database.ask(found)] == [(3,), (4,)]
        async with database.writing() as connection:
            await upsert(
                connection, revocations, [row("alice", 2), row("bob", 9)], greatest=("issued_before",)
            )
            await upsert(connection, revocations, [])
        assert [tuple(one) for one in await database.ask(found)] == [(3,), (9,)]

    async def test_rows_that_are_there_are_passed_over(self, database: Database) -> None:
        async with database.writing() as connection:
            assert await insert_new(connection, revocations, row("alice", 5)) == 1
            assert await insert_new(connection, revocations, row("alice", 9)) == 0
            assert await insert_new(connection, revocations, [row("alice", 9), row("bob", 9)]) == 1
            assert await insert_new(connection, revocations, []) == 0
        found = select(revocations.c.issued_before).order_by(revocations.c.user_id)
        assert [tuple(one) for one in await database.ask(found)] == [(5,), (9,)]

    async def test_a_number_rises_with_every_change_and_with_none_that_failed(
        self, database: Database
    ) -> None:
        async def number() -> int:
            ((found,),) = await database.ask(select(number_of("things")))
            return found

        async def change() -> None:
            async with database.writing() as connection:
                await raise_number(connection, "things")

        assert await number() == 0
        await change()
        assert await number() == 1
        with contextlib.suppress(ZeroDivisionError):
            async with database.writing() as connection:
                await raise_number(connection, "things")
                _ = 1 / 0
        assert await number() == 1
        await asyncio.gather(*(change() for _ in range(10)))
        assert await number() == 11

    async def test_the_audit_log_is_placed_by_many_verified_and_erased(self, where: Where) -> None:
        databases = [Database(where) for _ in range(3)]
        keys, clock = fakes.MemoryKeys(), fakes.VirtualClock()
        logs = [AuditLog(one, keys, clock) for one in databases]
        record = Record(AuditEvent.USER_SIGS_REVOKED, fakes.ACTOR, "application 1", {"user": "a"}, "1/a")
        async with databases[0].writing() as connection:
            for _ in range(30):
                await logs[0].append(connection, record)
        placed = await asyncio.gather(*(log.place() for log in logs))
        assert sum(placed) == 30
        assert await logs[1].erase("1/a", fakes.ACTOR) == 30
        said: list[str] = []
        assert await verify(databases[2], keys, (), said.append), said
        leaves = [entry.leaf async for entry in logs[0].entries()]
        assert leaves == list(range(31))
        async with databases[0].writing() as connection:
            await connection.execute(update(entries).where(entries.c.leaf == 7).values(actor="cli:mallory"))
        assert not await verify(databases[2], keys, (), said.append)
        ((count,),) = await databases[0].ask(select(func.count()).select_from(entries))
        assert count == 31
        for one in databases:
            await one.close()
