# SPDX-License-Identifier: Apache-2.0
"""`demo --check N`: two headless members in the running demo room, sealed media both ways for N seconds, and the numbers.

Everything is the real thing: the operator's process, the authority over its WebSocket, the Rust client core. Only the pictures
and sounds are made up, so that each frame that opens can be compared with what was sent.
"""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sealroom_customer.client import (
    Client,
    ClientFault,
    Closed,
    Frame,
    FrameRefused,
    KeyFrameWanted,
    RosterChanged,
    TrackAppeared,
)
from sealroom_customer.client.events import TrackName
from sealroom_customer.demo import synthetic
from sealroom_customer.demo.app import Demo
from sealroom_customer.demo.backend import Ask
from sealroom_customer.demo.entry import entry_of

_ENTER_SECONDS = 15.0
"""For two members to enter and see each other's first frames."""
_SETTLE_SECONDS = 1.0
"""After the first frame of a track; what is refused later counts as a fault."""
_LAST_FRAMES_SECONDS = 0.5
_APART_SECONDS = 0.3
_LEAST_SHARE = 0.9
"""Of the frames sent while both were there. Loopback loses none; a busy machine may delay the last ones."""
_PACE: dict[TrackName, tuple[float, int]] = {"audio": (0.02, 960), "main": (1 / 30, 3000)}
"""Seconds between frames, and RTP clock ticks."""


@dataclass(slots=True)
class _Received:
    """What came of one track of the other."""

    first_at: float | None = None
    opened: int = 0
    wrong: int = 0
    """Frames that opened and are not, byte for byte, what was sent."""


@dataclass(slots=True)
class _Member:
    """One of the two and what it counted. Times are monotonic seconds."""

    name: str
    other: str
    client: Client
    meeting: "_Meeting"
    sent: Counter[str] = field(default_factory=Counter)
    received: dict[str, _Received] = field(
        default_factory=lambda: {"audio": _Received(), "main": _Received()}
    )
    refused_first: Counter[str] = field(default_factory=Counter)
    refused_later: Counter[str] = field(default_factory=Counter)
    key_frame_wanted: bool = True
    published: set[str] = field(default_factory=set)
    fault: ClientFault | None = None
    stats: dict[str, int] = field(default_factory=dict)
    """The client's, taken while both were there."""
    words: tuple[str, ...] = ()
    """The authentication string, at the same time."""
    flows: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def first_media(self) -> float | None:
        """Seconds from when the second began to enter until a frame of each track of the other had opened."""
        firsts = [one.first_at for one in self.received.values()]
        return (
            None if None in firsts else max(one for one in firsts if one is not None) - self.meeting.began_at
        )


async def check(demo: Demo, room: str, seconds: int, say: Callable[[str], None]) -> int:
    """Runs the check; returns 0 when sealed media flowed both ways and nothing was refused, else 1."""
    suffix = secrets.token_hex(3)
    names = (f"check-a-{suffix}", f"check-b-{suffix}")
    say(f"check      two members enter the room `{room}` for {seconds} s")
    failures: list[str] = []
    works: list[asyncio.Task[_Member]] = []
    try:
        async with asyncio.timeout(seconds + 2 * _ENTER_SECONDS), asyncio.TaskGroup() as tasks:
            meeting = _Meeting(seconds)
            works = [
                tasks.create_task(_attend(demo, room, name, other, meeting))
                for name, other in (names, names[::-1])
            ]
    except* (ClientFault, TimeoutError) as faults:
        failures = [str(fault) or "it took too long" for fault in _leaves(faults)]
    for failure in failures:
        say(f"check      failed: {failure}")
    if failures:
        return 1
    members = [work.result() for work in works]
    for line in _table(members):
        say(line)
    problems = [problem for member in members for problem in _problems(member, members)]
    for problem in problems:
        say(f"check      failed: {problem}")
    if not problems:
        say(f"check      both read the same words: {' '.join(members[0].words)}")
        say("check      passed: sealed media flowed both ways")
    return 1 if problems else 0


class _Meeting:
    """Lets both go on together: from when each has frames of the other, for as long as was asked."""

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds
        self._both = asyncio.Barrier(2)
        self.first_is_in = asyncio.Event()
        self.began_at = 0.0

    async def second_may_enter(self) -> None:
        """Once the first has its keys; a little later, so that the second does not share its step."""
        await self.first_is_in.wait()
        await asyncio.sleep(_APART_SECONDS)
        self.began_at = time.monotonic()

    async def over(self, member: _Member) -> None:
        """Until the time is up."""
        try:
            async with asyncio.timeout(_ENTER_SECONDS):
                await member.flows.wait()
        except TimeoutError:
            # It goes on and is reported with its numbers.
            pass
        await self._both.wait()
        await asyncio.sleep(self._seconds)

    async def sent(self, member: _Member) -> None:
        """Until both have stopped sending, and what is under way has arrived; takes the numbers."""
        await self._both.wait()
        await asyncio.sleep(_LAST_FRAMES_SECONDS)
        member.stats, member.words = member.client.stats(), member.client.words
        await self._both.wait()


async def _attend(demo: Demo, room: str, name: str, other: str, meeting: _Meeting) -> _Member:
    if name > other:
        await meeting.second_may_enter()
    ask = Ask(name, room)
    tokens = demo.backend.tokens(ask, demo.lines(demo.origins[0]))

    async def grant() -> str:
        return demo.backend.grant(ask)

    async with Client.enter(entry_of(tokens, grant)) as client:
        member = _Member(name, other, client, meeting)
        beside = [asyncio.create_task(_listen(member))]
        try:
            await client.publish("audio")
            await client.publish("main")
            beside += [asyncio.create_task(_send(member, track)) for track in _PACE]
            await meeting.over(member)
            for task in beside[1:]:
                task.cancel()
            await meeting.sent(member)
        finally:
            for task in beside:
                task.cancel()
            results = await asyncio.gather(*beside, return_exceptions=True)
        for result in results:
            if isinstance(result, ClientFault):
                member.fault = result
            elif isinstance(result, Exception):
                raise result
        return member


async def _send(member: _Member, track: TrackName) -> None:
    """Frames at an even pace; only those that were taken count and use up a number."""
    seconds, ticks = _PACE[track]
    number, due = 0, time.monotonic()
    await member.client.connected()
    while True:
        key = track != "audio" and (member.key_frame_wanted or number % 300 == 0)
        frame = synthetic.make(member.name, track, number, key=key)
        if member.client.send(track, synthetic.codec_of(track), frame, (number * ticks) % 2**32):
            number += 1
            if member.flows.is_set():
                member.sent[track] += 1
            if key:
                member.key_frame_wanted = False
        due += seconds
        await asyncio.sleep(max(0.0, due - time.monotonic()))


async def _listen(member: _Member) -> None:
    async for event in member.client.events():
        if isinstance(event, Frame):
            _take(member, event)
        elif isinstance(event, FrameRefused):
            refused = member.refused_later if _settled(member) else member.refused_first
            refused[event.reason] += 1
        elif isinstance(event, RosterChanged):
            member.meeting.first_is_in.set()
        elif isinstance(event, KeyFrameWanted):
            member.key_frame_wanted = True
        elif isinstance(event, TrackAppeared):
            if event.user == member.other and event.track == "main":
                await member.client.watch(event.user, "main")
        elif isinstance(event, Closed) and event.fault is not None:
            raise event.fault


def _take(member: _Member, frame: Frame) -> None:
    if frame.user != member.other:
        # Somebody else is in the demo room; that is allowed.
        return
    received = member.received[frame.track]
    if synthetic.number_of(frame.user, frame.track, frame.data) is None:
        received.wrong += 1
        return
    received.opened += 1
    if received.first_at is None:
        received.first_at = time.monotonic()
        if member.first_media is not None:
            member.flows.set()


def _settled(member: _Member) -> bool:
    firsts = [one.first_at for one in member.received.values()]
    return all(first is not None and time.monotonic() > first + _SETTLE_SECONDS for first in firsts)


def _problems(member: _Member, members: list[_Member]) -> Iterator[str]:
    other = next(one for one in members if one is not member)
    if member.fault is not None:
        yield f"{member.name}: {member.fault}"
    for track, received in member.received.items():
        sent = other.sent[track]
        if received.wrong:
            yield f"{member.name}: {received.wrong} {track} frames are not what was sent"
        if not sent or received.opened < _LEAST_SHARE * sent:
            yield f"{member.name}: opened {received.opened} of {sent} {track} frames"
    if not member.words or member.words != other.words:
        yield f"{member.name}: reads other words than {other.name}: somebody may sit between them and the authority"
    if member.refused_later:
        yield f"{member.name}: refused {dict(member.refused_later)} after start-up"
    if not member.stats.get("packets_received"):
        yield f"{member.name}: the operator forwarded nothing"
    if member.stats.get("frames_not_taken"):
        yield f"{member.name}: {member.stats['frames_not_taken']} frames were not taken in time"


def _table(members: list[_Member]) -> Iterator[str]:
    rows: list[tuple[str, Callable[[_Member], str]]] = [
        ("members on the roster", lambda one: str(one.stats["members"])),
        ("epoch.step", lambda one: "{epoch}.{step}".format_map(one.stats)),
        ("from enter to first media", _first_media),
        ("audio frames sent", lambda one: str(one.sent["audio"])),
        ("audio frames opened", lambda one: str(one.received["audio"].opened)),
        ("video frames sent", lambda one: str(one.sent["main"])),
        ("video frames opened", lambda one: str(one.received["main"].opened)),
        ("refused at start-up", lambda one: _counts(one.refused_first)),
        ("refused later", lambda one: _counts(one.refused_later)),
        ("packets sent", lambda one: str(one.stats["packets_sent"])),
        ("packets from the operator", lambda one: str(one.stats["packets_received"])),
    ]
    yield f"{'':28}{'check-a':>26}{'check-b':>26}"
    for title, value in rows:
        yield f"  {title:26}" + "".join(f"{value(member):>26}" for member in members)


def _first_media(member: _Member) -> str:
    seconds = member.first_media
    return "never" if seconds is None else f"{seconds * 1000:.0f} ms"


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in sorted(counter.items())) or "0"


def _leaves(faults: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for fault in faults.exceptions:
        if isinstance(fault, BaseExceptionGroup):
            yield from _leaves(fault)
        else:
            yield fault
