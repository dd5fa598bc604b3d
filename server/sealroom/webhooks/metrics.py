# SPDX-License-Identifier: Apache-2.0
"""What is counted of webhooks."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from sealroom.webhooks.client import Problem


class WebhookMetrics:
    """What is sent, and what became of it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.attempts = Counter(
            "sealroom_webhook_attempts_total", "Requests to endpoints, by what came of them.", ["code"], registry=registry
        )  # fmt: skip
        self.events = Counter(
            "sealroom_webhook_events_total",
            "Events that were delivered, parked, dead, or refused for too many waited.",
            ["reason"],
            registry=registry,
        )
        # Shown from the start: what appears with its first event shows no increase to an alert rule.
        for code in ("ok", *Problem):
            self.attempts.labels(str(code))
        for reason in ("delivered", "parked", "dead", "refused"):
            self.events.labels(reason)
        self.seconds = Histogram(
            "sealroom_webhook_delay_seconds",
            "From the outbox to the endpoint's answer, of events delivered.",
            buckets=(0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 15.0, 60.0, 600.0, 3600.0, 86400.0),
            registry=registry,
        )
