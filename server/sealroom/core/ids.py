# SPDX-License-Identifier: Apache-2.0
"""Random identifiers and secrets. The source of randomness is an argument, so that tests can repeat a run."""

import random
import secrets
import struct

_ALPHANUMERIC = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_ICE_CHARS = _ALPHANUMERIC + "+/"


class Ids:
    """Draws from the system's generator unless given another one."""

    def __init__(self, source: random.Random | None = None) -> None:
        self._source = source or secrets.SystemRandom()
        self._ssrcs: list[int] = []

    def ice_text(self, length: int) -> str:
        """`length` characters of the ice-char set (RFC 8839 section 5.4), 6 bits each."""
        return "".join(_ICE_CHARS[byte & 63] for byte in self._source.randbytes(length))

    def ssrc(self, taken: set[int]) -> int:
        """An SSRC that is not 0 and not in `taken`, which it is added to."""
        while True:
            # Drawn by the dozen: an offer with many slots would ask the system that often.
            if not self._ssrcs:
                self._ssrcs += reversed(struct.unpack("<64I", self._source.randbytes(256)))
            found = self._ssrcs.pop()
            if found and found not in taken:
                taken.add(found)
                return found

    def number(self, bits: int) -> int:
        """A number of at most `bits` bits."""
        return self._source.getrandbits(bits)

    def alphanumeric(self, length: int) -> str:
        """`length` letters and digits, nearly 6 bits each: the shape of TRTC's API keys."""
        return "".join(self._source.choice(_ALPHANUMERIC) for _ in range(length))

    def secret(self) -> str:
        """64 hexadecimal digits, the shape of TRTC's secret keys."""
        return self._source.randbytes(32).hex()
