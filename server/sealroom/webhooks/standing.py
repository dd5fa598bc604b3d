# SPDX-License-Identifier: Apache-2.0
"""Which endpoints count as down, so that a dead one is asked rarely and holds up nobody."""

from collections import Counter
from typing import TypeAlias

from sealroom.core.clock import Clock
from sealroom.webhooks import schedule

STRIKES = 2
"""Events in a row that an endpoint did not take in their time, after which it counts as down. More ask a dead one more often."""

Place: TypeAlias = tuple[int, int, str]
"""An endpoint: application, group of events, subscriber."""


class Standing:
    """How endpoints did lately, as one worker saw it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._down: dict[Place, float] = {}
        self._strikes: Counter[Place] = Counter()

    def is_down(self, place: Place) -> bool:
        """Whether it did not take anything lately."""
        return self._down.get(place, 0.0) > self._clock.monotonic()

    def taken(self, place: Place) -> bool:
        """It took an event; whether it had been down."""
        self._strikes.pop(place, None)
        return self._down.pop(place, None) is not None

    def not_taken(self, place: Place) -> None:
        """One event may be one that the endpoint does not like; after two with none taken between, it is down."""
        self._strikes[place] += 1
        if self._strikes[place] >= STRIKES:
            self._down[place] = self._clock.monotonic() + schedule.DOWN_SECONDS

    def clear(self) -> None:
        """Endpoints were changed: whoever was down may be another one now."""
        self._down.clear()
        self._strikes.clear()
