# SPDX-License-Identifier: Apache-2.0
"""What the operator keeps of a call, field by field as his data catalogue declares it, for one member: of the call and of himself.

What is personal is told only where it is the asking member's own. Everything else of the row is there, its place is marked.
"""

from enum import StrEnum
from typing import TypeAlias

import msgspec

Value: TypeAlias = str | int | float | bool | None


class Reading(StrEnum):
    """What became of looking for rows of the asking member and his call. **No rows are said to be none only where they were sought.**"""

    READ = "read"
    UNREADABLE = "unreadable"
    """The store could not be asked."""
    NOT_FOUND_BY_CALL = "not_found_by_call"
    """There are rows of it, and nothing in them by which those of one call or member could be found."""
    NOT_TOLD = "not_told"
    """Values of this class, or of this store, are told to no member."""


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    pass


class KeptClass(_Part, frozen=True):
    """A class of data, in the order of the catalogue's vocabulary."""

    name: str
    meaning: str


class KeptField(_Part, frozen=True):
    """One field."""

    name: str
    what: str
    personal: bool
    data_class: str
    """Its own where it is not the dataset's."""


class KeptRow(_Part, frozen=True):
    """One row or document of this call."""

    values: tuple[Value, ...]
    """In the order of the fields; None where it has none."""
    withheld: tuple[int, ...]
    """Places of the fields whose value the operator has and the asking member is not shown: they are somebody else's."""


class KeptDataset(_Part, frozen=True):
    """One table, kind of document or the like that holds something of this call."""

    name: str
    what: str
    data_class: str
    purpose: str
    kept: str
    """For how long, and why so long."""
    place: str
    """Where it may lie."""
    store: str
    """What keeps it there."""
    fields: tuple[KeptField, ...]
    rows: tuple[KeptRow, ...]
    """Of the asking member in this call, at most `MAX_KEPT_ROWS`: of documents the newest; `reading` says why there are none."""
    reading: Reading
