# SPDX-License-Identifier: Apache-2.0
"""A post office: outbox, endpoints and workers over one database, with time that a test turns."""

import asyncio
import ipaddress
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sealroom.core.config.schema import KeySettings
from sealroom.core.db import Database
from sealroom.core.ids import Ids
from sealroom.core.keys import Envelope, master_keys
from sealroom.core.metrics import Metrics
from sealroom.core.state import StateDirectory
from sealroom.rooms import events
from sealroom.rooms.events import Call, RoomEvent
from sealroom.webhooks.address import Addresses
from sealroom.webhooks.client import NotTaken, Problem
from sealroom.webhooks.delivery import Deliverer
from sealroom.webhooks.endpoints import Endpoints
from sealroom.webhooks.letters import Letters
from sealroom.webhooks.metrics import WebhookMetrics
from sealroom.webhooks.models import Group
from sealroom.webhooks.outbox import Outbox
from sealroom_wire.ids import room_string
from sealroom_wire.participant import Role, Track
from server.tests.fakes import ACTOR, APP, NOW, VirtualClock, audit
from server.tests.webhooks.sink import FakeClient

URL = "https://hook.example/rooms"


def call_of(room: str, app: int = APP) -> Call:
    return Call(f"{app}_{room}_{NOW}", app, room_string(room), NOW * 1000)


@dataclass
class Post:
    """The post office."""

    database: Database
    clock: VirtualClock
    client: FakeClient
    endpoints: Endpoints
    outbox: Outbox
    letters: Letters
    workers: list[Deliverer] = field(default_factory=list)
    numbers: int = 0
    asking: int = 0
    """Questions to the database that are not answered."""

    def counting(self, ask: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """Counts a method's calls while they last."""

        async def counted(*arguments: Any, **more: Any) -> Any:
            self.asking += 1
            try:
                return await ask(*arguments, **more)
            finally:
                self.asking -= 1

        return counted

    def worker(self, **more: Any) -> Deliverer:
        """Starts one more worker."""
        metrics = Metrics("test")
        made = Deliverer(
            self.outbox, self.endpoints, self.client, self.clock, Ids(), WebhookMetrics(metrics.registry), **more  # type: ignore[arg-type]
        )  # fmt: skip
        made.start()
        self.workers.append(made)
        return made

    async def happened(self, *made: RoomEvent) -> None:
        """What the ledger does with events."""
        async with self.database.writing() as connection:
            await self.outbox.write(connection, made)
        self.outbox.committed()
        for worker in self.workers:
            worker.wake()

    def published(self, room: str, user: str = "alice", app: int = APP) -> RoomEvent:
        """A track of audio of somebody, with an id of its own."""
        self.numbers += 1
        return events.TrackPublished(
            id=f"{self.numbers:032x}", call=call_of(room, app), at=int(self.clock.unix() * 1000), user_id=user, peer=1,
            role=Role.ANCHOR, track=Track.AUDIO, muted=False,
        )  # fmt: skip

    async def passes(self, seconds: float, step: float = 0.25) -> None:
        """Lets time pass in steps, and the workers do what is due in each."""
        end = self.clock.monotonic() + seconds
        while self.clock.monotonic() < end - 1e-6:
            self.clock.advance(step)
            await self.settles()

    async def settles(self) -> None:
        """Lets what was begun come to its end, however slow the database's thread is just now: virtual time must not run ahead of it."""
        quiet = 0
        async with asyncio.timeout(20):
            while quiet < 3:
                await asyncio.sleep(0.0005)
                quiet = 0 if self.asking else quiet + 1

    async def until(self, true: Callable[[], bool]) -> None:
        """Lets time pass until something is so."""
        async with asyncio.timeout(20):
            while not true():
                await self.passes(0.05, 0.05)

    def seen(self) -> list[tuple[str, str]]:
        """What endpoints were sent: room and user, in order."""
        found = [json.loads(body)["EventInfo"] for _, _, _, body in self.client.got]
        return [(info["RoomId"], info["UserId"]) for info in found]

    def times(self, user: str) -> list[float]:
        """When each attempt for an event of a user was made."""
        return [
            when for when, _, _, body in self.client.got if json.loads(body)["EventInfo"]["UserId"] == user
        ]

    def refuse(self, **users: Problem) -> None:
        """Lets endpoints refuse events of some users; `everybody` is all."""

        def refuses(_: str, body: bytes) -> NotTaken | None:
            user = json.loads(body)["EventInfo"]["UserId"]
            problem = users.get(user, users.get("everybody"))
            return None if problem is None else NotTaken(problem)

        self.client.refuses = refuses


@pytest.fixture
async def post(database: Database, clock: VirtualClock, tmp_path: Path) -> AsyncIterator[Post]:
    log = audit(database)
    envelope = Envelope(master_keys(KeySettings(), StateDirectory(tmp_path / "state")))
    addresses = Addresses([ipaddress.ip_network("127.0.0.0/8")])
    client = FakeClient()
    client.now = clock.monotonic
    post = Post(
        database,
        clock,
        client,
        Endpoints(database, log, envelope, clock, addresses),
        Outbox(database, clock),
        Letters(database, log, clock),
    )
    for part, names in ((post.outbox, ("turn", "look", "count", "release")), (post.endpoints, ("all",))):
        for name in names:
            setattr(part, name, post.counting(getattr(part, name)))
    for app in (APP, APP + 1):
        for group in Group:
            await post.endpoints.set(app, group, URL, "secret123", actor=ACTOR)
    yield post
    if client.hold is not None:
        client.hold.set()
    for worker in post.workers:
        closing = asyncio.ensure_future(worker.close())
        while not closing.done():
            await post.passes(0.5, 0.5)
        await closing
