# SPDX-License-Identifier: Apache-2.0
"""A real server with a real authority behind it, and real WebSockets to it."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from customer.tests.desk import Desk
from customer.tests.device import Device
from sealroom_customer.authority import Authority
from sealroom_customer.authority.api import LINE_PATH, routes
from sealroom_customer.authority.line import Door
from sealroom_customer.clock import SystemClock
from sealroom_customer.http.api import api
from sealroom_customer.http.asgi import App, Receive, Scope, Send
from sealroom_customer.http.callers import BackendCredential
from sealroom_customer.http.listen import Listening
from sealroom_customer.http.server import bound, serving
from sealroom_wire.authority import Join

CREDENTIAL = "credential-of-the-backend-0123456789"


@dataclass
class Served:
    """What runs."""

    desk: Desk
    authority: Authority
    port: int

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}{LINE_PATH}"

    def grant(self, user: str, **how: int) -> str:
        return self.desk.grant(user, now=int(time.time()), **how)  # type: ignore[arg-type]

    def join(self, device: Device, grant: str | None = None, **change: object) -> str:
        """The text of a `join`."""
        message = Join(1, grant or self.grant(device.user), device.member_key, (5, 4))
        return msgspec.json.encode(msgspec.to_builtins(message) | change).decode()


@contextlib.asynccontextmanager
async def served(**limits: int) -> AsyncIterator[Served]:
    """An authority on a free loopback port."""
    desk = Desk()
    authority = Authority(desk.admission, desk.authority_key, SystemClock())
    door = Door(authority, SystemClock(), **limits)  # type: ignore[arg-type]
    http = api(routes(authority, BackendCredential(CREDENTIAL)))
    async with serve(_split(door, http)) as port:
        yield Served(desk, authority, port)


@contextlib.asynccontextmanager
async def serve(app: App, listening: Listening | None = None) -> AsyncIterator[int]:
    """Any application on a free loopback port."""
    listening = listening or Listening()
    sockets, port = bound(listening)
    try:
        async with serving(app, listening, sockets):
            yield port
    finally:
        for listener in sockets:
            listener.close()


def _split(door: App, http: App) -> App:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await (door if scope["type"] == "websocket" else http)(scope, receive, send)

    return app


@dataclass
class Member:
    """A device on a real line."""

    device: Device
    socket: ClientConnection
    reading: "asyncio.Task[None]"
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def until(self, what: Callable[[Device], bool]) -> None:
        """Waits until the device is so; fails after 5 s."""
        async with asyncio.timeout(5), self.changed:
            await self.changed.wait_for(lambda: what(self.device))

    async def closed(self) -> int:
        """The close code, once the line is over."""
        async with asyncio.timeout(8):
            await self.socket.wait_closed()
            await self.reading
        return self.socket.close_code or 0


@contextlib.asynccontextmanager
async def member(place: Served, user: str, grant: str | None = None) -> AsyncIterator[Member]:
    """Joins and reads along until the block ends."""
    device = place.desk.device(user)
    async with connect(place.url) as socket:
        await socket.send(place.join(device, grant))
        one = Member(device, socket, asyncio.create_task(asyncio.sleep(0)))
        await one.reading
        one.reading = asyncio.create_task(_read(one))
        try:
            yield one
        finally:
            await socket.close()
            await one.reading


async def _read(one: Member) -> None:
    with contextlib.suppress(ConnectionClosed):
        while True:
            text = await one.socket.recv()
            async with one.changed:
                one.device.take(str(text))
                one.changed.notify_all()
