# SPDX-License-Identifier: Apache-2.0
"""Columns that hold encrypted values, each bound to its row; and what encrypts them again under another master key."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, Table, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sealroom.core.db import Database
from sealroom.core.errors import StartError
from sealroom.core.keys.envelope import Envelope, name_of
from sealroom.core.keys.master import EnvelopeError

SEALED = "sealed"
"""Under which key of a column's `info` its purpose stands: a test compares them with what is encrypted again."""
_PAGE = 200
"""Rows that are encrypted again in one transaction. More of them keep other writers waiting."""


class SealedColumn:
    """One such column. **The row's primary key must never change**: its values open nowhere else."""

    def __init__(self, table: Table, name: str, purpose: str, later: Mapping[str, str] | None = None) -> None:
        """`later`: columns that joined the primary key after values were there, with what rows of before have in them. Such a value is
        no part of what binds, so that what was encrypted before opens."""
        self.table, self.column, self.purpose = table, table.c[name], purpose
        self.keys = list(table.primary_key.columns)
        self._later = dict(later or {})
        self.column.info[SEALED] = purpose

    async def encrypt(self, envelope: Envelope, key: Sequence[object], plaintext: bytes) -> bytes:
        """A value for the row of that primary key. Raises EnvelopeError."""
        return await envelope.encrypt(self.purpose, self._context(key), plaintext)

    async def decrypt(self, envelope: Envelope, key: Sequence[object], value: bytes) -> bytes:
        """The plaintext of that row's value. Raises EnvelopeError."""
        return await envelope.decrypt(self.purpose, self._context(key), value)

    def _context(self, key: Sequence[object]) -> tuple[str, ...]:
        if len(key) != len(self.keys):
            raise ValueError(f"{self.table.name} has another primary key")
        bound = [
            part for column, part in zip(self.keys, key, strict=True) if self._later.get(column.name) != part
        ]
        return tuple(map(str, (self.table.name, self.column.name, *bound)))


async def check_master_key(database: Database, envelope: Envelope, columns: Iterable[SealedColumn]) -> None:
    """Opens one value of each column, so that a lost or another master key ends the start, and not every call.

    Raises:
        StartError: the master key is not the one of this database.
    """
    for one in columns:
        for row in await database.ask(select(*one.keys, one.column).where(one.column.is_not(None)).limit(1)):
            try:
                await one.decrypt(envelope, row[:-1], row[-1])
            except EnvelopeError as error:
                raise StartError(error.code, error.sentence, error.action) from error


async def encrypt_again(database: Database, envelope: Envelope, column: SealedColumn) -> int:
    """Encrypts under the newest master key every value that is under an older one; returns how many. May be cut off and run again.

    Raises:
        EnvelopeError: a value cannot be opened; those before it are done.
    """
    done, last = 0, None
    while rows := await _page(database, column, last):
        done += await _page_again(database, envelope, column, rows)
        last = rows[-1][:-1]
    return done


async def _page(
    database: Database, column: SealedColumn, last: Sequence[object] | None
) -> Sequence[Row[*tuple[Any, ...]]]:
    statement = select(*column.keys, column.column).where(column.column.is_not(None))
    if last is not None:
        statement = statement.where(tuple_(*column.keys) > tuple_(*last))
    return await database.read(statement.order_by(*column.keys).limit(_PAGE))


async def _page_again(
    database: Database, envelope: Envelope, column: SealedColumn, rows: Sequence[Row[*tuple[Any, ...]]]
) -> int:
    """The master key, which may lie elsewhere, is asked before anything is locked."""
    newest = await envelope.masters.newest()
    made: list[tuple[Row[*tuple[Any, ...]], bytes]] = []
    for row in rows:
        if name_of(row[-1]) != newest:
            plaintext = await column.decrypt(envelope, row[:-1], row[-1])
            made.append((row, await column.encrypt(envelope, row[:-1], plaintext)))
    if not made:
        return 0
    async with database.writing() as connection:
        return sum([await _replace(connection, column, row, again) for row, again in made])


async def _replace(
    connection: AsyncConnection, column: SealedColumn, row: Row[*tuple[Any, ...]], again: bytes
) -> int:
    """Only where it is still the value that was read: who changed it meanwhile had the newest key."""
    mine = [name == part for name, part in zip(column.keys, row[:-1], strict=True)]
    statement = update(column.table).where(*mine, column.column == row[-1])
    return (await connection.execute(statement.values({column.column: again}))).rowcount
