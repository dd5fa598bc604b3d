# SPDX-License-Identifier: Apache-2.0
"""One bot: enters, shows a pattern, plays a tone, watches everybody, and comes again when it falls out."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from sealroom_customer.bots.encoding import VIDEO_CLOCK, OpusEncoder, Vp8Encoder
from sealroom_customer.bots.judge import Judge
from sealroom_customer.bots.pattern import AUDIO_SAMPLES, SAMPLE_RATE, Pattern, Tone
from sealroom_customer.client import (
    Client,
    ClientFault,
    Closed,
    Entry,
    Frame,
    FrameRefused,
    KeyFrameWanted,
    SealedFrame,
    TrackAppeared,
    TrackGone,
)
from sealroom_customer.errors import StartError
from sealroom_customer.logging import get_logger

_KEY_FRAME_PAUSE = 0.5
"""Seconds; whoever asks more often gets one all the same, a little later."""
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 10.0
_FOR_GOOD = frozenset({"removed", "replaced_by_new_entry"})
_JUDGED_AT_ONCE = 64
"""Frames that wait to be judged; what is too much is left out, never delayed."""


@dataclass(frozen=True, slots=True)
class Show:
    """What bots send. `video` and `audio` may be switched off; sizes in pixels, `rate` in pictures a second."""

    video: bool = True
    audio: bool = True
    width: int = 640
    height: int = 360
    rate: int = 15
    bits_per_second: int = 400_000


@dataclass(slots=True)
class Bot:
    """A member that is no person. `sender` stands in its barcode; `judged` are the users whose frames it judges."""

    sender: int
    name: str
    show: Show
    enter: Callable[[], Awaitable[Entry]]
    judged: frozenset[str] = frozenset()
    client: Client | None = None
    opened: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    entries: int = 0
    """How often it has been let in."""
    judges: dict[str, Judge] = field(default_factory=dict)
    _key_frame_wanted: bool = True
    _pictures: int = 0
    _blocks: int = 0
    """Numbers go on when it comes again, as somebody's camera would."""
    _earlier_packets: int = 0

    @property
    def packets(self) -> int:
        """RTP packets that the operator forwarded to it so far."""
        now = 0 if self.client is None else self.client.stats()["packets_received"]
        return self._earlier_packets + now

    async def run(self) -> None:
        """Runs until cancelled, or put out of the room: whoever decided that means it for bots too.

        Raises:
            StartError: it was never let in, so that waiting would help nobody.
        """
        wait = _FIRST_WAIT
        while True:
            before = self.entries
            try:
                await self._attend(await self.enter())
            except (ClientFault, StartError) as fault:
                if self.entries == 0:
                    raise StartError(
                        "bot_not_let_in", f"{self.name} was not let in: {fault}", "Mend it and start again."
                    ) from None
                get_logger().warning("bot.out", code=fault.code)
                if fault.code in _FOR_GOOD:
                    return
                wait = _FIRST_WAIT if self.entries > before else min(wait * 2, _LONGEST_WAIT)
                await asyncio.sleep(wait)

    async def _attend(self, entry: Entry) -> None:
        async with Client.enter(entry) as client:
            self.client, self.entries, self._key_frame_wanted = client, self.entries + 1, True
            frames: asyncio.Queue[tuple[str, bytes, bytes]] = asyncio.Queue(_JUDGED_AT_ONCE)
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._listen(client, frames))
                    if self.judged:
                        tasks.create_task(self._judge(frames))
                    if self.show.audio:
                        await client.publish("audio")
                        tasks.create_task(self._play(client))
                    if self.show.video:
                        await client.publish("main")
                        tasks.create_task(self._film(client))
            except* ClientFault as faults:
                raise _first(faults) from None
            finally:
                self._earlier_packets += client.stats()["packets_received"]
                self.client = None

    async def _film(self, client: Client) -> None:
        show = self.show
        pattern = Pattern(self.sender, show.width, show.height)
        encoder = Vp8Encoder(show.width, show.height, show.rate, show.bits_per_second)
        await client.connected()
        due = time.monotonic()
        key_at = due - _KEY_FRAME_PAUSE
        while True:
            key = self._key_frame_wanted and due >= key_at + _KEY_FRAME_PAUSE
            number = self._pictures
            frame = await asyncio.to_thread(lambda: encoder.encode(pattern.picture(number), key=key))  # noqa: B023 - awaited
            self._pictures += 1
            sent = bool(frame) and client.send(
                "main", "vp8", frame, number * VIDEO_CLOCK // show.rate % 2**32
            )
            if key and sent:
                self._key_frame_wanted, key_at = False, due
            elif not sent and frame:
                # A frame that depends on one that never left cannot be shown.
                self._key_frame_wanted = True
            due = await _until(due + 1 / show.rate)

    async def _play(self, client: Client) -> None:
        tone, encoder = Tone(self.sender), OpusEncoder()
        await client.connected()
        due = time.monotonic()
        while True:
            frame = encoder.encode(tone.samples(self._blocks))
            self._blocks += 1
            if frame:
                client.send("audio", "opus", frame, self._blocks * AUDIO_SAMPLES % 2**32)
            due = await _until(due + AUDIO_SAMPLES / SAMPLE_RATE)

    async def _listen(self, client: Client, frames: asyncio.Queue[tuple[str, bytes, bytes]]) -> None:
        sealed: dict[str, SealedFrame] = {}
        async for event in client.events():
            match event:
                case SealedFrame():
                    sealed[event.user] = event
                case Frame():
                    self.opened += 1
                    before = sealed.pop(event.user, None) if event.track == "main" else None
                    if (
                        before is not None
                        and before.timestamp == event.timestamp
                        and event.user in self.judged
                    ):
                        with suppress(asyncio.QueueFull):
                            frames.put_nowait((event.user, before.data, event.data))
                case FrameRefused():
                    self.refused[event.reason] += 1
                case KeyFrameWanted():
                    self._key_frame_wanted = True
                case TrackAppeared() if event.track != "audio":
                    await _if_it_can(client.watch(event.user, event.track))
                case TrackGone() if event.track != "audio":
                    await _if_it_can(client.unwatch(event.user, event.track))
                case Closed():
                    raise event.fault or ClientFault("left", "The room was left.")

    async def _judge(self, frames: asyncio.Queue[tuple[str, bytes, bytes]]) -> None:
        while True:
            user, sealed, opened = await frames.get()
            judge = self.judges.setdefault(user, Judge())
            await asyncio.to_thread(judge.look, sealed, opened)


async def _if_it_can(work: Awaitable[None]) -> None:
    """More pictures than slots, or of somebody who has just left: a bot does without them."""
    with suppress(ClientFault):
        await work


async def _until(due: float) -> float:
    """Sleeps until `due`; returns it, or now when that was long ago, so that nothing is made up for in a burst."""
    late = time.monotonic() - due
    await asyncio.sleep(max(0.0, -late))
    return due if late < 1.0 else time.monotonic()


def _first(faults: BaseExceptionGroup[ClientFault]) -> ClientFault:
    inner = faults.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner
