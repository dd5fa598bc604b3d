# SPDX-License-Identifier: Apache-2.0
"""Whether a question makes sense, before any store is asked: so that all of them refuse the same ones."""

import math
import re
from collections.abc import Iterable

from sealroom.catalogue import Dataset, Document, Kind
from sealroom.catalogue.dataset import Column
from sealroom.core.records.query import (
    MAX_PAGE,
    Aggregation,
    Between,
    Condition,
    Equals,
    Histogram,
    Measure,
    Missing,
    OneOf,
    Query,
    Scalar,
    Split,
    Terms,
    Words,
)

_NUMBERS = frozenset({Kind.LONG, Kind.DOUBLE})
_MEASURES = frozenset({"sum", "mean", "least", "most"})
_WORD = re.compile(r"[^\W_]+")
_LARGEST = 2**63


def check_query(dataset: Dataset, query: Query[Document]) -> None:
    """Raises `Undeclared` for a field that is not there, ValueError for one that cannot be asked so."""
    dataset.check(frozenset(condition.field for condition in query.where))
    for condition in query.where:
        _check_condition(dataset.columns[condition.field], condition)


def check_page(limit: int) -> None:
    """Raises ValueError for a page that nobody may ask for."""
    if not 1 <= limit <= MAX_PAGE:
        raise ValueError(f"a page has 1 to {MAX_PAGE} documents, not {limit}")


def check_aggregation(dataset: Dataset, aggregation: Aggregation) -> None:
    """Raises `Undeclared` for a field that is not there, ValueError for one that cannot be split or measured so."""
    dataset.check(frozenset(_fields(aggregation)))
    for split in aggregation.by:
        _check_split(dataset, split, alone=len(aggregation.by) == 1)
    if len({measure.field for measure in aggregation.measures}) != len(aggregation.measures):
        raise ValueError("a field is measured once: ask for all of it together")
    for measure in aggregation.measures:
        _check_measure(dataset.columns[measure.field], measure)


def words_of(text: str) -> tuple[str, ...]:
    """The words that a search looks for: runs of letters and digits, in small letters. Every store cuts text into the same ones."""
    return tuple(dict.fromkeys(_WORD.findall(text.lower())))


def percentile_name(percent: float) -> str:
    """What a percentile is called in a bucket's numbers: `p50`, `p99.9`."""
    return f"p{percent:g}"


def _fields(aggregation: Aggregation) -> Iterable[str]:
    yield from (split.field for split in aggregation.by if isinstance(split, Terms))
    yield from (measure.field for measure in aggregation.measures)


def _check_condition(column: Column, condition: Condition) -> None:
    if isinstance(condition, Words) != (column.kind is Kind.TEXT) and not isinstance(condition, Missing):
        raise ValueError(f"{condition.field}: free text is searched by words, and nothing else is")
    for value in _values(condition):
        if not _is_of(column.kind, value):
            raise ValueError(f"{condition.field} is a {column.kind.value}, not a {type(value).__name__}")
    if isinstance(condition, Between) and (column.many or column.kind is Kind.BOOLEAN):
        raise ValueError(f"{condition.field}: nothing lies between its values")


def _values(condition: Condition) -> tuple[Scalar, ...]:
    if isinstance(condition, Equals):
        return (condition.value,)
    if isinstance(condition, OneOf):
        return condition.values
    if isinstance(condition, Between):
        return tuple(value for value in (condition.least, condition.below) if value is not None)
    return ()


def _is_of(kind: Kind, value: Scalar) -> bool:
    if kind is Kind.BOOLEAN or isinstance(value, bool):
        return kind is Kind.BOOLEAN and isinstance(value, bool)
    if kind is Kind.LONG:
        return isinstance(value, int) and -_LARGEST <= value < _LARGEST
    if kind is Kind.DOUBLE:
        return isinstance(value, int | float) and math.isfinite(value)
    return isinstance(value, str)


def _check_split(dataset: Dataset, split: Split, *, alone: bool) -> None:
    if isinstance(split, Histogram):
        if split.interval < 1:
            raise ValueError("an interval of a histogram is at least a millisecond")
    elif split.size < 1:
        raise ValueError("terms are at least one")
    elif dataset.columns[split.field].kind is Kind.TEXT:
        raise ValueError(f"{split.field} is free text: it has no terms")
    elif dataset.columns[split.field].many and not alone:
        raise ValueError(
            f"{split.field} has many values: documents are split by it alone, or count several times"
        )


def _check_measure(column: Column, measure: Measure) -> None:
    unknown = sorted(set(measure.of) - _MEASURES - {"distinct"})
    if unknown:
        raise ValueError(f"there is no measure {', '.join(unknown)}")
    if column.many or column.kind is Kind.TEXT:
        raise ValueError(f"{measure.field} has no single value to measure")
    if column.kind not in _NUMBERS and (measure.percentiles or set(measure.of) & _MEASURES):
        raise ValueError(f"{measure.field} is a {column.kind.value}: only its distinct values can be counted")
    if not all(0 <= percent <= 100 for percent in measure.percentiles):
        raise ValueError("percentiles are in percent")
