# SPDX-License-Identifier: Apache-2.0
"""SQLite's connection for asyncio, with one step of its thread for each statement.

The driver's own cursor goes to the thread and back for itself, for the statement, for its rows and for its end: four times what a statement
costs, and four times the event loop is woken.
"""

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

import aiosqlite

T = TypeVar("T")

_TOGETHER = 256
"""Rows that come with the statement. Of more the others stay with SQLite until they are asked for, so many at a time."""


class SteppingConnection(aiosqlite.Connection):
    """Connects when it is awaited. Of the driver it keeps the thread and the way there, which have no public name (`_execute`, `_conn`)."""

    def __init__(self, path: str) -> None:
        super().__init__(lambda: sqlite3.connect(path), iter_chunk_size=_TOGETHER)
        # Nobody can wait for a connection that a loop lost.
        self._thread.daemon = True

    def cursor(self) -> "_Cursor":  # type: ignore[override] # it is made without going anywhere, so there is nothing to await
        """A cursor, as SQLAlchemy's adapter of the driver uses it."""
        return _Cursor(self)

    async def run(self, statement: str, parameters: Any, *, many: bool) -> "_Done":
        """Runs a statement and reads its first rows. Raises what SQLite raises."""

        def step() -> _Done:
            cursor, more = self._conn.cursor(), False
            try:
                (cursor.executemany if many else cursor.execute)(statement, parameters)
                rows = cursor.fetchmany(_TOGETHER) if cursor.description else []
                more = len(rows) == _TOGETHER
                return _Done(
                    cursor.description, rows, cursor.rowcount, cursor.lastrowid, cursor if more else None
                )
            finally:
                if not more:
                    cursor.close()

        return await self._in_thread(step)

    async def read_on(self, cursor: sqlite3.Cursor, most: int | None) -> tuple[list[Any], int]:
        """More rows of a statement, or all others; and how many it changed, as far as is known by now."""

        def step() -> tuple[list[Any], int]:
            rows = cursor.fetchall() if most is None else cursor.fetchmany(most)
            return rows, cursor.rowcount

        return await self._in_thread(step)

    async def end(self, cursor: sqlite3.Cursor) -> None:
        """Ends a statement of which not all rows were read."""
        await self._in_thread(cursor.close)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        done: T = await self._execute(work)  # type: ignore[no-untyped-call]
        return done


class _Done(NamedTuple):
    """What came of a statement. `more` has the rows beyond the first, where there may be any."""

    description: Any
    rows: list[Any]
    rowcount: int
    lastrowid: int | None
    more: sqlite3.Cursor | None


class _Cursor:
    """One statement. The driver's cursor in what SQLAlchemy's adapter uses of it."""

    __slots__ = ("_connection", "_more", "_rows", "arraysize", "description", "lastrowid", "rowcount")

    def __init__(self, connection: SteppingConnection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self._more: sqlite3.Cursor | None = None
        self.arraysize = 1
        self.description: Any = None
        self.lastrowid: int | None = None
        self.rowcount = -1

    async def __aenter__(self) -> "_Cursor":
        return self

    async def execute(self, statement: str, parameters: Sequence[Any] = ()) -> "_Cursor":
        return self._take(await self._connection.run(statement, parameters, many=False))

    async def executemany(self, statement: str, parameters: Iterable[Any]) -> "_Cursor":
        return self._take(await self._connection.run(statement, parameters, many=True))

    async def fetchall(self) -> list[Any]:
        await self._read(None)
        rows, self._rows = self._rows, []
        return rows

    async def fetchmany(self, size: int | None = None) -> list[Any]:
        size = self.arraysize if size is None else size
        if len(self._rows) < size:
            await self._read(max(size, _TOGETHER))
        rows, self._rows = self._rows[:size], self._rows[size:]
        return rows

    async def fetchone(self) -> Any:
        rows = await self.fetchmany(1)
        return rows[0] if rows else None

    async def __aiter__(self) -> AsyncIterator[Any]:
        while rows := await self.fetchmany(_TOGETHER):
            for row in rows:
                yield row

    async def close(self) -> None:
        more, self._more = self._more, None
        if more is not None:
            await self._connection.end(more)

    def _take(self, done: _Done) -> "_Cursor":
        self.description, self._rows, self.rowcount, self.lastrowid, self._more = done
        return self

    async def _read(self, most: int | None) -> None:
        if self._more is None:
            return
        rows, self.rowcount = await self._connection.read_on(self._more, most)
        self._rows = [*self._rows, *rows]
        if most is None or len(rows) < most:
            await self.close()
