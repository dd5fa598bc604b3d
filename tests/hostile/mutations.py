# SPDX-License-Identifier: Apache-2.0
"""Seeded faults in good input."""

import random


def mutated(source: random.Random, good: bytes) -> bytes:
    """`good` with one to four faults: bits flipped, bytes cut out or put in, extreme values."""
    data = bytearray(good)
    for _ in range(source.randrange(1, 5)):
        place = source.randrange(len(data) + 1)
        match source.randrange(4):
            case 0 if place < len(data):
                data[place] ^= 1 << source.randrange(8)
            case 1:
                del data[place : place + source.randrange(1, 16)]
            case 2:
                data[place:place] = source.randbytes(source.randrange(1, 16))
            case _ if place < len(data):
                data[place] = source.choice((0, 1, 0x7F, 0x80, 0xFF))
            case _:
                pass
    return bytes(data)
