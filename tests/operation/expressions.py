# SPDX-License-Identifier: Apache-2.0
"""What an expression of PromQL names: metrics, with the labels that it selects or groups by."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import promql_parser
from prometheus_client.parser import text_string_to_metric_families

OF_THE_TARGET = frozenset({"instance", "job", "__name__"})
"""Labels that Prometheus adds."""


@dataclass
class Named:
    """What one expression names."""

    metrics: set[str] = field(default_factory=set)
    labels: set[str] = field(default_factory=set)


def named(expression: str) -> Named:
    """Parses an expression, with Grafana's variables put in. Raises ValueError where it is none."""
    found = Named()

    def visit(node: Any) -> None:
        selector = node.vector_selector if isinstance(node, promql_parser.MatrixSelector) else node
        if isinstance(selector, promql_parser.VectorSelector):
            found.metrics.add(str(selector.name))
            found.labels |= {one.name for one in selector.matchers.matchers}
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
            found.labels |= set(node.modifier.labels)

    promql_parser.walk(promql_parser.parse(expression.replace("$__rate_interval", "5m")), visit)
    return found


def shown(scraped: str) -> dict[str, set[str]]:
    """Every series of a scrape by its name, with its labels. A family that was not counted yet has its name only."""
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(scraped):
        found.setdefault(f"{family.name}_total" if family.type == "counter" else family.name, set())
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def unknown(expression: str, there: dict[str, set[str]]) -> Iterator[str]:
    """What an expression names that is not there."""
    names = named(expression)
    for metric in sorted(names.metrics - there.keys()):
        yield f"metric {metric}"
    labels = set().union(*(there.get(one, set()) for one in names.metrics)) | OF_THE_TARGET
    for label in sorted(names.labels - labels):
        yield f"label {label}"
