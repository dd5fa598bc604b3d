# SPDX-License-Identifier: Apache-2.0
"""The database: opened, migrated, and closed again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias, TypeVar, TypeVarTuple

from sqlalchemy import Row, Select, literal, select
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.ext.asyncio import AsyncConnection

from sealroom.core.config.schema import DatabaseSettings
from sealroom.core.db.asking import Asking, Looking
from sealroom.core.db.committed import Changes, noted
from sealroom.core.db.schema import migrate
from sealroom.core.db.target import IMMEDIATE, Target, Where

_NOTHING = select(literal(1))

Ts = TypeVarTuple("Ts")
T = TypeVar("T")
Also: TypeAlias = Callable[[AsyncConnection, T], Awaitable[None]]
"""What the caller of a change writes in its transaction, about what it made: both are there, or neither. If it raises, nothing is."""

AWAY: tuple[type[Exception], ...] = (OperationalError, InterfaceError, NoConnection, TimeoutError, OSError)
"""What is raised while the database is away or overloaded. **Whether a transaction that met it was committed is not known**:
what is tried again must be harmless twice."""


class Database:
    """Connections to one database whose schema this program can use."""

    def __init__(self, where: Where, settings: DatabaseSettings | None = None) -> None:
        """Migrates to this program's schema and prepares connections; must not run on an event loop's hot path.

        Raises:
            ConfigurationError: a URL that cannot be used.
            StartError: the database cannot be used, or is of a newer program that shares nothing with this one.
        """
        self._settings = settings or DatabaseSettings()
        self.changes = Changes()
        """Which kinds of things change: tells, and is told."""
        target = Target(where, self._settings)
        target.keep_private()
        migrate(target)
        self._engine = engine = target.async_engine()
        # One writer at a time is SQLite's own rule. In line here, the first to come is the first to write; SQLite's way of waiting
        # (sleep, look again) knows no order. PostgreSQL has row locks instead.
        self._line: asyncio.Lock | None = asyncio.Lock() if target.is_sqlite else None
        if target.is_sqlite:
            self._writers, self._readers = engine.execution_options(**{IMMEDIATE: True}), engine
            self._asking: Asking | None = Asking(target)
            self._looking: Looking | None = Looking(target.file)
        else:
            self._asking = self._looking = None
            self._alone = engine.execution_options(isolation_level="AUTOCOMMIT")
            self._writers = engine
            self._readers = engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection for statements that change nothing. All of them see the database as it was at the first."""
        async with self._readers.connect() as connection:
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A connection in a transaction that is committed at the end, or rolled back on an exception. Writers of SQLite come one
        after the other; **a transaction inside a transaction would wait for itself**, and fails after `lock_timeout`.

        Raises:
            TimeoutError: other writers did not end in time.
        """
        if self._line is None:
            async with self._writers.begin() as connection:
                raised = noted(connection)
                yield connection
            self.changes.committed(raised)
            return
        async with asyncio.timeout(self._settings.lock_timeout):
            await self._line.acquire()
        try:
            async with self._writers.begin() as connection:
                raised = noted(connection)
                yield connection
        finally:
            self._line.release()
        self.changes.committed(raised)

    async def ask(
        self, statement: Select[*Ts], parameters: Mapping[str, object] | None = None
    ) -> Sequence[Row[*Ts]]:
        """The rows of one statement, without a transaction around it: the cheapest way to ask. What is asked often is built once and
        asked with `parameters`. **Who enters waits for whatever is asked at the same time**: what may have many rows, or looks at many
        to say little, is `read`."""
        if self._asking is not None:
            return await self._asking.ask(statement, parameters)
        async with self._alone.connect() as connection:
            return (await connection.execute(statement, parameters)).all()

    async def look(
        self, statement: Select[*Ts], parameters: Mapping[str, object] | None = None
    ) -> Sequence[tuple[*Ts]]:
        """What `ask` says, for what every entry asks: **a few rows found by their keys, and in them numbers and text alone**, for SQLite
        tells them in the event loop's own thread. Built once and asked with `parameters`."""
        if self._looking is not None:
            rows = self._looking.look(statement, parameters or {})
            if rows is not None:
                return rows
        return await self.ask(statement, parameters)

    async def read(self, statement: Select[*Ts]) -> Sequence[Row[*Ts]]:
        """The rows of one statement that may take its time: no question waits for it."""
        async with self.reading() as connection:
            return (await connection.execute(statement)).all()

    async def check(self) -> None:
        """Asks for nothing. Raises one of AWAY where the database does not answer."""
        await self.ask(_NOTHING)

    async def close(self) -> None:
        """Closes every connection."""
        if self._looking is not None:
            self._looking.close()
        if self._asking is not None:
            await self._asking.close()
        await self._engine.dispose()
