# SPDX-License-Identifier: Apache-2.0
"""The store: one thread that writes, a few that read, none of them the event loop's."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeAlias, TypeVar, cast

from sealroom.catalogue import Catalogue, Document
from sealroom.core.errors import StartError
from sealroom.core.grouping import Grouped
from sealroom.core.records.checking import check_aggregation, check_page, check_query
from sealroom.core.records.cursor import Place, digest_of, read_cursor, write_cursor
from sealroom.core.records.port import DocumentsRefused, RecordsUnavailable
from sealroom.core.records.query import Aggregation, Bucket, Page, Query
from sealroom.core.records.sqlite import statements
from sealroom.core.records.sqlite.aggregation import Aggregator
from sealroom.core.records.sqlite.schema import ROW, Table, bring_up

D = TypeVar("D", bound=Document)
R = TypeVar("R")
Refused: TypeAlias = dict[int, str]

_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "busy_timeout=5000",
    # What was deleted is overwritten, for an erasure is one of the file too.
    "secure_delete=ON",
    "cache_size=-16384",
)
_READERS = 3
"""Questions at one time; each holds a connection. Higher answers more people at once and takes memory."""
_READ_SECONDS = 30.0
"""A question that takes longer is given up."""
_GROUP = 256
"""Calls of `write` that share a commit."""
_SLICE = 2_000
"""Rows deleted under one lock: a few milliseconds, so that writers hardly wait."""
_MERGE_PAGES = 500
"""Pages of the full-text index merged under one lock."""
_ATTEMPTS, _PATIENCE = 40, 250
"""How often the log is tried to be emptied after a deletion, and how long (milliseconds) writers wait for it each time."""
_DAY = 86_400_000
_UNFIT = (OverflowError, ValueError, sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError)
"""What SQLite and its binding raise about a value rather than about the file."""


class SqliteRecords:
    """Implements the port `Records` in a file of its own."""

    def __init__(self, path: Path, catalogue: Catalogue, site: str) -> None:
        self._path, self._catalogue, self._site = path, catalogue, site
        self._tables = {kind: Table(kind, catalogue.of(kind)) for kind in catalogue.documents}
        self._writing = ThreadPoolExecutor(1, "records-write")
        self._reading = ThreadPoolExecutor(_READERS, "records-read")
        self._writer: sqlite3.Connection | None = None
        self._readers: list[sqlite3.Connection] = []
        self._turns = asyncio.Semaphore(_READERS)
        self._commits = Grouped(self._write, _GROUP)

    async def prepare(self) -> None:
        """Makes tables and indices.

        Raises:
            StartError: the file cannot be used, is another site's, or holds a field as another kind.
        """
        try:
            await self._alone(self._prepare)
        except RecordsUnavailable as error:
            raise StartError(
                "records_unusable",
                f"{self._path} cannot be used ({error.code}).",
                "Check its folder's permissions and free space.",
            ) from error

    async def write(self, documents: Sequence[Document], *, wait: bool = False) -> None:  # noqa: ARG002 - always at once
        """Writes; several callers share a commit."""
        for kind in {type(document) for document in documents}:
            self._catalogue.of(kind)
        if documents and (refused := await self._commits.do(documents)):
            raise DocumentsRefused(refused)

    async def search(
        self, query: Query[D], *, limit: int, cursor: str | None = None, newest_first: bool = False
    ) -> Page[D]:
        """A page."""
        table, plain = self._asked(query)
        check_page(limit)
        digest = digest_of(table.dataset, plain, newest_first=newest_first)
        after = read_cursor(cursor, digest) if cursor is not None else None
        text, parameters = statements.page(table, plain, limit, after, newest_first=newest_first)

        def ask(connection: sqlite3.Connection) -> list[Document]:
            return [statements.document_of(table, row) for row in connection.execute(text, parameters)]

        found = cast("list[D]", await self._read(ask))
        more = len(found) > limit
        documents = tuple(found[:limit])
        return Page(
            documents,
            write_cursor(Place(digest, documents[-1].time, documents[-1].id)) if more else None,
        )

    async def count(self, query: Query[D]) -> int:
        """How many there are."""
        table, plain = self._asked(query)
        text, parameters = statements.where(table, plain)

        def ask(connection: sqlite3.Connection) -> int:
            row = connection.execute(
                f"SELECT count(*) FROM {table.name} AS d WHERE {text}", parameters
            ).fetchone()
            return int(row[0])

        return await self._read(ask)

    async def aggregate(self, query: Query[D], aggregation: Aggregation) -> tuple[Bucket, ...]:
        """Buckets."""
        table, plain = self._asked(query)
        check_aggregation(table.dataset, aggregation)
        return await self._read(Aggregator(table, plain, aggregation).run)

    async def delete(self, query: Query[D]) -> int:
        """Deletes, and empties what the file still holds of it."""
        table, plain = self._asked(query)
        text, parameters = statements.where(table, plain)
        gone = await self._delete_sliced(table, text, parameters)
        await self._forget(table)
        return gone

    async def expire(self, kind: type[Document], before: int) -> int:
        """Deletes whole days."""
        self._catalogue.of(kind)
        table, end = self._tables[kind], before // _DAY * _DAY
        days = await self._read(lambda connection: _days_before(connection, table, end))
        if days:
            await self._delete_sliced(table, 'd."time" < ?', [end])
            await self._forget(table)
        return days

    async def works(self) -> bool:
        """Whether a change can be committed."""
        try:
            await self._alone(lambda connection: _in_transaction(connection, _touch))
        except RecordsUnavailable:
            return False
        return True

    async def close(self) -> None:
        """Writes what waits, and closes the file."""
        await self._commits.settle()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._writing, self._close_writer)
        self._writing.shutdown()
        self._reading.shutdown()
        while self._readers:
            self._readers.pop().close()

    def _asked(self, query: Query[D]) -> tuple[Table, Query[Document]]:
        dataset, plain = self._catalogue.of(query.kind), cast("Query[Document]", query)
        check_query(dataset, plain)
        return self._tables[query.kind], plain

    async def _alone(self, work: Callable[[sqlite3.Connection], R]) -> R:
        """Works with the writing connection, between two groups of writers."""
        return await asyncio.get_running_loop().run_in_executor(
            self._writing, lambda: self._guarded(lambda: work(self._open_writer()))
        )

    async def _read(self, work: Callable[[sqlite3.Connection], R]) -> R:
        async with self._turns, self._reader() as connection:
            running = asyncio.get_running_loop().run_in_executor(
                self._reading, lambda: self._guarded(lambda: work(connection))
            )
            try:
                async with asyncio.timeout(_READ_SECONDS):
                    return await asyncio.shield(running)
            except TimeoutError:
                raise RecordsUnavailable("too_slow", "The question took too long. Ask for less.") from None
            finally:
                # Whoever asked has gone, or waits no longer: the connection must be free before somebody else gets it.
                while not running.done():
                    connection.interrupt()
                    await asyncio.wait([running], timeout=0.05)
                if not running.cancelled():
                    running.exception()

    @asynccontextmanager
    async def _reader(self) -> AsyncIterator[sqlite3.Connection]:
        if self._readers:
            connection = self._readers.pop()
        else:
            loop = asyncio.get_running_loop()
            connection = await loop.run_in_executor(self._reading, lambda: self._guarded(self._connect))
        try:
            yield connection
        finally:
            self._readers.append(connection)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _open_writer(self) -> sqlite3.Connection:
        if self._writer is None:
            self._writer = self._connect()
        return self._writer

    def _close_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _guarded(self, work: Callable[[], R]) -> R:
        try:
            return work()
        except sqlite3.Error as error:
            raise unavailable(error) from error

    def _prepare(self, connection: sqlite3.Connection) -> None:
        self._path.chmod(0o600)
        connection.execute("BEGIN IMMEDIATE")
        try:
            _check_site(connection, self._site)
            for table in self._tables.values():
                bring_up(connection, table)
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise

    async def _write(self, calls: Sequence[Sequence[Document]]) -> Sequence[Refused]:
        return await self._alone(
            partial(_in_transaction, work=lambda connection: self._insert(connection, calls))
        )

    def _insert(
        self, connection: sqlite3.Connection, calls: Sequence[Sequence[Document]]
    ) -> Sequence[Refused]:
        try:
            for table in self._tables.values():
                rows = [
                    statements.row_of(table, one) for call in calls for one in call if type(one) is table.kind
                ]
                if rows:
                    connection.executemany(statements.insertion(table), rows)
        except _UNFIT:
            # One of them does not fit: each for itself. What is written already is written again, which harms nothing.
            return [self._insert_singly(connection, call) for call in calls]
        return [{} for _ in calls]

    def _insert_singly(self, connection: sqlite3.Connection, call: Sequence[Document]) -> Refused:
        refused: Refused = {}
        for place, document in enumerate(call):
            table = self._tables[type(document)]
            try:
                connection.execute(statements.insertion(table), statements.row_of(table, document))
            except _UNFIT:
                refused[place] = "value_unfit"
        return refused

    async def _delete_sliced(self, table: Table, text: str, parameters: statements.Parameters) -> int:
        rows = f"SELECT d.{ROW} FROM {table.name} AS d WHERE {text} LIMIT {_SLICE}"
        statement = f"DELETE FROM {table.name} WHERE {ROW} IN ({rows})"

        def delete(connection: sqlite3.Connection) -> int:
            return connection.execute(statement, parameters).rowcount

        gone = 0
        while count := await self._alone(lambda connection: _in_transaction(connection, delete)):
            gone += count
        return gone

    async def _forget(self, table: Table) -> None:
        """Deleted words leave the full-text index only when its parts are merged, deleted pages the log only when it is written back."""
        if table.texts:
            merge = f"INSERT INTO {table.words} ({table.words}, rank) VALUES ('merge', ?)"
            changed = await self._alone(partial(_changes, statement=merge, value=-_MERGE_PAGES))
            while changed > 1:
                changed = await self._alone(partial(_changes, statement=merge, value=_MERGE_PAGES))
        for _ in range(_ATTEMPTS):
            if await self._alone(_write_back):
                return
        raise RecordsUnavailable(
            "store_busy",
            "It is deleted, but a question that takes long keeps it in the file's log. Delete it again.",
        )


def unavailable(error: sqlite3.Error) -> RecordsUnavailable:
    """What SQLite says, without the text, which may hold what was to be written."""
    name = getattr(error, "sqlite_errorname", "SQLITE_ERROR")
    sentences = {
        "FULL": ("store_full", "There is no space left for records."),
        "BUSY": ("store_busy", "Another process holds the records' file."),
        "IOERR": ("store_unreadable", "The records' file cannot be read or written."),
        "CANTOPEN": ("store_unreadable", "The records' file cannot be opened."),
        "READONLY": ("store_read_only", "The records' file cannot be written."),
        "CORRUPT": ("store_damaged", "The records' file is damaged. Restore it from a backup."),
        "NOTADB": ("store_damaged", "The records' file is no database. Restore it from a backup."),
    }
    word = name.removeprefix("SQLITE_").split("_")[0]
    return RecordsUnavailable(*sentences.get(word, ("store_failed", f"The records' file answered {name}.")))


def _in_transaction(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], R]) -> R:
    connection.execute("BEGIN IMMEDIATE")
    try:
        done = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        # A full disk may have rolled it back already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return done


def _changes(connection: sqlite3.Connection, statement: str, value: int) -> int:
    before = connection.total_changes
    connection.execute(statement, (value,))
    return connection.total_changes - before


def _write_back(connection: sqlite3.Connection) -> bool:
    """Empties the write-ahead log; False where somebody still reads from it."""
    connection.execute(f"PRAGMA busy_timeout={_PATIENCE}")
    try:
        return not connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    finally:
        connection.execute("PRAGMA busy_timeout=5000")


def _check_site(connection: sqlite3.Connection, site: str) -> None:
    connection.execute("CREATE TABLE IF NOT EXISTS _site (name TEXT NOT NULL)")
    row = connection.execute("SELECT name FROM _site").fetchone()
    if row is None:
        connection.execute("INSERT INTO _site VALUES (?)", (site,))
    elif row[0] != site:
        raise StartError(
            "records_of_another_site",
            f"The records' file belongs to the site {row[0]}, and this process to {site}.",
            "Give each site a state folder of its own.",
        )


def _touch(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE _site SET name = name")


def _days_before(connection: sqlite3.Connection, table: Table, end: int) -> int:
    """How many days have documents, found by going from each to the next one in the index."""
    days, since = 0, -_DAY
    statement = f'SELECT min("time") FROM {table.name} WHERE "time" >= ? AND "time" < ?'
    while (time := connection.execute(statement, (since, end)).fetchone()[0]) is not None:
        days, since = days + 1, (time // _DAY + 1) * _DAY
    return days
