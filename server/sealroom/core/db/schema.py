# SPDX-License-Identifier: Apache-2.0
"""Which schema a database has, and whether this program can use it.

**A schema says itself which programs may use it.** A program meets a newer one when machines are renewed one after the other, or when
somebody goes back to the version before: it starts when that schema's lowest compatible version is not beyond its own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Column, Connection, Integer, String, Table, inspect, select, text
from sqlalchemy.exc import DBAPIError, OperationalError

from sealroom.catalogue import DataClass, LegalBasis, Purpose, Retention, dataset, field
from sealroom.core.db.migrations import HEAD
from sealroom.core.db.tables import metadata
from sealroom.core.db.target import Target
from sealroom.core.errors import StartError

compatibility = Table(
    "schema_compat",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False, info=field("Always 1.")),
    Column("version", String(32), nullable=False, info=field("Of the schema.")),
    Column("lowest", String(32), nullable=False, info=field("The lowest version whose programs can use it.")),
    info=dataset(
        "Which programs can use the database.", DataClass.OPERATION, Purpose.OPERATE, LegalBasis.NONE_NEEDED,
        Retention.kept("one row, of the program"),
    ),
)  # fmt: skip
"""One row: the schema's version, and the lowest version whose programs can use it."""

OLDEST_POSTGRESQL = 15
"""What Debian 12 carries; the tests run on it."""
_LOCK = 0x5EA1_0001
"""PostgreSQL's advisory lock of a migration."""
_WAIT_SECONDS = 600
"""How long a start waits for another one's migration. Longer than any migration should take."""


@dataclass(frozen=True, slots=True)
class Schema:
    """What a database says of itself."""

    version: str
    lowest: str


def schema_of(target: Target) -> Schema | None:
    """The schema of a database; None for an empty one.

    Raises:
        StartError: it is no database, cannot be opened, or is of a PostgreSQL that is too old.
    """
    with connected(target) as connection:
        return read_schema(connection)


def migrate(target: Target) -> None:
    """Brings the database to the schema of this program. Costs a few queries when it is there already.

    Raises:
        StartError: as `schema_of`; or the schema is of a newer program, and not for this one.
    """
    present = schema_of(target)
    if present is not None and (present.version == HEAD or _is_newer(target, present)):
        return
    with connected(target) as connection:
        _alone(target, connection)
        present = read_schema(connection)
        # Another start may have been quicker.
        if present is not None and (present.version == HEAD or _is_newer(target, present)):
            return
        # Alembic takes longer to import than everything else of a start: only when there is something to do.
        from sealroom.core.db.migrations.run import upgrade

        lowest = upgrade(connection)
        connection.execute(compatibility.delete())
        connection.execute(compatibility.insert().values(one=1, version=HEAD, lowest=lowest))


def _alone(target: Target, connection: Connection) -> None:
    """Waits until no other start migrates. On SQLite the transaction itself is the lock."""
    if target.is_sqlite:
        return
    connection.execute(text(f"SET LOCAL lock_timeout = '{_WAIT_SECONDS}s'"))
    connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    # A change of a table that waits for a reader makes every later reader wait for it: rather give up soon.
    connection.execute(text("SET LOCAL lock_timeout = '10s'"))


def _is_newer(target: Target, present: Schema) -> bool:
    """Whether a newer program made the schema. Raises StartError when it is not for this one."""
    if present.version <= HEAD:
        return False
    if present.lowest > HEAD:
        raise StartError(
            "database_of_newer_program",
            f"The database {target} has schema {present.version}, for programs from schema {present.lowest} on; this one has {HEAD}.",
            "Start the newer program again, or restore a backup made before it ran.",
        )
    return True


def read_schema(connection: Connection) -> Schema | None:
    """What the database says of itself; None for an empty one."""
    tables = set(inspect(connection).get_table_names())
    if "alembic_version" not in tables:
        return None
    version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if version is None:
        return None
    # A schema from before this table was nobody's but its own program's.
    told = compatibility.name in tables and connection.execute(select(compatibility.c.lowest)).scalar()
    return Schema(str(version), str(told or version))


@contextmanager
def connected(target: Target) -> Iterator[Connection]:
    """A connection in one transaction, for this thread."""
    engine = target.engine()
    try:
        with engine.begin() as connection:
            _check_version(connection)
            yield connection
    except DBAPIError as error:
        raise _unusable(target, error) from error
    finally:
        engine.dispose()


def _check_version(connection: Connection) -> None:
    version = connection.dialect.server_version_info or (0,)
    if connection.dialect.name == "postgresql" and int(version[0]) < OLDEST_POSTGRESQL:
        raise StartError(
            "database_too_old",
            f"PostgreSQL {version[0]} is too old.",
            f"Use {OLDEST_POSTGRESQL} or newer.",
        )


def _unusable(target: Target, error: DBAPIError) -> StartError:
    if target.is_sqlite:
        action = "Check the folder's permissions and free space, or name another one in [state]."
    elif isinstance(error, OperationalError):
        action = "Check that it runs, and [database]; `sealroom doctor` tries again."
    else:
        action = "Give the role that is named in database.url the rights to make tables there."
    sentence = str(error.orig).strip().splitlines() or [type(error.orig).__name__]
    return StartError("database_unusable", f"The database {target} cannot be used: {sentence[0]}.", action)
