# SPDX-License-Identifier: Apache-2.0
"""The native module's counters as metrics. Taken from it when somebody asks; between two questions nothing is copied."""

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from sealroom.media.control import Stats
from sealroom.media.engine import Load
from sealroom.media.sockets import Counted

_COUNTERS = {
    "datagrams": "Datagrams taken in.",
    "accepted": "Packets accepted for forwarding.",
    "forwarded": "Packets forwarded, once per subscriber.",
    "retransmitted": "Packets sent again on NACK.",
    "key_frame_requests": "Key frames asked of publishers.",
    "events_dropped": "Events of the engine that came too fast.",
    "commands_failed": "Commands to the engine that were not done.",
}
_BYTES = {
    "forwarded_bytes": "Payload of packets forwarded.",
    "retransmitted_bytes": "Payload of packets sent again.",
}


class EngineMetrics(Collector):
    """The latest counters of the engine."""

    def __init__(self) -> None:
        self.stats: Stats | None = None
        self.load: Load | None = None

    def collect(self) -> Iterator[Metric]:
        """All counters; nothing before the first were taken."""
        if self.stats is None:
            return
        for name, text in _COUNTERS.items():
            unit = (
                ""
                if name in {"datagrams", "key_frame_requests", "events_dropped", "commands_failed"}
                else "_packets"
            )
            yield CounterMetricFamily(f"sealroom_media_{name}{unit}", text, getattr(self.stats, name))
        for name, text in _BYTES.items():
            yield CounterMetricFamily(f"sealroom_media_{name}", text, getattr(self.stats, name))
        yield GaugeMetricFamily("sealroom_media_peers", "Peers in the engine.", self.stats.peers)
        yield GaugeMetricFamily("sealroom_media_rooms", "Rooms in the engine.", self.stats.rooms)
        dropped = CounterMetricFamily(
            "sealroom_media_dropped_packets",
            "What was not taken or not forwarded, by reason.",
            labels=["reason"],
        )
        for reason, count in sorted(self.stats.refused.items()):
            dropped.add_metric([reason], count)
        yield dropped
        if self.load is not None:
            yield from _of_the_thread(self.load)


def _of_the_thread(load: Load) -> Iterator[Metric]:
    yield CounterMetricFamily(
        "sealroom_media_cpu_seconds", "Processor time of the engine's thread.", load.cpu_seconds
    )
    unsent = CounterMetricFamily(
        "sealroom_media_unsent_datagrams",
        "Datagrams that the kernel did not take, by reason.",
        labels=["reason"],
    )
    unsent.add_metric(["buffer_full"], load.unsent_full)
    unsent.add_metric(["failed"], load.unsent_failed)
    yield unsent
    yield CounterMetricFamily(
        "sealroom_media_unread_datagrams", "Datagrams that came faster than they were read.", load.unread
    )


class SocketMetrics(Collector):
    """What came of connections before anything was said on them."""

    def __init__(self, counted: Callable[[], Counted]) -> None:
        self._counted = counted

    def collect(self) -> Iterator[Metric]:
        """All counters."""
        counted = self._counted()
        yield CounterMetricFamily(
            "sealroom_signalling_accepted_connections", "Connections taken from the kernel.", counted.accepted
        )
        yield CounterMetricFamily(
            "sealroom_signalling_turned_away_connections",
            "Connections cut at once: too many, in all or of their address, were on their way in.",
            counted.turned_away,
        )
        yield CounterMetricFamily(
            "sealroom_signalling_failed_handshakes",
            "TLS handshakes that failed or took too long.",
            counted.handshakes_failed,
        )
