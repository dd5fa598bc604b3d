# SPDX-License-Identifier: Apache-2.0
"""Meters what each stay uses: the engine's counters, cut at five minutes, written every few seconds.

**A row says what a stay used in its five minutes up to now, never what was added**: written twice it counts once, and a killed
process loses what came after its last write. A stay ends with the process that it was in, so that no two write one row.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sealroom.core.clock import Clock
from sealroom.core.db import Database, upsert
from sealroom.core.errands import place_of
from sealroom.core.logging import get_logger
from sealroom.media import control
from sealroom.media.measures import PeerMeasures, RoomMeasures, Usage
from sealroom.rooms import events
from sealroom.rooms.events import Call, RoomEvent
from sealroom.usage.models import BUCKET_MS, CLASSES, KINDS, meters

WRITE_SECONDS = 10.0
"""How often what was metered is written: so much a killed process can lose. Lower loses less and writes more."""
ENDED_SECONDS = 60.0
"""How long the last measures of somebody who left are waited for. The engine tells them at once."""
MAX_ROWS = 100_000
"""Rows that wait while the database is away. Beyond it the oldest buckets are lost, and counted in the log."""

_NOTHING = Usage(0, {})
_log = get_logger()


@dataclass(slots=True)
class _Stay:
    """A participant as the meter knows him. `before`: what was metered at `at` (Unix milliseconds)."""

    name: str
    call: Call
    at: int
    before: Usage = _NOTHING
    left_at: float | None = None


@dataclass(slots=True)
class _Row:
    call: Call
    milliseconds: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))


class Meter:
    """The meter of this server."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._stays: dict[int, _Stay] = {}
        self._rows: dict[tuple[str, int], _Row] = {}
        self._changed: set[tuple[str, int]] = set()
        self._writing = asyncio.Lock()

    def on_room_event(self, event: RoomEvent) -> None:
        """Learns whose stay a peer's is."""
        match event:
            case events.ParticipantEntered():
                # The event's id was drawn at random: it tells stays apart and names nobody.
                self._stays[event.peer] = _Stay(event.id, event.call, event.at)
            case events.ParticipantLeft():
                if event.peer in self._stays:
                    self._stays[event.peer].left_at = self._clock.monotonic()
            case _:
                pass

    def on_measures(self, rooms: Iterable[RoomMeasures], now: int) -> None:
        """Takes the engine's counters of everybody, as they were at `now` (Unix milliseconds)."""
        for room in rooms:
            for peer in room.peers:
                self._take(peer, now)
        long_ago = self._clock.monotonic() - ENDED_SECONDS
        for number, stay in list(self._stays.items()):
            if stay.left_at is not None and stay.left_at < long_ago:
                del self._stays[number]

    def on_engine_event(self, event: control.Event) -> None:
        """Takes the last counters of somebody who leaves."""
        if isinstance(event, control.Left):
            self._take(event.measures, int(self._clock.unix() * 1000))
            self._stays.pop(event.measures.peer, None)

    def _take(self, peer: PeerMeasures, now: int) -> None:
        stay = self._stays.get(peer.peer)
        if stay is None:
            return
        used = _used(stay.before, peer.usage)
        if any(used.values()):
            # Somebody cannot have used more time than has passed, whatever a clock that was set says.
            begin = min(max(stay.at, now - sum(used.values())), now)
            for bucket, part in _by_bucket(used, begin, now).items():
                row = self._rows.setdefault((stay.name, bucket), _Row(stay.call))
                self._changed.add((stay.name, bucket))
                for kind, milliseconds in part.items():
                    row.milliseconds[kind] += milliseconds
        stay.before, stay.at = peer.usage, now

    async def run(self) -> None:
        """Writes every few seconds until it is cancelled; what could not be written, while the database is away or for another
        reason, waits."""
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            try:
                await self.write()
            except Exception as error:
                _log.warning("usage_not_written", error=type(error).__name__, place=place_of(error))
                self._bound()

    async def close(self) -> None:
        """Writes what has changed, if that can be: the process ends."""
        try:
            await self.write()
        except Exception as error:
            _log.error(
                "usage_not_written",
                error=type(error).__name__,
                place=place_of(error),
                count=len(self._changed),
            )

    async def write(self) -> None:
        """Writes what has changed. Raises what the database raises; then it is all still there for the next time."""
        async with self._writing:
            names = sorted(self._changed)
            if not names:
                return
            self._changed.clear()
            try:
                async with self._database.writing() as connection:
                    await upsert(connection, meters, [self._values(name) for name in names], greatest=KINDS)
            except BaseException:
                self._changed.update(names)
                raise
            self._forget()

    def _values(self, name: tuple[str, int]) -> Mapping[str, object]:
        row = self._rows[name]
        call = row.call
        return {
            "stay": name[0], "bucket": name[1], "sdk_app_id": call.sdk_app_id, "room": call.room.id, **row.milliseconds,
        }  # fmt: skip

    def _forget(self) -> None:
        """Rows to which nothing can be added any more: of buckets that are over."""
        over = int(self._clock.unix() * 1000) - 2 * BUCKET_MS
        for name in [name for name in self._rows if name[1] < over and name not in self._changed]:
            del self._rows[name]

    def _bound(self) -> None:
        excess = len(self._rows) - MAX_ROWS
        if excess > 0:
            for name in sorted(self._rows, key=lambda name: name[1])[:excess]:
                del self._rows[name]
                self._changed.discard(name)
            _log.error("usage_lost", count=excess)


def _used(before: Usage, after: Usage) -> dict[str, int]:
    """Milliseconds by kind between two takes. A time with video counts as video only (TRTC bills it instead of audio)."""
    video = {
        column: max(0, after.video_ms.get(kind, 0) - before.video_ms.get(kind, 0))
        for kind, column in CLASSES.items()
    }
    return {"audio": max(0, after.audio_ms - before.audio_ms - sum(video.values())), **video}


def _by_bucket(used: Mapping[str, int], begin: int, end: int) -> dict[int, dict[str, int]]:
    """Cuts what was used from `begin` to `end` (Unix milliseconds) at the buckets between, in proportion; nothing is rounded away."""
    parts: dict[int, dict[str, int]] = {}
    left = dict(used)
    at = begin
    while True:
        bucket = at - at % BUCKET_MS
        stop = min(bucket + BUCKET_MS, end)
        if stop >= end:
            parts[bucket] = left
            return parts
        share = {kind: count * (stop - at) // (end - at) for kind, count in left.items()}
        parts[bucket] = share
        left = {kind: left[kind] - share[kind] for kind in left}
        at = stop
