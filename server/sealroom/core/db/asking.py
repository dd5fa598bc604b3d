# SPDX-License-Identifier: Apache-2.0
"""Single questions to SQLite, each in one step.

The driver for asyncio goes to its thread and back for every statement, and twice more for the transaction around it.
"""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVarTuple, cast
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


class _Ready(NamedTuple):
    """A statement as SQLite takes it, and what stands in its places: a name that must be given, or a value."""

    text: str
    places: list[tuple[str | None, Any]]
    names: frozenset[str]


class Looking:
    """A connection in the event loop's thread, for statements that find a few rows by their keys: SQLite does that in less time than it
    takes to wake another thread. It waits for nobody."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._connection: sqlite3.Connection | None = None
        self._ready: WeakKeyDictionary[ClauseElement, _Ready] = WeakKeyDictionary()
        self._closed = False

    def look(self, statement: Select[*Ts], parameters: Mapping[str, object]) -> Sequence[tuple[*Ts]] | None:
        """The rows as SQLite has them; None where it cannot tell now, so that whoever can wait has to be asked.

        Raises:
            ValueError: a statement that is not looked for, or other parameters than it has. Without a value a condition would find nothing.
        """
        ready = self._ready.get(statement) or self._prepare(statement)
        if parameters.keys() != ready.names:
            raise ValueError(f"what is looked for has the parameters {sorted(ready.names)}")
        if self._closed:
            return None
        values = [value if name is None else parameters[name] for name, value in ready.places]
        try:
            if self._connection is None:
                self._connection = sqlite3.connect(self._file, timeout=0.0, isolation_level=None)
            return self._connection.execute(ready.text, values).fetchall()
        except sqlite3.OperationalError:
            self._drop()
            return None

    def close(self) -> None:
        """Looks no more."""
        self._closed = True
        self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _prepare(self, statement: ClauseElement) -> _Ready:
        compiled = cast(SQLCompiler, statement.compile(dialect=sqlite.dialect()))
        if compiled.post_compile_params or compiled.literal_execute_params:
            raise ValueError("a value that is written down only when the statement runs (`in_`) has no place")
        binds = [(name, compiled.binds[name]) for name in compiled.positiontup or ()]
        places: list[tuple[str | None, Any]] = [
            (name, None) if bind.required else (None, bind.value) for name, bind in binds
        ]
        ready = _Ready(compiled.string, places, frozenset(name for name, bind in binds if bind.required))
        self._ready[statement] = ready
        return ready
