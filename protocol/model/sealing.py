# SPDX-License-Identifier: Apache-2.0
"""Key schedule and frames of `protocol/sealing.md`, sections 2 to 5, and what is signed and sealed in section 8."""

import hashlib
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
    if codec != "vp8":
        return 0
    return 3 if frame[0] & 1 else 10


def metadata(track: str, codec: str, prefix: bytes) -> bytes:
    """Section 5."""
    return bytes([TRACKS[track], CODECS[codec]]) + len(prefix).to_bytes(2, "big") + prefix


def seal(
    suite: int, key_id: int, counter: int, base_key: bytes, track: str, codec: str, frame: bytes
) -> bytes:
    """One frame of an encoder, sealed."""
    length = prefix_length(codec, frame)
    prefix, body = frame[:length], frame[length:]
    said = metadata(track, codec, prefix)
    return prefix + sframe.seal(sframe.SUITES[suite], key_id, counter, base_key, said, body)


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
