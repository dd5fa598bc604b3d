# SPDX-License-Identifier: Apache-2.0
"""base64url without padding (RFC 4648 section 5), in its one canonical form."""

import base64
import re

_ALPHABET = re.compile(r"[A-Za-z0-9_-]*")


def b64u(octets: bytes) -> str:
    """Encodes."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def from_b64u(text: str, length: int | None = None) -> bytes:
    """Decodes; raises ValueError on any other character, on spare bits that are not 0, and when it is not `length` bytes."""
    if not _ALPHABET.fullmatch(text):
        raise ValueError("not base64url")
    octets = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if b64u(octets) != text or (length is not None and len(octets) != length):
        raise ValueError("not canonical, or of another length")
    return octets
