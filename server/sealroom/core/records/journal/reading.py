# SPDX-License-Identifier: Apache-2.0
"""Reads a segment from where it was left, as far as it was committed, and says what of it is damaged."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sealroom.core.keys.frames import FrameDamaged
from sealroom.core.records.journal.segment import Frame, Gap, Opened, SegmentKeys, frames_in, open_header

HEADER_BYTES = 128 * 1024
"""Read for the header; far more than it has."""


@dataclass
class Findings:
    """What was damaged in a segment so far."""

    frames: int = 0
    """Frames that were acknowledged and cannot be read."""
    torn: int = 0
    """Bytes at its end that a killed process left; whoever wrote them was not told that they are safe."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where reading is, and what had been found damaged before it."""

    at: int
    expected: int
    findings: Findings


@dataclass
class SegmentReader:
    """One segment with the place where reading goes on."""

    path: Path
    opened: Opened
    skip: int = 0
    """Frames below this number were read by an earlier process."""
    at: int = 0
    expected: int = 0
    ended: bool = False
    """Whether its last frame was read: nothing is missing."""
    findings: Findings = field(default_factory=Findings)

    @classmethod
    async def open(cls, path: Path, keys: SegmentKeys) -> "SegmentReader":
        """Reads the header.

        Raises:
            OSError: it cannot be read.
            SegmentDamaged: it has no header.
            OperatorError: its key cannot be unwrapped.
        """
        opened = await open_header(keys, _read(path, 0, HEADER_BYTES))
        return cls(path, opened, at=opened.size)

    def read(self, until: int | None) -> Iterator[tuple[int, bytes]]:
        """Numbers and payloads of frames until a place in the file (None: to its end). Whoever stops taking goes on with another `read`.

        What is damaged is passed over and counted in `findings`. An open file is never read beyond what was committed, so that
        a gap there is damage and not a write under way. Raises OSError.
        """
        begin = self.at
        data = _read(self.path, begin, (self.path.stat().st_size if until is None else until) - begin)
        for found in frames_in(data, self.opened.digest):
            self.at = begin + found.end
            if isinstance(found, Frame):
                if (payload := self._payload(found, data)) is not None:
                    yield found.number, payload
            elif found.end == len(data) and until is None:
                self._note_end(found)

    def place(self) -> Place:
        """Where reading is, to return to."""
        return Place(self.at, self.expected, Findings(self.findings.frames, self.findings.torn))

    def return_to(self, place: Place) -> None:
        """Reads again what was read since."""
        self.at, self.expected, self.findings = place.at, place.expected, place.findings

    def _note_end(self, gap: Gap) -> None:
        """Frames missing before another one are counted by that one's number. Behind the last one nobody knows how many there were."""
        if gap.torn:
            self.findings.torn += gap.end - gap.start
        else:
            self.findings.frames += 1

    def _payload(self, frame: Frame, data: bytes) -> bytes | None:
        """What is in a frame; None where it was read before, is damaged, or is the last."""
        if frame.number > self.expected:
            self.findings.frames += frame.number - self.expected
        self.expected = frame.number + 1
        if frame.number < self.skip:
            return None
        try:
            payload = self.opened.cipher.open(frame.number, data[frame.start : frame.end])
        except FrameDamaged:
            self.findings.frames += 1
            return None
        self.ended = not payload
        return payload or None


def _read(path: Path, at: int, size: int) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(descriptor, size, at)
    finally:
        os.close(descriptor)
