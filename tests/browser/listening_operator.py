# SPDX-License-Identifier: Apache-2.0
"""`sealroom` with somebody who writes down what devices tell: `python listening_operator.py FILE ...` goes on as `sealroom ...`.

Each line of FILE is one report: who told it, of what kind it is, and what it says.
"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from sealroom import app
from sealroom.cli import main
from sealroom.rooms.state import Participant
from sealroom.signalling.conversation import Services
from sealroom_wire.reports import LogEntry, ReportedEvent, Reports, Sample


class Told(msgspec.Struct, frozen=True):
    """One report."""

    user: str
    sample: Sample | None = None
    events: tuple[ReportedEvent, ...] = ()
    log: tuple[LogEntry, ...] = ()


class Writing:
    """`signalling.reports.DeviceReports` into a file."""

    wanted = Reports(sample_every=2000, log=True)

    def __init__(self, path: Path) -> None:
        self._path = path

    def on_sample(self, participant: Participant, sample: Sample) -> None:
        self._write(Told(participant.user_id, sample=sample))

    def on_events(self, participant: Participant, events: tuple[ReportedEvent, ...]) -> None:
        self._write(Told(participant.user_id, events=events))

    def on_log(self, participant: Participant, entries: tuple[LogEntry, ...]) -> None:
        self._write(Told(participant.user_id, log=entries))

    def _write(self, told: Told) -> None:
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(told) + b"\n")


def read(path: Path) -> list[Told]:
    """All that was told up to now."""
    if not path.exists():
        return []
    whole = path.read_bytes().rpartition(b"\n")[0]
    return [msgspec.json.decode(line, type=Told) for line in whole.splitlines()]


def listen(path: Path) -> None:
    """From now on the program's signalling has a listener."""

    def listening(*parts: Any, **named: Any) -> Services:
        return replace(Services(*parts, **named), reports=Writing(path))

    vars(app)["Services"] = listening


if __name__ == "__main__":
    listen(Path(sys.argv[1]))
    sys.argv = ["sealroom", *sys.argv[2:]]
    main()
