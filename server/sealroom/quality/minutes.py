# SPDX-License-Identifier: Apache-2.0
"""Minutes of rooms: sums without persons, from which the dashboard's rates are quotients, for as long as years are compared.

A room is counted by a keyed hash, so that nobody reads from a number of last year who met whom.
"""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

from sealroom.core.logging import get_logger
from sealroom.core.records import RecordsUnavailable
from sealroom.quality.history import Keeper
from sealroom.quality.models import Minute, Sample, name_of
from sealroom_wire.signalling import Track

MINUTE_MS = 60_000
MAX_OPEN = 20_000
"""Minutes of rooms in memory while the journal takes none. Beyond it the oldest are lost, and counted in the log."""

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
        if sample.loss is not None:
            self.losses += 1
            self.lost += sample.loss
        played, frozen = sample.played or 0, min(sample.frozen or 0, sample.played or 0)
        if sample.track == Track.AUDIO.value:
            self.audio_played, self.audio_frozen = self.audio_played + played, self.audio_frozen + frozen
        else:
            self.video_played, self.video_frozen = self.video_played + played, self.video_frozen + frozen


class Minutes:
    """Sums samples, and writes each minute when it is over. A killed process loses the minute it was in, samples keep it."""

    def __init__(self, keeper: Keeper, key: bytes) -> None:
        """`key`: the installation's, at most 64 bytes."""
        self._keeper, self._key = keeper, key
        # Of two processes that had parts of one minute, before and after a restart, both parts count.
        self._part = secrets.token_hex(4)
        self._open: dict[tuple[int, int, str], _Sums] = {}

    def add(self, samples: Iterable[Sample]) -> None:
        """Takes samples in."""
        for sample in samples:
            minute = sample.time - sample.time % MINUTE_MS
            # `number:1` and `string:1` are two rooms.
            room = f"{sample.room_kind}:{sample.room}"
            self._open.setdefault((minute, sample.sdk_app_id, room), _Sums()).add(sample)

    async def close_until(self, now: int) -> None:
        """Writes the minutes that are over at `now` (Unix milliseconds)."""
        over = [key for key in self._open if key[0] + MINUTE_MS <= now]
        await self._write(over)

    async def close(self) -> None:
        """Writes the minutes that are not over too: the process ends."""
        await self._write(list(self._open))

    async def _write(self, keys: list[tuple[int, int, str]]) -> None:
        made = [self._minute(*key, self._open[key]) for key in keys]
        if made:
            try:
                await self._keeper.put_durable(made)
            except RecordsUnavailable:
                self._bound()
                raise
        for key in keys:
            del self._open[key]

    def _bound(self) -> None:
        excess = len(self._open) - MAX_OPEN
        if excess > 0:
            for key in sorted(self._open)[:excess]:
                del self._open[key]
            _log.error("records_lost", reason="too_many_minutes", count=excess)

    def _minute(self, minute: int, sdk_app_id: int, room: str, sums: _Sums) -> Minute:
        room_key = hashlib.blake2s(
            f"{sdk_app_id}/{room}".encode(), key=self._key[:32], digest_size=8
        ).hexdigest()
        return Minute(
            id=name_of(sdk_app_id, room_key, minute, self._part), time=minute, sdk_app_id=sdk_app_id, room_key=room_key,
            users=len(sums.users), streams=len(sums.streams), audio_played=sums.audio_played, audio_frozen=sums.audio_frozen,
            video_played=sums.video_played, video_frozen=sums.video_frozen, delays=sums.delays, delay_sum=sums.delay_sum,
            lost=sums.lost, losses=sums.losses,
        )  # fmt: skip
