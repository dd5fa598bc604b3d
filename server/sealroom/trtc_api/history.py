# SPDX-License-Identifier: Apache-2.0
"""What the past is made of, as TRTC sees it, and the port that it is read through."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from sealroom.trtc_api.parameters import Page, Window


@dataclass(frozen=True, slots=True)
class CallId:
    """One life of a room, as TRTC's CommId names it: `SdkAppId_RoomId_CreateTime`, created at Unix seconds."""

    sdk_app_id: int
    room: str
    created: int

    def __str__(self) -> str:
        return f"{self.sdk_app_id}_{self.room}_{self.created}"


@dataclass(frozen=True, slots=True)
class Call:
    """A call. `ended` is None while it goes on; times are Unix seconds."""

    id: CallId
    creator: str
    ended: int | None


@dataclass(frozen=True, slots=True)
class Stay:
    """One user's time in a call, from entering to leaving; `left` is None while he is there. Who came back has two. Unix seconds."""

    user: str
    joined: int
    left: int | None
    device: str
    sdk_version: str
    address: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a user. `kind`: 0 not about video, 2 large, 3 small, 7 relayed. `at`: Unix milliseconds.

    `peer` is '' where it is about himself. Event numbers are TRTC's (trtc.io 37906); a parameter that an event has not is -1.
    """

    peer: str
    kind: int
    at: int
    number: int
    first: int = -1
    second: int = -1


@dataclass(frozen=True, slots=True)
class Cause:
    """What may have caused an unusual experience; `peer` is '' where nobody else had to do with it."""

    number: int
    peer: str


@dataclass(frozen=True, slots=True)
class Unusual:
    """An unusual experience of a user: 1 slow entry, 2 no video, 3 no audio, 4 video and 5 audio stutters. `at`: Unix seconds."""

    user: str
    experience: int
    room: str
    at: int
    causes: tuple[Cause, ...]


@dataclass(frozen=True, slots=True)
class Day:
    """One whole UTC day: distinct users, entries, rooms."""

    day: dt.date
    users: int
    entries: int
    rooms: int


class Metric(StrEnum):
    """What curves there are, by TRTC's names. Units: percent, bit/s, ms in the sample, frames/s, pixels."""

    APP_CPU = "appCpu"
    SYSTEM_CPU = "sysCpu"
    AUDIO_BITRATE = "aBit"
    AUDIO_STUTTER = "aBlock"
    VIDEO_BITRATE = "bigvBit"
    CAPTURE_RATE = "bigvCapFps"
    ENCODE_RATE = "bigvEncFps"
    DECODE_RATE = "bigvDecFps"
    VIDEO_STUTTER = "bigvBlock"
    AUDIO_LOSS = "aLoss"
    VIDEO_LOSS = "bigvLoss"
    WIDTH = "bigvWidth"
    HEIGHT = "bigvHeight"


@dataclass(frozen=True, slots=True)
class Curve:
    """One metric of one user: of what he sends (`peer` ''), or of what he receives from a peer. Points: Unix seconds, value."""

    user: str
    peer: str
    metric: Metric
    points: tuple[tuple[int, float], ...]


class History(Protocol):
    """What is read of the past. Whoever asks owns the application already."""

    async def calls(self, sdk_app_id: int, span: Window, *, room: str | None, wanted: Page) -> Sequence[Call]:
        """Calls that were going on in the span, newest first. `room` is a number or a string: history does not tell them apart."""

    async def call(self, call: CallId) -> Call | None:
        """One call, or None."""

    async def stays(
        self, call: CallId, span: Window, *, users: Sequence[str], wanted: Page
    ) -> Sequence[Stay]:
        """Who was in the call during the span, in the order of entry; only `users`, unless that is empty."""

    async def events(self, call: CallId, span: Window, user: str) -> Sequence[Event]:
        """What happened to one user, in order."""

    async def curves(
        self, call: CallId, span: Window, *, users: Sequence[str], metrics: Sequence[Metric]
    ) -> Sequence[Curve]:
        """The curves of those users."""

    async def unusual(
        self, sdk_app_id: int, span: Window, *, room: str | None, most: int
    ) -> Sequence[Unusual]:
        """Unusual experiences in the span, in order."""

    async def days(self, sdk_app_id: int, first: dt.date, last: dt.date) -> Sequence[Day]:
        """Whole days, newest first; a day without calls may be left out."""
