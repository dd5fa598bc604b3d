# SPDX-License-Identifier: Apache-2.0
"""Grants: what admits a member to a room's keys (`protocol/sealing.md` section 7). Signing, and reading one's own.

The authority's verification is `sealroom_customer.authority.admission`.
"""

import re
import secrets
from dataclasses import dataclass, field
from typing import Annotated, TypeAlias

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sealroom_wire.authority import GrantClaims, GrantRoom, MemberRole
from sealroom_wire.base64url import from_b64u
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.ids import RoomId, check_room, check_sdk_app_id, check_user_id
from sealroom_wire.limits import MAX_GRANT_BYTES

GRANT_TYPE = "sealroom-grant+jwt"
MAX_GRANT_LIFE_SECONDS = 24 * 3600
"""Longest accepted life of a grant."""
MAX_KEY_SILENCE_SECONDS = 300
DEFAULT_KEY_SILENCE_SECONDS = 30
"""How long a member goes on sending without a word of the authority. Lower bounds a removed member's ear behind a
broken line more tightly; higher rides over longer restarts of the authority."""
_MAX_TEXT = 256
_SIGNATURE_BYTES = 64
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)", re.ASCII)

SigningKey: TypeAlias = Ed25519PrivateKey | ec.EllipticCurvePrivateKey
VerificationKey: TypeAlias = Ed25519PublicKey | ec.EllipticCurvePublicKey


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A grant's header. Anything that would change what the signature means (`crit`, `b64`, `jwk`) is unknown here."""

    alg: str
    typ: str
    kid: Annotated[str, msgspec.Meta(max_length=_MAX_TEXT)] | None = None


_header = msgspec.json.Decoder(_Header)
_claims = msgspec.json.Decoder(GrantClaims)


@dataclass(frozen=True, slots=True)
class GrantSigner:
    """Signs grants of one issuer for one authority. `authority_key` is the authority's public signing key (`auk`)."""

    issuer: str
    audience: str
    authority_key: str
    key: SigningKey = field(repr=False)

    def __post_init__(self) -> None:
        """Raises ValueError for a key that is neither Ed25519 nor P-256, and for what is no authority's key."""
        algorithm_of(self.key.public_key())
        from_b64u(self.authority_key, 32)

    def sign(
        self,
        *,
        sdk_app_id: int,
        room: RoomId,
        user_id: str,
        role: MemberRole,
        now: int,
        life: int,
        max_key_silence: int = DEFAULT_KEY_SILENCE_SECONDS,
    ) -> str:
        """A grant from `now` (Unix seconds) for `life` seconds.

        Raises:
            Refusal: an invalid application, room or user id.
            ValueError: a life or silence out of bounds.
        """
        if not 0 < life <= MAX_GRANT_LIFE_SECONDS or not 0 < max_key_silence <= MAX_KEY_SILENCE_SECONDS:
            raise ValueError("a grant lives 1 s to 24 h, with a silence of 1 to 300 s")
        check_room(room)
        claims = GrantClaims(
            iss=self.issuer,
            aud=self.audience,
            app=check_sdk_app_id(sdk_app_id),
            room=GrantRoom(room.kind, room.id),
            sub=check_user_id(user_id),
            role=role,
            iat=now,
            exp=now + life,
            jti=secrets.token_urlsafe(16),
            mks=max_key_silence,
            auk=self.authority_key,
        )
        algorithm = algorithm_of(self.key.public_key())
        return jwt.PyJWS().encode(msgspec.json.encode(claims), self.key, algorithm, {"typ": GRANT_TYPE})


@dataclass(frozen=True, slots=True)
class UnverifiedGrant:
    """A grant as it reads; nobody has verified its signature yet."""

    algorithm: str
    claims: GrantClaims


def algorithm_of(key: VerificationKey) -> str:
    """The one algorithm that a key verifies; raises ValueError for a key that no grant may be signed with."""
    if isinstance(key, Ed25519PublicKey):
        return "EdDSA"
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return "ES256"
    raise ValueError("grants are signed with Ed25519 or P-256 keys")


def read_grant(token: str) -> UnverifiedGrant:
    """Reads header and claims and checks all that can be checked without a key or a clock.

    Raises:
        Refusal: `grant_malformed`.
    """
    parts = _COMPACT.fullmatch(token) if len(token) <= MAX_GRANT_BYTES else None
    if parts is None:
        raise Refusal(ErrorCode.GRANT_MALFORMED)
    try:
        header = _header.decode(from_b64u(parts[1]))
        claims = _claims.decode(from_b64u(parts[2]))
        from_b64u(parts[3], _SIGNATURE_BYTES)
        _check_claims(claims)
    except (ValueError, RecursionError, Refusal):
        raise Refusal(ErrorCode.GRANT_MALFORMED) from None
    if header.typ != GRANT_TYPE or header.alg not in ("EdDSA", "ES256"):
        raise Refusal(ErrorCode.GRANT_MALFORMED)
    return UnverifiedGrant(header.alg, claims)


def _check_claims(claims: GrantClaims) -> None:
    check_sdk_app_id(claims.app)
    check_user_id(claims.sub)
    check_room(room_of(claims))
    from_b64u(claims.auk, 32)
    names = (claims.iss, claims.aud, claims.jti)
    if (
        not all(0 < len(name) <= _MAX_TEXT for name in names)
        or not 1 <= claims.mks <= MAX_KEY_SILENCE_SECONDS
    ):
        raise ValueError("a claim is out of bounds")
    if not 0 <= claims.iat < 2**40 or not 0 < claims.exp - claims.iat <= MAX_GRANT_LIFE_SECONDS:
        raise ValueError("a life that no grant may have")


def room_of(claims: GrantClaims) -> RoomId:
    """The room that a grant names."""
    return RoomId(claims.room.kind, claims.room.id)
