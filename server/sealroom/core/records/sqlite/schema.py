# SPDX-License-Identifier: Apache-2.0
"""Tables and indices as the catalogue has them, and how an older file becomes so.

A column's declared type holds the whole kind of its field (`LONG_INTEGER`, `MANY_KEYWORD_TEXT`), with the affinity that SQLite reads
out of it, so that the file says of itself what it was made for.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from sealroom.catalogue import Dataset, Document, Kind
from sealroom.catalogue.dataset import Column
from sealroom.core.errors import StartError
from sealroom.core.records.fields import default_of

ROW = "_row"
"""The number of a row, which the full-text index knows it by."""
TOKENIZER = "unicode61 remove_diacritics 0"
"""Cuts text into runs of letters and digits, in small letters, as `checking.words_of` does."""

_TYPES = {
    Kind.KEYWORD: "KEYWORD_TEXT", Kind.TEXT: "WORDS_TEXT", Kind.LONG: "LONG_INTEGER", Kind.DOUBLE: "DOUBLE_REAL",
    Kind.BOOLEAN: "BOOLEAN",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Table:
    """A kind of document with its table."""

    kind: type[Document]
    dataset: Dataset

    @property
    def name(self) -> str:
        """The table, quoted."""
        return quoted(self.dataset.name)

    @property
    def words(self) -> str:
        """The table of the full-text index, quoted."""
        return quoted(f"{self.dataset.name}_words")

    @property
    def texts(self) -> tuple[str, ...]:
        """The fields that are searched by words."""
        return tuple(name for name, column in self.dataset.columns.items() if column.kind is Kind.TEXT)

    @property
    def indexed(self) -> tuple[str, ...]:
        """The fields that documents are looked up by."""
        return tuple(
            name
            for name, column in self.dataset.columns.items()
            if (column.field.sought or column.field.subject) and column.kind is not Kind.TEXT
        )


def quoted(name: str) -> str:
    """A name as SQL takes it."""
    return '"' + name.replace('"', '""') + '"'


def type_of(column: Column) -> str:
    """The declared type of a field's column."""
    if column.many:
        return f"MANY_{column.kind.name}_TEXT"
    return _TYPES[column.kind]


def bring_up(connection: sqlite3.Connection, table: Table) -> None:
    """Makes the table, or brings it to what the catalogue says. What a field left behind stays until its days are deleted.

    Raises:
        StartError: a field has become another kind, or is new and every document must have it.
    """
    present = _columns(connection, table.dataset.name)
    if present:
        _add_columns(connection, table, present)
    else:
        columns = ", ".join(_column(name, column) for name, column in table.dataset.columns.items())
        connection.execute(
            f'CREATE TABLE {table.name} ("{ROW}" INTEGER PRIMARY KEY, {columns}, UNIQUE ("time", "id"))'
        )
    _index_fields(connection, table)
    _index_words(connection, table)


def _columns(connection: sqlite3.Connection, name: str) -> dict[str, str]:
    return {row[1]: row[2] for row in connection.execute(f"PRAGMA table_info({quoted(name)})")}


def _column(name: str, column: Column) -> str:
    return f"{quoted(name)} {type_of(column)}" + (" NOT NULL" if name in ("id", "time") else "")


def _add_columns(connection: sqlite3.Connection, table: Table, present: dict[str, str]) -> None:
    for name, column in table.dataset.columns.items():
        if name not in present:
            _check_new(connection, table, name, column)
            connection.execute(f"ALTER TABLE {table.name} ADD COLUMN {_column(name, column)}")
        elif present[name] != type_of(column):
            raise StartError(
                "records_field_changed",
                f"The field {name} of {table.dataset.name} was kept as {present[name]} and is {type_of(column)} now.",
                "Give the new field a name of its own; the old one goes with its days.",
            )


def _check_new(connection: sqlite3.Connection, table: Table, name: str, column: Column) -> None:
    has_default, _ = default_of(table.kind, name)
    if has_default or column.optional:
        return
    if connection.execute(f"SELECT 1 FROM {table.name} LIMIT 1").fetchone():
        raise StartError(
            "records_field_without_default",
            f"The field {name} of {table.dataset.name} is new, and the documents that are there have no value for it.",
            "Give it a default.",
        )


def _index_fields(connection: sqlite3.Connection, table: Table) -> None:
    wanted = {f"{table.dataset.name}_by_{name}": name for name in table.indexed}
    found = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL",
        (table.dataset.name,),
    ).fetchall()
    for (index,) in found:
        if index not in wanted:
            connection.execute(f"DROP INDEX {quoted(index)}")
    for index, name in wanted.items():
        connection.execute(
            f'CREATE INDEX IF NOT EXISTS {quoted(index)} ON {table.name} ({quoted(name)}, "time", "id")'
        )


def _index_words(connection: sqlite3.Connection, table: Table) -> None:
    present = tuple(_columns(connection, f"{table.dataset.name}_words"))
    if present == table.texts:
        return
    for trigger in ("added", "deleted", "changed"):
        connection.execute(f"DROP TRIGGER IF EXISTS {quoted(f'{table.dataset.name}_{trigger}')}")
    connection.execute(f"DROP TABLE IF EXISTS {table.words}")
    if table.texts:
        for statement in _words_statements(table):
            connection.execute(statement)


def _words_statements(table: Table) -> Iterator[str]:
    """An index without a text of its own, kept in step by triggers."""
    names = ", ".join(map(quoted, table.texts))
    new, old = (", ".join(f"{row}.{quoted(name)}" for name in table.texts) for row in ("new", "old"))
    add = f"INSERT INTO {table.words} (rowid, {names}) VALUES (new.{ROW}, {new});"
    drop = f"INSERT INTO {table.words} ({table.words}, rowid, {names}) VALUES ('delete', old.{ROW}, {old});"
    yield (
        f"CREATE VIRTUAL TABLE {table.words} USING fts5({names}, content={table.name}, content_rowid={ROW}, "
        f"tokenize='{TOKENIZER}')"
    )
    yield f"INSERT INTO {table.words} ({table.words}) VALUES ('rebuild')"
    for trigger, event, body in (
        ("added", "INSERT", add), ("deleted", "DELETE", drop), ("changed", "UPDATE", f"{drop} {add}"),
    ):  # fmt: skip
        name = quoted(f"{table.dataset.name}_{trigger}")
        yield f"CREATE TRIGGER {name} AFTER {event} ON {table.name} BEGIN {body} END"
