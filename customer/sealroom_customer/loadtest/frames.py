# SPDX-License-Identifier: Apache-2.0
"""Frames shaped like VP8 and Opus that say when they were made, and whose every other byte follows from what they say."""

import hashlib
import struct
from dataclasses import dataclass

from sealroom_customer.client.events import TrackName
from sealroom_customer.demo.synthetic import DELTA_TAG, KEY_TAG, OPUS_TOC

_HEAD = struct.Struct(">IQ")
"""Number, and nanoseconds of the monotonic clock at which it was handed to the client."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a frame says."""

    number: int
    made_ns: int


def make(sender: str, track: TrackName, stamp: Stamp, size: int, *, key: bool = False) -> bytes:
    """A frame of `size` bytes; `key` only means something for video."""
    tag = OPUS_TOC if track == "audio" else KEY_TAG if key else DELTA_TAG
    head = tag + _HEAD.pack(stamp.number, stamp.made_ns)
    return head + _rest(sender, track, head, size - len(head))


def read(sender: str, track: TrackName, frame: bytes) -> Stamp | None:
    """What a frame says if every byte of it is what `sender` made; None otherwise."""
    key = track != "audio" and frame[:1] == KEY_TAG[:1]
    tag = OPUS_TOC if track == "audio" else KEY_TAG if key else DELTA_TAG
    length = len(tag) + _HEAD.size
    head = frame[:length]
    if len(head) < length or not head.startswith(tag):
        return None
    if frame[length:] != _rest(sender, track, head, len(frame) - length):
        return None
    return Stamp(*_HEAD.unpack_from(head, len(tag)))


def _rest(sender: str, track: TrackName, head: bytes, size: int) -> bytes:
    """Cheap to make for long frames: one digest, again and again."""
    digest = hashlib.sha256(f"{sender} {track} ".encode() + head + size.to_bytes(4, "big")).digest()
    return (digest * (size // len(digest) + 1))[: max(0, size)]
