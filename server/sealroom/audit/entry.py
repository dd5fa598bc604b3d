# SPDX-License-Identifier: Apache-2.0
"""An entry as it is hashed: a form once used stays for ever, for every proof rests on it."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

import msgspec

FIRST = bytes(32)
"""What stands for the entry before the first."""
FORM = 2
"""The form in which who did it stands in the leaf as a role and a commitment to the name. The first had no number, and the name itself."""
_SALT_BYTES = 32


@dataclass(frozen=True, slots=True)
class Body:
    """What of an entry is kept for ever. `previous` is the hash of the leaf before.

    Without `actor_commitment` the leaf is of the first form, in which **`actor` may name one of the operator's staff**.
    """

    leaf: int
    id: int
    at: int
    event: str
    actor: str
    target: str
    commitment: bytes
    previous: bytes
    actor_commitment: bytes | None = None

    @property
    def form(self) -> int:
        """Of the leaf."""
        return 1 if self.actor_commitment is None else FORM

    def octets(self) -> bytes:
        """JSON with sorted keys and without spaces; bytes as hexadecimal digits."""
        told: dict[str, str | int] = {
            "actor": self.actor, "at": self.at, "commitment": self.commitment.hex(), "event": self.event, "id": self.id,
            "leaf": self.leaf, "previous": self.previous.hex(), "target": self.target,
        }  # fmt: skip
        if self.actor_commitment is not None:
            told |= {"actor_commitment": self.actor_commitment.hex(), "form": FORM}
        return msgspec.json.encode(told, order="sorted")


@dataclass(frozen=True, slots=True)
class Erasable:
    """A text that may be erased: the commitment to it stays."""

    text: str
    salt: bytes

    @classmethod
    def of(cls, text: str) -> "Erasable":
        """With a fresh salt: without it nobody can try out what a commitment stands for, nor see that two stand for the same."""
        return cls(text, secrets.token_bytes(_SALT_BYTES))

    def commitment(self) -> bytes:
        """HMAC-SHA-256 of the text under the salt."""
        return hmac.digest(self.salt, self.text.encode(), hashlib.sha256)


def written(details: dict[str, str | int]) -> str:
    """Details as they are kept, and committed to: JSON with sorted keys."""
    return msgspec.json.encode(details, order="sorted").decode()
