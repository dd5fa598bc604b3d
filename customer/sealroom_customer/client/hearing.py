# SPDX-License-Identifier: Apache-2.0
"""When the authority was last surely there: `protocol/sealing.md` section 8, "Silence".

No I/O and no clock: `now` is seconds of a steady clock that goes on while the machine sleeps. **Only an answer to what we asked counts**; anything else may have been held back on
the way, or written by whoever ends TLS there.
"""

import secrets

from sealroom_customer.sealing.signed import NotTrusted
from sealroom_wire.authority import Alive, Secret, SignedBody
from sealroom_wire.base64url import b64u

PING_SECONDS = 2.0
SILENCE_SECONDS = 10.0
"""A line silent for this long is over, and the authority no longer has us as absent."""
RENEW_BEFORE_SECONDS = 30.0
BACKOFF_SECONDS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Waits between tries; the last one repeats. Shorter comes back sooner and presses an authority that is starting."""
_NONCE_BYTES = 16
_MAX_PINGS = 8
"""Pings whose answers may still come."""


class Hearing:
    """What was asked over all lines of one member, and when it was answered."""

    def __init__(self) -> None:
        self._heard_at = float("-inf")
        self._asked_at = float("-inf")
        self._pings: dict[str, float] = {}
        self._silence_allowed = 0.0

    def begin(self, now: float) -> bool:
        """A new line begins; returns whether the authority may still have us as absent, so that our member key is shown again."""
        resumes = now - self._heard_at < SILENCE_SECONDS
        # A secret for a key that was made just now cannot be an old one.
        self._asked_at = float("-inf") if resumes else now
        self._pings = {}
        return resumes

    def ask(self, now: float) -> str:
        """The nonce of a ping that is sent at `now`."""
        nonce = b64u(secrets.token_bytes(_NONCE_BYTES))
        while len(self._pings) >= _MAX_PINGS:
            del self._pings[next(iter(self._pings))]
        self._pings[nonce] = now
        return nonce

    def allow(self, seconds: float) -> None:
        """How long the grant in use lets the authority be silent. Nothing before the first, so that nothing is sent."""
        self._silence_allowed = seconds

    def take(self, body: SignedBody) -> None:
        """Notes a body that was verified. Raises NotTrusted."""
        if isinstance(body, Secret):
            # Not the snapshot before it: with that alone we would go on with a secret that somebody gone may have.
            self._heard_at = max(self._heard_at, self._asked_at)
        elif isinstance(body, Alive):
            sent_at = self._pings.pop(body.nonce, None)
            if sent_at is None:
                raise NotTrusted("an answer to what was not asked")
            self._heard_at = max(self._heard_at, sent_at)

    def silent(self, now: float) -> bool:
        """Whether the authority has been silent for longer than the grant allows; a sender then stops."""
        return now - self._heard_at > self._silence_allowed


def renewal_wait(left: float) -> float:
    """Seconds until a grant is renewed that is good for `left` more."""
    return max(left - RENEW_BEFORE_SECONDS, left / 2, 1.0)
