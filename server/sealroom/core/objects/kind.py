# SPDX-License-Identifier: Apache-2.0
"""Kinds of objects, each with its place in the catalogue, and what objects may be called.

**A name is seen by whoever looks at the store, and stays in his logs: never a user's id.**
"""

import re
from dataclasses import dataclass
from functools import cached_property

from sealroom.catalogue import (
    Catalogue,
    Column,
    DataClass,
    Dataset,
    Field,
    Kind,
    LegalBasis,
    Purpose,
    Retention,
    Store,
    Undeclared,
)

MAX_NAME = 200
"""Characters. S3 takes 1,024 and a file system 255 for one part."""
_KIND = re.compile(r"[a-z][a-z0-9-]{0,39}")
_PART = re.compile(r"[a-z0-9_-][a-z0-9._-]*")


@dataclass(frozen=True)
class ObjectKind:
    """Objects that are kept for one purpose and one time. `content` says what is in them."""

    name: str
    what: str
    data_class: DataClass
    purpose: Purpose
    basis: LegalBasis
    retention: Retention
    content: Field

    def __post_init__(self) -> None:
        if _KIND.fullmatch(self.name) is None:
            raise ValueError(f"{self.name!r} is no name for a kind: small letters, digits and -, at most 40")

    @cached_property
    def dataset(self) -> Dataset:
        """For the catalogue."""
        columns = {
            "name": Column(Field("The object's name; tells of no person."), Kind.KEYWORD, optional=False),
            "content": Column(self.content, Kind.BYTES, optional=False),
        }
        return Dataset(
            self.name, Store.OBJECTS, self.what, self.data_class, self.purpose, self.basis, self.retention, columns
        )  # fmt: skip


def demand_declared(catalogue: Catalogue, kind: ObjectKind) -> None:
    """Raises `Undeclared` for a kind that the catalogue does not have as it is."""
    if catalogue.datasets.get((Store.OBJECTS, kind.name)) != kind.dataset:
        raise Undeclared(f"{kind.name} was not handed over to the catalogue")


def demand_name(name: str) -> str:
    """The name. Raises ValueError unless it is parts of small letters, digits, `.`, `_` and `-`, none beginning with `.`, with `/` between.

    Small letters only: some file systems take capitals for the same.
    """
    if len(name) > MAX_NAME or not all(_PART.fullmatch(part) for part in name.split("/")):
        raise ValueError("a name is parts of a-z, 0-9, . _ and -, with / between, at most 200 characters")
    return name
