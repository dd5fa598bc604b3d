# SPDX-License-Identifier: Apache-2.0
"""Frames shaped like VP8 and Opus whose every byte follows from sender, track and number, so that a receiver can tell."""

import hashlib
import struct

from sealroom_customer.client.events import CodecName, TrackName

_NUMBER = struct.Struct(">I")
KEY_TAG = b"\x10\x00\x00\x9d\x01\x2a\x80\x02\x68\x01"
"""Frame tag of a shown key frame, start code, 640 x 360 (RFC 6386 section 9.1)."""
DELTA_TAG = b"\x11\x00\x00"
OPUS_TOC = b"\xfc"
"""One 20 ms CELT frame, stereo (RFC 6716 section 3.1)."""

KEY_BYTES, DELTA_BYTES, AUDIO_BYTES = 12_000, 2_500, 90


def codec_of(track: TrackName) -> CodecName:
    """What a track is sent with."""
    return "opus" if track == "audio" else "vp8"


def make(sender: str, track: TrackName, number: int, *, key: bool = False) -> bytes:
    """Frame `number` of a sender's track; `key` only means something for video."""
    head = OPUS_TOC if track == "audio" else KEY_TAG if key else DELTA_TAG
    size = AUDIO_BYTES if track == "audio" else KEY_BYTES if key else DELTA_BYTES
    seed = hashlib.sha256(f"{sender} {track} {number} {key}".encode()).digest()
    body = hashlib.shake_128(seed).digest(size - len(head) - _NUMBER.size)
    return head + _NUMBER.pack(number) + body


def number_of(sender: str, track: TrackName, frame: bytes) -> int | None:
    """The number of a frame if every byte of it is what `sender` sent; None otherwise."""
    key = track != "audio" and bool(frame) and not frame[0] & 1
    head = 1 if track == "audio" else len(KEY_TAG) if key else len(DELTA_TAG)
    if len(frame) < head + _NUMBER.size:
        return None
    (number,) = _NUMBER.unpack_from(frame, head)
    return int(number) if frame == make(sender, track, number, key=key) else None
