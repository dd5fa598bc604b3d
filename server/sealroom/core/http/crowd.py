# SPDX-License-Identifier: Apache-2.0
"""How many connections there are, in all and from one address. **Each one there is takes a file descriptor from those in calls.**"""

from collections import Counter

from sealroom.core.http.address import neighbourhood_of


class Crowd:
    """Counts the connections of one listener."""

    def __init__(self, most: int, most_per_address: int | None) -> None:
        """`most_per_address` None: they all come from proxies, whose addresses say nothing."""
        self._most, self._most_per_address = most, most_per_address
        self._by_address: Counter[str] = Counter()
        self._total = 0

    def admit(self, address: str) -> bool:
        """Counts one more, or says that there is no place."""
        neighbourhood = neighbourhood_of(address)
        full = (
            self._most_per_address is not None and self._by_address[neighbourhood] >= self._most_per_address
        )
        if full or self._total >= self._most:
            return False
        self._total += 1
        self._by_address[neighbourhood] += 1
        return True

    def leave(self, address: str) -> None:
        """One that was admitted is gone."""
        neighbourhood = neighbourhood_of(address)
        self._total -= 1
        self._by_address[neighbourhood] -= 1
        if self._by_address[neighbourhood] <= 0:
            del self._by_address[neighbourhood]
