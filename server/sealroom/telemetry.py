# SPDX-License-Identifier: Apache-2.0
"""What the server tells of itself: metrics, readiness, traces, with everything that is watched."""

from dataclasses import dataclass

from sealroom.audit.copies import Copies
from sealroom.core.bus import Bus
from sealroom.core.config import Configuration
from sealroom.core.db import Database
from sealroom.core.health import Health
from sealroom.core.metrics import Metrics
from sealroom.core.objects import Objects
from sealroom.core.records.tally import RecordsMetrics
from sealroom.core.records.writing import RecordWriter
from sealroom.core.traces import Traces, traces_of
from sealroom.listeners import program_version
from sealroom.nodes.lease import NodeName
from sealroom.quality.relay import HistoryRelay
from sealroom.rooms.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Of one process."""

    metrics: Metrics
    health: Health
    traces: Traces

    @classmethod
    def of(cls, configuration: Configuration) -> "Telemetry":
        """As it is configured. Raises ConfigurationError for traces that cannot be sent."""
        version = program_version()
        traces = traces_of(configuration.traces, version, configuration.site.name)
        return cls(Metrics(version), Health(), traces)

    def watch_database(self, database: Database) -> None:
        """Without a database nobody can be let in."""

        async def answers() -> bool:
            await database.check()
            return True

        self.health.add("database", answers)

    def watch_between(self, name: NodeName, bus: Bus, objects: Objects, copies: Copies) -> None:
        """Under a name that is another's nobody may be let in. The bus and the objects are helpful, and calls go on without."""
        self.health.add("node", name.is_mine)
        self.health.helps(
            "bus", bus.works, "other servers' changes are seen by looking, a second or two later"
        )
        self.health.helps("objects", objects.works, "the audit log is copied when they are back")
        self.health.note("audit", copies.says)

    def watch_records(self, writer: RecordWriter) -> None:
        """Calls go on without records: nobody is sent elsewhere for want of them."""
        self.health.note("records", writer.says)
        self.metrics.add(RecordsMetrics(writer.tally, writer.standing))

    def watch_ledger(self, ledger: Ledger) -> None:
        """Calls never wait for it either."""
        self.health.note("ledger", ledger.says)

    def watch_history(self, history: HistoryRelay) -> None:
        """Nor for its way to the journal."""
        self.health.note("history", history.says)
