# SPDX-License-Identifier: Apache-2.0
"""Who is admitted: verifies grants, remembers which were used, and whom the backend has put out.

All of it lives in memory and ends with the instance; that is why **an instance takes no grant that was issued before it began**:
who was put out, and which grants were used, the instance before has taken with it. `now` is Unix seconds, given by the caller.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import jwt

from sealroom_customer.signing.grants import (
    MAX_GRANT_LIFE_SECONDS,
    VerificationKey,
    algorithm_of,
    read_grant,
    room_of,
)
from sealroom_wire.authority import GrantClaims
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.ids import RoomId

MAX_AHEAD_SECONDS = 60
"""How far ahead of our clock a backend's may be. Higher forgives worse clocks; a grant's life is counted from its own `iat`."""
_MAX_REMEMBERED = 1_000_000
"""Used grants that are remembered. Each cost the backend a signature; beyond this nobody new is admitted."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """A backend whose grants count: its keys (one, or two during a rotation), and the applications it may speak for."""

    name: str
    keys: tuple[VerificationKey, ...]
    applications: frozenset[int]

    def __post_init__(self) -> None:
        """Raises ValueError without keys, with more than two, or with a key that no grant may be signed with."""
        if not 1 <= len(self.keys) <= 2:
            raise ValueError("an issuer has one verification key, or two during a rotation")
        for key in self.keys:
            algorithm_of(key)


@dataclass(frozen=True, slots=True)
class Shown:
    """A grant that counts. `again`: it was shown before, by the same member key, and admits nobody anew."""

    claims: GrantClaims
    again: bool


@dataclass(slots=True)
class Admission:
    """Verifies grants against the issuers, this authority's name and its public signing keys (`auk`: one, or two
    during a rotation)."""

    audience: str
    authority_keys: tuple[str, ...]
    issuers: Mapping[str, Issuer]
    began: int
    """When this instance began, in Unix seconds."""
    _used: dict[tuple[str, str], tuple[int, bytes]] = field(default_factory=dict, repr=False)
    _put_out: dict[tuple[int, RoomId, str], int] = field(default_factory=dict, repr=False)
    _ahead: dict[str, int] = field(default_factory=dict, repr=False)
    """By how much each issuer's clock was seen to be ahead of ours, in seconds."""
    _swept_at: int = 0

    @classmethod
    def of(cls, audience: str, issuers: Sequence[Issuer], *authority_keys: str, began: int) -> "Admission":
        """For these issuers, each named once."""
        return cls(audience, authority_keys, {issuer.name: issuer for issuer in issuers}, began)

    def admit(self, token: str, member_key: str, now: int) -> Shown:
        """Verifies a grant and spends it for `member_key` (as it stands in `join`).

        A grant admits one member key only, and once: shown again by the same key it resumes, by another it is refused.

        Raises:
            Refusal: `grant_malformed`, `grant_bad_signature`, `grant_not_for_us`, `grant_expired`, `grant_replayed`,
                or `server_busy` when too many were used.
        """
        claims = self._verified(token, now)
        self._sweep(now)
        self._ahead[claims.iss] = max(self._ahead.get(claims.iss, 0), claims.iat - now)
        put_out = self._put_out.get((claims.app, room_of(claims), claims.sub), -1)
        if claims.iat < self.began or claims.iat <= put_out:
            raise Refusal(ErrorCode.GRANT_EXPIRED)
        again = self._spend(claims, hashlib.sha256(member_key.encode()).digest())
        return Shown(claims, again)

    def put_out(self, application: int, room: RoomId, user: str, now: int) -> None:
        """From now on grants of this user for this room that were issued up to `now` are refused.

        `now` is the issuer's: a grant that was signed before by a clock ahead of ours must not pass for a later one.
        """
        ahead = (
            self._ahead.get(name, 0) for name, one in self.issuers.items() if application in one.applications
        )
        self._put_out[application, room, user] = now + max(ahead, default=0)

    def _verified(self, token: str, now: int) -> GrantClaims:
        grant = read_grant(token)
        claims = grant.claims
        issuer = self.issuers.get(claims.iss)
        if issuer is None:
            raise Refusal(ErrorCode.GRANT_NOT_FOR_US)
        if not any(_signed_by(token, key) for key in issuer.keys):
            raise Refusal(ErrorCode.GRANT_BAD_SIGNATURE)
        if (
            claims.aud != self.audience
            or claims.auk not in self.authority_keys
            or claims.app not in issuer.applications
        ):
            raise Refusal(ErrorCode.GRANT_NOT_FOR_US)
        if claims.iat > now + MAX_AHEAD_SECONDS:
            raise Refusal(ErrorCode.GRANT_MALFORMED)
        if claims.exp <= now:
            raise Refusal(ErrorCode.GRANT_EXPIRED)
        return claims

    def _spend(self, claims: GrantClaims, member_key: bytes) -> bool:
        """Returns whether it was spent before."""
        grant = (claims.iss, claims.jti)
        spent = self._used.get(grant)
        if spent is None and len(self._used) >= _MAX_REMEMBERED:
            raise Refusal(ErrorCode.SERVER_BUSY)
        if spent is not None and spent[1] != member_key:
            raise Refusal(ErrorCode.GRANT_REPLAYED)
        self._used[grant] = (claims.exp, member_key)
        return spent is not None

    def _sweep(self, now: int) -> None:
        """Once a minute: forgets what can no longer matter, because the grants in question have expired."""
        if now - self._swept_at < 60:
            return
        self._swept_at = now
        self._used = {grant: spent for grant, spent in self._used.items() if spent[0] > now}
        oldest = now - MAX_GRANT_LIFE_SECONDS - MAX_AHEAD_SECONDS
        self._put_out = {member: since for member, since in self._put_out.items() if since > oldest}


def _signed_by(token: str, key: VerificationKey) -> bool:
    """Whether `key` signed `token` with the one algorithm that belongs to the key, whatever the token's header says."""
    try:
        jwt.PyJWS().decode_complete(token, key, [algorithm_of(key)])
    except jwt.InvalidTokenError:
        return False
    return True
