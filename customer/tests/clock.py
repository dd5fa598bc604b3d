# SPDX-License-Identifier: Apache-2.0
"""Time that passes only when it is turned."""

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

UNIX = 1_800_000_000


@dataclass(order=True)
class _Planned:
    at: float
    number: int
    call: Callable[[], None] | None = field(compare=False)

    def cancel(self) -> None:
        self.call = None


class VirtualClock:
    """The customer's `Clock`: what is planned for one moment happens in the order of planning."""

    def __init__(self, passed: Callable[[float], None] = lambda _now: None) -> None:
        """`passed` is told the time before anything happens at it."""
        self._now = 0.0
        self._passed = passed
        self._planned: list[_Planned] = []
        self._numbers = itertools.count()

    def unix(self) -> float:
        return UNIX + self._now

    def monotonic(self) -> float:
        return self._now

    def call_later(self, seconds: float, call: Callable[[], None]) -> _Planned:
        planned = _Planned(self._now + seconds, next(self._numbers), call)
        heapq.heappush(self._planned, planned)
        return planned

    def run_to(self, end: float) -> None:
        """Everything that happens until `end`."""
        while self._planned and self._planned[0].at <= end:
            self.run_one()
        self._turn(end)

    def run_one(self) -> None:
        """The next thing that happens."""
        planned = heapq.heappop(self._planned)
        if planned.call is not None:
            self._turn(planned.at)
            planned.call()

    def _turn(self, now: float) -> None:
        self._now = max(self._now, now)
        self._passed(self._now)
