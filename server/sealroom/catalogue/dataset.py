# SPDX-License-Identifier: Apache-2.0
"""A dataset: a table, a kind of document, the log. Everything of it is kept for one purpose, in one place, for one time."""

from collections.abc import Mapping
from dataclasses import dataclass

from sealroom.catalogue.fields import Field, Kind, Subject
from sealroom.catalogue.vocabulary import (
    DataClass,
    Durability,
    Ends,
    LegalBasis,
    Purpose,
    Region,
    Retention,
    Store,
)


class Undeclared(Exception):  # noqa: N818 - what it is
    """Something was to be stored that no feature declared. A fault of the program, and so it fails at once."""


@dataclass(frozen=True, slots=True)
class Column:
    """A field with how it is stored."""

    field: Field
    kind: Kind
    optional: bool
    many: bool = False
    """Whether one document has several values of it."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """What the catalogue says of one table or kind of document."""

    name: str
    store: Store
    what: str
    data_class: DataClass
    purpose: Purpose
    basis: LegalBasis
    retention: Retention
    columns: Mapping[str, Column]
    region: Region = Region.SITE
    durability: Durability = Durability.DURABLE

    def __post_init__(self) -> None:
        if not self.columns:
            raise ValueError(f"{self.name} has no fields")
        if self.basis is LegalBasis.NONE_NEEDED and self.is_personal:
            raise ValueError(f"{self.name} holds personal data and names no legal basis")
        if self.store is Store.DB and self.retention.ends is Ends.AGE and self.dated_by is None:
            raise ValueError(f"{self.name} ends by its age, and no field says from when it counts")

    @property
    def is_personal(self) -> bool:
        """Whether any of its fields may tell who somebody is."""
        return any(column.field.personal for column in self.columns.values())

    @property
    def call(self) -> str | None:
        """The name of the field that holds the id of the call that a row tells of."""
        return next((name for name, column in self.columns.items() if column.field.call), None)

    @property
    def dated_by(self) -> str | None:
        """The name of the field from which a row's age counts, in Unix milliseconds."""
        return next((name for name, column in self.columns.items() if column.field.dates), None)

    def subject(self, of: Subject) -> str | None:
        """The name of the field that says whose a row is."""
        return next((name for name, column in self.columns.items() if column.field.subject is of), None)

    def check(self, names: frozenset[str]) -> None:
        """Raises `Undeclared` for names that it does not have."""
        unknown = sorted(names - self.columns.keys())
        if unknown:
            raise Undeclared(f"{self.name} has no declared field {', '.join(unknown)}")
