# SPDX-License-Identifier: Apache-2.0
"""Members who are to go with the next epoch: why, and when that is due. No clock: `now` is monotonic seconds."""

from sealroom_wire.authority import LeftReason, SecretReason

LEAVE_SECONDS = 1.0
"""At most one epoch for leaves in this time. Longer costs less in a room where people come and go; a leaver keeps its ear so long."""
_AT_ONCE = frozenset({LeftReason.REMOVED, LeftReason.EXPIRED})


class Leaving:
    """By index, in the order in which they went."""

    def __init__(self) -> None:
        self._gone: dict[int, tuple[LeftReason, float]] = {}
        self._left_at = float("-inf")
        """When the latest epoch for leaves began."""

    def __len__(self) -> int:
        return len(self._gone)

    def __contains__(self, index: int) -> bool:
        return index in self._gone

    def add(self, index: int, reason: LeftReason, now: float) -> None:
        """Somebody goes. Who is leaving already does so for the first reason, unless it is put out."""
        if index not in self._gone or reason is LeftReason.REMOVED:
            self._gone[index] = reason, now

    def due(self, earliest: float) -> float:
        """When the epoch without them begins, not before `earliest` except for those put out; infinity while nobody leaves."""
        if not self._gone:
            return float("inf")
        if any(reason in _AT_ONCE for reason, _ in self._gone.values()):
            return float("-inf")
        first = min(since for _, since in self._gone.values())
        return max(self._left_at + LEAVE_SECONDS, earliest, first)

    def take(self, now: float) -> dict[int, LeftReason]:
        """Those who go with the epoch that begins now, with why."""
        gone = {index: reason for index, (reason, _) in self._gone.items()}
        if gone:
            self._left_at = now
            self._gone.clear()
        return gone

    def clear(self) -> None:
        """The room is over."""
        self._gone.clear()


def secret_reason(gone: dict[int, LeftReason], *, hinted: bool, timer: bool) -> SecretReason:
    """Why the epoch without `gone` began. `hinted`: it keeps keys from somebody who may be gone."""
    if any(reason in _AT_ONCE for reason in gone.values()):
        return SecretReason.REMOVAL
    if gone or hinted:
        return SecretReason.LEAVE
    return SecretReason.TIMER if timer else SecretReason.JOIN
