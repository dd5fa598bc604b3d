# SPDX-License-Identifier: Apache-2.0
"""What stands in clear at the begin of a sealed frame: the SFrame header (RFC 9605 section 4.3) and the key id in it.

Both sides read it: a member to find the key, the operator because it lies open. No key is needed, and none is known here.
"""

from dataclasses import dataclass

TAG_BYTES = 16
"""The authentication tag of suites 4 and 5."""
MAX_HEADER_BYTES = 17
"""A config byte, eight bytes of key id, eight of counter."""
MAX_COUNTER = 2**40
"""A sender stops here (`protocol/sealing.md` section 4)."""
DATA_TRACK = 4
_KEY_ID_BITS = 30


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """A header of `length` bytes; key id and counter as numbers."""

    key_id: int
    counter: int
    length: int


@dataclass(frozen=True, slots=True)
class KeyId:
    """A key id, taken apart. `epoch` is the epoch modulo 64, `index` the sender's place in the roster."""

    epoch: int
    step: int
    index: int
    track: int


def read_frame_header(frame: bytes) -> FrameHeader:
    """Reads the header at the begin of `frame`; raises ValueError if it is cut off or not of minimal length."""
    if not frame:
        raise ValueError("no header")
    key_id, behind = _field(frame, frame[0] >> 4, 1)
    counter, length = _field(frame, frame[0] & 15, behind)
    return FrameHeader(key_id, counter, length)


def read_key_id(number: int) -> KeyId:
    """Takes a key id apart; raises ValueError if it has more than 30 bits and so is none of ours."""
    if number >> _KEY_ID_BITS:
        raise ValueError("not one of our key ids")
    return KeyId(number >> 24, number >> 20 & 0xF, number >> 4 & 0xFFFF, number & 0xF)


def _field(frame: bytes, half: int, at: int) -> tuple[int, int]:
    """The value that one half of the config byte stands for, and where what follows begins."""
    if half < 8:
        return half, at
    end = at + half - 7
    value = int.from_bytes(frame[at:end], "big")
    if end > len(frame) or frame[at] == 0 or value < 8:
        raise ValueError("cut off, or longer than need be")
    return value, end
