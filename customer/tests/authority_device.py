# SPDX-License-Identifier: Apache-2.0
"""A device as the protocol text describes it, for tests of the authority: verifies, follows the chain, opens secrets, steps."""

import base64
import hashlib
from dataclasses import dataclass, field

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sealroom_customer.authority.schedule import SUITES, RoomContext

from sealroom_customer.authority import hpke
from sealroom_wire import authority as wire
from sealroom_wire.ids import RoomId


def unb64u(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def b64u(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass(eq=False)
class Device:
    """One member's side of the line. `secrets` holds every s_k it has known, by (epoch, step)."""

    user: str
    authority: Ed25519PublicKey
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    secrets: dict[tuple[int, int], bytes] = field(default_factory=dict)
    roster: dict[int, wire.Member] = field(default_factory=dict)
    epoch: int = 0
    step: int = 0
    index: int = -1
    head: str = ""
    context: RoomContext | None = None
    left: bool = False

    @property
    def point(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def take(self, text: str) -> None:
        """One message of the authority."""
        message = msgspec.json.decode(text, type=wire.AuthorityMessage)
        assert isinstance(message, wire.Signed), message
        self.authority.verify(unb64u(message.signature), wire.SIGNATURE_PREFIX + message.body.encode())
        body = msgspec.json.decode(message.body, type=wire.SignedBody)
        match body:
            case wire.Snapshot():
                self._snapshot(body)
            case wire.Change():
                self._change(body, message.body)
            case wire.Secret():
                self._secret(body)

    def _snapshot(self, body: wire.Snapshot) -> None:
        assert self.context is None, "one snapshot per line"
        room = RoomId(body.place.kind, body.place.room)
        self.context = RoomContext(SUITES[body.suite], body.place.app, room, unb64u(body.place.instance))
        self.roster = {member.index: member for member in body.members}
        self.index, self.epoch, self.step, self.head = body.you, body.epoch, body.step, body.head
        assert self.roster[self.index].key == b64u(self.point)

    def _change(self, body: wire.Change, text: str) -> None:
        assert body.previous == self.head
        self.head = b64u(hashlib.sha256(text.encode()).digest())
        for gone in body.left:
            del self.roster[gone.index]
        for member in body.joined:
            assert member.index not in self.roster
            self.roster[member.index] = member
        assert self.context is not None
        if body.epoch == self.epoch:
            assert body.step == self.step + 1
            assert not body.left, "who left would know the stepped secret"
            self.secrets[body.epoch, body.step] = self.context.next_secret(
                self.secrets[self.epoch, self.step]
            )
        else:
            assert (body.epoch, body.step) == (self.epoch + 1, 0)
        self.epoch, self.step = body.epoch, body.step

    def _secret(self, body: wire.Secret) -> None:
        assert self.context is not None
        assert (body.to, body.epoch, body.step, body.head) == (self.index, self.epoch, self.step, self.head)
        info = self.context.hpke_info(body.epoch, body.step, body.to)
        secret = hpke.unseal(unb64u(body.enc), unb64u(body.ciphertext), self.key, info)
        assert len(secret) == self.context.suite.secret_length
        self.secrets[body.epoch, body.step] = secret

    def could_know(self) -> set[tuple[int, int]]:
        """Every (epoch, step) whose secret follows from what this device has: steps forward within each epoch."""
        known = set(self.secrets)
        return {(epoch, later) for epoch, step in known for later in range(step, 16)}
