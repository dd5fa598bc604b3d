# SPDX-License-Identifier: Apache-2.0
"""Encrypts what is appended to a file, frame by frame, under a key of that file alone.

**A number is used for one frame only**: it is the nonce (NIST SP 800-38D, 8.2.1), and two frames under one would open both.
"""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
TAG_BYTES = 16
_NONCE_BYTES = 12


class FrameDamaged(Exception):  # noqa: N818 - what it is
    """A frame that is not as it was written, or not where."""


def fresh_key() -> bytes:
    """A new key for one file."""
    return secrets.token_bytes(KEY_BYTES)


class FrameCipher:
    """AES-256-GCM. Its representation shows nothing of the key."""

    __slots__ = ("_bound", "_cipher", "next_number")

    def __init__(self, key: bytes, bound: bytes) -> None:
        """`bound`: what every frame belongs to, the file's header. Moved to another file a frame does not open."""
        self._cipher, self._bound, self.next_number = AESGCM(key), bound, 0

    def seal(self, number: int, plaintext: bytes) -> bytes:
        """Raises ValueError for a number that is not above all before it."""
        if number < self.next_number:
            raise ValueError("a frame's number is used once")
        self.next_number = number + 1
        return self._cipher.encrypt(number.to_bytes(_NONCE_BYTES, "big"), plaintext, self._bound)

    def open(self, number: int, ciphertext: bytes) -> bytes:
        """Raises FrameDamaged unless it is that frame of that file."""
        try:
            return self._cipher.decrypt(number.to_bytes(_NONCE_BYTES, "big"), ciphertext, self._bound)
        except (InvalidTag, ValueError):
            raise FrameDamaged("The frame is not as it was written.") from None
