# SPDX-License-Identifier: Apache-2.0
"""What is counted, for Prometheus. Labels come from closed sets: never a user, a room or an address."""

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics
from prometheus_client.exposition import generate_latest

from sealroom_customer import __version__
from sealroom_customer.authority.exchange import Admitted, Began, Departed, Happening
from sealroom_customer.authority.line import Door
from sealroom_customer.authority.records import FileRecords
from sealroom_customer.authority.service import Authority
from sealroom_customer.authority.webhooks import Outcome
from sealroom_wire.authority import Place
from sealroom_wire.errors import ErrorCode

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The metrics of one authority."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = registry = CollectorRegistry()
        info = Gauge("sealroom_build_info", "What runs here.", ["version"], registry=registry)
        info.labels(__version__).set(1)
        self._admissions = Counter(
            "sealroom_authority_admissions_total", "Members admitted, by role.", ["role"], registry=registry
        )
        self._departures = Counter(
            "sealroom_authority_departures_total",
            "Members that are gone, by reason.",
            ["reason"],
            registry=registry,
        )
        self._epochs = Counter(
            "sealroom_authority_epochs_total", "Epochs begun, by reason.", ["reason"], registry=registry
        )
        self._refusals = Counter(
            "sealroom_authority_refusals_total",
            "Lines refused, by error code.",
            ["code"],
            registry=registry,
        )

        self._webhooks = Counter(
            "sealroom_authority_webhooks_total",
            "The operator's webhooks, by what came of them.",
            ["outcome"],
            registry=registry,
        )
        for outcome in Outcome:
            self._webhooks.labels(outcome.value)

    def happened(self, _place: Place, happening: Happening) -> None:
        """Counts an admission, a departure or an epoch."""
        match happening:
            case Admitted(member):
                self._admissions.labels(member.role.value).inc()
            case Departed(_, left):
                self._departures.labels(left.value).inc()
            case Began(_, reason):
                self._epochs.labels(reason.value).inc()

    def refused(self, code: ErrorCode) -> None:
        """Counts a refusal."""
        self._refusals.labels(code.value).inc()

    def webhook(self, outcome: Outcome) -> None:
        """Counts a webhook."""
        self._webhooks.labels(outcome.value).inc()

    def watch(self, authority: Authority, door: Door, records: FileRecords | None) -> None:
        """Adds what is read when somebody looks."""
        reads = (
            ("rooms", "Rooms that are open.", lambda: sum(1 for _ in authority.rooms())),
            ("members", "Members on rosters.", lambda: sum(len(room.members) for room in authority.rooms())),
            (
                "absent",
                "Members whose line is broken.",
                lambda: sum(room.absent for room in authority.rooms()),
            ),
            ("lines", "Lines that are open.", lambda: door.lines),
            ("records_lost", "Records that could not be written.", lambda: records.lost if records else 0),
        )
        for name, help_text, read in reads:
            Gauge(f"sealroom_authority_{name}", help_text, registry=self._registry).set_function(read)

    def text(self) -> bytes:
        """Everything, in the text format of Prometheus."""
        return generate_latest(self._registry)
