# SPDX-License-Identifier: Apache-2.0
"""Members of whom the operator says that they are out of the call. No clock: `now` is monotonic seconds.

**What the operator says removes nobody and admits nobody.** A member whose line broke may resume for 10 s and knows the room's keys
meanwhile; a hint makes the next epoch, which is not sent to a broken line, begin sooner. If the hint was a lie, the member resumes as
before, and is sent that epoch then.
"""

HINT_SECONDS = 5.0
"""At most one epoch for hints in this time; a hint that comes sooner waits. An epoch for 500 members costs the authority some 100 ms, so
that lies about one room take 2 % of a core; and devices accept the epoch before for 5 s, so that lies make them hold one more, not many.
Longer costs less, and leaves a member who is gone his ear so long; beyond the 10 s after which he is lost it would do nothing."""


class Hints:
    """By index."""

    def __init__(self) -> None:
        self._named: set[int] = set()
        self._begun_at = float("-inf")
        """When the latest epoch for hints began."""

    def add(self, index: int) -> None:
        """A member who is absent may be gone."""
        self._named.add(index)

    def drop(self, index: int) -> None:
        """It is back, or off the roster."""
        self._named.discard(index)

    def due(self, earliest: float) -> float:
        """When the epoch for them begins, not before `earliest`; infinity while there is none."""
        return max(self._begun_at + HINT_SECONDS, earliest) if self._named else float("inf")

    def take(self, now: float) -> bool:
        """An epoch begins now, for whatever reason, without those named; returns whether it was due for them."""
        due = now >= self.due(float("-inf"))
        if due:
            self._begun_at = now
        self._named.clear()
        return due
