# SPDX-License-Identifier: Apache-2.0
"""One SQLite database: opened, migrated, and closed again."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from sealroom.core.db.migrations import HEAD
from sealroom.core.errors import StartError

_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000")


class Database:
    """Connections to one database file whose schema is that of this program."""

    def __init__(self, path: Path) -> None:
        """Migrates `path` to this program's schema and prepares connections; must not run on an event loop's hot path.

        Raises:
            StartError: the file cannot be used, or is of a newer program.
        """
        migrate(path)
        self._engine: AsyncEngine = create_async_engine(f"sqlite+aiosqlite:///{path}", pool_size=4)
        event.listen(self._engine.sync_engine, "connect", _prepare)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection for statements that change nothing."""
        async with self._engine.connect() as connection:
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A connection in a transaction that is committed at the end, or rolled back on an exception."""
        async with self._engine.begin() as connection:
            yield connection

    async def close(self) -> None:
        """Closes every connection."""
        await self._engine.dispose()


def _prepare(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def schema_version(path: Path) -> str | None:
    """The revision of the schema in the file; None for a new one.

    Raises:
        StartError: the file is not a database, or cannot be opened.
    """
    try:
        with closing(sqlite3.connect(path)) as connection:
            known = connection.execute(
                "SELECT name FROM sqlite_master WHERE name = 'alembic_version'"
            ).fetchone()
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if known else None
    except sqlite3.Error as error:
        raise StartError(
            "database_unusable",
            f"The database {path} cannot be used: {error}.",
            "Check the folder's permissions and free space, or name another one in [state].",
        ) from error
    return str(row[0]) if row else None


def migrate(path: Path) -> None:
    """Brings the file to the schema of this program. Costs one query when it is there already."""
    present = schema_version(path)
    if present == HEAD:
        return
    # Alembic takes longer to import than everything else of a start: only when there is something to do.
    from sealroom.core.db.migrations.run import is_known, upgrade

    if present is not None and not is_known(present):
        raise StartError(
            "database_of_newer_program",
            f"The database {path} has schema {present}, which this program does not know.",
            "Start the newer program again, or restore a backup made before it ran.",
        )
    upgrade(path)
