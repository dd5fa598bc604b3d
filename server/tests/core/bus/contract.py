# SPDX-License-Identifier: Apache-2.0
"""What every implementation of the port `bus` does. A module of its own runs it on each."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

import pytest

from sealroom.catalogue import (
    Catalogue,
    DataClass,
    Field,
    LegalBasis,
    Purpose,
    Retention,
    Subject,
    Undeclared,
)
from sealroom.core.bus import (
    Bus,
    BusFull,
    BusUnavailable,
    Delivered,
    Message,
    MessageTooLarge,
    NobodyAnswered,
    Present,
    Question,
    Registry,
    RequestFailed,
    Stream,
    Topic,
)
from sealroom.core.bus.handling import ATTEMPTS, LONGEST_PAUSE, MAX_WAITING
from sealroom.core.bus.subjects import MAX_MESSAGE_BYTES
from sealroom.core.db import metadata
from server.tests.fakes import VirtualClock

PATIENCE = 20
"""Seconds that a test waits for what must come. A loaded machine is slow; what never comes fails all the same."""


class Said(Message, frozen=True, kw_only=True):
    number: Annotated[int, Field("A number.")]
    user: Annotated[str, Field("Who.", personal=True, subject=Subject.USER)] = ""


class Other(Message, frozen=True, kw_only=True):
    text: Annotated[str, Field("Not a number.")]


_KEPT: dict[str, Any] = {
    "what": "Of the tests.", "data_class": DataClass.OPERATION, "purpose": Purpose.OPERATE,
    "basis": LegalBasis.CONTRACT, "retention": Retention.age(1, "tests"),
}  # fmt: skip
TOPIC = Topic("told", Said)
QUESTION = Question("asked", Said, Other)
STREAM = Stream("kept", Said, **_KEPT)
REGISTRY = Registry("present", Said, seconds=1, **_KEPT)
LASTING = Registry("lasting", Said, seconds=600, **_KEPT)
UNDECLARED = Stream("undeclared", Said, **_KEPT)
CATALOGUE = Catalogue(metadata, others=[STREAM.dataset, REGISTRY.dataset, LASTING.dataset])


@dataclass
class Heard:
    """A handler that keeps what it hears, fails as often as it is told to, and waits while it is held."""

    failures: int = 0
    numbers: list[int] = field(default_factory=list)
    came: asyncio.Queue[Delivered[Said]] = field(default_factory=asyncio.Queue)
    free: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.free.set()

    async def __call__(self, delivered: Delivered[Said]) -> None:
        self.came.put_nowait(delivered)
        await self.free.wait()
        if self.failures:
            self.failures -= 1
            raise ValueError("the handler does not want it")
        self.numbers.append(delivered.message.number)

    async def next(self) -> Delivered[Said]:
        return await asyncio.wait_for(self.came.get(), PATIENCE)

    async def until(self, number: int) -> list[int]:
        """Everything handled, once this number was."""
        await eventually(lambda: number in self.numbers)
        return self.numbers


@dataclass
class Changes:
    """A watcher that keeps what it is told."""

    came: asyncio.Queue[tuple[str, int | None]] = field(default_factory=asyncio.Queue)

    async def __call__(self, present: Present[Said]) -> None:
        self.came.put_nowait((present.key, present.message.number if present.message else None))

    async def next(self) -> tuple[str, int | None]:
        return await asyncio.wait_for(self.came.get(), PATIENCE)


async def eventually(condition: Callable[[], bool]) -> None:
    """Lets the loop run until it is so."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - of what is looked at here, nobody tells
            await asyncio.sleep(0.005)


async def publish_many(bus: Bus, count: int) -> None:
    """Publishes the numbers below `count`."""
    for number in range(count):
        await bus.publish(STREAM, Said(number=number))


@dataclass
class Site:
    """A site with as many processes as a test wants; `pass_time` lets the bus's own time pass where that is virtual."""

    connect: Callable[[], Awaitable[Bus]]
    clock: VirtualClock
    pass_time: Callable[[float], None]


class BusContract:
    """The suite; `site` and `bus` are fixtures of the module that runs it."""

    async def test_everybody_who_listens_hears_a_topic(self, site: Site, bus: Bus) -> None:
        there = await site.connect()
        first, second, only_b = Heard(), Heard(), Heard()
        await bus.subscribe(TOPIC, first)
        await there.subscribe(TOPIC, second)
        await there.subscribe(TOPIC, only_b, key="b")
        await bus.publish(TOPIC, Said(number=1, user="ada"), key="a")
        await bus.publish(TOPIC, Said(number=2), key="b")
        assert await first.next() == Delivered("a", Said(number=1, user="ada"))
        assert await first.next() == Delivered("b", Said(number=2))
        assert await second.until(2) == [1, 2]
        assert await only_b.until(2) == [2]

    async def test_who_listens_hears_what_is_said_the_moment_after(self, site: Site, bus: Bus) -> None:
        there = await site.connect()
        for number in range(60):
            all_of_it, its_own = Heard(), Heard()
            subscriptions = [await there.subscribe(TOPIC, all_of_it)]
            subscriptions.append(await there.subscribe(TOPIC, its_own, key=f"k{number}"))
            await bus.publish(TOPIC, Said(number=number), key=f"k{number}")
            assert await its_own.until(number) == [number]
            assert await all_of_it.until(number) == [number]
            for subscription in subscriptions:
                await subscription.close()

    async def test_who_no_longer_listens_hears_nothing(self, bus: Bus) -> None:
        gone, there = Heard(), Heard()
        subscription = await bus.subscribe(TOPIC, gone)
        await bus.subscribe(TOPIC, there)
        await subscription.close()
        await subscription.close()
        await bus.publish(TOPIC, Said(number=1))
        await there.until(1)
        assert gone.numbers == []

    async def test_a_slow_listener_loses_the_newest_and_holds_up_nobody(self, bus: Bus) -> None:
        slow, quick = Heard(), Heard()
        slow.free.clear()
        subscription = await bus.subscribe(TOPIC, slow)
        await bus.subscribe(TOPIC, quick)
        said = MAX_WAITING + 100
        for number in range(said):
            await bus.publish(TOPIC, Said(number=number))
            if number % 100 == 0:
                await quick.until(number)
        assert await quick.until(said - 1) == list(range(said))
        await eventually(lambda: subscription.dropped > 0)
        slow.free.set()
        await eventually(lambda: len(slow.numbers) + subscription.dropped == said)
        assert slow.numbers == list(range(len(slow.numbers)))

    async def test_what_a_listener_cannot_read_or_fails_at_is_counted_and_the_next_heard(
        self, bus: Bus
    ) -> None:
        heard = Heard(failures=1)
        subscription = await bus.subscribe(TOPIC, heard)
        await bus.publish(Topic(TOPIC.name, Other), Other(text="x"))
        await bus.publish(TOPIC, Said(number=1))
        await bus.publish(TOPIC, Said(number=2))
        assert await heard.until(2) == [2]
        assert subscription.given_up == 2

    async def test_every_consumer_handles_the_whole_stream_in_order(self, site: Site, bus: Bus) -> None:
        there = await site.connect()
        one, two = Heard(), Heard()
        await bus.consume(STREAM, "one", one)
        await there.consume(STREAM, "two", two)
        for number in range(30):
            await (bus, there)[number % 2].publish(STREAM, Said(number=number), key=f"k{number % 3}")
        assert await one.until(29) == list(range(30))
        assert await two.until(29) == list(range(30))
        assert (await one.next()).key == "k0"

    async def test_processes_that_share_a_consumer_handle_each_message_once_and_in_order(
        self, site: Site, bus: Bus
    ) -> None:
        there = await site.connect()
        numbers: list[int] = []
        here_heard, there_heard = Heard(numbers=numbers), Heard(numbers=numbers)
        await bus.consume(STREAM, "shared", here_heard)
        await there.consume(STREAM, "shared", there_heard)
        for number in range(40):
            await bus.publish(STREAM, Said(number=number))
        assert await here_heard.until(39) == list(range(40))

    async def test_a_new_consumer_begins_with_what_comes(self, bus: Bus) -> None:
        early, late = Heard(), Heard()
        await bus.consume(STREAM, "early", early)
        await bus.publish(STREAM, Said(number=1))
        await early.until(1)
        await bus.consume(STREAM, "late", late)
        await bus.publish(STREAM, Said(number=2))
        assert await late.until(2) == [2]
        assert await early.until(2) == [1, 2]

    async def test_a_consumer_goes_on_where_it_stopped(self, bus: Bus) -> None:
        before, after = Heard(), Heard()
        subscription = await bus.consume(STREAM, "worker", before)
        await bus.publish(STREAM, Said(number=1))
        await before.until(1)
        await subscription.close()
        await bus.publish(STREAM, Said(number=2))
        await bus.publish(STREAM, Said(number=3))
        await bus.consume(STREAM, "worker", after)
        # At least once: how far it came may not have reached the bus when it stopped.
        assert [number for number in await after.until(3) if number != 1] == [2, 3]

    async def test_what_was_not_finished_comes_to_the_next(self, site: Site, bus: Bus) -> None:
        there = await site.connect()
        stuck, next_one = Heard(), Heard()
        stuck.free.clear()
        subscription = await bus.consume(STREAM, "worker", stuck)
        await bus.publish(STREAM, Said(number=1))
        await bus.publish(STREAM, Said(number=2))
        await stuck.next()
        await there.consume(STREAM, "worker", next_one)
        await subscription.close()
        assert await next_one.until(2) == [1, 2]
        assert stuck.numbers == []

    async def test_a_handler_that_fails_is_called_again_before_the_next_message(
        self, site: Site, bus: Bus
    ) -> None:
        heard = Heard(failures=2)
        subscription = await bus.consume(STREAM, "worker", heard)
        await bus.publish(STREAM, Said(number=1))
        await bus.publish(STREAM, Said(number=2))
        for attempt in (1, 2, 3):
            assert await heard.next() == Delivered("all", Said(number=1), attempt)
            await eventually(lambda: site.clock.pending > 0 or bool(heard.numbers))
            site.clock.advance(LONGEST_PAUSE)
        assert await heard.until(2) == [1, 2]
        assert subscription.given_up == 0

    async def test_a_message_is_given_up_after_the_last_attempt(self, site: Site, bus: Bus) -> None:
        heard = Heard(failures=ATTEMPTS)
        subscription = await bus.consume(STREAM, "worker", heard)
        await bus.publish(STREAM, Said(number=1))
        await bus.publish(STREAM, Said(number=2))
        for attempt in range(1, ATTEMPTS):
            assert (await heard.next()).attempt == attempt
            await eventually(lambda: site.clock.pending > 0)
            site.clock.advance(LONGEST_PAUSE)
        assert await heard.until(2) == [2]
        assert subscription.given_up == 1

    async def test_a_stream_takes_no_more_than_it_may_keep(self, site: Site, bus: Bus) -> None:
        stuck = Heard()
        stuck.free.clear()
        await bus.consume(STREAM, "worker", stuck)
        with pytest.raises(BusFull):
            await publish_many(bus, 100)
        stuck.free.set()
        await eventually(lambda: len(stuck.numbers) >= 40)
        await bus.publish(STREAM, Said(number=1_000))
        kept = await stuck.until(1_000)
        assert kept[:-1] == list(range(len(kept) - 1))

    async def test_a_question_is_answered_by_one_of_those_who_serve_it(self, site: Site, bus: Bus) -> None:
        there = await site.connect()
        asked: list[int] = []

        async def answer(delivered: Delivered[Said]) -> Other:
            asked.append(delivered.message.number)
            return Other(text=f"{delivered.key} {delivered.message.number}")

        await bus.serve(QUESTION, answer, key="n1")
        await there.serve(QUESTION, answer, key="n1")
        for number in range(10):
            answered = await bus.request(QUESTION, Said(number=number), seconds=PATIENCE, key="n1")
            assert answered == Other(text=f"n1 {number}")
        assert asked == list(range(10))
        with pytest.raises(NobodyAnswered):
            await bus.request(QUESTION, Said(number=1), seconds=PATIENCE, key="n2")

    async def test_questions_are_answered_side_by_side(self, bus: Bus) -> None:
        both = asyncio.Barrier(2)

        async def answer(delivered: Delivered[Said]) -> Other:
            await both.wait()
            return Other(text=str(delivered.message.number))

        await bus.serve(QUESTION, answer)
        asked = [bus.request(QUESTION, Said(number=number), seconds=PATIENCE) for number in (1, 2)]
        assert await asyncio.gather(*asked) == [Other(text="1"), Other(text="2")]

    async def test_who_serves_and_fails_is_told_from_one_who_is_late(self, site: Site, bus: Bus) -> None:
        async def fail(delivered: Delivered[Said]) -> Other:
            if delivered.message.number == 1:
                raise ValueError("no")
            return await asyncio.Event().wait()  # type: ignore[return-value]

        subscription = await bus.serve(QUESTION, fail)
        with pytest.raises(RequestFailed):
            await bus.request(QUESTION, Said(number=1), seconds=PATIENCE)
        late = asyncio.ensure_future(bus.request(QUESTION, Said(number=2), seconds=0.3))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        site.pass_time(0.3)
        with pytest.raises(NobodyAnswered):
            await late
        await subscription.close()
        with pytest.raises(NobodyAnswered):
            await bus.request(QUESTION, Said(number=1), seconds=PATIENCE)

    async def test_an_answer_of_another_kind_is_a_failure(self, bus: Bus) -> None:
        async def answer(_delivered: Delivered[Said]) -> Said:
            return Said(number=1)

        await bus.serve(Question(QUESTION.name, Said, Said), answer)
        with pytest.raises(RequestFailed):
            await bus.request(QUESTION, Said(number=1), seconds=PATIENCE)

    async def test_a_registry_tells_what_is_there(self, site: Site, bus: Bus) -> None:
        there = await site.connect()
        assert await there.get(LASTING, "n1") is None
        await bus.keep(LASTING, "n1", Said(number=1))
        assert await there.get(LASTING, "n1") == Said(number=1)
        await bus.keep(LASTING, "n1", Said(number=2))
        assert await there.get(LASTING, "n1") == Said(number=2)
        await bus.forget(LASTING, "n1")
        await bus.forget(LASTING, "n9")
        assert await there.get(LASTING, "n1") is None

    async def test_a_watcher_hears_what_is_there_and_what_changes(self, site: Site, bus: Bus) -> None:
        there = await site.connect()
        await bus.keep(LASTING, "n1", Said(number=1))
        changes = Changes()
        await there.watch(LASTING, changes)
        assert await changes.next() == ("n1", 1)
        await bus.keep(LASTING, "n2", Said(number=2))
        assert await changes.next() == ("n2", 2)
        await bus.keep(LASTING, "n1", Said(number=3))
        assert await changes.next() == ("n1", 3)
        await bus.forget(LASTING, "n1")
        assert await changes.next() == ("n1", None)
        await bus.keep(LASTING, "n1", Said(number=4))
        assert await changes.next() == ("n1", 4)

    async def test_an_entry_that_is_not_kept_again_is_gone_and_told(self, site: Site, bus: Bus) -> None:
        changes = Changes()
        await bus.watch(REGISTRY, changes)
        await bus.keep(REGISTRY, "n1", Said(number=1))
        assert await changes.next() == ("n1", 1)
        site.pass_time(REGISTRY.seconds)
        assert await changes.next() == ("n1", None)
        assert await bus.get(REGISTRY, "n1") is None

    async def test_an_entry_that_is_kept_again_stays(self, site: Site, bus: Bus) -> None:
        changes = Changes()
        await bus.watch(REGISTRY, changes)
        await bus.keep(REGISTRY, "dies", Said(number=0))
        for _ in range(8):
            await bus.keep(REGISTRY, "lives", Said(number=1))
            site.pass_time(REGISTRY.seconds / 4)
            if site.pass_time is not site.clock.advance:
                await asyncio.sleep(REGISTRY.seconds / 4)
        told = []
        while ("dies", None) not in told:
            told.append(await changes.next())
        assert ("lives", None) not in told
        assert await bus.get(REGISTRY, "lives") == Said(number=1)

    async def test_a_slow_watcher_hears_the_latest(self, bus: Bus) -> None:
        free, told = asyncio.Event(), []

        async def slow(present: Present[Said]) -> None:
            await free.wait()
            told.append((present.key, present.message.number if present.message else None))

        await bus.watch(LASTING, slow)
        for number in range(50):
            await bus.keep(LASTING, "n1", Said(number=number))
        await bus.keep(LASTING, "n2", Said(number=1))
        latest = Changes()
        await bus.watch(LASTING, latest)
        while await latest.next() != ("n2", 1):
            pass
        free.set()
        await eventually(lambda: ("n2", 1) in told)
        assert ("n1", 49) in told
        assert len(told) < 50

    async def test_what_nobody_declared_is_refused(self, bus: Bus) -> None:
        with pytest.raises(Undeclared):
            await bus.publish(UNDECLARED, Said(number=1))
        with pytest.raises(Undeclared):
            await bus.consume(UNDECLARED, "worker", Heard())
        other = Registry(REGISTRY.name, Other, seconds=1, **_KEPT)
        for use in (bus.keep(other, "n1", Other(text="x")), bus.get(other, "n1"), bus.forget(other, "n1")):
            with pytest.raises(Undeclared):
                await use
        with pytest.raises(Undeclared):
            await bus.watch(other, lambda _: asyncio.sleep(0))

    async def test_what_does_not_fit_is_refused(self, bus: Bus) -> None:
        with pytest.raises(TypeError):
            await bus.publish(TOPIC, Other(text="x"))  # type: ignore[misc]
        for key in ("", "a.b", "a b", "*", ">", "ö", "a" * 65):
            with pytest.raises(ValueError, match="a key is"):
                await bus.publish(TOPIC, Said(number=1), key=key)
            with pytest.raises(ValueError, match="a key is"):
                await bus.keep(LASTING, key, Said(number=1))
        fits = MAX_MESSAGE_BYTES - len('{"number":1,"user":""}')
        await bus.publish(STREAM, Said(number=1, user="x" * fits))
        await bus.keep(LASTING, "n1", Said(number=1, user="x" * fits))
        for subject in (TOPIC, STREAM):
            with pytest.raises(MessageTooLarge):
                await bus.publish(subject, Said(number=1, user="x" * (fits + 1)))

    async def test_a_bus_that_was_closed_says_so(self, bus: Bus) -> None:
        await bus.consume(STREAM, "worker", Heard())
        assert await bus.works()
        await bus.close()
        assert not await bus.works()
        for use in (
            bus.publish(TOPIC, Said(number=1)),
            bus.publish(STREAM, Said(number=1)),
            bus.request(QUESTION, Said(number=1), seconds=1),
            bus.keep(REGISTRY, "n1", Said(number=1)),
            bus.get(REGISTRY, "n1"),
        ):
            with pytest.raises(BusUnavailable):
                await use
