# SPDX-License-Identifier: Apache-2.0
"""Who is no longer, or not yet, a member: with every key he was ever given and every packet that was ever forwarded he opens nothing
of the time when he is none.

Each of them opens what was sealed while he was a member: the same search finds what there is to find.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from protocol.model.sealing import Room
from sealroom_customer.client import Client, Closed, Entry
from sealroom_customer.client import client as client_module
from sealroom_customer.demo import synthetic
from tests.browser import dump
from tests.deployment import deployment
from tests.hostile.attacker import Attacker
from tests.hostile.backend import Backend, way_to
from tests.hostile.member import Watched, Watching

ENOUGH = 60
"""Frames on which a claim is made: about a second of two members."""
REMOVAL_SECONDS = 1.0
"""From the authority's being told until nothing opens any more: the others' wait of 300 ms, and what was under way."""
SILENCE_SECONDS = 3
"""`max_key_silence` of those whose lines are cut."""


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    folder = tmp_path_factory.mktemp("removed")
    with deployment(folder) as running:
        yield Backend(running, folder / "customer")


@pytest.fixture(autouse=True)
def _watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "Membership", Watching)


@dataclass
class Capture:
    """Everything the operator of a deployment forwarded, from any moment on."""

    path: Path

    def now(self) -> int:
        """A moment: how many packets there were."""
        return sum(1 for _ in dump.packets(self.path)) if self.path.exists() else 0

    def frames(self, begin: int = 0, end: int | None = None) -> list[dump.Frame]:
        """Frames of which every packet came between two moments."""
        return dump.frames(list(dump.packets(self.path))[begin:end])

    async def grown(self, since: int) -> list[dump.Frame]:
        """Frames since a moment, once there are enough."""
        await until("enough is forwarded", lambda: len(self.frames(since)) >= ENOUGH)
        return self.frames(since)


async def until(what: str, check: Callable[[], bool], seconds: float = 30) -> None:
    limit = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < limit, f"never came true: {what}"
        await asyncio.sleep(0.05)


@dataclass
class Person:
    """A member who talks, and whatever the authority gave him."""

    user: str
    client: Client
    closed: list[Closed] = field(default_factory=list)

    @property
    def watched(self) -> Watched:
        sink = self.client._membership._sink
        assert isinstance(sink, Watched)
        return sink

    def attacker(self) -> Attacker:
        """Somebody who has all of this member's key state."""
        told = self.watched.room
        room = Room(told["suite"], told["app"], told["kind"], told["room"], bytes.fromhex(told["instance"]))
        return Attacker(
            room, {(epoch, step): bytes.fromhex(text) for epoch, step, text in self.watched.secrets}
        )

    async def has_keys(self) -> None:
        await until(f"{self.user} has keys", lambda: bool(self.watched.secrets))

    async def talk(self) -> None:
        """Sound and picture until cancelled or put out."""
        await self.client.connected()
        for track in ("audio", "main"):
            await self.client.publish(track)
        for number in range(1_000_000):
            for track, ticks in (("audio", 1920), ("main", 3600)):
                name: Any = track
                frame = synthetic.make(self.user, name, number, key=name == "main" and number % 10 == 0)
                self.client.send(name, synthetic.codec_of(name), frame, number * ticks)
            await asyncio.sleep(0.04)

    async def listen(self) -> None:
        async for event in self.client.events():
            if isinstance(event, Closed):
                self.closed.append(event)


@contextlib.asynccontextmanager
async def member(entry: Entry, *, talks: bool = True) -> AsyncIterator[Person]:
    """Enters, has keys, and talks until the block ends."""
    async with Client.enter(entry) as client:
        person = Person(entry.user_id, client)
        work = [asyncio.create_task(person.listen())]
        await person.has_keys()
        if talks:
            work.append(asyncio.create_task(person.talk()))
        try:
            yield person
        finally:
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)


@contextlib.asynccontextmanager
async def talk_of_two(backend: Backend, room: str, **how: Any) -> AsyncIterator[tuple[Person, Person]]:
    async with (
        member(backend.entry(room, "alice", **how)) as alice,
        member(backend.entry(room, "bob", **how)) as bob,
    ):
        yield alice, bob


def capture_of(backend: Backend) -> Capture:
    return Capture(backend.running.sink)


def genuine(clear: list[bytes]) -> int:
    """How many are what alice or bob sent, byte for byte."""
    tracks: tuple[Any, ...] = ("audio", "main")
    return sum(
        any(
            synthetic.number_of(user, track, one) is not None for user in ("alice", "bob") for track in tracks
        )
        for one in clear
    )


async def test_who_was_removed_opens_nothing_from_a_second_after_it_on(backend: Backend) -> None:
    capture = capture_of(backend)
    async with (
        talk_of_two(backend, "removed") as (alice, _),
        member(backend.entry("removed", "mallory"), talks=False) as mallory,
        # Whoever comes steps the room: mallory has to follow by himself, as he may while he is a member.
        member(backend.entry("removed", "dave"), talks=False),
    ):
        begin = capture.now()
        before = await capture.grown(begin)
        await backend.remove("removed", "mallory")
        await asyncio.sleep(REMOVAL_SECONDS)
        since = capture.now()
        after = await capture.grown(since)
        attacker = mallory.attacker()
        await until("mallory is told", lambda: bool(mallory.closed))
        assert mallory.closed[0].fault is not None
        assert mallory.closed[0].fault.code == "removed"
        assert alice.client.stats()["epoch"] == 2
    assert genuine(attacker.opened(before)) >= ENOUGH
    assert attacker.opened(after) == []


async def test_an_operator_who_keeps_the_removal_from_the_others_gains_max_key_silence(
    backend: Backend,
) -> None:
    capture = capture_of(backend)
    async with (
        way_to(backend.running.page) as way,
        talk_of_two(backend, "cut", silence=SILENCE_SECONDS, authority=way.url) as (alice, bob),
        member(backend.entry("cut", "mallory"), talks=False) as mallory,
    ):
        await capture.grown(capture.now())
        way.cut()
        await backend.remove("cut", "mallory")
        removed = capture.now()
        meanwhile = await capture.grown(removed)
        await until("alice and bob are silent", lambda: _silent(alice) and _silent(bob), SILENCE_SECONDS + 1)
        # What was sealed is out of the senders' queues.
        await asyncio.sleep(0.5)
        since = capture.now()
        way.mend()
        after = await capture.grown(since)
        attacker = mallory.attacker()
        assert alice.client.stats()["epoch"] == bob.client.stats()["epoch"] >= 2
    assert genuine(attacker.opened(meanwhile)) >= ENOUGH, "they knew nothing of it, and went on for a while"
    assert attacker.opened(after) == []


def _silent(person: Person) -> bool:
    return person.client._authority.silent


async def test_whose_grant_ran_out_opens_nothing_from_a_second_after_it_on(backend: Backend) -> None:
    capture = capture_of(backend)
    async with (
        talk_of_two(backend, "expired"),
        member(backend.entry("expired", "mallory", life=5, renews=False), talks=False) as mallory,
    ):
        begin = capture.now()
        before = await capture.grown(begin)
        await until("mallory is told", lambda: bool(mallory.closed))
        assert mallory.closed[0].fault is not None
        assert mallory.closed[0].fault.code == "grant_expired"
        await asyncio.sleep(REMOVAL_SECONDS)
        since = capture.now()
        after = await capture.grown(since)
        attacker = mallory.attacker()
    assert genuine(attacker.opened(before)) >= ENOUGH
    assert attacker.opened(after) == []


async def test_a_newcomer_opens_nothing_of_what_was_before_him(backend: Backend) -> None:
    capture = capture_of(backend)
    async with talk_of_two(backend, "newcomer"):
        begin = capture.now()
        before = await capture.grown(begin)
        async with member(backend.entry("newcomer", "mallory"), talks=False) as mallory:
            after = await capture.grown(capture.now())
            attacker = mallory.attacker()
    assert attacker.opened(before) == []
    assert genuine(attacker.opened(after)) >= ENOUGH
