# SPDX-License-Identifier: Apache-2.0
"""What may be asked of `records`: conditions, order, pages, aggregations. The same of every store."""

from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

from sealroom.catalogue import Document

D = TypeVar("D", bound=Document)
Scalar: TypeAlias = str | int | float | bool

MAX_PAGE = 1_000
MAX_BUCKETS = 10_000


@dataclass(frozen=True, slots=True)
class Equals:
    """The field has this value; a field of many values has it among them."""

    field: str
    value: Scalar


@dataclass(frozen=True, slots=True)
class OneOf:
    """The field has one of these values; none of none."""

    field: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Between:
    """The field is at least `least` and less than `below`; None is open."""

    field: str
    least: Scalar | None = None
    below: Scalar | None = None


@dataclass(frozen=True, slots=True)
class Missing:
    """The field has no value."""

    field: str


@dataclass(frozen=True, slots=True)
class Words:
    """Every one of these words is in the text field, in any order, whatever their case."""

    field: str
    words: str


Condition: TypeAlias = Equals | OneOf | Between | Missing | Words


@dataclass(frozen=True, slots=True)
class Query(Generic[D]):
    """Documents of one kind within `since` <= time < `until` (Unix milliseconds) to which every condition applies."""

    kind: type[D]
    since: int
    until: int
    where: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Page(Generic[D]):
    """Some of the documents, in the order of (time, id). `cursor` is where the next page goes on; None at the end."""

    documents: tuple[D, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Terms:
    """A bucket for each value of a field, the most frequent first (equal ones by value)."""

    field: str
    size: int = 100


@dataclass(frozen=True, slots=True)
class Histogram:
    """A bucket for each interval of time (milliseconds) that has documents, from the earliest on. Buckets begin at multiples of the interval."""

    interval: int


Split: TypeAlias = Terms | Histogram


@dataclass(frozen=True, slots=True)
class Measure:
    """Numbers about a field, per bucket: any of `sum`, `mean`, `least`, `most`, `distinct`, and percentiles in percent.

    Percentiles lie between the two nearest values (rank p * (n - 1)); exact in the embedded store, within 1 % of the value's rank
    elsewhere (t-digest). So is `distinct`: exact here, and elsewhere within a few percent beyond some 3,000 values.
    """

    field: str
    of: tuple[str, ...] = ()
    percentiles: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Aggregation:
    """Documents split, each split split again, and measured in the innermost buckets."""

    by: tuple[Split, ...] = ()
    measures: tuple[Measure, ...] = ()


@dataclass(frozen=True, slots=True)
class Bucket:
    """One combination of the splits' values (interval starts for a histogram), how many documents, and what was measured.

    `numbers` by (field, name), where the name is that of the measure or `p50` for a percentile; what no document has a value for is not there.
    """

    keys: tuple[Scalar, ...]
    count: int
    numbers: dict[tuple[str, str], float] = field(default_factory=dict)
