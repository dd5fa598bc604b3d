# SPDX-License-Identifier: Apache-2.0
"""Where the database is, and how connections to it are made."""

import contextlib
import os
from pathlib import Path
from typing import TypeAlias

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.engine import Connection
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from sealroom.core.config.schema import DatabaseSettings
from sealroom.core.db.steps import SteppingConnection
from sealroom.core.errors import ConfigurationError

Where: TypeAlias = Path | str
"""A file of SQLite, or the URL of a PostgreSQL database."""

IMMEDIATE = "sealroom_immediate"
"""Execution option of SQLite connections: the transaction begins as a writer's, so that it waits for another writer at its begin.
One that begins as a reader's and then writes fails at once when somebody wrote in between."""
ALONE = "sealroom_alone"
"""Execution option of SQLite connections: no transaction around the one statement."""

_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    # What was deleted is overwritten, in pages that became free too, whatever the library was built with. FAST would leave those.
    "secure_delete=ON",
)
_POSTGRESQL = ("postgresql", "postgres", "postgresql+psycopg")
_SQLITE_CONNECTIONS = 4
"""Readers beside the one writer. SQLite's work is done in a thread per connection: more of them only wait for the interpreter."""
_RECYCLE_SECONDS = 1_800
"""Age at which an idle connection is made anew, so that a server's memory for it does not grow for ever."""


class Target:
    """One database. Its text hides the password."""

    def __init__(self, where: Where, settings: DatabaseSettings) -> None:
        """Raises ConfigurationError for a URL that cannot be used."""
        self._settings = settings
        self.url = (
            URL.create("sqlite", database=str(where)) if isinstance(where, Path) else _postgresql(where)
        )

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file of SQLite."""
        return self.url.get_backend_name() == "sqlite"

    @property
    def file(self) -> str:
        """The path of SQLite's file, whole: connections are made later too, wherever the process is then."""
        return str(Path(str(self.url.database)).absolute())

    def __str__(self) -> str:
        if self.is_sqlite:
            return str(self.url.database)
        return self.url.set(query={}).render_as_string(hide_password=True)

    def keep_private(self) -> None:
        """Makes a file of SQLite, and what lies beside it, readable by this user alone. Where that cannot be, opening it says why."""
        if not self.is_sqlite:
            return
        file = self.file
        with contextlib.suppress(OSError):
            # What SQLite makes beside it gets its permissions: it has them before.
            os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            for path in (Path(file), Path(f"{file}-wal"), Path(f"{file}-shm")):
                if path.exists():
                    path.chmod(0o600)

    def engine(self) -> Engine:
        """For migrations: one connection at a time, in this thread. Its statements may take as long as they need."""
        if not self.is_sqlite:
            return create_engine(self.url, pool_size=1, connect_args=self._arguments(limited=False))
        engine = create_engine(self.url, pool_size=1).execution_options(**{IMMEDIATE: True})
        self._prepare_sqlite(engine)
        return engine

    def async_engine(self) -> AsyncEngine:
        """For everything else."""
        if not self.is_sqlite:
            return create_async_engine(
                self.url,
                connect_args=self._arguments(limited=True),
                pool_size=self._settings.pool_size,
                max_overflow=0,
                pool_timeout=self._settings.lock_timeout,
                # A connection that died with its server is found when it is taken, not by the statement that needs it.
                pool_pre_ping=True,
                pool_recycle=_RECYCLE_SECONDS,
            )
        file = self.file
        engine = create_async_engine(
            self.url.set(drivername="sqlite+aiosqlite"),
            pool_size=_SQLITE_CONNECTIONS,
            async_creator=lambda: SteppingConnection(file),
        )
        self._prepare_sqlite(engine.sync_engine)
        return engine

    def asking_engine(self) -> Engine:
        """For single questions to SQLite, asked by one thread."""
        engine = create_engine(self.url, pool_size=1)
        self._prepare_sqlite(engine)
        return engine.execution_options(**{ALONE: True})

    def _prepare_sqlite(self, engine: Engine) -> None:
        busy = f"busy_timeout={round(self._settings.lock_timeout * 1000)}"

        def prepare(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
            # The driver begins transactions by its own ideas, and too late: `_begin` does it.
            connection.isolation_level = None
            cursor = connection.cursor()
            for pragma in (busy, *_PRAGMAS):
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

        event.listen(engine, "connect", prepare)
        event.listen(engine, "begin", _begin)

    def _arguments(self, *, limited: bool) -> dict[str, str | int]:
        """What libpq is told beside the URL. The server ends what takes too long, also when this process no longer can."""
        settings = self._settings
        options = {"timezone": "UTC"}
        if limited:
            options["statement_timeout"] = f"{round(settings.statement_timeout * 1000)}"
            options["idle_in_transaction_session_timeout"] = options["statement_timeout"]
        options["lock_timeout"] = f"{round(settings.lock_timeout * 1000)}"
        given = self.url.query.get("options", "")
        told = [
            *(f"-c {name}={value}" for name, value in options.items()),
            given if isinstance(given, str) else "",
        ]
        return {
            "application_name": "sealroom",
            "connect_timeout": max(2, round(settings.connect_timeout)),
            "tcp_user_timeout": round(settings.statement_timeout * 1000),
            "options": " ".join(told).strip(),
        }


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    if not options.get(ALONE):
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get(IMMEDIATE) else "BEGIN")


def _postgresql(text: str) -> URL:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # Not the library's sentence: it repeats the text, and so the password.
        url = None
    if url is None or url.drivername not in _POSTGRESQL or not url.database:
        raise ConfigurationError(
            "configuration_database_invalid",
            "database.url is no URL of a PostgreSQL database.",
            "Write postgresql://user@host/name?sslmode=verify-full, or nothing for SQLite in the state folder.",
        )
    return url.set(drivername="postgresql+psycopg")
