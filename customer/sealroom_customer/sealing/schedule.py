# SPDX-License-Identifier: Apache-2.0
"""Suites, room context and the secret of each epoch and step: `protocol/sealing.md` sections 1 to 3.

The secret of a step is `Nh` bytes. **Callers keep it out of logs and of anything with a repr.**
"""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sealroom_wire.ids import RoomId, RoomKind

SuiteId: TypeAlias = Literal[4, 5]
SUITES: tuple[SuiteId, ...] = (5, 4)
"""Suites that are accepted, preferred first."""
LAST_STEP = 15
"""Steps are 4 bits of the key id; after this one a new epoch begins."""
LAST_INDEX = 65535
"""Indices are 16 bits of the key id."""
INSTANCE_BYTES = 16

_HASHES: dict[int, str] = {4: "sha256", 5: "sha512"}
_KIND_BYTES = {RoomKind.NUMBER: b"\x00", RoomKind.STRING: b"\x01"}


def room_bytes(room: RoomId) -> bytes:
    """Kind, length and name of a room."""
    name = room.id.encode()
    return _KIND_BYTES[room.kind] + len(name).to_bytes(2, "big") + name


@dataclass(frozen=True, slots=True)
class Scope:
    """What a secret is good for: one suite, one room of one application, one life of the authority."""

    suite: SuiteId
    application: int
    room: RoomId
    instance: bytes

    def context(self, epoch: int) -> bytes:
        """The room context of section 2."""
        return (
            b"sealroom 1"
            + self.suite.to_bytes(2, "big")
            + self.application.to_bytes(4, "big")
            + room_bytes(self.room)
            + self.instance
            + epoch.to_bytes(8, "big")
        )

    @property
    def secret_bytes(self) -> int:
        """`Nh`: the length of an epoch secret and of every `s_k`."""
        return hashlib.new(_HASHES[self.suite]).digest_size

    def first(self, epoch: int, epoch_secret: bytes) -> bytes:
        """`s_0`: HKDF-Extract under the hash of the context."""
        return hmac.digest(hashlib.sha256(self.context(epoch)).digest(), epoch_secret, _HASHES[self.suite])

    def after(self, secret: bytes) -> bytes:
        """`s_(k+1)` from `s_k`: HKDF-Expand to `Nh` bytes, which is its first block (RFC 5869 section 2.3)."""
        return hmac.digest(secret, b"sealroom step\x01", _HASHES[self.suite])

    def secret_info(self, epoch: int, step: int, to: int) -> bytes:
        """HPKE's `info` for the secret sent to the member at index `to` (section 8)."""
        return b"sealroom secret 1" + self.context(epoch) + bytes([step]) + to.to_bytes(4, "big")
