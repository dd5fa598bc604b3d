# SPDX-License-Identifier: Apache-2.0
"""Reading one's own grant: is it for us, and whom does it make us trust. Its signature is for the authority to verify."""

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sealroom_customer.client.events import ClientFault
from sealroom_customer.signing.grants import read_grant, room_of
from sealroom_wire.authority import MemberRole
from sealroom_wire.base64url import from_b64u
from sealroom_wire.errors import TEXTS, ErrorCode, Refusal
from sealroom_wire.ids import RoomId


@dataclass(frozen=True, slots=True)
class OwnGrant:
    """What we need of a grant. `expires` in Unix seconds, `max_key_silence` in seconds."""

    token: str = field(repr=False)
    role: MemberRole
    expires: int
    max_key_silence: int
    authority_key: str

    @property
    def verifier(self) -> Ed25519PublicKey:
        """The authority's public signing key."""
        return Ed25519PublicKey.from_public_bytes(from_b64u(self.authority_key, 32))


def read_own_grant(token: str, *, application: int, room: RoomId, user: str, now: float) -> OwnGrant:
    """Takes a grant if it is for this user, application and room and has not expired; raises ClientFault otherwise."""
    try:
        claims = read_grant(token).claims
    except Refusal as refusal:
        raise fault_of(refusal.code) from None
    if (claims.app, room_of(claims), claims.sub) != (application, room, user):
        raise fault_of(ErrorCode.GRANT_NOT_FOR_US)
    if claims.exp <= now:
        raise fault_of(ErrorCode.GRANT_EXPIRED)
    return OwnGrant(token, claims.role, claims.exp, claims.mks, claims.auk)


def fault_of(code: ErrorCode) -> ClientFault:
    """A refusal as what ends a client."""
    text = TEXTS[code]
    return ClientFault(code.value, text.sentence, text.action)
