# SPDX-License-Identifier: Apache-2.0
"""Aggregations as SQL: one statement that splits level by level, and one for each field whose percentiles are wanted."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, islice
from operator import itemgetter

from sealroom.catalogue import Document, Kind
from sealroom.core.records.checking import percentile_name
from sealroom.core.records.query import MAX_BUCKETS, Aggregation, Bucket, Measure, Query, Scalar, Split, Terms
from sealroom.core.records.sqlite.schema import Table, quoted
from sealroom.core.records.sqlite.statements import where

_SQL = {
    "sum": "sum({0})", "mean": "avg({0})", "least": "min({0})", "most": "max({0})", "distinct": "count(DISTINCT {0})",
}  # fmt: skip


class Aggregator:
    """One aggregation over one kind."""

    def __init__(self, table: Table, query: Query[Document], aggregation: Aggregation) -> None:
        self._table, self._aggregation = table, aggregation
        self._where, self._parameters = where(table, query)
        self._keys = [f"k{level}" for level in range(len(aggregation.by))]
        self._ranks = [f"r{level}" for level in range(len(aggregation.by))]
        self._values = {measure.field: f"v{at}" for at, measure in enumerate(aggregation.measures)}

    def run(self, connection: sqlite3.Connection) -> tuple[Bucket, ...]:
        """Asks. Raises ValueError beyond `MAX_BUCKETS`."""
        asked = [(measure.field, name) for measure in self._aggregation.measures for name in measure.of]
        ranked = [measure for measure in self._aggregation.measures if measure.percentiles]
        numbers = [_SQL[name].format(self._values[field]) for field, name in asked]
        numbers += [f"count({self._values[measure.field]})" for measure in ranked]
        rows = self._grouped(connection, numbers)
        if len(rows) > MAX_BUCKETS:
            raise ValueError(f"more than {MAX_BUCKETS} buckets: ask for a shorter time, or for fewer terms")
        depth = len(self._keys)
        found = {tuple(row[:depth]): self._bucket(row, asked) for row in rows}
        for place, measure in enumerate(ranked, depth + 1 + len(asked)):
            counts = {tuple(row[:depth]): int(row[place]) for row in rows}
            self._add_percentiles(connection, measure, counts, found)
        return tuple(found.values())

    def _bucket(self, row: Sequence[Scalar], asked: Sequence[tuple[str, str]]) -> Bucket:
        depth = len(self._keys)
        numbers = {
            of: float(value)
            for of, value in zip(asked, row[depth + 1 :], strict=False)
            if value is not None and (value or of[1] != "distinct")
        }
        return Bucket(self._scalars(row[:depth]), int(row[depth]), numbers)

    def _grouped(self, connection: sqlite3.Connection, numbers: Sequence[str]) -> list[tuple[Scalar, ...]]:
        """Keys, count and numbers of each bucket, in the buckets' order."""
        keys = ", ".join(self._keys)
        selected = "".join(f", {number} AS n{at}" for at, number in enumerate(numbers))
        if not keys:
            return connection.execute(
                f"{self._base()} SELECT count(*){selected} FROM base", self._parameters
            ).fetchall()
        given = [f"k{level} IS NOT NULL AND r{level} <= ?" for level in range(len(self._keys))]
        names = "".join(f", n{at}" for at in range(len(numbers)))
        return connection.execute(
            f"{self._base()}, g AS (SELECT {keys}, count(*) AS c{selected} FROM base GROUP BY {keys}), {self._ranked()} "
            f"SELECT {keys}, c{names} FROM ranked WHERE {' AND '.join(given)} "
            f"ORDER BY {', '.join(self._ranks)} LIMIT {MAX_BUCKETS + 1}",
            [*self._parameters, *self._sizes()],
        ).fetchall()

    def _base(self) -> str:
        """The documents, with what they are split by and what is measured."""
        columns = [
            f"{_key(split)} AS {key}" for split, key in zip(self._aggregation.by, self._keys, strict=True)
        ]
        columns += [f"d.{quoted(name)} AS {value}" for name, value in self._values.items()]
        sources = [f"{self._table.name} AS d"]
        for level, split in enumerate(self._aggregation.by):
            if isinstance(split, Terms) and self._table.dataset.columns[split.field].many:
                columns[level] = f"e{level}.value AS k{level}"
                sources.append(f"json_each(d.{quoted(split.field)}) AS e{level}")
        return (
            f"WITH base AS (SELECT {', '.join(columns) or '1'} FROM {', '.join(sources)} WHERE {self._where})"
        )

    def _ranked(self) -> str:
        """The place of each key among those with the same keys above it: by how many documents it has in all, or by time."""
        totals, ranks = "", ""
        for level, split in enumerate(self._aggregation.by):
            above = ", ".join(self._keys[:level])
            totals += f", sum(c) OVER (PARTITION BY {', '.join(self._keys[: level + 1])}) AS t{level}"
            order = f"k{level} IS NULL, {f't{level} DESC, ' if isinstance(split, Terms) else ''}k{level}"
            ranks += f", dense_rank() OVER ({f'PARTITION BY {above} ' if above else ''}ORDER BY {order}) AS r{level}"
        return f"totals AS (SELECT *{totals} FROM g), ranked AS (SELECT *{ranks} FROM totals)"

    def _sizes(self) -> list[int]:
        return [split.size if isinstance(split, Terms) else MAX_BUCKETS + 1 for split in self._aggregation.by]

    def _add_percentiles(
        self,
        connection: sqlite3.Connection,
        measure: Measure,
        counts: Mapping[tuple[Scalar, ...], int],
        found: Mapping[tuple[Scalar, ...], Bucket],
    ) -> None:
        """Reads the values in their order once, and keeps only those at the ranks."""
        depth = len(self._keys)
        rows = self._sorted(connection, self._values[measure.field])
        groups = groupby(rows, itemgetter(slice(0, depth))) if depth else iter([((), rows)])
        for keys, values in groups:
            if counts.get(keys):
                numbers = _percentiles(values, counts[keys], measure.percentiles)
                found[keys].numbers.update(
                    {(measure.field, percentile_name(percent)): number for percent, number in numbers}
                )

    def _sorted(self, connection: sqlite3.Connection, value: str) -> Iterator[tuple[Scalar, ...]]:
        keys = "".join(f"{key}, " for key in self._keys)
        return connection.execute(
            f"{self._base()} SELECT {keys}{value} FROM base WHERE {value} IS NOT NULL ORDER BY {keys}{value}",
            self._parameters,
        )

    def _scalars(self, keys: Sequence[Scalar]) -> tuple[Scalar, ...]:
        return tuple(
            bool(key) if isinstance(split, Terms) and self._kind(split) is Kind.BOOLEAN else key
            for split, key in zip(self._aggregation.by, keys, strict=True)
        )

    def _kind(self, split: Terms) -> Kind:
        return self._table.dataset.columns[split.field].kind


def _key(split: Split) -> str:
    if isinstance(split, Terms):
        return f"d.{quoted(split.field)}"
    interval = int(split.interval)
    return f'd."time" / {interval} * {interval}'


def _percentiles(
    rows: Iterator[tuple[Scalar, ...]], count: int, percents: Sequence[float]
) -> Iterator[tuple[float, float]]:
    """Each percentile of `count` rows that are sorted by their last value: between the two that are nearest to its rank."""
    ranks = [percent / 100 * (count - 1) for percent in percents]
    wanted = sorted({at for rank in ranks for at in (int(rank), min(int(rank) + 1, count - 1))})
    values: dict[int, float] = {}
    before = -1
    for at in wanted:
        values[at] = float(next(islice(rows, at - before - 1, None))[-1])
        before = at
    for percent, rank in zip(percents, ranks, strict=True):
        below, above = values[int(rank)], values[min(int(rank) + 1, count - 1)]
        yield percent, below + (above - below) * (rank - int(rank))
