# SPDX-License-Identifier: Apache-2.0
"""Deletes what has reached the age that its declaration gives it, in every store, one data class after the other."""

from collections.abc import Mapping

from sqlalchemy import MetaData, Table, delete, select, tuple_

from sealroom.catalogue import Catalogue, DataClass, Dataset, Document, Ends, Store
from sealroom.core.clock import Clock
from sealroom.core.db import Database
from sealroom.core.jobs import Daily, Job, JobKind
from sealroom.core.logging import get_logger
from sealroom.core.records import Records

BATCH = 2_000
"""Rows deleted in one transaction. Lower lets calls write between two sooner; higher is done sooner."""
FIRST_HOUR = 2
"""Of UTC, when the day's first class is purged; each class has its own minute."""
_DAY_MS = 86_400_000

_log = get_logger()


class Purge:
    """The daily end of what is old."""

    def __init__(
        self,
        catalogue: Catalogue,
        metadata: MetaData,
        database: Database,
        records: Records,
        clock: Clock,
        shorter: Mapping[str, int] | None = None,
    ) -> None:
        """`shorter`: days by data class that the operator wants instead of the declared ones; longer ones are cut to those."""
        self._catalogue, self._metadata = catalogue, metadata
        self._database, self._records, self._clock = database, records, clock
        self._shorter = shorter or {}

    def kinds(self) -> tuple[JobKind, ...]:
        """A daily job for each class that has something to purge."""
        found = sorted({one.data_class for one in self._aging()})
        return tuple(
            JobKind(f"purge_{data_class.value}", self._handler(data_class), Daily(FIRST_HOUR, 5 * at))
            for at, data_class in enumerate(found)
        )

    def days(self, one: Dataset) -> int:
        """How many days a dataset is kept."""
        return min(one.retention.days, self._shorter.get(one.data_class.value, one.retention.days))

    async def purge(self, data_class: DataClass) -> int:
        """Deletes what is too old of one class; returns rows of `db` and days of `records` that went."""
        gone = 0
        now = int(self._clock.unix() * 1000)
        for one in self._aging():
            if one.data_class is not data_class:
                continue
            before = now - self.days(one) * _DAY_MS
            if one.store is Store.DB:
                gone += await self._purge_table(self._metadata.tables[one.name], one, before)
            else:
                gone += await self._records.expire(self._document(one), before)
        _log.info("purged", kind=data_class.value, count=gone)
        return gone

    def _aging(self) -> list[Dataset]:
        return [
            one
            for one in self._catalogue
            if one.retention.ends is Ends.AGE and one.store in (Store.DB, Store.RECORDS)
        ]

    def _handler(self, data_class: DataClass) -> "_Handler":
        return _Handler(self, data_class)

    def _document(self, one: Dataset) -> type[Document]:
        return next(kind for kind in self._catalogue.documents if self._catalogue.of(kind) is one)

    async def _purge_table(self, table: Table, one: Dataset, before: int) -> int:
        dated = table.c[one.dated_by or ""]
        keys = tuple_(*table.primary_key.columns)
        old = select(*table.primary_key.columns).where(dated < before).limit(BATCH)
        gone = 0
        while True:
            async with self._database.writing() as connection:
                found = await connection.execute(delete(table).where(keys.in_(old)))
            gone += found.rowcount
            if found.rowcount < BATCH:
                return gone


class _Handler:
    """A job's handler for one class."""

    def __init__(self, purge: Purge, data_class: DataClass) -> None:
        self._purge, self._class = purge, data_class

    async def __call__(self, _job: Job) -> None:
        await self._purge.purge(self._class)
