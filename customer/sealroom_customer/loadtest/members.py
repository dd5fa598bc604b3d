# SPDX-License-Identifier: Apache-2.0
"""The members of a load test: publishers, who only send, and subscribers, who verify every frame of everybody."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

from sealroom_customer.client import (
    Client,
    ClientFault,
    Closed,
    Entry,
    Frame,
    FrameRefused,
    KeyFrameWanted,
    Reconnecting,
    TrackAppeared,
)
from sealroom_customer.client.events import TrackName
from sealroom_customer.demo.synthetic import codec_of
from sealroom_customer.loadtest import frames
from sealroom_customer.loadtest.delays import Delays
from sealroom_customer.loadtest.frames import Stamp
from sealroom_customer.loadtest.plan import AUDIO_BYTES, AUDIO_RATE, Plan

_KEY_FRAME_SIZE = 4
"""How many times as long a key frame is as another."""
_KEY_FRAME_PAUSE = 0.1
"""Seconds; whoever asks more often gets one a little later, as of an encoder."""
_CLOCK: dict[TrackName, int] = {"audio": 48_000, "main": 90_000}


@dataclass(slots=True)
class Joined:
    """How long it took, in seconds from when entering began; None for what never happened."""

    began: float = 0.0
    connected: float | None = None
    first_frame: float | None = None
    first_picture: float | None = None


@dataclass(slots=True)
class Window:
    """The frames that count: those made while everybody was there. Numbers of the first, and behind the last."""

    first: int | None = None
    end: int | None = None

    def holds(self, number: int) -> bool:
        """Whether a frame is in it."""
        return self.first is not None and number >= self.first and (self.end is None or number < self.end)

    @property
    def frames(self) -> int:
        """How many there are in a window that is over."""
        return 0 if self.first is None or self.end is None else self.end - self.first


@dataclass(slots=True)
class Stream:
    """One track of one publisher."""

    sender: str
    track: TrackName
    rate: int
    size: int
    number: int = 0
    not_sent: int = 0
    """Frames that the client dropped: it had no keys, or was not connected."""
    window: Window = field(default_factory=Window)


@dataclass(slots=True)
class Member:
    """What all have."""

    user: str
    room: str
    joined: Joined = field(default_factory=Joined)
    client: Client | None = None
    fault: ClientFault | None = None
    reconnections: int = 0
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    stats: dict[str, int] = field(default_factory=dict)
    """The client's, of its end."""

    async def attend(self, entry: Entry, over: asyncio.Event) -> None:
        """Is in the room until `over`. What ends it earlier is kept as `fault`."""
        self.joined.began = time.monotonic()
        try:
            async with Client.enter(entry) as client:
                self.client = client
                works = [asyncio.create_task(work) for work in (self._live(client), self._listen(client))]
                ending = asyncio.create_task(over.wait())
                try:
                    done, _ = await asyncio.wait([*works, ending], return_when=asyncio.FIRST_COMPLETED)
                    for one in done:
                        one.result()
                finally:
                    self.stats = client.stats()
                    for one in (*works, ending):
                        one.cancel()
                    await asyncio.gather(*works, ending, return_exceptions=True)
        except ClientFault as fault:
            self.fault = fault
        finally:
            self.ready.set()

    async def _live(self, client: Client) -> None:
        await client.connected()
        self.joined.connected = time.monotonic() - self.joined.began
        await asyncio.Event().wait()

    async def _listen(self, client: Client) -> None:
        async for event in client.events():
            if isinstance(event, Closed) and event.fault is not None:
                raise event.fault
            if isinstance(event, Reconnecting):
                self.reconnections += 1
            await self._heard(event)

    async def _heard(self, event: object) -> None:
        """Something happened."""


@dataclass(slots=True)
class Publisher(Member):
    """Sends numbered frames in all its streams."""

    streams: dict[TrackName, Stream] = field(default_factory=dict)
    _key_frame_asked: bool = True
    _key_frame_at: float = 0.0

    @classmethod
    def of(cls, plan: Plan, user: str, room: str) -> "Publisher":
        """A publisher of what the plan wants."""
        streams: dict[TrackName, Stream] = {}
        if plan.audio:
            streams["audio"] = Stream(user, "audio", AUDIO_RATE, AUDIO_BYTES)
        if plan.video_rate:
            streams["main"] = Stream(user, "main", plan.video_rate, plan.video_bytes)
        return cls(user, room, streams=streams)

    async def _live(self, client: Client) -> None:
        for track in self.streams:
            await client.publish(track)
        await client.connected()
        self.joined.connected = time.monotonic() - self.joined.began
        async with asyncio.TaskGroup() as tasks:
            for stream in self.streams.values():
                tasks.create_task(self._send(client, stream))

    async def _send(self, client: Client, stream: Stream) -> None:
        due = time.monotonic()
        while True:
            key = stream.track == "main" and self._key_frame_is_due()
            stamp = Stamp(stream.number, time.monotonic_ns())
            size = stream.size * _KEY_FRAME_SIZE if key else stream.size
            frame = frames.make(self.user, stream.track, stamp, size, key=key)
            timestamp = stream.number * _CLOCK[stream.track] // stream.rate % 2**32
            if client.send(stream.track, codec_of(stream.track), frame, timestamp):
                stream.number += 1
                self.ready.set()
                if key:
                    self._key_frame_asked, self._key_frame_at = False, time.monotonic()
            else:
                stream.not_sent += 1
            due = max(due + 1 / stream.rate, time.monotonic() - 1.0)
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    def _key_frame_is_due(self) -> bool:
        return self._key_frame_asked and time.monotonic() >= self._key_frame_at + _KEY_FRAME_PAUSE

    async def _heard(self, event: object) -> None:
        if isinstance(event, KeyFrameWanted):
            self._key_frame_asked = True


@dataclass(slots=True)
class Subscriber(Member):
    """Receives and verifies all streams of its room."""

    streams: dict[tuple[str, TrackName], Stream] = field(default_factory=dict)
    """What it shall receive."""
    opened: Counter[tuple[str, TrackName]] = field(default_factory=Counter)
    """In the streams' windows."""
    wrong: int = 0
    """Frames that opened and are not what was sent."""
    refused_early: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    """After everybody had come."""
    delays: Delays = field(default_factory=Delays)
    settled: bool = False
    complete: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once every frame of the streams' windows has come, after the windows were closed."""
    _seen: set[tuple[str, TrackName]] = field(default_factory=set)

    async def _heard(self, event: object) -> None:
        if isinstance(event, Frame):
            self._take(event, time.monotonic_ns())
        elif isinstance(event, FrameRefused):
            (self.refused if self.settled else self.refused_early)[event.reason] += 1
        elif isinstance(event, TrackAppeared) and event.track == "main" and self.client is not None:
            await self.client.watch(event.user, "main")

    def _take(self, frame: Frame, now_ns: int) -> None:
        place = (frame.user, frame.track)
        stream = self.streams.get(place)
        stamp = frames.read(frame.user, frame.track, frame.data)
        if stream is None or stamp is None or frame.codec != codec_of(frame.track):
            self.wrong += 1
            return
        if place not in self._seen:
            self._first(place)
        if stream.window.holds(stamp.number):
            self.opened[place] += 1
            self.delays.add((now_ns - stamp.made_ns) / 1e9)
        if stream.window.end is not None:
            self.look()

    def _first(self, place: tuple[str, TrackName]) -> None:
        passed = time.monotonic() - self.joined.began
        self._seen.add(place)
        self.joined.first_frame = self.joined.first_frame or passed
        if place[1] == "main":
            self.joined.first_picture = self.joined.first_picture or passed
        if self._seen >= self.streams.keys():
            self.ready.set()

    def look(self) -> None:
        """Looks whether all has come."""
        closed = all(stream.window.end is not None for stream in self.streams.values())
        if closed and all(
            self.opened[place] >= stream.window.frames for place, stream in self.streams.items()
        ):
            self.complete.set()
