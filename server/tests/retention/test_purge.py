# SPDX-License-Identifier: Apache-2.0
"""What has reached its declared age goes, and nothing else."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import pytest
from sqlalchemy import BigInteger, Column, MetaData, String, Table, func, insert, select

from sealroom.catalogue import (
    Catalogue,
    DataClass,
    Document,
    Field,
    LegalBasis,
    Purpose,
    Retention,
    dataset,
    document,
    field,
)
from sealroom.core.db import Database
from sealroom.core.jobs import Job, Jobs
from sealroom.core.records import Aggregation, Bucket, Page, Query
from sealroom.retention.service import BATCH, Purge
from server.tests.fakes import NOW, VirtualClock

DAY_MS = 86_400_000
NOW_MS = NOW * 1000


@document(
    "stays",
    "Stays.",
    DataClass.BACK_END_LOG,
    Purpose.DIAGNOSE,
    LegalBasis.CONTRACT,
    Retention.age(90, "disputes"),
)
class Stay(Document, frozen=True, kw_only=True):
    room: Annotated[str, Field("Where.")]


@document(
    "samples",
    "Samples.",
    DataClass.DASHBOARD,
    Purpose.DIAGNOSE,
    LegalBasis.CONTRACT,
    Retention.age(14, "faults"),
)
class Sample(Document, frozen=True, kw_only=True):
    loss: Annotated[float, Field("Share.")]


class Expired:
    """A store that remembers what it was told to expire."""

    def __init__(self) -> None:
        self.told: list[tuple[type[Document], int]] = []

    async def expire(self, kind: type[Document], before: int) -> int:
        self.told.append((kind, before))
        return 1

    async def prepare(self) -> None: ...
    async def write(self, documents: Sequence[Document], *, wait: bool = False) -> None: ...
    async def search(
        self, query: Query[Any], *, limit: int, cursor: str | None = None, newest_first: bool = False
    ) -> Page[Any]:
        return Page((), None)

    async def count(self, query: Query[Any]) -> int:
        return 0

    async def aggregate(self, query: Query[Any], aggregation: Aggregation) -> tuple[Bucket, ...]:
        return ()

    async def delete(self, query: Query[Any]) -> int:
        return 0

    async def works(self) -> bool:
        return True

    async def close(self) -> None: ...


def tables() -> tuple[MetaData, Table, Table]:
    metadata = MetaData()
    declared: dict[str, dict[Any, Any]] = {
        "letters": dataset("L.", DataClass.BACK_END_LOG, Purpose.DIAGNOSE, LegalBasis.CONTRACT, Retention.age(30, "replays")),
        "kept": dataset("K.", DataClass.BACK_END_LOG, Purpose.DIAGNOSE, LegalBasis.CONTRACT, Retention.while_served()),
    }  # fmt: skip
    made = [
        Table(
            name,
            metadata,
            Column("app", String(8), primary_key=True, info=field("Whose.")),
            Column("id", BigInteger, primary_key=True, info=field("A number.")),
            Column("at", BigInteger, info=field("When.", dates=True)),
            info=info,
        )
        for name, info in declared.items()
    ]
    return metadata, made[0], made[1]


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    made = Database(tmp_path / "x.db")
    yield made
    await made.close()


async def test_old_rows_go_in_slices_and_young_ones_and_other_tables_stay(database: Database) -> None:
    metadata, letters, kept = tables()
    old, young = NOW_MS - 30 * DAY_MS - 1, NOW_MS - 30 * DAY_MS
    async with database.writing() as connection:
        await connection.run_sync(metadata.create_all)
        rows = [
            {"app": "a", "id": number, "at": old if number < BATCH + 7 else young}
            for number in range(BATCH + 20)
        ]
        await connection.execute(insert(letters), rows)
        await connection.execute(insert(kept), [{"app": "a", "id": 1, "at": 0}])
    store = Expired()
    purge = Purge(Catalogue(metadata, [Stay, Sample]), metadata, database, store, VirtualClock())
    assert await purge.purge(DataClass.BACK_END_LOG) == BATCH + 7 + 1
    async with database.reading() as connection:
        assert (await connection.execute(select(func.count()).select_from(letters))).scalar() == 13
        assert (await connection.execute(select(func.count()).select_from(kept))).scalar() == 1
    assert store.told == [(Stay, NOW_MS - 90 * DAY_MS)]


async def test_each_class_with_something_that_ages_has_a_daily_job(database: Database) -> None:
    metadata, _, _ = tables()
    async with database.writing() as connection:
        await connection.run_sync(metadata.create_all)
    clock, store = VirtualClock(), Expired()
    purge = Purge(Catalogue(metadata, [Stay, Sample]), metadata, database, store, clock)
    kinds = purge.kinds()
    assert [kind.name for kind in kinds] == ["purge_back_end_log", "purge_dashboard"]
    jobs = Jobs(database, clock, kinds)
    await jobs.prepare()
    clock.advance(86_400)
    while await jobs.do_one():
        pass
    assert {kind for kind, _ in store.told} == {Stay, Sample}
    await kinds[1].handler(Job("", "", 1))
    assert store.told[-1][0] is Sample


def test_the_operator_can_shorten_what_is_declared_and_not_lengthen_it(database: Database) -> None:
    metadata, _, _ = tables()
    made = Catalogue(metadata, [Stay, Sample])
    purge = Purge(made, metadata, database, Expired(), VirtualClock(), {"back_end_log": 60, "dashboard": 400})
    assert (purge.days(made.of(Stay)), purge.days(made.of(Sample))) == (60, 14)


def test_a_table_that_ends_by_its_age_must_say_from_when_it_counts() -> None:
    metadata = MetaData()
    info = dataset("L.", DataClass.CONSOLE, Purpose.DIAGNOSE, LegalBasis.CONTRACT, Retention.age(30, "x"))
    Table("letters", metadata, Column("id", BigInteger, primary_key=True, info=field("A number.")), info=info)
    with pytest.raises(ValueError, match="from when it counts"):
        Catalogue(metadata)
