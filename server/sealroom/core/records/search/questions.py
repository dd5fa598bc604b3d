# SPDX-License-Identifier: Apache-2.0
"""Questions in the servers' query language, and answers out of it."""

import math
from collections.abc import Iterator, Sequence

from sealroom.catalogue import Dataset, Document, Kind
from sealroom.core.records.checking import percentile_name, words_of
from sealroom.core.records.query import (
    MAX_BUCKETS,
    Aggregation,
    Between,
    Bucket,
    Condition,
    Equals,
    Measure,
    Missing,
    OneOf,
    Query,
    Scalar,
    Split,
    Terms,
)
from sealroom.core.records.search.wire import Json

_COMPRESSION = 200
"""Of the t-digest: higher is nearer to the truth and takes memory."""
_PRECISION = 3_000
"""Distinct values that are counted exactly, about."""
_STATS = {"sum": "sum", "mean": "avg", "least": "min", "most": "max"}


def filtered(query: Query[Document]) -> Json:
    """The question, without scores."""
    span = {"range": {"time": {"gte": query.since, "lt": query.until, "format": "epoch_millis"}}}
    return {"bool": {"filter": [span, *map(_condition, query.where)]}}


def _condition(condition: Condition) -> Json:
    match condition:
        case Equals(field, value):
            return {"term": {field: value}}
        case OneOf(field, values):
            return {"terms": {field: list(values)}}
        case Between(field, None, None):
            return {"exists": {"field": field}}
        case Between(field, least, below):
            bounds = {"gte": least, "lt": below}
            return {"range": {field: {sign: value for sign, value in bounds.items() if value is not None}}}
        case Missing(field):
            return {"bool": {"must_not": [{"exists": {"field": field}}]}}
        case _:
            words = words_of(condition.words)
            if not words:
                return {"exists": {"field": condition.field}}
            return {"match": {condition.field: {"query": " ".join(words), "operator": "and"}}}


def aggregations(aggregation: Aggregation) -> Json:
    """Splits within splits; measures in the innermost."""
    inner = {name: body for measure in aggregation.measures for name, body in _measures(measure)}
    for level in reversed(range(len(aggregation.by))):
        here: Json = _split(aggregation.by[level])
        if inner:
            here["aggs"] = inner
        inner = {"split": here}
    return inner


def _split(split: Split) -> Json:
    if isinstance(split, Terms):
        size = min(split.size, MAX_BUCKETS + 1)
        # More is asked of each day than is wanted, for the days' most frequent are not those of all.
        return {"terms": {"field": split.field, "size": size, "shard_size": 2 * size + 100}}
    return {"date_histogram": {"field": "time", "fixed_interval": f"{split.interval}ms", "min_doc_count": 1}}


def _measures(measure: Measure) -> Iterator[tuple[str, Json]]:
    if set(measure.of) & _STATS.keys():
        yield f"stats:{measure.field}", {"stats": {"field": measure.field}}
    if "distinct" in measure.of:
        body = {"field": measure.field, "precision_threshold": _PRECISION}
        yield f"distinct:{measure.field}", {"cardinality": body}
    if measure.percentiles:
        digest = {"compression": _COMPRESSION}
        percents = [float(percent) for percent in measure.percentiles]
        body = {"field": measure.field, "percents": percents, "keyed": False, "tdigest": digest}
        yield f"percentiles:{measure.field}", {"percentiles": body}


def buckets(dataset: Dataset, aggregation: Aggregation, found: Json, count: int) -> Iterator[Bucket]:
    """The answer's buckets, in its order."""
    if not aggregation.by:
        yield Bucket((), count, _numbers(aggregation.measures, found))
        return
    yield from _inner(dataset, aggregation, aggregation.by, (), found)


def _inner(
    dataset: Dataset, aggregation: Aggregation, by: Sequence[Split], keys: tuple[Scalar, ...], found: Json
) -> Iterator[Bucket]:
    for bucket in found.get("split", {}).get("buckets", ()):
        here = (*keys, _key(dataset, by[0], bucket["key"]))
        if len(by) > 1:
            yield from _inner(dataset, aggregation, by[1:], here, bucket)
        else:
            yield Bucket(here, bucket["doc_count"], _numbers(aggregation.measures, bucket))


def _key(dataset: Dataset, split: Split, key: Scalar) -> Scalar:
    if not isinstance(split, Terms):
        return int(key)
    return bool(key) if dataset.columns[split.field].kind is Kind.BOOLEAN else key


def _numbers(measures: Sequence[Measure], found: Json) -> dict[tuple[str, str], float]:
    numbers: dict[tuple[str, str], float] = {}
    for measure in measures:
        stats = found.get(f"stats:{measure.field}", {})
        if stats.get("count"):
            numbers |= {
                (measure.field, name): float(stats[_STATS[name]]) for name in measure.of if name in _STATS
            }
        if distinct := found.get(f"distinct:{measure.field}", {}).get("value"):
            numbers[measure.field, "distinct"] = float(distinct)
        for one in found.get(f"percentiles:{measure.field}", {}).get("values", ()):
            if isinstance(one["value"], int | float) and math.isfinite(one["value"]):
                numbers[measure.field, percentile_name(one["key"])] = float(one["value"])
    return numbers
