# SPDX-License-Identifier: Apache-2.0
"""Key schedule and frames of `protocol/sealing.md`, sections 2 to 5, and what is signed and sealed in section 8."""

import hashlib
import re
from dataclasses import dataclass

from protocol.model import sframe

TRACKS = {"audio": 1, "main": 2, "screen": 3, "data": 4}
CODECS = {"opus": 1, "red": 2, "vp8": 3, "vp9": 4, "h264": 5, "av1": 6, "data": 7}


@dataclass(frozen=True, slots=True)
class Room:
    """Section 2 without the epoch."""

    suite: int
    app: int
    kind: str
    room: str
    instance: bytes

    def context(self, epoch: int) -> bytes:
        """The room context of one epoch."""
        name = self.room.encode()
        return (
            b"sealroom 1"
            + self.suite.to_bytes(2, "big")
            + self.app.to_bytes(4, "big")
            + bytes([{"number": 0, "string": 1}[self.kind]])
            + len(name).to_bytes(2, "big")
            + name
            + self.instance
            + epoch.to_bytes(8, "big")
        )

    def first_secret(self, epoch: int, epoch_secret: bytes) -> bytes:
        """s_0."""
        return sframe.extract(self._hash, hashlib.sha256(self.context(epoch)).digest(), epoch_secret)

    def next_secret(self, secret: bytes) -> bytes:
        """s_(k+1)."""
        return sframe.expand(self._hash, secret, b"sealroom step", len(secret))

    def base_key(self, secret: bytes, epoch: int, step: int, index: int, track: str) -> bytes:
        """The base key of one sender and track."""
        info = b"sealroom sender" + epoch.to_bytes(8, "big") + bytes([step]) + index.to_bytes(4, "big")
        return sframe.expand(self._hash, secret, info + bytes([TRACKS[track]]), len(secret))

    def hpke_info(self, epoch: int, step: int, to: int) -> bytes:
        """`info` of the secret sealed to one member."""
        return b"sealroom secret 1" + self.context(epoch) + bytes([step]) + to.to_bytes(4, "big")

    @property
    def _hash(self) -> str:
        return sframe.SUITES[self.suite].hash


def kid(epoch: int, step: int, index: int, track: str) -> int:
    """Section 4."""
    return (epoch % 64) << 24 | step << 20 | index << 4 | TRACKS[track]


def prefix_length(codec: str, frame: bytes) -> int:
    """Section 5: how much of a frame stays in clear."""
    match codec:
        case "h264":
            return _h264_prefix_length(frame)
        case "av1" if frame[:1] in (AV1_SEQUENCE, AV1_OTHER):
            return 1
        case "av1":
            raise ValueError("not one OBU of ours")
        case "vp8":
            return 3 if frame[0] & 1 else 10
        case _:
            return 0


AV1_SEQUENCE, AV1_OTHER = b"\x0a", b"\x72"


def form(codec: str, frame: bytes) -> bytes:
    """The form in which an encoder's frame is sealed. Raises ValueError for what is not understood."""
    match codec:
        case "h264":
            return h264_form(frame)
        case "av1":
            return _av1_form(frame)
        case _:
            return frame


def opened(codec: str, frame: bytes) -> bytes:
    """What a decoder gets of a frame that had `form`."""
    return frame[1:] if codec == "av1" else frame


def _av1_form(unit: bytes) -> bytes:
    rest = unit
    while rest[0] >> 3 == 2:
        if not rest[0] & 2:
            raise ValueError("a delimiter without size")
        size, begin = leb128(rest[1 + bool(rest[0] & 4) :])
        rest = begin[size:]
    if rest[0] & 0x80:
        raise ValueError("the forbidden bit")
    return (AV1_SEQUENCE if rest[0] >> 3 == 1 else AV1_OTHER) + unit


def leb128(data: bytes) -> tuple[int, bytes]:
    """A number at the begin of `data` (AV1 specification section 4.10.5), and what lies behind it."""
    for at, byte in enumerate(data[:8]):
        if byte < 0x80:
            return sum((one & 0x7F) << 7 * place for place, one in enumerate(data[: at + 1])), data[at + 1 :]
    raise ValueError("no number")


def to_leb128(number: int) -> bytes:
    """The shortest form of a number."""
    groups = max(1, -(-number.bit_length() // 7))
    return bytes(number >> 7 * at & 0x7F | 0x80 * (at < groups - 1) for at in range(groups))


class SealAgainError(ValueError):
    """The sealed bytes may not stand in a frame of this codec: take the next counter."""


def h264_form(frame: bytes) -> bytes:
    """The one form of an H.264 access unit. Raises ValueError for what is not understood."""
    begin, *units = frame.split(b"\0\0\1")
    if begin.strip(b"\0") or not units:
        raise ValueError("no start code")
    form = b""
    for number, unit in enumerate(units):
        kind = unit[0] & 31 if unit else 0
        if kind in (1, 5):
            return form + b"\0\0\0\1" + b"\0\0\1".join(units[number:])
        if kind in (7, 8, 9):
            form += b"\0\0\0\1" + unit.rstrip(b"\0")
        elif kind not in (6, 12):
            raise ValueError(f"unit of type {kind}")
    raise ValueError("no slice")


def _h264_prefix_length(frame: bytes) -> int:
    """Of a frame in its one form: through the byte in which the parameter-set id ends."""
    found = re.search(rb"\x00\x00\x01[\x01\x05\x21\x25\x41\x45\x61\x65]", frame)
    if found is None:
        raise ValueError("no slice")
    bits, ends, zeros, at = "", [], 0, found.end()
    for at, byte in enumerate(frame[found.end() :], found.end()):
        if zeros >= 2 and byte == 3:
            zeros = 0
            continue
        zeros = zeros + 1 if byte == 0 else 0
        bits += f"{byte:08b}"
        ends.append(at + 1)
        if three := re.match(r"(?:1|01.|001..|0001...|00001.{4}|000001.{5}){3}", bits):
            return ends[(three.end() - 1) // 8]
    raise ValueError("the slice header is cut off")


def h264_escaped(prefix: bytes, sealed: bytes) -> bytes:
    """Section 5: `sealed` as it stands behind `prefix`."""
    if sealed.endswith(b"\0"):
        raise SealAgainError
    # Two bytes of context, and one in front that is not zero.
    context = b"\xff" + prefix[-2:]
    whole = context + sealed
    # Overlapping runs: what was put in breaks a run of zeros.
    return re.sub(rb"\x00\x00(?=[\x00-\x03])", b"\0\0\3", whole)[len(context) :]


def metadata(track: str, codec: str, prefix: bytes) -> bytes:
    """Section 5."""
    return bytes([TRACKS[track], CODECS[codec]]) + len(prefix).to_bytes(2, "big") + prefix


def seal(
    suite: int, key_id: int, counter: int, base_key: bytes, track: str, codec: str, frame: bytes
) -> bytes:
    """One frame of an encoder, sealed. Raises SealAgainError when the next counter has to be taken."""
    frame = form(codec, frame)
    length = prefix_length(codec, frame)
    prefix, body = frame[:length], frame[length:]
    said = metadata(track, codec, prefix)
    sealed = sframe.seal(sframe.SUITES[suite], key_id, counter, base_key, said, body)
    match codec:
        case "h264":
            return prefix + h264_escaped(prefix, sealed)
        case "av1":
            return prefix + to_leb128(len(sealed)) + sealed
        case _:
            return prefix + sealed


def custom_body(command: int, sequence: int, data: bytes) -> bytes:
    """Section 10."""
    if not 1 <= command <= 10 or len(data) > 1024:
        raise ValueError("no custom message")
    return command.to_bytes(2, "big") + sequence.to_bytes(4, "big") + data


def authentication(
    authority_key: bytes, app: int, kind: str, room: str, members: dict[str, bytes]
) -> list[int]:
    """Section 9: six numbers of eleven bits."""
    text = b"sealroom authentication 1\n" + authority_key + app.to_bytes(4, "big")
    text += bytes([{"number": 0, "string": 1}[kind]]) + len(room.encode()).to_bytes(2, "big") + room.encode()
    text += len(members).to_bytes(4, "big")
    for user in sorted(members, key=str.encode):
        text += len(user.encode()).to_bytes(2, "big") + user.encode() + members[user]
    bits = "".join(f"{byte:08b}" for byte in hashlib.sha256(text).digest())
    return [int(bits[at : at + 11], 2) for at in range(0, 66, 11)]
