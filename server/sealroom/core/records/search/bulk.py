# SPDX-License-Identifier: Apache-2.0
"""Documents on their way in bulks: which are done, which the server will not have, which it was too busy for."""

import math
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field

import msgspec

from sealroom.catalogue import Document
from sealroom.core.records.search.indices import Indices
from sealroom.core.records.search.wire import Json

MOST_BYTES = 4 * 1024 * 1024
"""Of one request. Larger ones are no faster and hold more memory at both ends."""
MOST = 2_000
_ENCODER = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Line:
    """One document with what is to be done with it, as NDJSON, and its place in what was given."""

    place: int
    octets: bytes


@dataclass
class Bulk:
    """What is still to be written, and what was refused."""

    lines: list[Line] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)

    def add(self, place: int, document: Document, indices: Indices) -> None:
        """Adds a document; one that JSON cannot say is refused here."""
        try:
            _check_numbers(document, indices)
            action = _ENCODER.encode({"index": {"_index": indices.of(document.time), "_id": document.id}})
            self.lines.append(Line(place, b"%b\n%b\n" % (action, _ENCODER.encode(document))))
        except (ValueError, OverflowError):
            self.refused[place] = "value_unfit"

    def requests(self) -> Iterator[Sequence[Line]]:
        """What is to be written, cut into requests."""
        taken: list[Line] = []
        size = 0
        for line in self.lines:
            if taken and (size + len(line.octets) > MOST_BYTES or len(taken) == MOST):
                yield taken
                taken, size = [], 0
            taken.append(line)
            size += len(line.octets)
        if taken:
            yield taken

    def settle(
        self, lines: Sequence[Line], answer: Json | None, *, busy: Set[int], not_now: Set[str]
    ) -> bool:
        """Takes note of an answer, None for none of it; returns whether something has to be tried again: by status, or by the server's
        word for it."""
        if answer is None:
            return True
        again: list[Line] = []
        if answer["errors"]:
            for line, item in zip(lines, answer["items"], strict=True):
                (done,) = item.values()
                kind = done.get("error", {}).get("type", "")
                if done["status"] in busy or kind in not_now:
                    again.append(line)
                elif kind:
                    self.refused[line.place] = "value_unfit"
        settled = {line.place for line in lines} - {line.place for line in again}
        self.lines = [line for line in self.lines if line.place not in settled]
        return bool(again)


def _check_numbers(document: Document, indices: Indices) -> None:
    """JSON has no word for what is not a number, and would say nothing instead."""
    for name in indices.doubles:
        value = getattr(document, name)
        if isinstance(value, tuple):
            if not all(map(math.isfinite, value)):
                raise ValueError("not a finite number among many")
        elif value is not None and not math.isfinite(value):
            raise ValueError("not a finite number")
