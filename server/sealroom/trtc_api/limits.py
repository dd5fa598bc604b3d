# SPDX-License-Identifier: Apache-2.0
"""What an account, and an address, may ask for; and that a signed change is carried out once."""

from collections import OrderedDict
from collections.abc import Hashable

from sealroom.core.clock import Clock
from sealroom.core.http.address import neighbourhood_of
from sealroom.trtc_api.actions import Action, Rate
from sealroom.trtc_api.errors import ApiError, Code
from sealroom.trtc_api.signature import WINDOW_SECONDS, Signed

MAX_BUCKETS = 20_000
"""Accounts times actions, or addresses, that are remembered. One that is forgotten starts with a full bucket."""
FAILURES = Rate(10, 100)
"""Signatures that do not verify, per address (an IPv6 /64). Lower locks out a customer whose one job has a wrong key."""
MAX_MARKS = 20_000
"""Signatures remembered per API key. Beyond, changes must be signed after the oldest that is remembered."""


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


class Limits:
    """Rates per account and action, and of failed signatures per address."""

    def __init__(self, clock: Clock) -> None:
        self._calls, self._failures = Buckets(clock), Buckets(clock)

    def take_call(self, uin: int, action: Action) -> None:
        """Counts a call; raises `ApiError(RequestLimitExceeded)`."""
        if not self._calls.take((uin, action.name), action.rate):
            raise ApiError(
                Code.REQUEST_LIMIT_EXCEEDED,
                f"`{action.name}` was called too often: {_spoken(action.rate)} are allowed. Wait, then call again.",
            )

    def check_address(self, address: str) -> None:
        """Raises `ApiError(RequestLimitExceeded.IPLimitExceeded)` for an address with too many failed signatures."""
        if self._failures.level(neighbourhood_of(address), FAILURES) < 1:
            raise ApiError(
                Code.IP_LIMIT_EXCEEDED,
                "Too many requests from this address could not be verified. Check the key, wait, then try again.",
            )

    def count_failure(self, address: str) -> None:
        """A request of this address did not verify."""
        self._failures.take(neighbourhood_of(address), FAILURES)


def _spoken(rate: Rate) -> str:
    if rate.per_second >= 1:
        return f"{rate.per_second:g} calls a second"
    return f"one call in {1 / rate.per_second:g} seconds"


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
    """Remembers the signatures that were seen within the clock's window, in this process.

    The official SDKs sign with the second, so two equal queries in one second carry one signature and both are right. A change is
    another matter: it is refused when its signature was seen before, for a change **or a query**, as the action is not signed.
    """

    def __init__(self, clock: Clock, most: int = MAX_MARKS) -> None:
        self._clock, self._most = clock, most
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

    def check(self, secret_id: str, signed: Signed) -> None:
        """Remembers the signature of a change; raises `ApiError` when it was seen already."""
        if not self.note(secret_id, signed):
            raise ApiError(
                Code.SIGNATURE_EXPIRE,
                "This signature was used already, and a change is carried out once. Sign again, in a later second.",
            )

    def _tidy(self, marks: _Marks) -> None:
        """Forgets what the clock's window refuses anyway; then, beyond the bound, the oldest."""
        oldest = self._clock.unix() - WINDOW_SECONDS
        for second in [one for one in marks.by_second if one < oldest]:
            marks.drop(second)
        while marks.count >= self._most:
            marks.drop(min(marks.by_second))
