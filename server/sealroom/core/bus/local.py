# SPDX-License-Identifier: Apache-2.0
"""The bus within one process: the embedded default. Messages are written and read as they would be between processes.

Streams last as long as the process: nobody else is there to hear the rest. What must outlive it belongs into a table beside what it is about.
"""

import asyncio
import itertools
from collections import defaultdict, deque
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sealroom.catalogue import Catalogue
from sealroom.core.bus.errors import BusFull, BusUnavailable, NobodyAnswered
from sealroom.core.bus.handling import (
    MAX_WAITING,
    Answering,
    Hearing,
    Running,
    Watching,
    read_answer,
)
from sealroom.core.bus.port import Handler, Server, Watcher
from sealroom.core.bus.subjects import (
    EVERYTHING,
    MAX_KEPT_MESSAGES,
    Message,
    Question,
    Registry,
    Stream,
    Topic,
    decoded,
    demand_declared,
    demand_key,
    encoded,
)
from sealroom.core.clock import Clock, Timer, pause

M = TypeVar("M", bound=Message)
Q = TypeVar("Q", bound=Message)
A = TypeVar("A", bound=Message)

DAY_SECONDS = 86_400


@dataclass(eq=False)
class _Listener:
    """One who hears a topic."""

    key: str | None
    hearing: Hearing[Any]
    waiting: asyncio.Queue[tuple[str, bytes]] = field(default_factory=lambda: asyncio.Queue(MAX_WAITING))

    def offer(self, key: str, octets: bytes) -> None:
        if self.key in (None, key):
            try:
                self.waiting.put_nowait((key, octets))
            except asyncio.QueueFull:
                self.hearing.drop()

    async def run(self) -> None:
        while True:
            key, octets = await self.waiting.get()
            await self.hearing.tell_once(key, octets)


@dataclass(eq=False)
class _Kept:
    """A message of a stream, as long as it is retained."""

    key: str
    octets: bytes
    until: float


class _Consumer:
    """One name's place in a stream: what it has not handled. Whoever handles the first of it holds the turn."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: deque[_Kept] = deque()
        self._turn = asyncio.Lock()
        self._some = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, kept: _Kept) -> None:
        while self._waiting and self._waiting[0].until <= self._clock.unix():
            self._waiting.popleft()
        self._waiting.append(kept)
        self._some.set()

    async def run(self, hearing: Hearing[Any]) -> None:
        while True:
            await self._some.wait()
            async with self._turn:
                if not self._waiting:
                    self._some.clear()
                    continue
                first = self._waiting[0]
                if first.until > self._clock.unix():
                    await hearing.tell_until_done(first.key, first.octets)
                # Cancelled above, it stays the first of the next who consumes.
                if self._waiting and self._waiting[0] is first:
                    self._waiting.popleft()


@dataclass(eq=False)
class _Entry:
    """An entry of a registry, and what ends it."""

    octets: bytes
    timer: Timer


class LocalBus:
    """See the port."""

    def __init__(self, catalogue: Catalogue, clock: Clock, *, most_kept: int = MAX_KEPT_MESSAGES) -> None:
        """`most_kept`: messages of one stream that one consumer may be behind."""
        self._catalogue, self._clock, self._most_kept = catalogue, clock, most_kept
        self._listeners: defaultdict[str, list[_Listener]] = defaultdict(list)
        self._consumers: defaultdict[str, dict[str, _Consumer]] = defaultdict(dict)
        self._servers: defaultdict[tuple[str, str], list[Answering[Any, Any]]] = defaultdict(list)
        self._entries: defaultdict[str, dict[str, _Entry]] = defaultdict(dict)
        self._watchers: defaultdict[str, list[Watching[Any]]] = defaultdict(list)
        self._turns = itertools.count()
        self._running: list[Running] = []
        self._closed = False

    async def publish(self, subject: Topic[M] | Stream[M], message: M, *, key: str = EVERYTHING) -> None:
        """See the port."""
        self._demand_open()
        octets = encoded(message, subject.message)
        demand_key(key)
        if isinstance(subject, Topic):
            for listener in self._listeners[subject.name]:
                listener.offer(key, octets)
            return
        demand_declared(self._catalogue, subject)
        consumers = self._consumers[subject.name].values()
        if any(len(consumer) >= self._most_kept for consumer in consumers):
            raise BusFull(f"{subject.name}: a consumer is {self._most_kept} messages behind.")
        until = self._clock.unix() + subject.retention.days * DAY_SECONDS
        for consumer in consumers:
            consumer.add(_Kept(key, octets, until))

    async def subscribe(self, topic: Topic[M], handler: Handler[M], *, key: str | None = None) -> Running:
        """See the port."""
        self._demand_open()
        hearing = Hearing(topic.name, topic.message, handler, self._clock)
        listener = _Listener(None if key is None else demand_key(key), hearing)
        listeners = self._listeners[topic.name]
        listeners.append(listener)

        async def end() -> None:
            listeners.remove(listener)

        return self._started(Running(hearing, end), listener.run())

    async def consume(self, stream: Stream[M], consumer: str, handler: Handler[M]) -> Running:
        """See the port."""
        self._demand_open()
        demand_declared(self._catalogue, stream)
        place = self._consumers[stream.name].setdefault(demand_key(consumer), _Consumer(self._clock))
        hearing = Hearing(stream.name, stream.message, handler, self._clock)
        return self._started(Running(hearing), place.run(hearing))

    async def request(
        self, question: Question[Q, A], message: Q, *, seconds: float, key: str = EVERYTHING
    ) -> A:
        """See the port."""
        self._demand_open()
        octets = encoded(message, question.message)
        servers = self._servers[question.name, demand_key(key)]
        if not servers:
            raise NobodyAnswered(f"nobody serves {question.name}.")
        work = servers[next(self._turns) % len(servers)].start(key, octets)
        limit = asyncio.get_running_loop().create_task(pause(self._clock, seconds))
        try:
            await asyncio.wait({work, limit}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            limit.cancel()
        # Who asked in vain does not stop the one who works on it.
        if not work.done() or work.cancelled():
            raise NobodyAnswered(f"{question.name}: no answer within {seconds} s.")
        return read_answer(work.result(), question)

    async def serve(
        self, question: Question[Q, A], server: Server[Q, A], *, key: str = EVERYTHING
    ) -> Running:
        """See the port."""
        self._demand_open()
        answering = Answering(question, server)
        servers = self._servers[question.name, demand_key(key)]
        servers.append(answering)

        async def end() -> None:
            servers.remove(answering)
            await answering.close()

        return self._started(Running(None, end))

    async def keep(self, registry: Registry[M], key: str, message: M) -> None:
        """See the port."""
        self._demand_open()
        demand_declared(self._catalogue, registry)
        octets = encoded(message, registry.message)
        entries = self._entries[registry.name]
        if (old := entries.pop(demand_key(key), None)) is not None:
            old.timer.cancel()
        timer = self._clock.call_later(registry.seconds, lambda: self._gone(registry.name, key))
        entries[key] = _Entry(octets, timer)
        for watching in self._watchers[registry.name]:
            watching.change(key, octets)

    async def forget(self, registry: Registry[M], key: str) -> None:
        """See the port."""
        self._demand_open()
        demand_declared(self._catalogue, registry)
        self._gone(registry.name, demand_key(key))

    def _gone(self, name: str, key: str) -> None:
        if (entry := self._entries[name].pop(key, None)) is not None:
            entry.timer.cancel()
            for watching in self._watchers[name]:
                watching.change(key, None)

    async def get(self, registry: Registry[M], key: str) -> M | None:
        """See the port."""
        self._demand_open()
        demand_declared(self._catalogue, registry)
        entry = self._entries[registry.name].get(demand_key(key))
        return None if entry is None else decoded(entry.octets, registry.message)

    async def watch(self, registry: Registry[M], watcher: Watcher[M]) -> Running:
        """See the port."""
        self._demand_open()
        demand_declared(self._catalogue, registry)
        watching = Watching(registry.name, registry.message, watcher)
        watching.replace({key: entry.octets for key, entry in self._entries[registry.name].items()})
        watchers = self._watchers[registry.name]
        watchers.append(watching)

        async def end() -> None:
            watchers.remove(watching)

        return self._started(Running(watching, end), watching.run())

    async def works(self) -> bool:
        """See the port."""
        return not self._closed

    async def close(self) -> None:
        """See the port."""
        self._closed = True
        for running in self._running:
            await running.close()
        for entries in self._entries.values():
            for entry in entries.values():
                entry.timer.cancel()

    def _demand_open(self) -> None:
        if self._closed:
            raise BusUnavailable("it was closed.")

    def _started(self, running: Running, work: Coroutine[object, object, None] | None = None) -> Running:
        if work is not None:
            running.run(work)
        self._running = [one for one in self._running if not one.closed] + [running]
        return running
