# SPDX-License-Identifier: Apache-2.0
"""One field of a dataset."""

from dataclasses import dataclass
from enum import Enum, StrEnum

from sealroom.catalogue.vocabulary import DataClass


class Subject(StrEnum):
    """Whom a row belongs to, by this field: an erasure finds it so."""

    ACCOUNT = "account"
    APPLICATION = "application"
    USER = "user"


class Kind(Enum):
    """How a search store keeps a field."""

    KEYWORD = "keyword"
    TEXT = "text"
    LONG = "long"
    DOUBLE = "double"
    BOOLEAN = "boolean"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True)
class Field:
    """What a reader of the article 30 record is told of one stored field."""

    what: str
    """A short sentence for a person."""
    personal: bool = False
    """Whether it may tell who somebody is, alone or with others: a log shows it only as a keyed hash."""
    subject: Subject | None = None
    data_class: DataClass | None = None
    """Where it is not the dataset's."""
    text: bool = False
    """Free text that is searched by words."""
    sought: bool = False
    """Whether documents are looked up by it: the embedded store keeps an index, which every write pays for. Subjects have one anyway."""
    erased: bool = False
    """Whether an erasure empties just this field and leaves its row: only where the row has to stay, as in the audit log."""
    call: bool = False
    """Whether it holds the id of the call that a row tells of: a member is shown by it what is kept of his call."""
    dates: bool = False
    """Whether a row's age counts from this field (Unix milliseconds). A document's counts from its `time`."""

    def __post_init__(self) -> None:
        if not self.what.strip():
            raise ValueError("say what the field holds")
        if self.subject is Subject.USER and not self.personal:
            raise ValueError("a user's id is personal")
