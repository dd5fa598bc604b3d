# SPDX-License-Identifier: Apache-2.0
"""The table of metrics in docs/operate/observing.md, from what a server shows: `curl -s http://127.0.0.1:9464/metrics | python -m
tools.metrics_table` writes it, a test compares."""

import sys
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

from sealroom.api.gate import GateMetrics
from sealroom.core.jobs import JobMetrics
from sealroom.core.metrics import Metrics
from sealroom.quality.relay import HistoryMetrics
from sealroom.rooms.ledger import LedgerMetrics
from sealroom.trtc_api.endpoint import ApiMetrics
from sealroom.webhooks.metrics import WebhookMetrics

PAGE = Path(__file__).resolve().parents[1] / "docs" / "operate" / "observing.md"
BEGIN, END = "<!-- metrics: begin -->", "<!-- metrics: end -->"


def declared_labels() -> dict[str, set[str]]:
    """Labels by family, also of those that nothing was counted of yet."""
    metrics = Metrics("0")
    found = [vars(metrics), vars(ApiMetrics(metrics)), vars(GateMetrics(metrics))]
    found += [
        vars(kind(CollectorRegistry()))
        for kind in (LedgerMetrics, HistoryMetrics, WebhookMetrics, JobMetrics)
    ]
    wrappers = [one for held in found for one in held.values() if isinstance(one, MetricWrapperBase)]
    return {family.name: set(one._labelnames) for one in wrappers for family in one.describe()}


def table(scraped: str) -> str:
    """A row for each family, in the order of their names."""
    declared = declared_labels()
    rows = ["| metric | type | labels | what |", "|---|---|---|---|"]
    for family in sorted(text_string_to_metric_families(scraped), key=lambda one: one.name):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = declared.get(family.name, set()) | {
            label for sample in family.samples for label in sample.labels
        }
        shown = ", ".join(f"`{label}`" for label in sorted(labels - {"le"}))
        rows.append(f"| `{name}` | {family.type} | {shown} | {family.documentation} |")
    return "\n".join(rows)


def with_table(page: str, made: str) -> str:
    """The page with the table in its place."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{made}\n{END}{after}"


def main() -> None:
    """Puts the table into the page."""
    PAGE.write_text(with_table(PAGE.read_text(), table(sys.stdin.read())))


if __name__ == "__main__":
    main()
