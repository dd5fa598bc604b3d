# SPDX-License-Identifier: Apache-2.0
"""Sealed calls in codecs other than VP8: the browser's packetiser takes sealed frames, and the operator gets no picture."""

import base64
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import av
import numpy as np
import pytest

from protocol.model import sframe
from protocol.model.sealing import form, leb128, prefix_length
from sealroom_customer.bots.barcode import Picture
from tests.browser import dump, payloads
from tests.browser.call import HERE, Caller, eventually
from tests.browser.conftest import Callers
from tests.browser.test_what_the_operator_gets import barcode_readable
from tests.deployment import Deployment

TAG = 16


@dataclass(frozen=True, slots=True)
class Wire:
    """How a codec's sealed frames travel: its number in the dump, what puts them together, who decodes them."""

    number: int
    assembled: Callable[[list[bytes]], bytes]
    decoder: str


WIRES = {
    "h264": Wire(5, payloads.h264, "h264"),
    "vp9": Wire(4, payloads.vp9, "vp9"),
    "av1": Wire(6, payloads.av1, "libdav1d"),
}


@pytest.mark.parametrize("codec", WIRES)
def test_three_pages_see_each_other_and_the_operator_sees_nobody(
    codec: str, callers: Callers, running: Deployment
) -> None:
    mime = f"video/{codec.upper()}"
    tap = (HERE / "tap.js").read_text()
    alice = callers.enter("alice", codec=mime, worker_prefix=tap)
    bob = callers.enter("bob", codec=mime)
    alice.sees(bob)
    bob.sees(alice)
    carol = callers.enter("carol", codec=mime)
    carol.sees(alice)
    # One stream, for which no dependency descriptor tells key frames: the codec's own clear bit has to.
    alice.page.click("text=Share screen")
    eventually("bob sees alice's screen", lambda: bob.screen_of(alice))
    for one in (alice, bob, carol):
        one.shows_only_right_pictures([alice, bob, carol])
    wire = WIRES[codec]
    clear = (_decoded(wire.decoder, stream) for stream in _encoder_output(alice))
    assert any(map(barcode_readable, itertools.chain(*clear))), "the judge sees nothing at all"
    streams = list(_streams(running, wire))
    assert sum(len(frames) for frames in streams) > 50
    for frames in streams:
        sealed = [Sealed.read(codec, frame) for frame in frames]
        assert all(one.key_id & 15 == 2 for one in sealed), "sealed as another track than the camera"
        for bodies in (frames, [one.taken_apart for one in sealed]):
            assert not any(barcode_readable(picture) for picture in _decoded(wire.decoder, bodies))


@dataclass(frozen=True, slots=True)
class Sealed:
    """What the operator can tell of a sealed frame; `taken_apart` is all but what sealing put into it."""

    key_id: int
    taken_apart: bytes

    @classmethod
    def read(cls, codec: str, frame: bytes) -> "Sealed":
        clear = prefix_length(codec, frame)
        prefix, rest = frame[:clear], frame[clear:]
        if codec == "h264":
            assert form(codec, frame) == frame, "a unit that should have been left out"
            # Escapes taken out roughly: no header of this call has one within its first bytes by chance alone.
            rest = rest.replace(b"\0\0\3", b"\0\0")
        if codec == "av1":
            size, rest = leb128(rest)
            assert size == len(rest)
            prefix = b""
        key_id, _counter, length = sframe.decode_header(rest)
        return cls(key_id, prefix + rest[length:-TAG])


def _encoder_output(caller: Caller) -> list[list[bytes]]:
    """The frames of each video stream of the caller before they were sealed."""
    streams: dict[int, list[bytes]] = defaultdict(list)
    for one in caller.page.evaluate("__encoded.splice(0)"):
        if one["video"]:
            streams[one["ssrc"]].append(base64.b64decode(one["body"]))
    return list(streams.values())


def _streams(running: Deployment, wire: Wire) -> Iterator[list[bytes]]:
    """The whole frames of every camera's every layer, in order."""
    video = [packet for packet in dump.packets(running.sink) if dump.TRACKS[packet.track] == "main"]
    assert {packet.codec for packet in video} == {wire.number}

    def stream(packet: dump.Packet) -> tuple[int, int]:
        return packet.peer, packet.layer

    for _, found in itertools.groupby(sorted(video, key=stream), stream):
        packets = sorted(found, key=lambda packet: packet.sequence)
        yield [wire.assembled(frame) for frame in _whole_frames(packets)]


def _whole_frames(packets: list[dump.Packet]) -> Iterator[list[bytes]]:
    """Payloads of each frame; frames of which a packet is missing are left out."""
    for _, found in itertools.groupby(packets, lambda packet: packet.timestamp):
        parts = list(found)
        first = parts[0].sequence
        if [part.sequence - first for part in parts] == list(range(len(parts))) and parts[-1].marker:
            yield [part.payload for part in parts]


def _decoded(name: str, bodies: Sequence[bytes]) -> Iterator[Picture]:
    """The grey pictures that a decoder makes of `bodies`, going on after an error."""
    decoder = av.CodecContext.create(name, "r")
    assert isinstance(decoder, av.VideoCodecContext)
    # After noise, dav1d may wait for a thread of its own for ever when it is let go of, and the interpreter with it.
    decoder.thread_count = 1
    for body in bodies:
        try:
            pictures = decoder.decode(av.Packet(body))
        except av.error.FFmpegError:
            continue
        for picture in pictures:
            yield _luma(picture)


def _luma(picture: av.VideoFrame) -> Picture:
    """The first plane as it is, 8 bits a sample: what noise says of colours and depths need not be something that can be converted."""
    plane, bits = picture.planes[0], picture.format.components[0].bits
    width = 1 if bits == 8 else 2
    samples = np.frombuffer(bytes(plane), f"<u{width}").astype(np.uint16)
    lines = samples.reshape(plane.height, plane.line_size // width)[:, : plane.width]
    return (lines >> (bits - 8)).astype(np.uint8)
