# SPDX-License-Identifier: Apache-2.0
"""VP8 and Opus by PyAV, set up as for a call: one picture in, one frame out, nothing held back."""

from fractions import Fraction

import av
import numpy as np
from av.video.frame import PictureType

from sealroom_customer.bots.barcode import Picture
from sealroom_customer.bots.pattern import SAMPLE_RATE

VIDEO_CLOCK = 90_000
"""RTP clock of video (RFC 7741)."""


class Vp8Encoder:
    """Pictures to VP8 frames."""

    def __init__(self, width: int, height: int, rate: int, bits_per_second: int) -> None:
        codec = av.CodecContext.create("libvpx", "w")
        codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
        codec.time_base = Fraction(1, rate)
        codec.framerate = Fraction(rate)
        codec.bit_rate = bits_per_second
        codec.gop_size = rate * 60
        codec.thread_count = 1
        codec.options = {
            "deadline": "realtime",
            "cpu-used": "8",
            "lag-in-frames": "0",
            "error-resilient": "1",
        }
        self._codec = codec
        self._number = 0

    def encode(self, planes: np.ndarray[tuple[int, int], np.dtype[np.uint8]], *, key: bool) -> bytes:
        """One frame of YUV 4:2:0 planes; a key frame if `key`. Empty if the encoder dropped it to keep its bit rate."""
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts = self._number
        self._number += 1
        if key:
            frame.pict_type = PictureType.I
        return b"".join(bytes(packet) for packet in self._codec.encode(frame))


class OpusEncoder:
    """Blocks of 20 ms to Opus frames."""

    def __init__(self, bits_per_second: int = 24_000) -> None:
        codec = av.CodecContext.create("libopus", "w")
        codec.sample_rate, codec.layout, codec.format = SAMPLE_RATE, "mono", "s16"
        codec.bit_rate = bits_per_second
        codec.options = {"application": "voip", "frame_duration": "20"}
        self._codec = codec
        self._samples = 0

    def encode(self, samples: np.ndarray[tuple[int, int], np.dtype[np.int16]]) -> bytes:
        """One frame; empty for the first block or two, which fill the encoder."""
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate, frame.pts = SAMPLE_RATE, self._samples
        self._samples += samples.shape[1]
        return b"".join(bytes(packet) for packet in self._codec.encode(frame))


class Vp8Decoder:
    """VP8 frames to brightness; starts anew after what it cannot read."""

    def __init__(self) -> None:
        self._codec = av.CodecContext.create("vp8", "r")

    def decode(self, frame: bytes) -> list[Picture]:
        """The pictures that a frame yields, as height x width; none if it is no VP8."""
        try:
            return [
                one.to_ndarray(format="gray").astype(np.uint8) for one in self._codec.decode(av.Packet(frame))
            ]
        except av.error.FFmpegError:
            self._codec = av.CodecContext.create("vp8", "r")
            return []
