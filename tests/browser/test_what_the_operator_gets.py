# SPDX-License-Identifier: Apache-2.0
"""The sink: everything the operator accepted for forwarding, judged as an enemy would."""

import base64
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from sealroom_customer.bots import barcode
from sealroom_customer.bots.barcode import Picture
from sealroom_customer.bots.encoding import Vp8Decoder
from sealroom_customer.bots.judge import LIKE, likeness, tries
from tests.browser import dump
from tests.browser.call import HERE, Caller, eventually
from tests.browser.conftest import Callers
from tests.deployment import Deployment

CHUNK = 16


@dataclass(frozen=True, slots=True)
class Encoded:
    """One frame as an encoder put it out, before it was sealed."""

    video: bool
    stream: tuple[int, int]
    body: bytes


class Watched:
    """A call whose senders' encoder output is known to the test from the first frame on."""

    def __init__(self, callers: Callers, running: Deployment, *worker_prefixes: str) -> None:
        prefix = "\n".join((HERE / name).read_text() for name in ("tap.js", *worker_prefixes))
        self.running = running
        self.pair = [callers.enter(name, worker_prefix=prefix) for name in ("alice", "bob")]

    def collect(self, least: int) -> tuple[list[dump.Frame], list[Encoded]]:
        """Frames at the sink once it holds `least` bytes, and the encoders' output of the same time."""
        sink = self.running.sink
        eventually("enough at the sink", lambda: sink.exists() and sink.stat().st_size > least, 40)
        encoded = [one for caller in self.pair for one in self._encoder_output(caller)]
        return dump.frames(dump.packets(sink)), encoded

    def _encoder_output(self, caller: Caller) -> Iterator[Encoded]:
        for one in caller.page.evaluate("__encoded.splice(0)"):
            yield Encoded(one["video"], (caller.number, one["ssrc"]), base64.b64decode(one["body"]))


def verdicts(
    frames: Sequence[dump.Frame], encoded: Sequence[Encoded], sources: Sequence[Picture]
) -> Iterator[str]:
    """Every reason to think that the operator can see something."""
    if any(dump.sframe_header(frame) is None for frame in frames):
        yield "a frame without an SFrame header"
    chunks = {
        one.body[at : at + CHUNK] for one in encoded for at in range(0, len(one.body) - CHUNK + 1, CHUNK)
    }
    chunks = {chunk for chunk in chunks if len(set(chunk)) > 4}
    sealed = [sealed_part(frame) for frame in frames]
    if any(part[at : at + CHUNK] in chunks for part in sealed for at in range(len(part) - CHUNK + 1)):
        yield "bytes of an encoder's output in a sealed part"
    together = b"".join(sealed)
    if len(zlib.compress(together, 9)) < len(together) * 0.99:
        yield "the sealed parts compress"
    seen = list(pictures(frames))
    if any(barcode_readable(picture) for picture in seen):
        yield "a readable barcode"
    if likeness(seen[::3], sources) >= LIKE:
        yield "a picture like the source"


def sealed_part(frame: dump.Frame) -> bytes:
    """What lies behind clear prefix and header, without the tag."""
    header = dump.sframe_header(frame)
    start = dump.clear_prefix(frame) + (header.length if header else 0)
    return frame.body[start:-16]


def pictures(frames: Sequence[dump.Frame]) -> Iterator[Picture]:
    """What a VP8 decoder makes of each video stream, as it lies there, and without the SFrame header and tag too."""
    streams: dict[tuple[int, str, int], list[dump.Frame]] = defaultdict(list)
    for frame in frames:
        if frame.codec == dump.VP8_CODEC:
            streams[frame.peer, frame.track, frame.layer].append(frame)
    for stream in streams.values():
        for bodies in zip(*(tries(frame.body) for frame in stream), strict=True):
            yield from decoded(bodies)


def decoded(bodies: Iterable[bytes]) -> Iterator[Picture]:
    """The grey pictures that a decoder yields; it starts anew after an error."""
    decoder = Vp8Decoder()
    for body in bodies:
        yield from decoder.decode(body)


def barcode_readable(picture: Picture) -> bool:
    """Whether the picture carries a barcode whose checksum holds, of a sender that exists."""
    mark = barcode.read(picture)
    return mark is not None and mark.sender in (1, 2, 3)


def source_pictures(encoded: Sequence[Encoded], every: int = 5) -> list[Picture]:
    """The clear pictures, from the encoders' own output; one of `every`."""
    streams: dict[tuple[int, int], list[bytes]] = defaultdict(list)
    for one in encoded:
        if one.video:
            streams[one.stream].append(one.body)
    return [picture for bodies in streams.values() for picture in list(decoded(bodies))[::every]]


def test_the_operator_forwards_nothing_that_can_be_seen(callers: Callers, running: Deployment) -> None:
    watched = Watched(callers, running)
    alice, bob = watched.pair
    alice.sees(bob)
    bob.sees(alice)
    frames, encoded = watched.collect(400_000)
    assert len([frame for frame in frames if frame.track == "main"]) > 50
    assert len([frame for frame in frames if frame.track == "audio"]) > 50
    sources = source_pictures(encoded)
    assert any(barcode_readable(picture) for picture in sources), "the tap does not see the encoders' output"
    assert list(verdicts(frames, encoded, sources)) == []


def test_a_build_with_an_identity_cipher_is_found_out(callers: Callers, running: Deployment) -> None:
    watched = Watched(callers, running, "identity.js")
    alice, bob = watched.pair
    alice.sees(bob)
    bob.sees(alice)
    frames, encoded = watched.collect(400_000)
    found = set(verdicts(frames, encoded, source_pictures(encoded)))
    assert {
        "bytes of an encoder's output in a sealed part",
        "a readable barcode",
        "a picture like the source",
    } <= found


@pytest.fixture(autouse=True)
def _no_leftovers(tmp_path: Path) -> Iterator[None]:
    yield
    for left in tmp_path.glob("sink.dump"):
        left.unlink()
