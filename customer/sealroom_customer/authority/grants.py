# SPDX-License-Identifier: Apache-2.0
"""Verifies grants. Every way in which one can be wrong has its refusal; nothing else is raised."""

from dataclasses import dataclass, field

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sealroom_wire.authority import GrantClaims
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.ids import RoomId, check_room, check_sdk_app_id, check_user_id
from sealroom_wire.limits import MAX_GRANT_BYTES

GRANT_TYPE = "sealroom-grant+jwt"
MAX_LIFE = 86400
MAX_FUTURE = 60
"""Seconds that the backend's clock may be ahead of ours."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """Whose grants one authority takes: the issuer, its key, and our own name and signing key as they must stand in it."""

    issuer: str
    audience: str
    authority_key: str
    key: Ed25519PublicKey | EllipticCurvePublicKey = field(repr=False)

    def verify(self, grant: str, now: int) -> GrantClaims:
        """The claims of a grant that holds at `now` (Unix seconds). Raises `Refusal` else."""
        if len(grant) > MAX_GRANT_BYTES or not grant.isascii():
            raise Refusal(ErrorCode.GRANT_MALFORMED)
        claims = self._signed_claims(grant)
        if (claims.iss, claims.aud, claims.auk) != (self.issuer, self.audience, self.authority_key):
            raise Refusal(ErrorCode.GRANT_NOT_FOR_US)
        if not (0 < claims.exp - claims.iat <= MAX_LIFE and claims.iat <= now + MAX_FUTURE):
            raise Refusal(ErrorCode.GRANT_MALFORMED)
        if not (1 <= claims.mks <= 300 and 1 <= len(claims.jti) <= 64):
            raise Refusal(ErrorCode.GRANT_MALFORMED)
        if now >= claims.exp:
            raise Refusal(ErrorCode.GRANT_EXPIRED)
        check_sdk_app_id(claims.app)
        check_user_id(claims.sub)
        check_room(RoomId(claims.room.kind, claims.room.id))
        return claims

    def _signed_claims(self, grant: str) -> GrantClaims:
        algorithm = "EdDSA" if isinstance(self.key, Ed25519PublicKey) else "ES256"
        try:
            # Times and audience are ours to check: against the given clock, with refusals of our own.
            decoded = jwt.decode_complete(
                grant,
                self.key,
                algorithms=[algorithm],
                options={"verify_exp": False, "verify_iat": False, "verify_aud": False},
            )
            if decoded["header"].get("typ") != GRANT_TYPE or decoded["header"].get("crit"):
                raise Refusal(ErrorCode.GRANT_MALFORMED)
            return msgspec.convert(decoded["payload"], GrantClaims)
        except jwt.InvalidSignatureError as error:
            raise Refusal(ErrorCode.GRANT_BAD_SIGNATURE) from error
        except (jwt.PyJWTError, msgspec.ValidationError, ValueError, TypeError, RecursionError) as error:
            raise Refusal(ErrorCode.GRANT_MALFORMED) from error
