# SPDX-License-Identifier: Apache-2.0
"""Sealed H.264 before a real decoder's scanner: it finds the units that were sent, and no start code in what is sealed.

The scanner is libavcodec's (`filter_units`), which splits a frame into NAL units as its decoder does.
"""

import io
import random
from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext
from sealroom_sim import SealedH264

from protocol.model.sealing import h264_form

PARAMETER_SETS = bytes.fromhex("000000016742c01f8c8d40501e 0000000168ce3c80")
# An IDR slice: first_mb_in_slice 0, slice_type 7, pic_parameter_set_id 0 end in its second byte.
SLICE = bytes.fromhex("0000000165b8")
FRAMES = 10_000


class Scanner:
    """The NAL units of one type that libavcodec finds in a frame, with their start codes."""

    def __init__(self, rule: str) -> None:
        self.container = av.open(io.BytesIO(), "w", format="h264")
        stream = self.container.add_stream("libx264")
        self.filter = BitStreamFilterContext(f"filter_units={rule}", stream)

    def find(self, frame: bytes) -> bytes:
        return b"".join(bytes(packet) for packet in self.filter.filter(av.Packet(frame)))


def test_ten_thousand_random_bodies_make_no_start_code() -> None:
    draw = random.Random(264)
    sealing = SealedH264(draw.randbytes(64))
    slices, others = Scanner("pass_types=5"), Scanner("remove_types=5")
    escaped = 0
    for number in range(FRAMES):
        # Most as long as one packet, some as a key frame of 720p.
        body = draw.randbytes(60_000 if number % 100 == 0 else draw.randrange(20, 1_500))
        frame = PARAMETER_SETS + SLICE + body
        sealed = sealing.seal(frame)
        assert sealed.startswith(PARAMETER_SETS + SLICE)
        found = sealed[len(PARAMETER_SETS) :]
        assert slices.find(sealed) == found, number
        assert others.find(sealed) == PARAMETER_SETS, number
        escaped += found.count(b"\0\0\3")
        assert sealing.open(sealed) == frame
    assert escaped > 1, "no body needed an escape: this run shows nothing"


def test_frames_of_a_real_encoder_open_and_decode() -> None:
    sealing = SealedH264(random.Random(1).randbytes(64))
    decoder = av.CodecContext.create("h264", "r")
    pictures = 0
    for frame in _encoded(20):
        sealed = sealing.seal(frame)
        opened = sealing.open(sealed)
        assert opened == h264_form(frame)
        pictures += len(decoder.decode(av.Packet(opened)))
    pictures += len(decoder.decode(None))
    assert pictures == 20


def test_a_frame_that_was_changed_on_the_way_is_refused() -> None:
    sealing = SealedH264(random.Random(2).randbytes(64))
    sealed = sealing.seal(PARAMETER_SETS + SLICE + bytes(range(200)))
    body = len(PARAMETER_SETS + SLICE)
    # A parameter set, the slice's type, the counter's header, the body, the tag.
    for at in (8, body - 1, body, body + 40, len(sealed) - 1):
        changed = bytearray(sealed)
        changed[at] ^= 0x10
        with pytest.raises(ValueError, match=r"bad_tag|malformed|clear|no_key|wrong_sender"):
            sealing.open(bytes(changed))
    with pytest.raises(ValueError, match="malformed"):
        sealing.open(sealed + b"\0\0\0\1\x65\xb8")
    assert sealing.open(sealed) == PARAMETER_SETS + SLICE + bytes(range(200))


def _encoded(frames: int) -> Iterator[bytes]:
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = 320, 240, "yuv420p"
    encoder.time_base = Fraction(1, 25)
    # Three slices in each picture, SEI in the first.
    encoder.options = {"tune": "zerolatency", "preset": "ultrafast", "x264-params": "slices=3:keyint=8"}
    draw = np.random.default_rng(5)
    for number in range(frames):
        picture = draw.integers(0, 255, (360, 320), dtype=np.uint8)
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts = number
        yield from (bytes(packet) for packet in encoder.encode(frame))
    yield from (bytes(packet) for packet in encoder.encode(None))
