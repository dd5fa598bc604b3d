# SPDX-License-Identifier: Apache-2.0
"""Everything that is declared, gathered by the composition root."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import Column as TableColumn
from sqlalchemy import MetaData, Table
from sqlalchemy.types import BigInteger, Boolean, Float, Integer, LargeBinary, TypeEngine

from sealroom.catalogue.dataset import Column, Dataset, Undeclared
from sealroom.catalogue.declare import INFO, Document, Said, dataset_of
from sealroom.catalogue.fields import Field, Kind
from sealroom.catalogue.vocabulary import DataClass, LegalBasis, Purpose, Retention, Store

_KINDS: tuple[tuple[type[TypeEngine[Any]], Kind], ...] = (
    (Boolean, Kind.BOOLEAN), (BigInteger, Kind.LONG), (Integer, Kind.LONG), (Float, Kind.DOUBLE), (LargeBinary, Kind.BYTES),
)  # fmt: skip


class Catalogue:
    """All datasets of this program."""

    def __init__(
        self,
        metadata: MetaData,
        documents: Iterable[type[Document]] = (),
        *,
        log: Mapping[str, Field] | None = None,
        labels: Mapping[str, Field] | None = None,
        others: Iterable[Dataset] = (),
    ) -> None:
        """Gathers tables, kinds of documents, the log's fields, the metrics' labels, and what other ports keep.

        Raises:
            Undeclared: a table or column without a declaration.
            ValueError: two datasets of one name in one store.
        """
        self._documents = {kind: dataset_of(kind) for kind in documents}
        found = [*(_of_table(table) for table in metadata.sorted_tables), *self._documents.values(), *others]
        found += [_log(log)] if log else []
        found += [_metrics(labels)] if labels else []
        self.datasets: dict[tuple[Store, str], Dataset] = {(one.store, one.name): one for one in found}
        if len(self.datasets) != len(found):
            raise ValueError("two datasets of one name in one store")

    def __iter__(self) -> Iterator[Dataset]:
        return iter(sorted(self.datasets.values(), key=lambda one: (one.store.value, one.name)))

    def of(self, kind: type[Document]) -> Dataset:
        """What was declared of a kind of document. Raises `Undeclared` for one that no feature handed over."""
        try:
            return self._documents[kind]
        except KeyError:
            raise Undeclared(f"{kind.__name__} was not handed over to the catalogue") from None

    @property
    def documents(self) -> tuple[type[Document], ...]:
        """Every kind of document."""
        return tuple(self._documents)


def _of_table(table: Table) -> Dataset:
    said = table.info.get(INFO)
    if not isinstance(said, Said):
        raise Undeclared(f"the table {table.name} is not declared: give it info=dataset(..)")
    columns = {str(column.name): _of_column(table, column) for column in table.columns}
    return Dataset(
        str(table.name), said.store, said.what, said.data_class, said.purpose, said.basis, said.retention, columns, said.region
    )  # fmt: skip


def _of_column(table: Table, column: "TableColumn[object]") -> Column:
    said = column.info.get(INFO)
    if not isinstance(said, Field):
        raise Undeclared(f"{table.name}.{column.name} is not declared: give it info=field(..)")
    kind = next((kind for python, kind in _KINDS if isinstance(column.type, python)), Kind.KEYWORD)
    return Column(said, kind, bool(column.nullable))


def _plain(fields: Mapping[str, Field]) -> dict[str, Column]:
    return {name: Column(said, Kind.KEYWORD, optional=True) for name, said in fields.items()}


def _log(fields: Mapping[str, Field]) -> Dataset:
    return Dataset(
        "log", Store.LOG, "What the program did, as events; personal values only as keyed hashes.", DataClass.OPERATION,
        Purpose.OPERATE, LegalBasis.LEGITIMATE_INTEREST, Retention.age(30, "faults are looked into within weeks; the system's log rotates it"),
        _plain(fields),
    )  # fmt: skip


def _metrics(labels: Mapping[str, Field]) -> Dataset:
    return Dataset(
        "metrics", Store.METRICS, "Counters and gauges; labels come from closed sets.", DataClass.OPERATION,
        Purpose.OPERATE, LegalBasis.NONE_NEEDED, Retention.kept("numbers without persons; the collector decides"), _plain(labels),
    )  # fmt: skip
