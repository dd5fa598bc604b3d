# SPDX-License-Identifier: Apache-2.0
"""How often somebody may ask: token buckets."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from sealroom.core.clock import Clock

MAX_BUCKETS = 20_000
"""Keys that are remembered. One that is forgotten starts with a full bucket."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Calls a second in the long run, and how many at once."""

    per_second: float
    burst: int


class Buckets:
    """Token buckets by key; the one used longest ago is forgotten first."""

    def __init__(self, clock: Clock, most: int = MAX_BUCKETS) -> None:
        self._clock, self._most = clock, most
        self._levels: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def level(self, key: Hashable, rate: Rate) -> float:
        """What is in the bucket now."""
        now = self._clock.monotonic()
        level, at = self._levels.get(key, (float(rate.burst), now))
        return min(float(rate.burst), level + (now - at) * rate.per_second)

    def take(self, key: Hashable, rate: Rate) -> bool:
        """Takes one; False, and nothing taken, when there is not one."""
        level = self.level(key, rate)
        if level < 1:
            return False
        self._levels[key] = (level - 1, self._clock.monotonic())
        self._levels.move_to_end(key)
        if len(self._levels) > self._most:
            self._levels.popitem(last=False)
        return True
