# SPDX-License-Identifier: Apache-2.0
"""What became of the records: counted where it happens, shown as metrics and in the readiness text. Nothing is lost in silence."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

REFUSED = ("full", "unwritable", "no_key")
DEAD = ("value_unfit", "undecodable")
LOST = ("buffer_full", "store_refused", "at_end", "damaged", "file_damaged", "file_too_old", "dead_full")
"""All reasons, shown with 0 from the start: what appears with its first loss shows no increase to an alert rule."""


@dataclass
class Tally:
    """Counts of documents since the process began, unless it says otherwise. Reasons are of closed sets."""

    journalled: int = 0
    shipped: int = 0
    sampled: int = 0
    """Written without the journal."""
    retries: int = 0
    """Times that the store did not take what it was given."""
    refused: Counter[str] = field(default_factory=Counter)
    """Not taken into the journal, by reason: `full`, `unwritable`, `no_key`. Whoever brought them was told."""
    dead: Counter[str] = field(default_factory=Counter)
    """Put aside as dead letters, by reason."""
    lost: Counter[str] = field(default_factory=Counter)
    """Gone for good, by reason. Samples: `buffer_full`, `store_refused`, `at_end`. Of the journal: `damaged` (frames),
    `file_damaged` (files without a header), `file_too_old` (files, of dead letters too), `dead_full` (documents)."""
    torn: int = 0
    """Bytes at the ends of files that a killed process left behind; they were never acknowledged."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand now."""

    segments: int
    journal_bytes: int
    oldest_seconds: float
    """Age of the oldest segment that is not shipped; 0 without one."""
    dead_files: int
    buffered: int
    """Samples that wait in memory."""


class RecordsMetrics(Collector):
    """The counts, and how things stand when somebody asks."""

    def __init__(self, tally: Tally, standing: Callable[[], Standing]) -> None:
        self._tally, self._standing = tally, standing

    def collect(self) -> Iterator[Metric]:
        """All of it."""
        tally, now = self._tally, self._standing()
        for name, text, value in (
            ("journalled", "Documents acknowledged by the journal.", tally.journalled),
            ("shipped", "Documents of the journal that the store confirmed.", tally.shipped),
            ("sampled", "Samples that the store confirmed.", tally.sampled),
            ("retries", "Times that the store did not take what it was given.", tally.retries),
            ("torn_bytes", "Bytes of unacknowledged writes that a killed process left.", tally.torn),
        ):
            yield CounterMetricFamily(f"sealroom_records_{name}", text, value)
        yield _by_reason("refused", "Documents that the journal did not take.", tally.refused, REFUSED)
        yield _by_reason(
            "dead", "Documents put aside, because the store will not have them.", tally.dead, DEAD
        )
        yield _by_reason("lost", "Documents, frames or files that are gone for good.", tally.lost, LOST)
        for name, text, number in (
            ("journal_segments", "Files of the journal.", now.segments),
            ("journal_bytes", "Size of the journal with its dead letters.", now.journal_bytes),
            ("journal_oldest_seconds", "Age of the oldest file that the store has not confirmed.", now.oldest_seconds),
            ("dead_files", "Files of dead letters.", now.dead_files),
            ("buffered", "Samples that wait in memory.", now.buffered),
        ):  # fmt: skip
            yield GaugeMetricFamily(f"sealroom_records_{name}", text, number)


def as_text(tally: Tally, now: Standing) -> str:
    """One line for whoever reads the readiness text."""
    losses = {"refused": tally.refused.total(), "dead": tally.dead.total(), "lost": tally.lost.total()}
    counted = ", ".join(f"{name} {count}" for name, count in losses.items())
    return (
        f"journal {now.segments} files, {now.journal_bytes} bytes, oldest {now.oldest_seconds:.0f} s; "
        f"{counted}; dead letter files {now.dead_files}"
    )


def _by_reason(name: str, text: str, counts: Counter[str], reasons: tuple[str, ...]) -> CounterMetricFamily:
    family = CounterMetricFamily(f"sealroom_records_{name}", text, labels=["reason"])
    for reason in sorted({*reasons, *counts}):
        family.add_metric([reason], counts[reason])
    return family
