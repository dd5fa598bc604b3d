# SPDX-License-Identifier: Apache-2.0
"""The end of a server with calls, on a virtual clock."""

import asyncio

from sealroom.core.health import Health
from sealroom.draining import LOOK_SECONDS, Drain
from sealroom.rooms.service import RoomService
from server.tests.conftest import House
from server.tests.fakes import VirtualClock


async def turned() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_it_waits_until_the_last_one_left(rooms: RoomService, clock: VirtualClock) -> None:
    house, health = House(rooms), Health()
    alice, _, _ = await house.enter("alice")
    drain = Drain(rooms, health, clock)
    drain.begin()
    assert not (await health.readiness()).ready
    waiting = asyncio.create_task(drain.wait(60, asyncio.Event()))
    await turned()
    clock.advance(30)
    await turned()
    assert not waiting.done()
    rooms.leave(alice)
    clock.advance(LOOK_SECONDS)
    assert await waiting == 0
    assert clock.pending == 0


async def test_it_waits_no_longer_than_was_said(rooms: RoomService, clock: VirtualClock) -> None:
    await House(rooms).enter("alice")
    waiting = asyncio.create_task(Drain(rooms, Health(), clock).wait(1, asyncio.Event()))
    for _ in range(8):
        await turned()
        clock.advance(LOOK_SECONDS)
    assert await waiting == 1


async def test_it_can_be_hurried_and_without_anybody_does_not_wait(
    rooms: RoomService, clock: VirtualClock
) -> None:
    hurry = asyncio.Event()
    drain = Drain(rooms, Health(), clock)
    assert await drain.wait(1000, hurry) == 0
    await House(rooms).enter("alice")
    waiting = asyncio.create_task(drain.wait(1000, hurry))
    await turned()
    hurry.set()
    assert await waiting == 1
