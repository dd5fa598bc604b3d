# SPDX-License-Identifier: Apache-2.0
"""A backend that signs grants and an admission that takes them."""

from dataclasses import dataclass, field

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from customer.tests.device import Device
from sealroom_customer.authority.admission import Admission, Issuer
from sealroom_customer.authority.identity import public_text
from sealroom_customer.signing import GrantSigner
from sealroom_customer.signing.grants import GRANT_TYPE, SigningKey
from sealroom_wire.authority import MemberRole
from sealroom_wire.ids import RoomId, room_string

NOW = 1_800_000_000
APP = 1400000000
ROOM = room_string("r")


@dataclass
class Desk:
    """One customer: its backend's key, its authority's key, its names."""

    key: SigningKey = field(default_factory=Ed25519PrivateKey.generate)
    authority_key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    def __post_init__(self) -> None:
        self.signer = GrantSigner("shop", "keys", public_text(self.authority_key), self.key)
        issuer = Issuer("shop", (self.key.public_key(),), frozenset({APP}))
        self.admission = Admission.of("keys", [issuer], public_text(self.authority_key), began=0)

    def grant(
        self,
        user: str = "alice",
        *,
        room: RoomId = ROOM,
        app: int = APP,
        role: MemberRole = MemberRole.PUBLISH,
        now: int = NOW,
        life: int = 900,
        silence: int = 30,
    ) -> str:
        return self.signer.sign(
            sdk_app_id=app, room=room, user_id=user, role=role, now=now, life=life, max_key_silence=silence
        )

    def device(self, user: str = "alice") -> Device:
        return Device(user, self.authority_key.public_key())

    def forged(self, change: dict[str, object], *, header: dict[str, object] | None = None) -> str:
        """A grant with other claims, signed with the right key."""
        claims = msgspec.json.encode(self.claims() | change)
        algorithm = "EdDSA" if isinstance(self.key, Ed25519PrivateKey) else "ES256"
        return jwt.PyJWS().encode(claims, self.key, algorithm, {"typ": GRANT_TYPE} | (header or {}))

    def claims(self) -> dict[str, object]:
        return dict(jwt.decode(self.grant(), options={"verify_signature": False}))


def p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())
