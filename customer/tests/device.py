# SPDX-License-Identifier: Apache-2.0
"""A device as the protocol text describes it, for tests of the authority. Opens and steps with the independent models only."""

import base64
import hashlib
from dataclasses import dataclass, field

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from customer.tests import rfc9180
from protocol.model import sealing
from sealroom_wire import authority as wire


def unb64u(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def b64u(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


@dataclass(eq=False)
class Device:
    """One member's side of one line. `secrets` holds every s_k it has known, by (epoch, step)."""

    user: str
    authority: Ed25519PublicKey
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    secrets: dict[tuple[int, int], bytes] = field(default_factory=dict)
    reasons: list[wire.SecretReason] = field(default_factory=list)
    roster: dict[int, wire.Member] = field(default_factory=dict)
    changes: list[wire.Change] = field(default_factory=list)
    epoch: int = 0
    step: int = 0
    index: int = -1
    head: str = ""
    room: sealing.Room | None = None
    put_out: wire.LeftReason | None = None
    refused: list[wire.Refused] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    snapshots: int = 0
    _derived: set[bytes] = field(default_factory=set)
    _derived_from: set[bytes] = field(default_factory=set)

    @property
    def member_key(self) -> str:
        return b64u(rfc9180.point(self.key.public_key()))

    @property
    def secret(self) -> bytes:
        return self.secrets[self.epoch, self.step]

    def take(self, text: str) -> None:
        """One message of the authority."""
        message = msgspec.json.decode(text, type=wire.AuthorityMessage)
        assert self.put_out is None, "nothing is said after the end"
        if isinstance(message, wire.Refused):
            self.refused.append(message)
            return
        self.authority.verify(unb64u(message.signature), wire.SIGNATURE_PREFIX + message.body.encode())
        body = msgspec.json.decode(message.body, type=wire.SignedBody)
        if isinstance(body, wire.Snapshot):
            self._snapshot(body)
        elif isinstance(body, wire.Change):
            self._change(body, message.body)
        elif isinstance(body, wire.Alive):
            assert (body.epoch, body.step, body.head) == (self.epoch, self.step, self.head)
            self.answers.append(body.nonce)
        else:
            self._secret(body)

    def _snapshot(self, body: wire.Snapshot) -> None:
        assert self.room is None, "one snapshot per line"
        self.snapshots += 1
        place = body.place
        self.room = sealing.Room(body.suite, place.app, place.kind.value, place.room, unb64u(place.instance))
        self.roster = {member.index: member for member in body.members}
        assert len(self.roster) == len({member.user for member in body.members}) == len(body.members)
        self.index, self.epoch, self.step, self.head = body.you, body.epoch, body.step, body.head
        assert self.roster[self.index].user == self.user
        assert self.roster[self.index].key == self.member_key

    def _change(self, body: wire.Change, text: str) -> None:
        assert self.room is not None, "a change before the snapshot"
        assert body.previous == self.head
        assert b64u(self.room.instance) == body.place.instance
        self.head = b64u(hashlib.sha256(text.encode()).digest())
        self.changes.append(body)
        for gone in body.left:
            if gone.index == self.index:
                self.put_out = gone.reason
            del self.roster[gone.index]
        for member in body.joined:
            assert member.index not in self.roster
            assert member.user not in {one.user for one in self.roster.values()}
            self.roster[member.index] = member
        if body.epoch == self.epoch:
            assert body.step == self.step + 1
            assert not body.left, "who left would know the stepped secret"
            self.secrets[body.epoch, body.step] = self.room.next_secret(self.secret)
        else:
            assert (body.epoch, body.step) == (self.epoch + 1, 0)
        self.epoch, self.step = body.epoch, body.step

    def _secret(self, body: wire.Secret) -> None:
        assert self.room is not None
        assert (body.to, body.epoch, body.step, body.head) == (self.index, self.epoch, self.step, self.head)
        info = self.room.hpke_info(body.epoch, body.step, body.to)
        secret = rfc9180.receive(unb64u(body.enc), self.key, info).open(unb64u(body.ciphertext))
        assert len(secret) == {4: 32, 5: 64}[self.room.suite]
        self.secrets[body.epoch, body.step] = secret
        self.reasons.append(body.reason)

    def derivable(self) -> set[bytes]:
        """Every secret that follows from what it was ever sent, whatever epoch it is said to belong to."""
        assert self.room is not None
        for secret in set(self.secrets.values()) - self._derived_from:
            self._derived_from.add(secret)
            for _ in range(17):
                self._derived.add(secret)
                secret = self.room.next_secret(secret)
        return self._derived

    def could_know(self) -> set[tuple[int, int]]:
        """Every (epoch, step) whose secret follows from what it was ever sent: steps forward within each epoch."""
        return {(epoch, later) for epoch, step in self.secrets for later in range(step, 16)}
