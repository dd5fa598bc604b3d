# SPDX-License-Identifier: Apache-2.0
"""Statements that SQLite and PostgreSQL write differently."""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import TypeAlias

from sqlalchemy import Executable, Table, case
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

Values: TypeAlias = Mapping[str, object]


async def upsert(
    connection: AsyncConnection,
    table: Table,
    rows: Values | Sequence[Values],
    *,
    greatest: Collection[str] = (),
) -> None:
    """Writes rows, each in place of the one with its primary key. All name the same columns. A column of `greatest` keeps the larger
    value of the two: it never goes back."""
    given = [rows] if isinstance(rows, Mapping) else list(rows)
    if not given:
        return
    await connection.execute(
        _upsert(connection.dialect.name, table, tuple(given[0]), frozenset(greatest)), given
    )


async def insert_new(connection: AsyncConnection, table: Table, rows: Values | Sequence[Values]) -> int:
    """Writes rows of which nothing unique is there yet, and passes over the others: harmless twice. Returns how many were written."""
    given = [rows] if isinstance(rows, Mapping) else list(rows)
    if not given:
        return 0
    return (await connection.execute(_insert_new(connection.dialect.name, table), given)).rowcount


# Built once each: building one takes longer than running it.


@lru_cache
def _upsert(dialect: str, table: Table, columns: tuple[str, ...], greatest: frozenset[str]) -> Executable:
    statement = _insert(dialect, table)
    changed = {
        name: case((statement.excluded[name] > table.c[name], statement.excluded[name]), else_=table.c[name])
        if name in greatest
        else statement.excluded[name]
        for name in columns
        if name not in table.primary_key.columns
    }
    keys = list(table.primary_key.columns)
    if changed:
        return statement.on_conflict_do_update(index_elements=keys, set_=changed)
    return statement.on_conflict_do_nothing(index_elements=keys)


@lru_cache
def _insert_new(dialect: str, table: Table) -> Executable:
    # Without the option nobody is told how many rows an INSERT wrote on PostgreSQL.
    return _insert(dialect, table).on_conflict_do_nothing().execution_options(preserve_rowcount=True)


def _insert(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
