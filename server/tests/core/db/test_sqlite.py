# SPDX-License-Identifier: Apache-2.0
"""SQLite: the contract, and what only a file can be."""

import asyncio
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import bindparam, delete, event, func, insert, select, text, update
from sqlalchemy.dialects.sqlite.aiosqlite import AsyncAdapt_aiosqlite_connection
from sqlalchemy.exc import OperationalError

from sealroom.apps.models import revocations
from sealroom.core.db import Database, target
from sealroom.core.db.asking import Looking
from sealroom.core.db.migrations import HEAD, run
from sealroom.core.db.steps import SteppingConnection
from sealroom.core.errors import StartError
from sealroom.core.state import StateDirectory, write_private
from sealroom.quality.models import history_outbox
from server.tests.core.db.contract import DatabaseContract, row


class TestSQLite(DatabaseContract):
    @pytest.fixture
    def where(self, tmp_path: Path) -> Path:
        return tmp_path / "x.db"


def test_the_newest_revision_is_what_alembic_says() -> None:
    assert run.script().get_heads() == [HEAD]


def test_every_revision_says_which_programs_can_use_its_schema() -> None:
    revisions = list(reversed(list(run.script().walk_revisions())))
    lowest = [one.module.lowest_compatible for one in revisions]
    assert [one.revision for one in revisions] == sorted(one.revision for one in revisions), (
        "they are compared as texts"
    )
    assert lowest == sorted(lowest), "what one took away, no later one brings back"
    assert all(low <= one.revision for low, one in zip(lowest, revisions, strict=True))


async def test_a_file_is_written_ahead_and_to_the_disk(tmp_path: Path) -> None:
    database = Database(tmp_path / "x.db")
    async with database.reading() as connection:
        found = {
            name: (await connection.execute(text(f"PRAGMA {name}"))).scalar()
            for name in ("journal_mode", "synchronous", "secure_delete")
        }
    await database.close()
    assert found == {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1}


async def filled(path: Path, rows: int) -> Database:
    database = Database(path)
    async with database.writing() as connection:
        await connection.execute(insert(revocations), [row(f"user{number:04}") for number in range(rows)])
    return database


@pytest.mark.parametrize("rows", [0, 1, 255, 256, 257, 512, 1000])
async def test_every_row_comes_once_and_in_order_however_it_is_read(tmp_path: Path, rows: int) -> None:
    database = await filled(tmp_path / "x.db", rows) if rows else Database(tmp_path / "x.db")
    wanted = [f"user{number:04}" for number in range(rows)]
    ordered = select(revocations.c.user_id).order_by(revocations.c.user_id)
    assert [one.user_id for one in await database.read(ordered)] == wanted
    async with database.reading() as connection:
        assert [one async for one in await connection.stream_scalars(ordered)] == wanted
        streamed = await connection.stream_scalars(ordered)
        assert await streamed.fetchmany(300) == wanted[:300]
        # Not read to its end: others follow over the same connection.
        await streamed.close()
        assert (await connection.execute(select(func.count()).select_from(revocations))).scalar() == rows
    await database.close()


async def test_a_statement_is_one_step_of_its_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = await filled(tmp_path / "x.db", 3)
    steps, execute = list[object](), SteppingConnection._execute

    async def counted(self: SteppingConnection, work: Any, *given: Any, **more: Any) -> Any:
        steps.append(work)
        return await execute(self, work, *given, **more)

    monkeypatch.setattr(SteppingConnection, "_execute", counted)
    async with database.reading() as connection:
        await connection.execute(select(revocations))
        begun = len(steps)
        for _ in range(5):
            await connection.execute(select(revocations))
        assert len(steps) == begun + 5
    await database.close()


async def test_a_look_goes_to_no_thread(tmp_path: Path) -> None:
    database = await filled(tmp_path / "x.db", 1)
    asking, answered = database._asking, threading.Event()
    assert asking is not None
    held = asking._thread.submit(answered.wait, 30)
    try:
        async with asyncio.timeout(10):
            assert await database.look(LOOK, {"user": "user0000"}) == [(5,)]
        assert not held.done()
    finally:
        answered.set()
    await database.close()


async def test_a_statement_that_fails_leaves_its_connection_usable(tmp_path: Path) -> None:
    database = await filled(tmp_path / "x.db", 1)
    async with database.writing() as connection:
        for statement in ("SELECT nothing FROM nowhere", "SELECT abs(-9223372036854775808)"):
            with pytest.raises(OperationalError):
                await connection.execute(text(statement))
        assert (await connection.execute(delete(revocations))).rowcount == 1
    assert await database.read(select(revocations)) == []
    await database.close()


LOOK = select(revocations.c.issued_before).where(revocations.c.user_id == bindparam("user"))


async def test_what_another_connection_committed_is_seen_by_the_next_look(tmp_path: Path) -> None:
    database = await filled(tmp_path / "x.db", 3)
    ((before,),) = await database.look(LOOK, {"user": "user0001"})
    with closing(sqlite3.connect(tmp_path / "x.db", isolation_level=None)) as other:
        other.execute("UPDATE revocations SET issued_before = ? WHERE user_id = 'user0001'", (before + 5,))
    assert await database.look(LOOK, {"user": "user0001"}) == [(before + 5,)]
    assert await database.look(LOOK, {"user": "nobody"}) == []
    await database.close()


async def test_a_look_at_a_file_that_is_locked_sees_nothing_at_once(tmp_path: Path) -> None:
    """Readers of a write-ahead log meet no lock but one that is taken on purpose."""
    await (await filled(tmp_path / "x.db", 1)).close()
    with closing(sqlite3.connect(tmp_path / "x.db", isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN EXCLUSIVE")
        looking = Looking(str(tmp_path / "x.db"))
        assert looking.look(LOOK, {"user": "user0000"}) is None
        other.execute("COMMIT")
        assert looking.look(LOOK, {"user": "user0000"}) == [(row("user0000")["issued_before"],)]
        looking.close()


@pytest.mark.parametrize("given", [{}, {"usr": "user0000"}, {"user": "user0000", "more": 1}])
async def test_a_look_with_other_parameters_than_it_has_finds_nothing_out(
    tmp_path: Path, given: dict[str, object]
) -> None:
    """Without its value the condition would hold for no row: nobody would be revoked, and nothing said."""
    database = await filled(tmp_path / "x.db", 1)
    with pytest.raises(ValueError, match="user"):
        await database.look(LOOK, given)
    await database.close()


async def test_a_look_is_for_what_has_its_values_in_places(tmp_path: Path) -> None:
    database = await filled(tmp_path / "x.db", 1)
    with pytest.raises(ValueError, match="in_"):
        await database.look(select(revocations.c.issued_before).where(revocations.c.user_id.in_(["a", "b"])))
    await database.close()


async def test_what_is_closed_is_not_looked_at_again(tmp_path: Path) -> None:
    database = await filled(tmp_path / "x.db", 1)
    await database.look(LOOK, {"user": "user0000"})
    await database.close()
    with pytest.raises(RuntimeError):
        await database.look(LOOK, {"user": "user0000"})
    assert not (tmp_path / "x.db-wal").exists()


async def test_a_file_is_the_same_wherever_the_process_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    database = await filled(Path("x.db"), 3)
    monkeypatch.chdir(tmp_path / "elsewhere")
    # More at once than there are connections by now, so that others are made.
    found = await asyncio.gather(*(database.read(select(revocations.c.user_id)) for _ in range(4)))
    assert [len(rows) for rows in found] == [3] * 4
    assert len(await database.look(LOOK, {"user": "user0000"})) == 1
    await database.close()
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("rows", [255, 256, 257, 600])
async def test_how_many_were_changed_is_known_when_all_were_read(tmp_path: Path, rows: int) -> None:
    database = await filled(tmp_path / "x.db", rows)
    async with database.writing() as connection:
        gone = await connection.execute(delete(revocations).returning(revocations.c.user_id))
        assert (len(gone.all()), gone.rowcount) == (rows, rows)
    await database.close()


async def test_whoever_looks_asks_where_nothing_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = await filled(tmp_path / "x.db", 1)
    seen = await database.look(LOOK, {"user": "user0000"})
    monkeypatch.setattr(database._looking, "look", lambda *_: None)
    assert await database.look(LOOK, {"user": "user0000"}) == seen
    await database.close()


def open_up(folder: Path) -> None:
    for path in folder.iterdir():
        path.chmod(0o644)


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


@pytest.mark.parametrize("earlier", [False, True], ids=["a new one", "of an earlier program"])
async def test_only_the_owner_can_read_the_files(tmp_path: Path, earlier: bool) -> None:
    """They name rooms and users, and a folder that was made by hand may let others in."""
    file = tmp_path / "x.db"
    with closing(sqlite3.connect(file if earlier else ":memory:")) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE before (one)")
        open_up(tmp_path)
        database = Database(file)
        async with database.writing() as writing:
            await writing.execute(insert(revocations).values(**row("alice")))
        assert modes(tmp_path) == dict.fromkeys(("x.db", "x.db-wal", "x.db-shm"), 0o600)
        await database.close()


@pytest.mark.parametrize("length", [40, 20_000], ids=["within a page", "with pages of its own"])
@pytest.mark.parametrize("kept", [False, True], ids=["as we set it", "as SQLite may be built"])
async def test_what_was_deleted_is_not_in_the_bytes_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int, kept: bool
) -> None:
    """Client addresses lie in `history_outbox` for seconds. Without the setting they are found long afterwards: the search can find."""
    if kept:
        monkeypatch.setattr(target, "_PRAGMAS", (*target._PRAGMAS, "secure_delete=OFF"))
    database = Database(tmp_path / "x.db")
    content = b"203.0.113.77 " * (length // 13)
    rows = [{"node": "main", "documents": content, "count": 1, "made_at": number} for number in range(50)]
    async with database.writing() as connection:
        await connection.execute(insert(history_outbox), rows)
    assert b"203.0.113.77" in _written_back(tmp_path / "x.db")
    async with database.writing() as connection:
        await connection.execute(delete(history_outbox))
    assert (b"203.0.113.77" in _written_back(tmp_path / "x.db")) is kept
    await database.close()


def _written_back(file: Path) -> bytes:
    """The bytes of the file and its log, after a checkpoint."""
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
        return b"".join(one.read_bytes() for one in file.parent.glob(f"{file.name}*"))


async def test_a_writer_that_reads_first_waits_and_sees_what_the_other_wrote(tmp_path: Path) -> None:
    """A transaction that began as a reader's would fail at once: what it read is no longer true."""
    databases = [Database(tmp_path / "x.db") for _ in range(3)]
    async with databases[0].writing() as connection:
        await connection.execute(insert(revocations).values(row("alice", 0)))

    async def add(database: Database) -> None:
        async with database.writing() as connection:
            found = (await connection.execute(select(revocations.c.issued_before))).scalar_one()
            await connection.execute(update(revocations).values(issued_before=found + 1))

    await asyncio.gather(*(add(one) for one in databases * 10))
    assert [tuple(one) for one in await databases[0].ask(select(revocations.c.issued_before))] == [(30,)]
    for one in databases:
        await one.close()


async def test_a_question_is_answered_while_a_long_page_is_read(database: Database) -> None:
    begun, answered = threading.Event(), threading.Event()

    def hold() -> bool:
        begun.set()
        return answered.wait(30)

    def prepare(connection: AsyncAdapt_aiosqlite_connection, _: object) -> None:
        connection.create_function("hold", 0, hold)

    event.listen(database._engine.sync_engine, "connect", prepare)
    page = asyncio.create_task(database.read(select(func.hold())))
    try:
        async with asyncio.timeout(10):
            await asyncio.to_thread(begun.wait, 10)
            assert await database.ask(select(func.count()).select_from(revocations)) == [(0,)]
            assert not page.done()
    finally:
        answered.set()
    assert await page == [(1,)]


def test_a_schema_that_nobody_here_knows_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES ('9999')")
        connection.commit()
    with pytest.raises(StartError) as caught:
        Database(file)
    assert caught.value.code == "database_of_newer_program"


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("not a database" * 100)
    with pytest.raises(StartError):
        Database(tmp_path / "x.db")
    assert (tmp_path / "x.db").read_text().startswith("not a database")


def test_the_state_folder_is_for_this_user_only_and_for_one_server(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path / "deep" / "state")
    assert stat.S_IMODE(state.path.stat().st_mode) == 0o700
    assert state.log_key() == StateDirectory(state.path).log_key()
    assert stat.S_IMODE((state.path / "log.key").stat().st_mode) == 0o600
    with state.locked(), pytest.raises(StartError), StateDirectory(state.path).locked():
        pass
    with state.locked():
        pass


def test_a_private_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "x"
    write_private(file, b"old")
    with pytest.raises(TypeError):
        write_private(file, "text")  # type: ignore[arg-type]
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]
