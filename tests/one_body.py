# SPDX-License-Identifier: Apache-2.0
"""No (epoch, KID, counter) with two bodies: watched over everything that any operator of any test forwards.

AES-GCM with one nonce for two bodies gives both away, and with them the key that authenticates. The operator sees key ids and
counters, so he would see it; so does this witness, on the dump of the engine's sink.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from protocol.model import sframe
from protocol.model.sealing import leb128, prefix_length
from tests.browser import dump

CODECS = {
    dump.OPUS_CODEC: "opus", dump.RED_CODEC: "red", dump.VP8_CODEC: "vp8", dump.VP9_CODEC: "vp9", dump.H264_CODEC: "h264",
    dump.AV1_CODEC: "av1",
}  # fmt: skip
EPOCHS = 64
"""A key id carries the epoch modulo this."""


@dataclass(frozen=True, slots=True)
class Stream:
    """What counts as one run of RTP timestamps."""

    room: int
    peer: int
    track: int
    layer: int


@dataclass
class Witness:
    """Remembers the body of every counter. Feed it packets in the order of their acceptance, all at once or bit by bit.

    A room is the operator's: its number is new when it is opened anew. Within it the epoch is counted on over the 64 that a key id can tell apart,
    so that the 65th is not taken for the first.
    """

    frames: int = 0
    _waiting: dict[tuple[Stream, int], dict[int, dump.Packet]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    _epochs: dict[int, int] = field(default_factory=dict)
    _bodies: dict[tuple[int, int, int, int], tuple[tuple[Stream, int], bytes]] = field(default_factory=dict)

    def watch(self, packets: Iterable[dump.Packet]) -> None:
        """Takes packets. Raises AssertionError for a counter with two bodies."""
        for packet in packets:
            assert packet.codec in CODECS, f"codec {packet.codec} is not watched: say how its frames begin"
            stream = Stream(packet.room, packet.peer, packet.track, packet.layer)
            if packet.codec in (dump.OPUS_CODEC, dump.RED_CODEC):
                self._judge((stream, packet.sequence), [packet])
                continue
            place = (stream, packet.timestamp)
            self._waiting[place][packet.sequence] = packet
            parts = [self._waiting[place][number] for number in sorted(self._waiting[place])]
            if _whole(parts):
                self._judge(place, parts)

    def _judge(self, place: tuple[Stream, int], parts: list[dump.Packet]) -> None:
        body = dump.body_of(parts)
        header = _header(CODECS[parts[0].codec], body)
        if header is None:
            # In clear or cut off: for the tests that look for it.
            return
        kid, counter = header
        room = place[0].room
        epoch = self._epoch(room, kid >> 24)
        name = (room, epoch, kid, counter)
        earlier_place, earlier = self._bodies.setdefault(name, (place, body))
        # The same frame, more of which has come: only where packets of a picture overtook each other.
        grown = earlier_place == place and (body.startswith(earlier) or body.endswith(earlier))
        if grown:
            self._bodies[name] = (place, body)
        assert grown or body == earlier, (
            f"two bodies under one counter: room {room}, epoch {epoch}, key id {kid:#x}, counter {counter}; "
            f"in {earlier_place} and in {place}"
        )
        self.frames += 1

    def _epoch(self, room: int, told: int) -> int:
        """The epoch that comes nearest to the latest one of the room."""
        latest = self._epochs.get(room, told)
        epoch = latest + (told - latest + EPOCHS // 2) % EPOCHS - EPOCHS // 2
        self._epochs[room] = max(latest, epoch)
        return epoch


def check(path: Path) -> int:
    """Judges a whole dump; returns how many frames it held. Raises AssertionError for a counter with two bodies."""
    witness = Witness()
    if path.exists():
        witness.watch(dump.packets(path))
    return witness.frames


def _whole(parts: list[dump.Packet]) -> bool:
    together = parts[-1].sequence - parts[0].sequence + 1 == len(parts)
    return together and parts[-1].marker and dump.starts(parts[0])


def _header(codec: str, body: bytes) -> tuple[int, int] | None:
    try:
        sealed = body[prefix_length(codec, body) :]
        if codec == "h264":
            # A header is at most 17 bytes; escapes that stand in it are taken out.
            sealed = sealed[:32].replace(b"\0\0\3", b"\0\0")
        elif codec == "av1":
            _, sealed = leb128(sealed)
        kid, counter, _ = sframe.decode_header(sealed)
    except (ValueError, IndexError):
        return None
    return kid, counter
