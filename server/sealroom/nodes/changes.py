# SPDX-License-Identifier: Apache-2.0
"""Tells the other servers that something changed, and hears it from them: what each keeps in memory is read again at once.

**Nothing depends on it.** Who keeps something looks by himself every second or two; a message that is lost makes it later, not wrong.
"""

import asyncio
from collections.abc import Collection

from prometheus_client import CollectorRegistry, Counter

from sealroom.core.bus import Bus, BusError, Delivered
from sealroom.core.db import Changes
from sealroom.core.logging import get_logger
from sealroom.nodes.models import CHANGED, Changed

_log = get_logger()


class ChangeMetrics:
    """How changes get around."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.heard = Counter(
            "sealroom_changes_heard_total", "Changes that were heard of on the bus, this server's own too, by kind.", ["kind"],
            registry=registry,
        )  # fmt: skip
        self.untold = Counter(
            "sealroom_changes_untold_total",
            "Changes that the bus did not take: others see them a second or two later.",
            registry=registry,
        )


class Announcer:
    """Of one process and its database."""

    def __init__(
        self, bus: Bus, changes: Changes, topics: Collection[str], metrics: ChangeMetrics | None = None
    ) -> None:
        """`topics`: what is worth telling; others are the database's own affair."""
        self._bus, self._changes, self._topics = bus, changes, frozenset(topics)
        self._metrics = metrics or ChangeMetrics(CollectorRegistry())
        for topic in self._topics:
            self._metrics.heard.labels(topic)
        self._waiting: set[str] = set()
        self._some = asyncio.Event()

    async def start(self) -> None:
        """Hears from now on, and takes note of what this process commits. Raises `BusUnavailable`."""
        await self._bus.subscribe(CHANGED, self._heard)
        self._changes.on_commit(self._take)

    async def run(self) -> None:
        """Tells what was noted, for ever. Changes that come while one is told are told together."""
        while True:
            await self._some.wait()
            self._some.clear()
            topics, self._waiting = self._waiting, set()
            await self._tell(topics)

    async def _tell(self, topics: Collection[str]) -> None:
        try:
            await announce(self._bus, topics)
        except BusError as error:
            self._metrics.untold.inc(len(topics))
            _log.warning("changes_untold", code=error.code, count=len(topics))

    def _take(self, topics: frozenset[str]) -> None:
        if worth := topics & self._topics:
            self._waiting |= worth
            self._some.set()

    async def _heard(self, delivered: Delivered[Changed]) -> None:
        for topic in self._topics.intersection(delivered.message.topics):
            self._metrics.heard.labels(topic).inc()
            self._changes.heard(topic)


async def announce(bus: Bus, topics: Collection[str]) -> None:
    """Tells it once. Raises `BusUnavailable`."""
    await bus.publish(CHANGED, Changed(topics=tuple(sorted(topics))))
