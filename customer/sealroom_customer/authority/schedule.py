# SPDX-License-Identifier: Apache-2.0
"""The authority's part of the key schedule: `protocol/sealing.md` sections 1 to 3. Sender keys are the devices' matter."""

import hashlib
import hmac
from dataclasses import dataclass

from sealroom_wire.ids import RoomId, RoomKind

LAST_STEP = 15
LAST_INDEX = 65535


@dataclass(frozen=True, slots=True)
class SuiteParameters:
    """What the schedule needs of a cipher suite: its hash, and the hash's length in bytes."""

    number: int
    hash: str
    secret_length: int


SUITES = {5: SuiteParameters(5, "sha512", 64), 4: SuiteParameters(4, "sha256", 32)}
"""The suites that are served, preferred first."""


@dataclass(frozen=True, slots=True)
class RoomContext:
    """Which life of which room secrets are for. `instance`: 16 random bytes."""

    suite: SuiteParameters
    app: int
    room: RoomId
    instance: bytes

    def encode(self, epoch: int) -> bytes:
        """The room context of one epoch (section 2)."""
        name = self.room.id.encode()
        kind = 0 if self.room.kind is RoomKind.NUMBER else 1
        head = (
            b"sealroom 1" + self.suite.number.to_bytes(2, "big") + self.app.to_bytes(4, "big") + bytes([kind])
        )
        return head + len(name).to_bytes(2, "big") + name + self.instance + epoch.to_bytes(8, "big")

    def first_secret(self, epoch: int, epoch_secret: bytes) -> bytes:
        """`s_0` of an epoch."""
        salt = hashlib.sha256(self.encode(epoch)).digest()
        return hmac.digest(salt, epoch_secret, self.suite.hash)

    def next_secret(self, secret: bytes) -> bytes:
        """`s_(k+1)` from `s_k`. The output is one block long: HKDF-Expand is one HMAC then (RFC 5869 section 2.3)."""
        return hmac.digest(secret, b"sealroom step\x01", self.suite.hash)

    def hpke_info(self, epoch: int, step: int, to: int) -> bytes:
        """`info` under which a secret is sealed to the member at index `to` (section 8)."""
        return b"sealroom secret 1" + self.encode(epoch) + bytes([step]) + to.to_bytes(4, "big")
