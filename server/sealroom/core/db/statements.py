# SPDX-License-Identifier: Apache-2.0
"""Statements that SQLite and PostgreSQL write differently."""

from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

from sqlalchemy import Table, case
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
    statement = _insert(connection, table)
    changed = {
        name: case((statement.excluded[name] > table.c[name], statement.excluded[name]), else_=table.c[name])
        if name in greatest
        else statement.excluded[name]
        for name in given[0]
        if name not in table.primary_key.columns
    }
    keys = list(table.primary_key.columns)
    if changed:
        await connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), given)
    else:
        await connection.execute(statement.on_conflict_do_nothing(index_elements=keys), given)


async def insert_new(connection: AsyncConnection, table: Table, rows: Values | Sequence[Values]) -> int:
    """Writes rows of which nothing unique is there yet, and passes over the others: harmless twice. Returns how many were written."""
    given = [rows] if isinstance(rows, Mapping) else list(rows)
    if not given:
        return 0
    # Without the option nobody is told how many rows an INSERT wrote on PostgreSQL.
    statement = _insert(connection, table).on_conflict_do_nothing().execution_options(preserve_rowcount=True)
    return (await connection.execute(statement, given)).rowcount


def _insert(connection: AsyncConnection, table: Table) -> sqlite.Insert | postgresql.Insert:
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)
