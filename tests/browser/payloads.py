# SPDX-License-Identifier: Apache-2.0
"""Puts the RTP payloads of a sealed frame together again, for each codec, as a receiver's depacketiser does."""

from collections.abc import Iterator

from protocol.model.sealing import to_leb128

STAP_A, FU_A = 24, 28


def h264(payloads: list[bytes]) -> bytes:
    """Annex B, as RFC 6184 section 5 puts it together."""
    return b"".join(unit for payload in payloads for unit in _units(payload))


def _units(payload: bytes) -> Iterator[bytes]:
    kind = payload[0] & 31
    if kind == FU_A:
        first = payload[1] & 0x80
        yield (b"\0\0\0\1" + bytes([payload[0] & 0xE0 | payload[1] & 31]) if first else b"") + payload[2:]
    elif kind == STAP_A:
        place = 1
        while place < len(payload):
            length = int.from_bytes(payload[place : place + 2], "big")
            yield b"\0\0\0\1" + payload[place + 2 : place + 2 + length]
            place += 2 + length
    else:
        yield b"\0\0\0\1" + payload


def vp9(payloads: list[bytes]) -> bytes:
    """What lies behind the payload descriptors (RFC 9628 section 4.2)."""
    return b"".join(payload[_vp9_descriptor(payload) :] for payload in payloads)


def _vp9_descriptor(payload: bytes) -> int:
    flags, place = payload[0], 1
    if flags & 0x80:
        place += 2 if payload[place] & 0x80 else 1
    if flags & 0x20:
        place += 1 if flags & 0x10 else 2
    if flags & 0x50 == 0x50:
        while payload[place] & 1:
            place += 1
        place += 1
    if flags & 0x02:
        head = payload[place]
        place += 1 + (4 * ((head >> 5) + 1) if head & 0x10 else 0)
        if head & 0x08:
            pictures, place = payload[place], place + 1
            for _ in range(pictures):
                place += 1 + (payload[place] >> 2 & 3)
    return place


def av1(payloads: list[bytes]) -> bytes:
    """The one OBU of a sealed temporal unit, its size written into it (AV1 RTP specification section 5)."""
    assert all(payload[0] & 0x30 == 0x10 for payload in payloads), "one OBU in each packet"
    assert [payload[0] >> 7 for payload in payloads] == [0] + [1] * (len(payloads) - 1), "one OBU in all"
    obu = b"".join(payload[1:] for payload in payloads)
    return bytes([obu[0] | 2]) + to_leb128(len(obu) - 1) + obu[1:]
