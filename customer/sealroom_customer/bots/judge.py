# SPDX-License-Identifier: Apache-2.0
"""What somebody without keys could make of video frames: the measure of the demo's live line and of the tests.

A frame is tried as it lies there, and with SFrame header and tag taken out, as somebody would who knows where they are. It
counts as seen if a decoder makes a picture of it that carries a sender's barcode or resembles what was sent.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from sealroom_customer.bots.barcode import Mark, Picture, read
from sealroom_customer.bots.encoding import Vp8Decoder

LIKE = 15.0
"""dB of PSNR from which a picture resembles another. What noise makes of the test pictures stays below 12."""
_TAG = 16
_BEHIND = 300
"""Pictures by which a barcode may lag: a decoder that guesses hits a sender's checksum now and then, hardly his number."""


def clear_prefix(frame: bytes) -> int:
    """How many bytes of a VP8 frame may be in clear (`protocol/sealing.md` section 5)."""
    return 3 if frame and frame[0] & 1 else 10


def header_length(frame: bytes) -> int:
    """Length of the SFrame header behind the clear prefix (RFC 9605 section 4.3), whether or not it is one."""
    rest = frame[clear_prefix(frame) :]
    if not rest:
        return 0
    key_id, counter = rest[0] >> 4 & 0xF, rest[0] & 0xF
    return 1 + ((key_id & 7) + 1 if key_id & 8 else 0) + ((counter & 7) + 1 if counter & 8 else 0)


def tries(frame: bytes) -> tuple[bytes, bytes]:
    """The two ways of looking at a frame."""
    start = clear_prefix(frame)
    return frame, frame[:start] + frame[start + header_length(frame) : -_TAG]


def likeness(seen: Iterable[Picture], sources: Sequence[Picture]) -> float:
    """The best likeness, in dB PSNR, of any picture seen to any source picture of its size; 0 if nothing was seen."""
    best = 0.0
    for picture in seen:
        for source in sources:
            if source.shape == picture.shape:
                error = float(np.mean((picture.astype(np.float32) - source.astype(np.float32)) ** 2))
                best = max(best, 10 * math.log10(255**2 / max(error, 1e-9)))
    return best


@dataclass(slots=True)
class Judge:
    """Follows one sender's video stream with open and with shut eyes."""

    frames: int = 0
    """Frames judged: those whose true picture carried a barcode that could be read."""
    seen: int = 0
    """Frames that somebody without keys could make a picture of."""
    _shut: tuple[Vp8Decoder, Vp8Decoder] = field(default_factory=lambda: (Vp8Decoder(), Vp8Decoder()))
    _open: Vp8Decoder = field(default_factory=Vp8Decoder)

    def look(self, sealed: bytes, opened: bytes) -> bool:
        """Judges one frame, given as it was handed over and as it opened."""
        sources = self._open.decode(opened)
        truths = [true for source in sources if (true := read(source)) is not None]
        # Both guesses are decoded in any case: their decoders live on what came before.
        pictures = list(self._pictures(sealed))
        found = any(self._tells(picture, sources, truths) for picture in pictures)
        self.frames += bool(truths)
        self.seen += found
        return found

    def _pictures(self, sealed: bytes) -> Iterator[Picture]:
        for decoder, guess in zip(self._shut, tries(sealed), strict=True):
            yield from decoder.decode(guess)

    def _tells(self, picture: Picture, sources: Sequence[Picture], truths: Sequence[Mark]) -> bool:
        mark = read(picture)
        if mark is not None and any(
            mark.sender == true.sender and 0 <= (true.number - mark.number) % 2**16 <= _BEHIND
            for true in truths
        ):
            return True
        return likeness([picture], sources) >= LIKE
