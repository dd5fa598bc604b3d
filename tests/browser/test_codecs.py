# SPDX-License-Identifier: Apache-2.0
"""A sealed call in H.264: Chromium's packetiser and depacketiser take sealed frames, and the operator gets no picture."""

import itertools
from collections.abc import Iterator

import av
import numpy as np

from protocol.model import sframe
from protocol.model.sealing import h264_form, prefix_length
from tests.browser import dump
from tests.browser.conftest import Callers
from tests.browser.test_what_the_operator_gets import barcode_readable
from tests.deployment import Deployment

H264_CODEC = 5
STAP_A, FU_A = 24, 28


def test_two_pages_see_each_other_in_h264_and_the_operator_sees_nobody(
    callers: Callers, running: Deployment
) -> None:
    alice, bob = callers.enter("alice", codec="video/H264"), callers.enter("bob", codec="video/H264")
    alice.sees(bob)
    bob.sees(alice)
    carol = callers.enter("carol", codec="video/H264")
    carol.sees(alice)
    for one in (alice, bob, carol):
        one.shows_only_right_pictures([alice, bob, carol])
    video = [packet for packet in dump.packets(running.sink) if dump.TRACKS[packet.track] == "main"]
    assert {packet.codec for packet in video} == {H264_CODEC}
    total = 0
    for _, stream in itertools.groupby(
        sorted(video, key=lambda packet: (packet.peer, packet.layer)),
        lambda packet: (packet.peer, packet.layer),
    ):
        frames = list(_access_units(sorted(stream, key=lambda packet: packet.sequence)))
        total += len(frames)
        for frame in frames:
            form = h264_form(frame)
            assert form == frame, "a unit that should have been left out"
            # Escapes taken out roughly: no header of this call has one within its first bytes by chance alone.
            header = form[prefix_length("h264", form) :][:32].replace(b"\0\0\3", b"\0\0")
            key_id, _counter, _length = sframe.decode_header(header)
            assert key_id & 15 == 2
        decoder = av.CodecContext.create("h264", "r")
        assert isinstance(decoder, av.VideoCodecContext)
        for frame in frames:
            try:
                pictures = decoder.decode(av.Packet(frame))
            except av.error.FFmpegError:
                continue
            grey = [picture.to_ndarray(format="gray").astype(np.uint8) for picture in pictures]
            assert not any(barcode_readable(one.reshape(one.shape[0], one.shape[1])) for one in grey)
    assert total > 50


def _access_units(packets: list[dump.Packet]) -> Iterator[bytes]:
    """Annex B, as RFC 6184 section 5 puts it together; frames of which a packet is missing are left out."""
    for _, found in itertools.groupby(packets, lambda packet: packet.timestamp):
        parts = list(found)
        whole = [part.sequence for part in parts] == list(
            range(parts[0].sequence, parts[0].sequence + len(parts))
        )
        if whole and parts[-1].marker:
            yield b"".join(unit for part in parts for unit in _units(part.payload))


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
