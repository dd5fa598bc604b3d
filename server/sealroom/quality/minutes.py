# SPDX-License-Identifier: Apache-2.0
"""Minutes: sums without persons, from which the dashboard's rates are quotients, for as long as years are compared.

A room is counted by a keyed hash, so that nobody reads from a number of last year who met whom.
"""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from sealroom.catalogue import Document
from sealroom.core.logging import get_logger
from sealroom.core.records import RecordsUnavailable
from sealroom.quality.diagnosis import DELAY_MS
from sealroom.quality.history import Keeper
from sealroom.quality.models import Entry, Joins, Minute, Sample, name_of
from sealroom_wire.signalling import Track

MINUTE_MS = 60_000
IN_TIME_MS = 5_000
"""An entry that took no longer was in time (TRTC)."""
MAX_OPEN = 20_000
"""Minutes of rooms, and of applications, in memory while the journal takes none. Beyond it the oldest are lost, and counted in the log."""

_Key = TypeVar("_Key", tuple[int, int], tuple[int, int, str])
_Value = TypeVar("_Value")

_log = get_logger()


@dataclass(slots=True)
class _Sums:
    users: set[str] = field(default_factory=set)
    streams: set[tuple[str, str]] = field(default_factory=set)
    audio_played: int = 0
    audio_frozen: int = 0
    video_played: int = 0
    video_frozen: int = 0
    delays: int = 0
    delay_sum: float = 0.0
    late: int = 0
    lost: float = 0.0
    losses: int = 0

    def add(self, sample: Sample) -> None:
        """Takes a sample in."""
        self.users.add(sample.user_id)
        if sample.peer_id == "":
            self.streams.add((sample.user_id, sample.track))
        if sample.rtt is not None:
            self.delays += 1
            self.delay_sum += sample.rtt
            self.late += sample.rtt >= DELAY_MS
        if sample.loss is not None:
            self.losses += 1
            self.lost += sample.loss
        played, frozen = sample.played or 0, min(sample.frozen or 0, sample.played or 0)
        if sample.track == Track.AUDIO.value:
            self.audio_played, self.audio_frozen = self.audio_played + played, self.audio_frozen + frozen
        else:
            self.video_played, self.video_frozen = self.video_played + played, self.video_frozen + frozen


@dataclass(slots=True)
class _Asked:
    asked: int = 0
    let_in: int = 0
    in_time: int = 0

    def add(self, entry: Entry) -> None:
        """Takes an answered entry in."""
        is_in = entry.code == ""
        self.asked += 1
        self.let_in += is_in
        self.in_time += is_in and entry.milliseconds <= IN_TIME_MS


class Minutes:
    """Sums samples and entries, and writes each minute when it is over.

    A killed process loses the minute it was in; samples and entries themselves keep it.
    """

    def __init__(self, keeper: Keeper, key: bytes) -> None:
        """`key`: the installation's, at most 64 bytes."""
        self._keeper, self._key = keeper, key
        # Of two processes that had parts of one minute, before and after a restart, both parts count.
        self._part = secrets.token_hex(4)
        self._rooms: dict[tuple[int, int, str], _Sums] = {}
        """By minute, application and room; `number:1` and `string:1` are two."""
        self._asked: dict[tuple[int, int], _Asked] = {}

    def add(self, samples: Iterable[Sample]) -> None:
        """Takes samples in."""
        for sample in samples:
            room = f"{sample.room_kind}:{sample.room}"
            self._rooms.setdefault((_minute_of(sample.time), sample.sdk_app_id, room), _Sums()).add(sample)

    def add_entry(self, entry: Entry) -> None:
        """Takes an answered entry in."""
        self._asked.setdefault((_minute_of(entry.time), entry.sdk_app_id), _Asked()).add(entry)

    async def close_until(self, now: int) -> None:
        """Writes the minutes that are over at `now` (Unix milliseconds)."""
        last = now - MINUTE_MS
        await self._write(
            [key for key in self._rooms if key[0] <= last], [key for key in self._asked if key[0] <= last]
        )

    async def close(self) -> None:
        """Writes the minutes that are not over too: the process ends."""
        await self._write(list(self._rooms), list(self._asked))

    async def _write(self, rooms: list[tuple[int, int, str]], asked: list[tuple[int, int]]) -> None:
        made: list[Document] = [self._minute(*key, self._rooms[key]) for key in rooms]
        made += [self._joins(*key, self._asked[key]) for key in asked]
        if made:
            try:
                await self._keeper.put_durable(made)
            except RecordsUnavailable:
                _bound(self._rooms)
                _bound(self._asked)
                raise
        for key in rooms:
            del self._rooms[key]
        for one in asked:
            del self._asked[one]

    def _minute(self, minute: int, sdk_app_id: int, room: str, sums: _Sums) -> Minute:
        room_key = hashlib.blake2s(
            f"{sdk_app_id}/{room}".encode(), key=self._key[:32], digest_size=8
        ).hexdigest()
        return Minute(
            id=name_of(sdk_app_id, room_key, minute, self._part), time=minute, sdk_app_id=sdk_app_id, room_key=room_key,
            users=len(sums.users), streams=len(sums.streams), audio_played=sums.audio_played, audio_frozen=sums.audio_frozen,
            video_played=sums.video_played, video_frozen=sums.video_frozen, delays=sums.delays, delay_sum=sums.delay_sum,
            lost=sums.lost, losses=sums.losses, late=sums.late,
        )  # fmt: skip

    def _joins(self, minute: int, sdk_app_id: int, asked: _Asked) -> Joins:
        return Joins(
            id=name_of(sdk_app_id, minute, self._part), time=minute, sdk_app_id=sdk_app_id, asked=asked.asked, let_in=asked.let_in,
            in_time=asked.in_time,
        )  # fmt: skip


def _minute_of(time: int) -> int:
    return time - time % MINUTE_MS


def _bound(waiting: dict[_Key, _Value]) -> None:
    excess = len(waiting) - MAX_OPEN
    if excess > 0:
        for key in sorted(waiting)[:excess]:
            del waiting[key]
        _log.error("records_lost", reason="too_many_minutes", count=excess)
