# SPDX-License-Identifier: Apache-2.0
"""Members in a room of a running deployment, what they saw, and a line to the operator that can be cut."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

from sealroom_customer.bots.tokens import TokenSource
from sealroom_customer.client import Client, Entry, Event, Frame, TrackAppeared
from sealroom_customer.client.events import CodecName, TrackName
from tests.deployment import Deployment

SECONDS = 30.0
"""Longest wait for anything; the machine may be busy."""
E = TypeVar("E", bound=Event)


@dataclass
class Member:
    """A client, and everything that it told."""

    client: Client
    events: list[Event] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def until(self, what: Callable[["Member"], Any]) -> None:
        """Waits until the events are so."""
        async with asyncio.timeout(SECONDS), self.changed:
            await self.changed.wait_for(lambda: what(self))

    def told(self, kind: type[E]) -> list[E]:
        """All events of a kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def bodies(self, user: str, track: TrackName = "main") -> list[bytes]:
        """Of the frames that opened."""
        return [frame.data for frame in self.told(Frame) if (frame.user, frame.track) == (user, track)]

    async def appeared(self, user: str, track: TrackName = "main") -> None:
        """Waits until the operator has told of somebody's track."""
        await self.until(lambda one: TrackAppeared(user, track) in one.events)

    async def gets(self, user: str, more: int) -> None:
        """Waits until so many more frames of somebody have opened."""
        wanted = len(self.bodies(user)) + more
        await self.until(lambda one: len(one.bodies(user)) >= wanted)


@contextlib.asynccontextmanager
async def member(entry: Entry) -> AsyncIterator[Member]:
    """Enters, waits for media, reads along until the block ends."""
    async with Client.enter(entry) as client:
        one = Member(client)
        reading = asyncio.create_task(_read(one))
        try:
            async with asyncio.timeout(SECONDS):
                await client.connected()
            yield one
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def _read(one: Member) -> None:
    async for event in one.client.events():
        async with one.changed:
            one.events.append(event)
            one.changed.notify_all()


async def entry(running: Deployment, user: str, room: str, **how: Any) -> Entry:
    """What the demo's backend gives to `user`."""
    return dataclasses.replace(await TokenSource(running.page.rstrip("/")).entry(user, room), **how)


async def keep_sending(
    one: Member,
    track: TrackName,
    codec: CodecName,
    make: Callable[[int, int], bytes],
    layers: int = 1,
) -> None:
    """Sends `make(number, layer)` in all layers until cancelled, every 40 ms."""
    for number in range(1_000_000):
        for layer in range(layers):
            one.client.send(track, codec, make(number, layer), number * 3600 % 2**32, layer=layer)
        await asyncio.sleep(0.04)


@contextlib.asynccontextmanager
async def sending(one: Member, *what: Any, **how: Any) -> AsyncIterator[None]:
    """`keep_sending` beside the block."""
    task = asyncio.create_task(keep_sending(one, *what, **how))
    try:
        yield
        if task.done():
            task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Relay:
    """Passes octets on to the operator, until it is cut; refuses while it is down."""

    def __init__(self, operator: str) -> None:
        parts = urlsplit(operator)
        self._host, self._port, self._path = str(parts.hostname), parts.port or 80, parts.path
        self._writers: list[asyncio.StreamWriter] = []
        self.down = False
        self.lines = 0
        self.url = ""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.lines += 1
        if self.down:
            writer.transport.abort()
            return
        onward, back = await asyncio.open_connection(self._host, self._port)
        self._writers += [writer, back]
        await asyncio.gather(_pass(reader, back), _pass(onward, writer), return_exceptions=True)

    def cut(self) -> None:
        """Breaks every line, without a word."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while octets := await reader.read(65536):
        writer.write(octets)
        await writer.drain()
    writer.transport.abort()


@contextlib.asynccontextmanager
async def relay(operator: str) -> AsyncIterator[Relay]:
    """A relay in front of an operator; its `url` is what a client is given."""
    between = Relay(operator)
    server = await asyncio.start_server(between.handle, "127.0.0.1", 0)
    between.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}{urlsplit(operator).path}"
    try:
        yield between
    finally:
        between.cut()
        server.close()
