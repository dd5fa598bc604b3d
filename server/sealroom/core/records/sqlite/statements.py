# SPDX-License-Identifier: Apache-2.0
"""Questions as SQL. Values are always parameters; names come from the catalogue."""

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from sealroom.catalogue import Document, Kind
from sealroom.core.records.checking import words_of
from sealroom.core.records.cursor import Place
from sealroom.core.records.fields import composed, plain
from sealroom.core.records.query import Between, Condition, Equals, Missing, Query, Words
from sealroom.core.records.sqlite.schema import ROW, Table, quoted

Parameters: TypeAlias = list[object]


def insertion(table: Table) -> str:
    """Writes one row; a document that is there is replaced."""
    names = [quoted(name) for name in table.dataset.columns]
    rest = [name for name in names if name not in ('"id"', '"time"')]
    replace = (
        f"DO UPDATE SET {', '.join(f'{name}=excluded.{name}' for name in rest)}" if rest else "DO NOTHING"
    )
    marks = ", ".join("?" * len(names))
    return (
        f'INSERT INTO {table.name} ({", ".join(names)}) VALUES ({marks}) ON CONFLICT ("time", "id") {replace}'
    )


def row_of(table: Table, document: Document) -> tuple[object, ...]:
    """A document's values in the order of the columns; several values of one field as JSON."""
    values = plain(document)
    return tuple(
        msgspec.json.encode(values[name]).decode()
        if column.many and values[name] is not None
        else values[name]
        for name, column in table.dataset.columns.items()
    )


def document_of(table: Table, row: Sequence[object]) -> Document:
    """The document of a row whose columns are in the catalogue's order. What was added since it was written has its default."""
    fields: dict[str, object] = {}
    for (name, column), value in zip(table.dataset.columns.items(), row, strict=True):
        if value is None:
            if column.optional:
                fields[name] = None
        elif column.many:
            fields[name] = msgspec.json.decode(str(value))
        else:
            fields[name] = bool(value) if column.kind is Kind.BOOLEAN else value
    return composed(table.kind, fields)


def where(table: Table, query: Query[Document]) -> tuple[str, Parameters]:
    """What follows WHERE, of a table called d."""
    parts, values = ['d."time" >= ?', 'd."time" < ?'], Parameters([query.since, query.until])
    for condition in query.where:
        part, given = _condition(table, condition)
        parts.append(part)
        values += given
    return " AND ".join(parts), values


def _condition(table: Table, condition: Condition) -> tuple[str, Parameters]:
    name, many = f"d.{quoted(condition.field)}", table.dataset.columns[condition.field].many
    if isinstance(condition, Words):
        return _words(table, condition)
    if isinstance(condition, Missing):
        return (f"({name} IS NULL OR {name} = '[]')" if many else f"{name} IS NULL"), []
    if isinstance(condition, Between):
        bounds = [(">=", condition.least), ("<", condition.below)]
        given = [(sign, value) for sign, value in bounds if value is not None]
        return " AND ".join([f"{name} {sign} ?" for sign, _ in given] or [f"{name} IS NOT NULL"]), [
            value for _, value in given
        ]
    if many:
        values = (condition.value,) if isinstance(condition, Equals) else condition.values
        among = "SELECT value FROM json_each(?)"
        return f"EXISTS (SELECT 1 FROM json_each({name}) WHERE value IN ({among}))", [_json(values)]
    if isinstance(condition, Equals):
        return f"{name} = ?", [condition.value]
    return f"{name} IN (SELECT value FROM json_each(?))", [_json(condition.values)]


def _words(table: Table, condition: Words) -> tuple[str, Parameters]:
    words = words_of(condition.words)
    if not words:
        return f"d.{quoted(condition.field)} IS NOT NULL", []
    match = f"{quoted(condition.field)} : ({' AND '.join(quoted(word) for word in words)})"
    return f"d.{ROW} IN (SELECT rowid FROM {table.words} WHERE {table.words} MATCH ?)", [match]


def _json(values: Sequence[object]) -> str:
    return msgspec.json.encode(values).decode()


def page(
    table: Table, query: Query[Document], limit: int, after: Place | None, *, newest_first: bool
) -> tuple[str, Parameters]:
    """One document more than the page has, to know whether there is another page."""
    text, parameters = where(table, query)
    if after is not None:
        text += f' AND (d."time", d."id") {"<" if newest_first else ">"} (?, ?)'
        parameters += [after.time, after.id]
    direction = "DESC" if newest_first else "ASC"
    columns = ", ".join(f"d.{quoted(name)}" for name in table.dataset.columns)
    return (
        f'SELECT {columns} FROM {table.name} AS d WHERE {text} ORDER BY d."time" {direction}, d."id" {direction} LIMIT ?',
        [*parameters, limit + 1],
    )
