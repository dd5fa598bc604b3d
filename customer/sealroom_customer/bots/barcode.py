# SPDX-License-Identifier: Apache-2.0
"""The barcode in a test picture: who made it and which picture of his it is, so that a receiver can tell.

32 bars of equal width, first the highest bit: u8 sender, u16 number, u8 checksum. A dark bar is 0 and a bright one 1.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

Picture: TypeAlias = np.ndarray[tuple[int, int], np.dtype[np.uint8]]
"""Brightness, height x width."""
BITS = 32
READ_AT = 0.875
"""Where between top and bottom it is read."""
_TOP, _BOTTOM = 0.82, 0.93
_DARK, _BRIGHT = 24, 232


@dataclass(frozen=True, slots=True)
class Mark:
    """What a barcode says."""

    sender: int
    number: int


def draw(picture: Picture, mark: Mark) -> None:
    """Draws the barcode into a picture. `number` counts modulo 2^16."""
    number = mark.number % 2**16
    value = mark.sender << 24 | number << 8 | _checksum(mark.sender, number)
    bits = np.array([value >> (BITS - 1 - place) & 1 for place in range(BITS)], dtype=bool)
    height, width = picture.shape
    row = np.where(bits[np.arange(width) * BITS // width], _BRIGHT, _DARK)
    picture[int(height * _TOP) : int(height * _BOTTOM)] = row


def read(picture: Picture) -> Mark | None:
    """The barcode in a picture; None if there is none whose checksum holds."""
    height, width = picture.shape
    row = picture[int(height * READ_AT)]
    value = 0
    for place in range(BITS):
        value = value << 1 | int(row[int((place + 0.5) * width / BITS)] > 128)
    sender, number, check = value >> 24, value >> 8 & 0xFFFF, value & 0xFF
    return Mark(sender, number) if check == _checksum(sender, number) else None


def _checksum(sender: int, number: int) -> int:
    return (90 + sender * 31 + (number & 0xFF) * 7 + (number >> 8) * 13) & 0xFF
