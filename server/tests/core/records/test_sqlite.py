# SPDX-License-Identifier: Apache-2.0
"""The embedded store: the contract, its file over the years, and what is left of a deletion in it."""

import asyncio
import sqlite3
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Annotated

import pytest
from sqlalchemy import MetaData

from sealroom.catalogue import (
    Catalogue,
    DataClass,
    Document,
    Field,
    LegalBasis,
    Purpose,
    Retention,
    document,
)
from sealroom.core.errors import StartError
from sealroom.core.records import Equals, Query, RecordsUnavailable, Words
from sealroom.core.records.sqlite import SqliteRecords
from server.tests.core.records.contract import EVER, Contract, notes_where, samples_where, write_many
from server.tests.core.records.samples import MORNING, Sample, catalogue, note, sample
from server.tests.core.records.versions import versions


@asynccontextmanager
async def opened(
    path: Path, declared: Catalogue | None = None, site: str = "sg"
) -> AsyncIterator[SqliteRecords]:
    records = SqliteRecords(path, declared or catalogue(), site)
    try:
        await records.prepare()
        yield records
    finally:
        await records.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "records.db"


@pytest.fixture
async def records(path: Path) -> AsyncIterator[SqliteRecords]:
    async with opened(path) as records:
        yield records


class TestSqlite(Contract):
    """The contract."""


def indices(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
        return {row[0] for row in rows}


async def test_a_kind_changes_and_its_old_documents_stay_readable(path: Path) -> None:
    first, second, third, _ = versions()
    async with opened(path, Catalogue(MetaData(), (first,))) as records:
        await records.write([first(id="1", time=1, room="a")])
    assert indices(path) == {"calls_by_room"}
    async with opened(path, Catalogue(MetaData(), (second,))) as records:
        await records.write([second(id="2", time=2, room="b", line="some words")])
        page = await records.search(Query(second, 0, 9), limit=9)
        assert page.documents == (
            second(id="1", time=1, room="a"),
            second(id="2", time=2, room="b", line="some words"),
        )
        assert await records.count(Query(second, 0, 9, (Words("line", "words"),))) == 1
    assert indices(path) == set()
    async with opened(path, Catalogue(MetaData(), (third,))) as records:
        await records.write([third(id="3", time=3, room="c", grade=3)])
        page3 = await records.search(Query(third, 0, 9), limit=9)
        assert [one.grade for one in page3.documents] == [None, None, 3]
        assert await records.delete(Query(third, 0, 9, (Equals("room", "b"),))) == 1


async def test_a_field_that_became_another_type_is_refused_with_a_sentence(path: Path) -> None:
    first, _, _, fourth = versions()
    async with opened(path, Catalogue(MetaData(), (first,))):
        pass
    with pytest.raises(StartError, match="room of calls was kept as KEYWORD_TEXT") as caught:
        async with opened(path, Catalogue(MetaData(), (fourth,))):
            pass
    assert caught.value.code == "records_field_changed"


async def test_a_new_field_that_old_documents_cannot_have_is_refused(path: Path) -> None:
    @document(
        "calls", "Calls.", DataClass.DASHBOARD, Purpose.DIAGNOSE, LegalBasis.CONTRACT, Retention.age(9, "x")
    )
    class Strict(Document, frozen=True, kw_only=True):
        room: Annotated[str, Field("Where.")]
        grade: Annotated[int, Field("How.")]

    first, *_ = versions()
    async with opened(path, Catalogue(MetaData(), (first,))) as records:
        await records.write([first(id="1", time=1, room="a")])
    with pytest.raises(StartError, match="grade of calls is new"):
        async with opened(path, Catalogue(MetaData(), (Strict,))):
            pass


async def test_another_sites_file_is_refused(path: Path) -> None:
    async with opened(path, site="cn"):
        pass
    with pytest.raises(StartError, match="belongs to the site cn"):
        async with opened(path, site="sg"):
            pass


@pytest.fixture
def no_database(path: Path) -> Path:
    path.write_bytes(b"no database at all" * 100)
    return path


async def test_a_file_that_is_none_or_cannot_be_made_is_refused(no_database: Path, tmp_path: Path) -> None:
    with pytest.raises(StartError, match="store_damaged"):
        async with opened(no_database):
            pass
    with pytest.raises(StartError, match="store_unreadable"):
        async with opened(tmp_path / "nowhere" / "records.db"):
            pass


async def test_only_the_owner_can_read_the_file(path: Path) -> None:
    async with opened(path):
        assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}


async def test_a_deletion_leaves_nothing_in_the_files(path: Path) -> None:
    """Neither in the table, its indices and log, nor in the full-text index, which keeps words apart from the text."""
    canary = "xylophonecanary"
    async with opened(path) as records:
        await records.write([note(n, f"{canary} {n}", user_id=f"{canary}-user") for n in range(300)])
        await records.write([note(n, f"nothing {n}") for n in range(300, 600)])
        assert canary.encode() in b"".join(file.read_bytes() for file in path.parent.iterdir())
        await records.delete(notes_where(Equals("user_id", f"{canary}-user")))
        assert b"xylophone" not in b"".join(file.read_bytes() for file in path.parent.iterdir())
        assert await records.count(notes_where(Words("line", "nothing"))) == 300


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Another process that writes and does not come to an end."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


async def test_a_question_is_answered_while_somebody_writes(path: Path, records: SqliteRecords) -> None:
    await records.write([sample(1)])
    with held(path):
        assert await records.count(samples_where()) == 1


async def test_a_full_disk_is_said_and_costs_nothing_that_was_written(records: SqliteRecords) -> None:
    await records.write([note(1)])

    async def pages_at_most(count: int) -> None:
        await records._alone(
            lambda connection: connection.execute(f"PRAGMA max_page_count={count}").fetchone()
        )

    await pages_at_most(1)  # SQLite takes what there is already for the least.
    big = [note(n, "x" * 1000) for n in range(2, 200)]
    with pytest.raises(RecordsUnavailable) as caught:
        await records.write(big)
    assert caught.value.code == "store_full"
    assert await records.count(notes_where()) == 1
    await pages_at_most(1_000_000)
    await records.write(big)
    assert await records.count(notes_where()) == 199


async def test_expiring_does_not_keep_writers_waiting(records: SqliteRecords) -> None:
    """Writers come in between two slices: what they wrote is there before the last day is gone."""
    await write_many(records, [sample(n) for n in range(20_000)])
    expiring = asyncio.create_task(records.expire(Sample, MORNING + 10 * 86_400_000))
    done = 0
    while not expiring.done():
        await records.write([sample(1, id=f"new{done}", time=EVER[1] - 1)])
        done += 1
    assert await expiring == 1
    assert done >= 5
    assert await records.count(samples_where()) == done


async def test_who_stops_asking_leaves_the_store_free(records: SqliteRecords) -> None:
    """A question without an end is interrupted when its asker has gone, and the next ones are answered."""
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x FROM n) SELECT count(*) FROM n"
    for _ in range(4):
        asked = asyncio.create_task(records._read(lambda connection: connection.execute(endless).fetchall()))
        await asyncio.sleep(0)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
    async with asyncio.timeout(5):
        assert await records.count(samples_where()) == 0


async def test_an_endless_question_is_given_up(
    records: SqliteRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sealroom.core.records.sqlite.store._READ_SECONDS", 0.05)
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x FROM n) SELECT count(*) FROM n"
    with pytest.raises(RecordsUnavailable) as caught:
        await records._read(lambda connection: connection.execute(endless).fetchall())
    assert caught.value.code == "too_slow"
