# SPDX-License-Identifier: Apache-2.0
"""What was used is counted once, in the step it was used in, whatever ends a stay or a process."""

import datetime as dt
from dataclasses import dataclass

import pytest
from sqlalchemy import select

from sealroom.core.db import Database
from sealroom.core.jobs import Jobs
from sealroom.media import control
from sealroom.media.measures import ResolutionClass
from sealroom.rooms.state import Participant
from sealroom.usage.meter import Meter
from sealroom.usage.models import BUCKET_MS, DAY_MS, KINDS, days, meters
from sealroom.usage.service import NotMetered, UsageService, Used
from sealroom_wire.signalling import Track
from server.tests.conftest import House
from server.tests.fakes import APP, NOW, FakeEngine, FakeFlow, Listening, VirtualClock

MS = NOW * 1000
TODAY = MS // DAY_MS * DAY_MS
FOREVER = (0, 2**50)


@dataclass
class Metered:
    """A server whose engine is metered every 2 s."""

    engine: FakeEngine
    clock: VirtualClock
    listening: Listening
    meter: Meter
    usage: UsageService

    async def pass_time(self, seconds: float, *, take: bool = True) -> None:
        self.tell()
        while seconds > 0:
            step = min(seconds, 2.0)
            self.clock.advance(step)
            self.engine.pass_time(step)
            seconds -= step
            if take:
                self.meter.on_measures(await self.engine.all_measures(), int(self.clock.unix() * 1000))

    def tell(self) -> None:
        for event in self.listening.take():
            self.meter.on_room_event(event)

    async def used(self, step: int = BUCKET_MS) -> list[Used]:
        await self.meter.write()
        return await self.usage.steps([APP], *FOREVER, step)


@pytest.fixture
def metered(engine: FakeEngine, clock: VirtualClock, listening: Listening, database: Database) -> Metered:
    made = Metered(engine, clock, listening, Meter(database, clock), UsageService(database, clock))
    engine.listener = made.meter.on_engine_event
    return made


def only(**used: int) -> dict[str, int]:
    return dict.fromkeys(KINDS, 0) | used


def total(steps: list[Used]) -> dict[str, int]:
    return {kind: sum(step.milliseconds[kind] for step in steps) for kind in KINDS}


async def watch(engine: FakeEngine, who: Participant, whom: Participant, size: tuple[int, int]) -> None:
    engine.flow(whom.peer, Track.MAIN, 0, FakeFlow(size))
    await engine.set_muted(whom.peer, Track.MAIN, muted=False)
    (slot, *_) = [slot.slot for slot in who.slots() if slot.kind.value == "video"]
    generation = (
        engine.peers[who.peer].bound[slot].generation + 1 if slot in engine.peers[who.peer].bound else 1
    )
    source = control.SlotSource(whom.peer, Track.MAIN, 0)
    await engine.bind(who.peer, (control.SlotBinding(slot, generation, source),))


async def test_who_is_alone_uses_audio(metered: Metered, house: House) -> None:
    await house.enter("alice")
    await metered.pass_time(20)
    (step,) = await metered.used()
    assert step.milliseconds == only(audio=20_000)
    assert step.at == MS - MS % BUCKET_MS


@pytest.mark.parametrize(
    ("size", "kind"),
    [
        ((640, 480), "sd"),
        ((1280, 720), "hd"),
        ((1920, 1080), "fhd"),
        ((2560, 1440), "qhd"),
        ((3840, 2160), "uhd"),
    ],
)
async def test_a_time_with_video_is_of_its_class_and_not_audio_too(
    metered: Metered, house: House, engine: FakeEngine, size: tuple[int, int], kind: str
) -> None:
    alice, _, _ = await house.enter("alice")
    bob, _, _ = await house.enter("bob")
    await watch(engine, bob, alice, size)
    await metered.pass_time(10)
    assert total(await metered.used()) == only(audio=10_000, **{kind: 10_000})


async def test_pictures_of_one_subscriber_count_together(
    metered: Metered, house: House, engine: FakeEngine
) -> None:
    alice, _, _ = await house.enter("alice")
    bob, _, _ = await house.enter("bob")
    carol, _, _ = await house.enter("carol")
    for publisher in (alice, carol):
        engine.flow(publisher.peer, Track.MAIN, 0, FakeFlow((1280, 720)))
        await engine.set_muted(publisher.peer, Track.MAIN, muted=False)
    slots = [slot.slot for slot in bob.slots() if slot.kind.value == "video"][:2]
    sources = (control.SlotSource(one.peer, Track.MAIN, 0) for one in (alice, carol))
    bindings = tuple(control.SlotBinding(slot, 1, one) for slot, one in zip(slots, sources, strict=True))
    await engine.bind(bob.peer, bindings)
    await metered.pass_time(10)
    assert total(await metered.used()) == only(audio=20_000, fhd=10_000)


async def test_a_step_is_cut_at_five_minutes_and_loses_nothing(
    metered: Metered, house: House, clock: VirtualClock
) -> None:
    clock.advance((BUCKET_MS - MS % BUCKET_MS) / 1000 - 1)
    await house.enter("alice")
    await metered.pass_time(2)
    first, second = await metered.used()
    assert (first.milliseconds["audio"], second.milliseconds["audio"]) == (1000, 1000)
    assert second.at == first.at + BUCKET_MS


async def test_what_was_used_between_the_last_take_and_leaving_counts(
    metered: Metered, house: House, engine: FakeEngine
) -> None:
    alice, _, _ = await house.enter("alice")
    await metered.pass_time(4)
    await metered.pass_time(1.5, take=False)
    house.rooms.leave(alice)
    metered.tell()
    await engine.remove_peer(alice.peer) if alice.peer in engine.peers else None
    assert total(await metered.used()) == only(audio=5_500)


async def test_written_again_and_again_it_counts_once(metered: Metered, house: House) -> None:
    await house.enter("alice")
    for _ in range(5):
        await metered.pass_time(4)
        await metered.meter.write()
        await metered.meter.write()
    assert total(await metered.used()) == only(audio=20_000)


async def test_a_killed_process_loses_what_it_had_not_written_and_its_successor_counts_its_own(
    metered: Metered, house: House, database: Database, clock: VirtualClock, engine: FakeEngine
) -> None:
    await house.enter("alice")
    await metered.pass_time(10)
    await metered.meter.write()
    await metered.pass_time(4)
    # Killed. The next process has new stays, in the same five minutes.
    again = Meter(database, clock)
    metered.meter = again
    engine.listener = again.on_engine_event
    await house.enter("bob")
    await metered.pass_time(6)
    assert total(await metered.used()) == only(audio=16_000)


async def test_while_the_database_is_away_what_was_metered_waits(
    metered: Metered, house: House, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.enter("alice")
    await metered.pass_time(4)

    def away() -> None:
        raise OSError("away")

    monkeypatch.setattr(database, "writing", away)
    with pytest.raises(OSError, match="away"):
        await metered.meter.write()
    await metered.pass_time(4)
    monkeypatch.undo()
    assert total(await metered.used()) == only(audio=8_000)


async def test_a_clock_that_was_set_forward_makes_nobody_use_more(
    metered: Metered, house: House, clock: VirtualClock
) -> None:
    await house.enter("alice")
    await metered.pass_time(2)
    clock.advance(3 * DAY_MS / 1000)
    await metered.pass_time(2)
    steps = await metered.used()
    assert total(steps) == only(audio=4_000)
    assert len(steps) == 2


async def test_a_size_that_nobody_can_see_is_said_to_be_unknown(
    metered: Metered, house: House, engine: FakeEngine
) -> None:
    alice, _, _ = await house.enter("alice")
    await metered.pass_time(2)
    engine.peers[alice.peer].video_ms[ResolutionClass.UNKNOWN] += 1000
    engine.peers[alice.peer].audio_ms += 1000
    await metered.pass_time(2)
    assert total(await metered.used()) == only(audio=4_000, unknown=1_000)


async def test_a_day_is_closed_once_a_night_and_gives_the_same_again(
    metered: Metered, house: House, clock: VirtualClock, database: Database
) -> None:
    await house.enter("alice")
    await metered.pass_time(60)
    before = await metered.used(DAY_MS)
    jobs = Jobs(database, clock, metered.usage.kinds())
    await jobs.prepare()
    clock.advance(DAY_MS / 1000)
    assert await jobs.do_one()
    assert await jobs.do_one() is False
    async with database.reading() as connection:
        (closed,) = (await connection.execute(select(days))).all()
    assert (closed.sdk_app_id, closed.day, closed.audio) == (APP, TODAY, 60_000)
    day = dt.datetime.fromtimestamp(NOW, dt.UTC).date()
    assert await metered.usage.close_day(day) == 1
    assert await metered.used(DAY_MS) == before == [Used(TODAY, only(audio=60_000))]


async def test_a_closed_day_stays_when_its_meters_are_gone(
    metered: Metered, house: House, clock: VirtualClock, database: Database
) -> None:
    await house.enter("alice")
    await metered.pass_time(60)
    await metered.meter.write()
    clock.advance(DAY_MS / 1000)
    day = dt.datetime.fromtimestamp(NOW, dt.UTC).date()
    await metered.usage.close_day(day)
    async with database.writing() as connection:
        await connection.execute(meters.delete())
    clock.advance(120 * DAY_MS / 1000)
    with pytest.raises(NotMetered):
        await metered.usage.close_day(day)
    assert await metered.usage.steps([APP], *FOREVER, DAY_MS) == [Used(TODAY, only(audio=60_000))]


async def test_a_day_that_is_not_over_has_no_total(metered: Metered) -> None:
    with pytest.raises(NotMetered):
        await metered.usage.close_day(dt.datetime.fromtimestamp(NOW, dt.UTC).date())


async def test_rooms_and_applications_are_told_apart(
    metered: Metered, house: House, clock: VirtualClock
) -> None:
    await house.enter("alice")
    await metered.pass_time(4)
    await metered.meter.write()
    (room,) = await metered.usage.by_room(APP, *FOREVER)
    assert (room.room, room.milliseconds) == ("room", only(audio=4_000))
    assert await metered.usage.by_room(APP + 1, *FOREVER) == []
    assert await metered.usage.steps([APP + 1], *FOREVER, BUCKET_MS) == []


async def test_the_meters_name_nobody(metered: Metered, house: House, database: Database) -> None:
    await house.enter("alice")
    await metered.pass_time(4)
    await metered.meter.write()
    async with database.reading() as connection:
        rows = (await connection.execute(select(meters))).all()
    assert "alice" not in str(rows)
