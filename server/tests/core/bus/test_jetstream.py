# SPDX-License-Identifier: Apache-2.0
"""The bus over a real NATS server with JetStream, which dies and comes back."""

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from sealroom.core.bus import Bus, BusUnavailable, Delivered, NobodyAnswered
from sealroom.core.bus.connection import NatsSettings
from sealroom.core.bus.jetstream import NatsBus
from server.tests.core.bus.contract import (
    CATALOGUE,
    LASTING,
    PATIENCE,
    QUESTION,
    REGISTRY,
    STREAM,
    TOPIC,
    BusContract,
    Changes,
    Heard,
    Other,
    Said,
    Site,
    eventually,
)
from server.tests.fakes import VirtualClock
from tools.services import Nats
from tools.services.certificate import make_certificate
from tools.services.fixtures import OwnSubjects

pytestmark = pytest.mark.services


@pytest.fixture
def settings(own_subjects: OwnSubjects) -> NatsSettings:
    server = own_subjects.server
    trust = ssl.create_default_context(cafile=str(server.authority))
    return NatsSettings(
        (server.url,), own_subjects.prefix, server.user, server.password, trust, redelivery=1.0, most_kept=50
    )


@pytest.fixture
async def site(settings: NatsSettings, clock: VirtualClock) -> AsyncIterator[Site]:
    async with AsyncExitStack() as closing:

        async def connect() -> Bus:
            bus = await NatsBus.connect(settings, CATALOGUE, clock)
            closing.push_async_callback(bus.close)
            return bus

        yield Site(connect, clock, lambda _: None)


@pytest.fixture
async def bus(site: Site) -> Bus:
    return await site.connect()


@pytest.fixture
def server(own_subjects: OwnSubjects) -> Nats:
    return own_subjects.server


async def restart(server: Nats) -> None:
    """Kills it as a power cut would, and starts it again, while clients go on."""
    server.process.kill()
    await asyncio.to_thread(server.process.start)


class TestJetstream(BusContract):
    """Everything of the contract."""


async def test_what_was_acknowledged_arrives_in_order_though_the_server_dies_twice(
    server: Nats, bus: Bus
) -> None:
    heard = Heard()
    await bus.consume(STREAM, "worker", heard)

    async def publish() -> None:
        for number in range(300):
            # No more than the stream may hold while its consumer is away.
            await eventually(lambda number=number: number - len(heard.numbers) < 40)  # type: ignore[misc]
            await bus.publish(STREAM, Said(number=number))

    publishing = asyncio.ensure_future(publish())
    for reached in (50, 150):
        await eventually(lambda reached=reached: len(heard.numbers) > reached)  # type: ignore[misc]
        await restart(server)
    await publishing
    numbers = await heard.until(299)
    firsts = list(dict.fromkeys(numbers))
    assert firsts == list(range(300))
    # At least once: what was on its way when the server died may come again, the rest not.
    assert len(numbers) <= 300 + 2


async def test_a_process_that_dies_leaves_its_message_to_another(site: Site, bus: Bus) -> None:
    dying = await site.connect()
    assert isinstance(dying, NatsBus)
    stuck, heard = Heard(), Heard()
    stuck.free.clear()
    await dying.consume(STREAM, "worker", stuck)
    await bus.publish(STREAM, Said(number=1))
    await bus.publish(STREAM, Said(number=2))
    await stuck.next()
    await dying._connection.client.close()
    await bus.consume(STREAM, "worker", heard)
    assert await heard.until(2) == [1, 2]


async def test_a_handler_that_takes_its_time_keeps_its_message(
    site: Site, settings: NatsSettings, bus: Bus
) -> None:
    there = await site.connect()
    slow, other = Heard(), Heard()
    slow.free.clear()
    await bus.consume(STREAM, "worker", slow)
    await bus.publish(STREAM, Said(number=1))
    await slow.next()
    await there.consume(STREAM, "worker", other)
    # Time of the server's, which no test turns.
    await asyncio.sleep(settings.redelivery * 2.5)
    slow.free.set()
    await bus.publish(STREAM, Said(number=2))
    await eventually(lambda: 2 in slow.numbers + other.numbers)
    assert sorted(slow.numbers + other.numbers) == [1, 2]


async def test_while_the_bus_is_gone_everything_says_so_and_afterwards_all_works(
    server: Nats, settings: NatsSettings, clock: VirtualClock
) -> None:
    bus = await NatsBus.connect(replace(settings, patience=0.5), CATALOGUE, clock)
    heard, consumed = Heard(), Heard()

    async def answer(delivered: Delivered[Said]) -> Other:
        return Other(text=str(delivered.message.number))

    await bus.subscribe(TOPIC, heard)
    await bus.serve(QUESTION, answer)
    await bus.consume(STREAM, "worker", consumed)
    await bus.keep(LASTING, "n1", Said(number=7))
    server.process.kill()
    assert not await bus.works()
    for use in (
        lambda: bus.publish(TOPIC, Said(number=1)),
        lambda: bus.publish(STREAM, Said(number=1)),
        lambda: bus.request(QUESTION, Said(number=1), seconds=1),
        lambda: bus.keep(LASTING, "n1", Said(number=1)),
        lambda: bus.get(LASTING, "n1"),
    ):
        with pytest.raises(BusUnavailable):
            await use()
    await asyncio.to_thread(server.process.start)
    async with asyncio.timeout(PATIENCE):
        while not await bus.works():  # noqa: ASYNC110 - it is asked, it does not tell
            await asyncio.sleep(0.05)
    await bus.publish(TOPIC, Said(number=2))
    await bus.publish(STREAM, Said(number=3))
    assert await heard.until(2) == [2]
    assert 3 in await consumed.until(3)
    assert await bus.request(QUESTION, Said(number=4), seconds=PATIENCE) == Other(text="4")
    assert await bus.get(LASTING, "n1") == Said(number=7)
    await bus.close()


async def test_a_server_that_lost_all_it_kept_is_filled_again(server: Nats, site: Site, bus: Bus) -> None:
    there = await site.connect()
    heard, changes = Heard(), Changes()
    await there.consume(STREAM, "worker", heard)
    await bus.publish(STREAM, Said(number=1))
    await heard.until(1)
    await there.watch(LASTING, changes)
    await bus.keep(LASTING, "n1", Said(number=1))
    assert await changes.next() == ("n1", 1)
    server.process.kill()
    shutil.rmtree(server.process.folder / "nats")
    await asyncio.to_thread(server.process.start)
    assert await changes.next() == ("n1", None)
    await bus.keep(LASTING, "n2", Said(number=2))
    assert await changes.next() == ("n2", 2)
    await there.publish(STREAM, Said(number=2))
    await bus.publish(STREAM, Said(number=3))
    assert await heard.until(3) == [1, 2, 3]


async def test_an_entry_that_ended_while_the_bus_was_gone_is_told(server: Nats, bus: Bus) -> None:
    changes = Changes()
    await bus.watch(REGISTRY, changes)
    await bus.keep(REGISTRY, "n1", Said(number=1))
    assert await changes.next() == ("n1", 1)
    server.process.kill()
    await asyncio.sleep(REGISTRY.seconds)
    await asyncio.to_thread(server.process.start)
    assert await changes.next() == ("n1", None)


async def test_two_sites_at_one_server_do_not_hear_each_other(
    settings: NatsSettings, bus: Bus, clock: VirtualClock
) -> None:
    other = await NatsBus.connect(replace(settings, namespace=f"{settings.namespace}x"), CATALOGUE, clock)
    here, there = Heard(), Heard()
    for one, heard in ((bus, here), (other, there)):
        await one.subscribe(TOPIC, heard)
        await one.consume(STREAM, "worker", heard)
    await bus.publish(TOPIC, Said(number=1))
    await bus.publish(STREAM, Said(number=2))
    await bus.keep(LASTING, "n1", Said(number=3))
    await other.publish(STREAM, Said(number=4))
    await eventually(lambda: sorted(here.numbers) == [1, 2])
    assert await there.until(4) == [4]
    assert await other.get(LASTING, "n1") is None
    with pytest.raises(NobodyAnswered):
        await other.request(QUESTION, Said(number=1), seconds=PATIENCE)
    await other.close()


async def test_what_every_consumer_handled_lies_nowhere_any_more(settings: NatsSettings, bus: Bus) -> None:
    assert isinstance(bus, NatsBus)
    one, two = Heard(), Heard()
    await bus.consume(STREAM, "one", one)
    second = await bus.consume(STREAM, "two", two)
    await bus.publish(STREAM, Said(number=1, user="canary"))
    await one.until(1)
    await two.until(1)
    await second.close()
    await bus.publish(STREAM, Said(number=2, user="canary"))
    await one.until(2)
    async with asyncio.timeout(PATIENCE):
        place = f"{settings.namespace}_{STREAM.name}"
        while (await bus._connection.jetstream.stream_info(place)).state.messages != 1:  # noqa: ASYNC110 - it does not tell
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("wrong", ["password", "authority", "nobody there"])
async def test_a_bus_that_cannot_be_trusted_or_reached_is_not_used(
    wrong: str, settings: NatsSettings, clock: VirtualClock, tmp_path: Path
) -> None:
    settings = replace(settings, patience=1.0)
    stranger = ssl.create_default_context(cafile=str(make_certificate(tmp_path).authority))
    bad = {
        "password": replace(settings, password="wrong"),
        "authority": replace(settings, trust=stranger),
        "nobody there": replace(settings, servers=("tls://127.0.0.1:1",)),
    }[wrong]
    with pytest.raises(BusUnavailable):
        async with asyncio.timeout(PATIENCE):
            await NatsBus.connect(bad, CATALOGUE, clock)
