# SPDX-License-Identifier: Apache-2.0
"""What an account, and an address, may ask for; and that a signed change is carried out once."""

from sealroom.accounts import once
from sealroom.accounts.signing import SigningError
from sealroom.core.clock import Clock
from sealroom.core.http.address import neighbourhood_of
from sealroom.core.http.rates import Buckets, Rate
from sealroom.trtc_api.actions import Action
from sealroom.trtc_api.errors import ApiError, Code
from sealroom.trtc_api.signature import Signed

FAILURES = Rate(10, 100)
"""Signatures that do not verify, per address (an IPv6 /64). Lower locks out a customer whose one job has a wrong key."""


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


class Once(once.Once):
    """Changes whose signature was seen; the action is not signed, so a query's counts too."""

    async def check(self, secret_id: str, signed: Signed) -> None:
        """Remembers the signature of a change; raises `ApiError` when it was seen already."""
        try:
            await super().check(secret_id, signed)
        except SigningError as error:
            raise ApiError(Code.SIGNATURE_EXPIRE, error.sentence) from error
