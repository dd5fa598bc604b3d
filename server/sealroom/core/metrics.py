# SPDX-License-Identifier: Apache-2.0
"""Metrics in a registry of their own. Labels come from closed sets: never a user, a room or an address."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from sealroom.catalogue import Field

LABELS: dict[str, Field] = {
    "action": Field("An action of TRTC's API or an operation of our own, of a closed set."),
    "check": Field("Which part is checked."),
    "code": Field("A stable error or close code."),
    "dtls": Field("Version of DTLS."),
    "kind": Field("Of what kind, of a closed set."),
    "le": Field("Upper bound of a histogram's bucket."),
    "profile": Field("SRTP cipher."),
    "reason": Field("Why, of a closed set."),
    "type": Field("Type of a message of the protocol."),
    "version": Field("Version of the program."),
}
"""Every label there may be. A test scrapes a running server and fails on another."""

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The metrics of one process."""

    def __init__(self, version: str) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        registry = self.registry
        # Processor time, memory and open files of this process, as `sealroom_process_..`.
        ProcessCollector(namespace="sealroom", registry=registry)
        info = Gauge("sealroom_build_info", "What runs here.", ["version"], registry=registry)
        info.labels(version).set(1)
        self.connections = Gauge(
            "sealroom_signalling_connections", "Signalling lines that are open.", registry=registry
        )
        self.messages = Counter(
            "sealroom_signalling_messages_total", "Messages of clients, by type.", ["type"], registry=registry
        )
        self.refusals = Counter(
            "sealroom_signalling_refusals_total", "Refusals by error code.", ["code"], registry=registry
        )
        self.closed_lines = Counter(
            "sealroom_signalling_closed_lines_total",
            "Lines that ended, by close code.",
            ["code"],
            registry=registry,
        )
        self.rooms = Gauge("sealroom_rooms", "Rooms that are open.", registry=registry)
        self.participants = Gauge("sealroom_participants", "Participants in rooms.", registry=registry)
        self.enter_seconds = Histogram(
            "sealroom_enter_seconds",
            "From the receipt of `enter` to its answer.",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0),
            registry=registry,
        )
        self.peers_closed = Counter(
            "sealroom_media_peers_closed_total",
            "Peers the engine gave up, by reason.",
            ["reason"],
            registry=registry,
        )
        self.connected = Counter(
            "sealroom_media_connected_total", "Handshakes done, by DTLS version and SRTP profile.",
            ["dtls", "profile"], registry=registry,
        )  # fmt: skip

    def add(self, collector: Collector) -> None:
        """Adds a feature's own metrics."""
        self.registry.register(collector)

    def text(self) -> bytes:
        """Everything, in the text format of Prometheus."""
        return generate_latest(self.registry)
