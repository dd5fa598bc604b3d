# SPDX-License-Identifier: Apache-2.0
"""That a signed change is carried out once."""

from typing import Protocol

from sealroom.accounts.signing import WINDOW_SECONDS, Fault, Signed, SigningError
from sealroom.core.clock import Clock

MAX_MARKS = 20_000
"""Signatures remembered per API key. Beyond, changes must be signed after the oldest that is remembered."""


class Kept(Protocol):
    """Signatures of changes where every process sees them."""

    async def keep(self, secret_id: str, signed: Signed) -> bool:
        """Keeps a signature, durably; says whether it is new. What it raises means that nothing may be carried out."""


class _Marks:
    """The signatures of one API key by the second that they name."""

    def __init__(self) -> None:
        self.by_second: dict[int, set[bytes]] = {}
        self.count = 0
        self.horizon = 0

    def drop(self, second: int) -> None:
        self.count -= len(self.by_second.pop(second))
        self.horizon = max(self.horizon, second)


class Once:
    """Remembers the signatures that were seen within the clock's window: those of changes for every process, those of queries in this
    one, for a query must cost no write.

    Signatures name the second, so two equal queries in one second carry one signature and both are right. A change is another matter:
    it is refused when its signature was seen before, for a change **or a query**: what it is for may not be signed.
    """

    def __init__(self, clock: Clock, kept: Kept, most: int = MAX_MARKS) -> None:
        self._clock, self._kept, self._most = clock, kept, most
        self._keys: dict[str, _Marks] = {}

    def note(self, secret_id: str, signed: Signed) -> bool:
        """Remembers a signature; says whether it is new."""
        marks = self._keys.setdefault(secret_id, _Marks())
        self._tidy(marks)
        seen = marks.by_second.setdefault(signed.timestamp, set())
        is_new = signed.mark not in seen and signed.timestamp > marks.horizon
        if signed.mark not in seen:
            seen.add(signed.mark)
            marks.count += 1
        return is_new

    async def check(self, secret_id: str, signed: Signed) -> None:
        """Remembers the signature of a change, **before it is carried out**; raises `SigningError` when it was seen already, and what
        the database raises."""
        if not self.note(secret_id, signed) or not await self._kept.keep(secret_id, signed):
            raise SigningError(
                Fault.USED,
                "This signature was used already, and a change is carried out once. Sign again, in a later second.",
            )

    def _tidy(self, marks: _Marks) -> None:
        """Forgets what the clock's window refuses anyway; then, beyond the bound, the oldest."""
        oldest = self._clock.unix() - WINDOW_SECONDS
        for second in [one for one in marks.by_second if one < oldest]:
            marks.drop(second)
        while marks.count >= self._most:
            marks.drop(min(marks.by_second))
