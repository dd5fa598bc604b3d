# SPDX-License-Identifier: Apache-2.0
"""Grants: `protocol/sealing.md` section 7."""

import secrets
from dataclasses import dataclass, field

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sealroom_wire.authority import GrantClaims, GrantRoom, MemberRole
from sealroom_wire.ids import RoomId, check_room, check_sdk_app_id, check_user_id

GRANT_TYPE = "sealroom-grant+jwt"
DEFAULT_LIFE = 3600
"""Seconds. The SDK asks for a new grant before this one ends; shorter removes sooner who is no longer let in."""
DEFAULT_MAX_KEY_SILENCE = 30
"""Seconds a sender goes on when its authority is silent; the bound on reading for one who was removed meanwhile."""


@dataclass(frozen=True, slots=True)
class GrantSigner:
    """Signs grants for one authority.

    `authority_key` is the authority's public signing key, b64u of 32 bytes: it goes into the grant, so that the device
    knows whose word to take.
    """

    issuer: str
    authority: str
    authority_key: str
    key: Ed25519PrivateKey | EllipticCurvePrivateKey = field(repr=False)

    def sign(
        self,
        *,
        sdk_app_id: int,
        room: RoomId,
        user_id: str,
        role: MemberRole = MemberRole.PUBLISH,
        now: int,
        life: int = DEFAULT_LIFE,
        max_key_silence: int = DEFAULT_MAX_KEY_SILENCE,
    ) -> str:
        """A grant for one user and room. `now` in Unix seconds, `life` at most a day.

        Raises:
            Refusal: user, room or application id is not valid.
            ValueError: a time is out of its range.
        """
        if not (0 < life <= 86400 and 1 <= max_key_silence <= 300):
            raise ValueError("a grant lives 1 s to 24 h, with max_key_silence of 1 to 300 s")
        check_room(room)
        claims = GrantClaims(
            iss=self.issuer,
            aud=self.authority,
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
        algorithm = "EdDSA" if isinstance(self.key, Ed25519PrivateKey) else "ES256"
        return jwt.encode(
            msgspec.to_builtins(claims), self.key, algorithm=algorithm, headers={"typ": GRANT_TYPE}
        )
