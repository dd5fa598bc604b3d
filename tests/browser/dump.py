# SPDX-License-Identifier: Apache-2.0
"""Reads what the operator accepted for forwarding: the dump of the engine's sink (`shard::DumpSink`), put together to frames."""

import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.browser import payloads

LENGTH = struct.Struct(">I")
FIXED = struct.Struct(">QQQIBBBB")
AUDIO = 1
TRACKS = {AUDIO: "audio", 2: "main", 3: "screen"}
OPUS_CODEC, RED_CODEC, VP8_CODEC, VP9_CODEC, H264_CODEC, AV1_CODEC = 1, 2, 3, 4, 5, 6
ASSEMBLED = {VP9_CODEC: payloads.vp9, H264_CODEC: payloads.h264, AV1_CODEC: payloads.av1}


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet as it was accepted: RTP payload in the operator's hands."""

    room: int
    peer: int
    track: int
    layer: int
    codec: int
    marker: bool
    sequence: int
    timestamp: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame as the operator could put it together, payload descriptors taken off."""

    peer: int
    track: str
    layer: int
    codec: int
    timestamp: int
    body: bytes


def packets(path: Path) -> Iterator[Packet]:
    """Every whole record of the dump."""
    return records(path.read_bytes())


def records(data: bytes) -> Iterator[Packet]:
    """Every whole record of a piece of the dump that begins with one."""
    place = 0
    while place + LENGTH.size <= len(data):
        (length,) = LENGTH.unpack_from(data, place)
        record = data[place + LENGTH.size : place + LENGTH.size + length]
        if len(record) < length:
            return
        room, peer, sequence, timestamp, track, layer, codec, marker = FIXED.unpack_from(record)
        yield Packet(room, peer, track, layer, codec, bool(marker), sequence, timestamp, record[FIXED.size :])
        place += LENGTH.size + length


def frames(found: Iterable[Packet]) -> list[Frame]:
    """Frames of which every packet is there, in order of their streams."""
    streams: dict[tuple[int, int, int], dict[int, Packet]] = defaultdict(dict)
    for packet in found:
        streams[packet.peer, packet.track, packet.layer][packet.sequence] = packet
    return [frame for stream in streams.values() for frame in _frames_of(stream)]


def _frames_of(stream: dict[int, Packet]) -> Iterator[Frame]:
    parts: list[Packet] = []
    for sequence in sorted(stream):
        packet = stream[sequence]
        if parts and (packet.timestamp != parts[-1].timestamp or sequence != parts[-1].sequence + 1):
            parts = []
        if not parts and not starts(packet):
            continue
        parts.append(packet)
        if packet.marker or packet.track == AUDIO:
            yield Frame(
                packet.peer,
                TRACKS[packet.track],
                packet.layer,
                packet.codec,
                packet.timestamp,
                body_of(parts),
            )
            parts = []


def starts(packet: Packet) -> bool:
    """Whether a frame may begin with this packet."""
    first = packet.payload[0]
    if packet.codec == VP8_CODEC:
        return bool(first & 0x10)
    if packet.codec == VP9_CODEC:
        return bool(first & 0x08)
    return packet.codec != AV1_CODEC or not first & 0x80


def body_of(parts: list[Packet]) -> bytes:
    """The frame that all of these packets make; H.264 in Annex B form, AV1 as one OBU with its size."""
    assembled = ASSEMBLED.get(parts[0].codec)
    if assembled is not None:
        return assembled([part.payload for part in parts])
    return b"".join(part.payload[_descriptor(part) :] for part in parts)


def _descriptor(packet: Packet) -> int:
    """Length of the VP8 payload descriptor (RFC 7741 section 4.2); 0 for audio."""
    if packet.codec != VP8_CODEC:
        return 0
    payload = packet.payload
    if not payload[0] & 0x80:
        return 1
    extension, length = payload[1], 2
    if extension & 0x80:
        length += 2 if payload[length] & 0x80 else 1
    length += bool(extension & 0x40)
    return length + bool(extension & 0x30)


def clear_prefix(frame: Frame) -> int:
    """How many bytes of the frame may be in clear: `protocol/sealing.md` section 5."""
    if frame.codec == VP8_CODEC:
        return 3 if frame.body[0] & 1 else 10
    return 0


@dataclass(frozen=True, slots=True)
class SframeHeader:
    """The header behind the clear prefix."""

    kid: int
    counter: int
    length: int


def sframe_header(frame: Frame) -> SframeHeader | None:
    """The SFrame header where one must be (RFC 9605 section 4.3), or None if there is none of minimal form."""
    body = frame.body[clear_prefix(frame) :]
    if not body:
        return None
    first, place = body[0], 1

    def field(value: int, extended: int) -> int | None:
        nonlocal place
        if not extended:
            return value
        taken = body[place : place + value + 1]
        place += value + 1
        number = int.from_bytes(taken, "big")
        minimal = len(taken) == value + 1 and taken[0] != 0 and number >= 8
        return number if minimal else None

    kid = field(first >> 4 & 7, first & 0x80)
    counter = field(first & 7, first & 0x08)
    if kid is None or counter is None or kid >= 1 << 30 or len(body) < place + 16:
        return None
    # Every fourth frame in clear would pass for one with a short header otherwise.
    if TRACKS.get(kid & 15) != frame.track:
        return None
    return SframeHeader(kid, counter, place)
