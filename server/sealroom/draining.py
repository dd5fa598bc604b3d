# SPDX-License-Identifier: Apache-2.0
"""The end of a server that has calls: not ready, no new rooms, wait for those that are open, and no longer than was said."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from sealroom.core.clock import Clock
from sealroom.core.health import Health
from sealroom.core.logging import get_logger

LOOK_SECONDS = 0.25
"""How often it is looked whether anybody is left."""

_log = get_logger()


class Rooms(Protocol):
    """What is emptied."""

    def drain(self) -> None:
        """Takes no new rooms."""

    def everybody(self) -> Sequence[object]:
        """All participants."""


class Drain:
    """Of one server."""

    def __init__(self, rooms: Rooms, health: Health, clock: Clock) -> None:
        self._rooms, self._health, self._clock = rooms, health, clock

    def begin(self) -> None:
        """New calls go elsewhere from now on. Rooms that are open may still be entered: half a call would be of no use."""
        self._health.draining = True
        self._rooms.drain()
        _log.info("draining", count=len(self._rooms.everybody()))

    async def wait(self, seconds: float, hurry: asyncio.Event) -> int:
        """Returns when nobody is left, when the time is over, or with `hurry`; says how many are left."""
        end = self._clock.monotonic() + seconds
        while self._rooms.everybody() and not hurry.is_set() and (left := end - self._clock.monotonic()) > 0:
            timer_over = asyncio.Event()
            timer = self._clock.call_later(min(LOOK_SECONDS, left), timer_over.set)
            looks = {asyncio.ensure_future(event.wait()) for event in (timer_over, hurry)}
            try:
                await asyncio.wait(looks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                timer.cancel()
                for look in looks:
                    look.cancel()
        left_over = len(self._rooms.everybody())
        _log.info("drained", count=left_over)
        return left_over
