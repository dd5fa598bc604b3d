# SPDX-License-Identifier: Apache-2.0
"""An entry as it is hashed: the form is for ever, for every proof rests on it."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

import msgspec

FIRST = bytes(32)
"""What stands for the entry before the first."""
_SALT_BYTES = 32


@dataclass(frozen=True, slots=True)
class Body:
    """What of an entry is kept for ever. `previous` is the hash of the leaf before."""

    leaf: int
    id: int
    at: int
    event: str
    actor: str
    target: str
    commitment: bytes
    previous: bytes

    def octets(self) -> bytes:
        """JSON with sorted keys and without spaces; bytes as hexadecimal digits."""
        return msgspec.json.encode(
            {
                "actor": self.actor, "at": self.at, "commitment": self.commitment.hex(), "event": self.event, "id": self.id,
                "leaf": self.leaf, "previous": self.previous.hex(), "target": self.target,
            },
            order="sorted",
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Payload:
    """What may be erased."""

    text: str
    salt: bytes

    @classmethod
    def of(cls, details: dict[str, str | int]) -> "Payload":
        """With a fresh salt: without it nobody can try out what a commitment stands for."""
        return cls(msgspec.json.encode(details, order="sorted").decode(), secrets.token_bytes(_SALT_BYTES))

    def commitment(self) -> bytes:
        """HMAC-SHA-256 of the text under the salt."""
        return hmac.digest(self.salt, self.text.encode(), hashlib.sha256)
