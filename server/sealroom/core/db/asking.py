# SPDX-License-Identifier: Apache-2.0
"""Single questions to SQLite, each in one step.

The driver for asyncio goes to its thread and back for every statement, and twice more for the transaction around it.
"""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVarTuple, cast
from weakref import WeakKeyDictionary

from sqlalchemy import ClauseElement, Connection, Row, Select
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.compiler import SQLCompiler

from sealroom.core.db.target import Target

Ts = TypeVarTuple("Ts")


class Asking:
    """One connection in a thread of its own."""

    def __init__(self, target: Target) -> None:
        self._engine = target.asking_engine()
        self._thread = ThreadPoolExecutor(1, "database-asks")
        self._connection: Connection | None = None
        self._closed = False

    async def ask(
        self, statement: Select[*Ts], parameters: Mapping[str, object] | None
    ) -> Sequence[Row[*Ts]]:
        """The rows. Who is cancelled leaves the question to the thread."""
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, self._asked, statement, parameters
        )

    def _asked(self, statement: Select[*Ts], parameters: Mapping[str, object] | None) -> Sequence[Row[*Ts]]:
        # Kept open: without a transaction around it there is nothing to give back after each question.
        connection = self._connection or self._engine.connect()
        self._connection = None
        try:
            rows = connection.execute(statement, parameters).all()
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return rows

    async def close(self) -> None:
        """Ends when the last question is answered. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(self._thread, self._end)
        self._thread.shutdown()

    def _end(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._engine.dispose()


class Looking:
    """A connection in the event loop's thread, for statements that find a few rows by their keys: SQLite does that in less time than it
    takes to wake another thread. It waits for nobody."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._connection: sqlite3.Connection | None = None
        self._ready: WeakKeyDictionary[ClauseElement, tuple[str, list[tuple[str, Any]]]] = WeakKeyDictionary()

    def look(self, statement: Select[*Ts], parameters: Mapping[str, object]) -> Sequence[tuple[*Ts]] | None:
        """The rows as SQLite has them; None where it cannot tell now, so that whoever can wait has to be asked."""
        text, places = self._ready.get(statement) or self._prepare(statement)
        values = [parameters.get(name, value) for name, value in places]
        try:
            if self._connection is None:
                self._connection = sqlite3.connect(self._file, timeout=0.0, isolation_level=None)
            return self._connection.execute(text, values).fetchall()
        except sqlite3.OperationalError:
            self.close()
            return None

    def close(self) -> None:
        """Closes the connection; the next look opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _prepare(self, statement: ClauseElement) -> tuple[str, list[tuple[str, Any]]]:
        compiled = cast(SQLCompiler, statement.compile(dialect=sqlite.dialect()))
        # A value that is written down when the statement is compiled (one of `in_`) has no place here, and would be missed.
        places = [(name, compiled.binds[name].value) for name in compiled.positiontup or ()]
        self._ready[statement] = compiled.string, places
        return self._ready[statement]
