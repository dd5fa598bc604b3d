# SPDX-License-Identifier: Apache-2.0
"""The customer's own record of who was admitted, who went and when keys changed: one file of JSON lines a day.

It holds user ids and rooms, never a key, and is for the customer's eyes only: 0600 in a folder of 0700. A thread writes and syncs
what has gathered, so that rooms never wait for the disk; `settled` waits for it.
"""

import asyncio
import os
import queue
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from sealroom_customer.authority.exchange import Admitted, Began, Departed, Happening
from sealroom_customer.authority.identity import private_folder
from sealroom_customer.clock import Clock
from sealroom_customer.logging import get_logger
from sealroom_wire.authority import LeftReason, MemberRole, Place, SecretReason
from sealroom_wire.ids import RoomKind

_MAX_UNWRITTEN = 100_000
"""Records that wait for a slow disk, some 40 MB; beyond this they are counted as lost."""
_SECONDS_A_DAY = 86_400


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line. `at` is RFC 3339 in UTC; an admission is `admitted`, any end of one `departed` with its reason."""

    at: str
    event: Literal["admitted", "departed", "epoch"]
    app: int
    kind: RoomKind
    room: str
    instance: str
    epoch: int
    step: int = 0
    user: str | None = None
    index: int | None = None
    role: MemberRole | None = None
    reason: LeftReason | SecretReason | None = None
    members: int | None = None


def record_of(at: float, place: Place, happening: Happening) -> Record:
    """What is written of something that happened at `at` (Unix seconds)."""
    said = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    where = {"at": said, "app": place.app, "kind": place.kind, "room": place.room, "instance": place.instance}
    match happening:
        case Admitted(member, epoch, step):
            who = {"user": member.user, "index": member.index, "role": member.role}
            return Record(event="admitted", epoch=epoch, step=step, **where, **who)  # type: ignore[arg-type]
        case Departed(member, left, epoch):
            who = {"user": member.user, "index": member.index, "role": member.role}
            return Record(event="departed", epoch=epoch, reason=left, **where, **who)  # type: ignore[arg-type]
        case Began(epoch, reason, members):
            return Record(event="epoch", epoch=epoch, reason=reason, members=members, **where)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class _Mark:
    """Everything before it is to be on disk, and nothing lost beyond the `lost` of before."""

    lost: int
    loop: asyncio.AbstractEventLoop
    done: "asyncio.Future[bool]"


_Work: TypeAlias = tuple[float, bytes] | _Mark | None


class FileRecords:
    """Writes records to `folder`, as `YYYY-MM-DD.jsonl`, and deletes files older than `keep_days`."""

    def __init__(self, folder: Path, keep_days: int, clock: Clock) -> None:
        """Raises StartError when the folder cannot be used."""
        self._folder = private_folder(folder)
        self._keep_days = keep_days
        self._clock = clock
        self._work: queue.SimpleQueue[_Work] = queue.SimpleQueue()
        self._day = ""
        self._descriptor = -1
        self.lost = 0
        """Records that could not be written."""
        self.healthy = True
        """Whether the last write succeeded."""
        self._thread = threading.Thread(target=self._write_all, name="records", daemon=True)
        self._thread.start()

    def happened(self, place: Place, happening: Happening) -> None:
        """Takes something to be written."""
        if self._work.qsize() >= _MAX_UNWRITTEN:
            self.lost += 1
            return
        at = self._clock.unix()
        self._work.put((at, msgspec.json.encode(record_of(at, place, happening)) + b"\n"))

    async def settled(self, lost: int) -> bool:
        """Waits until all that was taken is on disk; returns False when anything was lost since `self.lost` was `lost`: the caller
        reads it before what he asks about."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[bool] = loop.create_future()
        self._work.put(_Mark(lost, loop, done))
        return await done

    def close(self) -> None:
        """Writes what is left and ends the thread."""
        self._work.put(None)
        self._thread.join()

    # the thread

    def _write_all(self) -> None:
        open_ended = True
        while open_ended:
            batch = [self._work.get()]
            while not self._work.empty():
                batch.append(self._work.get())
            open_ended = None not in batch
            lines = [one for one in batch if isinstance(one, tuple)]
            if lines:
                self._write(lines)
            for mark in batch:
                if isinstance(mark, _Mark):
                    mark.loop.call_soon_threadsafe(_resolve, mark.done, self.lost == mark.lost)
        self._close_file()

    def _write(self, lines: list[tuple[float, bytes]]) -> None:
        written = 0
        try:
            for day, octets, count in _by_day(lines):
                self._open(day)
                unwritten = memoryview(octets)
                while unwritten:
                    unwritten = unwritten[os.write(self._descriptor, unwritten) :]
                os.fsync(self._descriptor)
                written += count
            self.healthy = True
        except OSError as error:
            self._close_file()
            self.lost += len(lines) - written
            if self.healthy:
                get_logger().error("records_not_written", error=type(error).__name__)
            self.healthy = False

    def _open(self, day: str) -> None:
        if day == self._day and self._descriptor >= 0:
            return
        self._close_file()
        path = self._folder / f"{day}.jsonl"
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._day = day
        size = os.fstat(self._descriptor).st_size
        if size and os.pread(self._descriptor, 1, size - 1) != b"\n":
            # Cut off in the middle of a line: what follows must not be glued to it.
            os.write(self._descriptor, b"\n")
        self._forget_old()

    def _forget_old(self) -> None:
        oldest = _day_of(self._clock.unix() - self._keep_days * _SECONDS_A_DAY)
        for path in self._folder.glob("????-??-??.jsonl"):
            if path.stem < oldest:
                path.unlink(missing_ok=True)

    def _close_file(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _by_day(lines: list[tuple[float, bytes]]) -> list[tuple[str, bytes, int]]:
    days: dict[str, list[bytes]] = {}
    for at, line in lines:
        days.setdefault(_day_of(at), []).append(line)
    return [(day, b"".join(some), len(some)) for day, some in days.items()]


def _day_of(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def _resolve(done: "asyncio.Future[bool]", value: bool) -> None:
    if not done.done():
        done.set_result(value)
