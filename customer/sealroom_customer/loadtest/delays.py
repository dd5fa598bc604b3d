# SPDX-License-Identifier: Apache-2.0
"""Many durations in little memory: counted in buckets that grow by two per cent."""

import math
from collections import Counter
from collections.abc import Iterable

_GROWTH = math.log(1.02)


class Delays:
    """Durations in seconds. Percentiles are right to one per cent; at least a microsecond each."""

    def __init__(self, values: Iterable[float] = ()) -> None:
        self._buckets: Counter[int] = Counter()
        for value in values:
            self.add(value)

    def __len__(self) -> int:
        return self._buckets.total()

    def add(self, seconds: float) -> None:
        """Counts one."""
        self._buckets[round(math.log(max(seconds, 1e-6)) / _GROWTH)] += 1

    def merge(self, other: "Delays") -> None:
        """Counts all of another's."""
        self._buckets.update(other._buckets)

    def percentile(self, share: float) -> float | None:
        """The duration that this share (0 to 1) does not exceed; None when there is none."""
        if not self._buckets:
            return None
        wanted, seen = math.ceil(share * len(self)), 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= wanted:
                return math.exp(bucket * _GROWTH)
        return None
