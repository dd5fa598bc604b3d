# SPDX-License-Identifier: Apache-2.0
"""Members who are back on another line. No clock: `now` is monotonic seconds.

Whoever comes back is sent the roster and the secret: with 500 members some 60 kB and a signature, for a grant that was shown before. One
who comes back again and again must not make that work without end.
"""

from sealroom_customer.authority.exchange import LineId, Newcomer

RESUME_SECONDS = 1.0
"""A member is greeted again at most once in this time; the first time at once. Longer costs less when lines break in masses,
and keeps a member whose line breaks twice waiting so long."""


class Returning:
    """By index: on which line somebody is back, and waits to be greeted."""

    def __init__(self) -> None:
        self._waiting: dict[int, tuple[Newcomer, float]] = {}
        self._greeted: dict[int, float] = {}

    def __contains__(self, index: int) -> bool:
        return index in self._waiting

    def put(self, index: int, comer: Newcomer) -> LineId | None:
        """Somebody is back; returns the line on which he waited already."""
        before = self.drop(index)
        self._waiting[index] = comer, self._greeted.get(index, float("-inf")) + RESUME_SECONDS
        return before

    def due(self) -> float:
        """When the next one is to be greeted; infinity while nobody waits."""
        return min((when for _, when in self._waiting.values()), default=float("inf"))

    def take(self, now: float) -> list[tuple[int, LineId]]:
        """Those whose time has come, with the lines they are on."""
        due = [(index, comer.line) for index, (comer, when) in self._waiting.items() if when <= now]
        for index, _ in due:
            del self._waiting[index]
            self._greeted[index] = now
        return due

    def of_line(self, line: LineId) -> int | None:
        """Who waits on a line."""
        return next((index for index, (comer, _) in self._waiting.items() if comer.line == line), None)

    def drop(self, index: int) -> LineId | None:
        """Somebody waits no longer; returns the line on which he did."""
        waiting = self._waiting.pop(index, None)
        return None if waiting is None else waiting[0].line

    def forget(self, index: int) -> None:
        """Somebody is off the roster."""
        self._greeted.pop(index, None)

    @property
    def lines(self) -> list[LineId]:
        """The lines on which somebody waits."""
        return [comer.line for comer, _ in self._waiting.values()]
