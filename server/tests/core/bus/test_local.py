# SPDX-License-Identifier: Apache-2.0
"""The bus within one process."""

from collections.abc import AsyncIterator

import pytest

from sealroom.core.bus import Bus, LocalBus
from server.tests.core.bus.contract import CATALOGUE, STREAM, BusContract, Heard, Said, Site
from server.tests.fakes import VirtualClock


@pytest.fixture
async def bus(clock: VirtualClock) -> AsyncIterator[Bus]:
    bus = LocalBus(CATALOGUE, clock, most_kept=50)
    yield bus
    await bus.close()


@pytest.fixture
def site(bus: Bus, clock: VirtualClock) -> Site:
    async def connect() -> Bus:
        return bus

    return Site(connect, clock, clock.advance)


class TestLocal(BusContract):
    async def test_a_message_that_is_too_old_is_not_handled(self, bus: Bus, clock: VirtualClock) -> None:
        heard = Heard()
        subscription = await bus.consume(STREAM, "worker", Heard())
        await subscription.close()
        await bus.publish(STREAM, Said(number=1))
        clock.advance(STREAM.retention.days * 86_400)
        await bus.publish(STREAM, Said(number=2))
        await bus.consume(STREAM, "worker", heard)
        assert await heard.until(2) == [2]

    async def test_nothing_runs_on_after_the_end(self, bus: Bus, clock: VirtualClock) -> None:
        await bus.consume(STREAM, "worker", Heard())
        await bus.close()
        assert clock.pending == 0
