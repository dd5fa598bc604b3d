# SPDX-License-Identifier: Apache-2.0
"""Samples say what flowed: rates from counters, names from rooms, and from devices only what nobody else can know."""

from dataclasses import dataclass

import msgspec
import pytest

from sealroom.core.records import RecordsUnavailable
from sealroom.media import control
from sealroom.media.measures import RoundTrip
from sealroom.quality import minutes as module
from sealroom.quality.collector import Collector
from sealroom.quality.device import DeviceSample, DeviceTrack
from sealroom.quality.minutes import Minutes
from sealroom.quality.models import CallEvent, EventKind, Minute, Sample
from sealroom.rooms.state import Participant
from sealroom_wire.ids import RoomKind
from sealroom_wire.signalling import Track
from server.tests.conftest import House
from server.tests.fakes import FakeEngine, FakeFlow, Listening, VirtualClock
from server.tests.quality.keeping import Kept


@dataclass
class Studio:
    """Alice sends, Bob receives, and somebody takes samples."""

    engine: FakeEngine
    clock: VirtualClock
    listening: Listening
    collector: Collector
    minutes: Minutes
    kept: Kept
    alice: Participant
    bob: Participant

    async def pass_time(self, seconds: float = 2.0) -> dict[tuple[str, str, str], Sample]:
        """Lets time pass and takes samples, by user, peer and track."""
        for event in self.listening.take():
            self.collector.on_room_event(event)
        self.clock.advance(seconds)
        self.engine.pass_time(seconds)
        return {(one.user_id, one.peer_id, one.track): one for one in await self.collector.take()}


@pytest.fixture
async def studio(house: House, listening: Listening, engine: FakeEngine, clock: VirtualClock) -> Studio:
    kept = Kept()
    minutes = Minutes(kept, b"key")
    collector = Collector(engine, kept, minutes, clock)
    alice, _, _ = await house.enter("alice")
    bob, _, _ = await house.enter("bob")
    await house.rooms.publish(alice, Track.AUDIO, muted=False)
    await house.rooms.publish(alice, Track.MAIN, muted=False)
    engine.flow(alice.peer, Track.AUDIO, 0, FakeFlow(packets_per_second=50, payload=100))
    engine.flow(alice.peer, Track.MAIN, 0, FakeFlow((320, 180), 100, 500, 15))
    engine.flow(alice.peer, Track.MAIN, 1, FakeFlow((1280, 720), 200, 1000, 30, lost_per_mille=20))
    slots = [slot.slot for slot in bob.slots() if slot.kind.value == "video"]
    source = control.SlotSource(alice.peer, Track.MAIN, 1)
    await engine.bind(bob.peer, (control.SlotBinding(slots[0], 1, source),))
    made = Studio(engine, clock, listening, collector, minutes, kept, alice, bob)
    assert await made.pass_time() == {}, "one take has nothing to be subtracted from"
    return made


async def test_what_somebody_sends_is_all_layers_together_and_the_largest_picture(studio: Studio) -> None:
    samples = await studio.pass_time()
    video = samples["alice", "", "main"]
    assert video.bit_rate == 8 * (100 * 500 + 196 * 1000)
    assert (video.width, video.height, video.frame_rate, video.span, video.on) == (
        1280,
        720,
        30.0,
        2000,
        True,
    )
    assert video.loss == pytest.approx(4 * 2 / 600)
    sound = samples["alice", "", "audio"]
    assert (sound.bit_rate, sound.packets, sound.width) == (8 * 50 * 100, 100, None)
    assert sound.volume == 76, "30 dB below the loudest, of 127"


async def test_what_somebody_receives_names_the_publisher_and_the_layer(studio: Studio) -> None:
    studio.engine.peers[studio.bob.peer].lost_per_mille = 100
    await studio.pass_time()
    seen = (await studio.pass_time())["bob", "alice", "main"]
    assert (seen.layer, seen.width, seen.height) == (1, 1280, 720)
    assert seen.bit_rate == 8 * 200 * 1000
    assert seen.loss == pytest.approx(40 / (400 + 40))


async def test_the_devices_word_counts_only_where_nobody_else_knows(studio: Studio) -> None:
    (slot,) = [slot for slot, binding in studio.engine.peers[studio.bob.peer].bound.items() if binding.source]
    studio.collector.on_device_sample(
        studio.bob.peer,
        DeviceSample(
            rtt=999.0, cpu=71, memory=256,
            received={slot: DeviceTrack(frame_rate=24.0, width=1, height=1, frozen=300, played=2000, delay=40.0)},
        ),
    )  # fmt: skip
    studio.engine.peers[studio.bob.peer].round_trip = RoundTrip(42_000, "rtcp")
    seen = (await studio.pass_time())["bob", "alice", "main"]
    assert (seen.rtt, seen.width) == (42.0, 1280), "the server measured these itself"
    assert (seen.frame_rate, seen.frozen, seen.played, seen.delay, seen.cpu, seen.memory) == (
        24.0,
        300,
        2000,
        40.0,
        71,
        256,
    )
    seen = (await studio.pass_time())["bob", "alice", "main"]
    assert (seen.frozen, seen.cpu) == (None, None), "what was told is of the span it was told in"


async def test_a_device_weighs_no_more_than_the_time_there_was(studio: Studio) -> None:
    (slot,) = [slot for slot, binding in studio.engine.peers[studio.bob.peer].bound.items() if binding.source]
    told = {slot: DeviceTrack(frozen=60_000, played=60_000)}
    studio.collector.on_device_sample(studio.bob.peer, DeviceSample(received=told))
    seen = (await studio.pass_time())["bob", "alice", "main"]
    assert (seen.frozen, seen.played) == (2000, 2000)


async def test_a_picture_that_comes_in_another_layer_is_an_event_and_one_of_somebody_else_is_none(
    studio: Studio, house: House
) -> None:
    (slot,) = [slot for slot, binding in studio.engine.peers[studio.bob.peer].bound.items() if binding.source]
    source = control.SlotSource(studio.alice.peer, Track.MAIN, 0)
    await studio.pass_time()
    assert studio.kept.all(CallEvent) == []
    await studio.engine.bind(studio.bob.peer, (control.SlotBinding(slot, 2, source),))
    await studio.pass_time()
    (event,) = studio.kept.all(CallEvent)
    assert (event.user_id, event.kind, event.peer_id, event.track, event.number) == (
        "bob",
        EventKind.LAYER,
        "alice",
        "main",
        0,
    )
    await studio.pass_time()
    assert len(studio.kept.all(CallEvent)) == 1


async def test_a_transport_that_is_there_is_an_event_and_a_full_journal_costs_no_samples(
    studio: Studio,
) -> None:
    studio.collector.on_engine_event(control.Connected(studio.bob.peer, "aead_aes_256_gcm", "1.2"))
    studio.kept.full = True
    assert await studio.pass_time()
    studio.kept.full = False
    studio.collector.on_engine_event(control.Connected(studio.bob.peer, "aead_aes_256_gcm", "1.2"))
    studio.collector.on_engine_event(control.Connected(99, "aead_aes_256_gcm", "1.2"))
    await studio.pass_time()
    (event,) = studio.kept.all(CallEvent)
    assert (event.user_id, event.kind) == ("bob", EventKind.CONNECTED)


async def test_a_muted_track_is_off_and_one_that_left_has_no_samples(studio: Studio, house: House) -> None:
    await house.rooms.mute(studio.alice, Track.AUDIO, muted=True)
    samples = await studio.pass_time()
    assert not samples["alice", "", "audio"].on
    assert samples["alice", "", "main"].on
    house.rooms.leave(studio.alice)
    assert not [key for key in await studio.pass_time() if "alice" in key]


async def test_a_minute_sums_its_samples_and_names_nobody(studio: Studio) -> None:
    (slot,) = [slot for slot, binding in studio.engine.peers[studio.bob.peer].bound.items() if binding.source]
    for _ in range(31):
        told = {slot: DeviceTrack(frozen=200, played=2000)}
        studio.collector.on_device_sample(studio.bob.peer, DeviceSample(rtt=50.0, received=told))
        await studio.pass_time()
    (minute,) = studio.kept.all(Minute)
    assert (minute.users, minute.streams) == (2, 2)
    assert minute.video_frozen * 10 == minute.video_played
    assert minute.delay_sum / minute.delays == 50.0
    assert minute.audio_played == 0
    assert "room" not in minute.room_key
    assert "alice" not in str(minute)


async def test_a_minute_counts_the_round_trips_that_were_late(studio: Studio) -> None:
    one = next(iter((await studio.pass_time()).values()))
    minutes = Minutes(studio.kept, b"key")
    minutes.add(msgspec.structs.replace(one, rtt=rtt) for rtt in (199.9, 200.0, 900.0, None))
    await minutes.close()
    (minute,) = studio.kept.all(Minute)
    assert (minute.delays, minute.late) == (3, 2)


async def test_a_number_and_a_string_that_look_alike_have_minutes_of_their_own(studio: Studio) -> None:
    one = next(iter((await studio.pass_time()).values()))
    minutes = Minutes(studio.kept, b"key")
    minutes.add(msgspec.structs.replace(one, room="123", room_kind=kind) for kind in RoomKind)
    await minutes.close()
    first, second = studio.kept.all(Minute)
    assert first.room_key != second.room_key


async def test_samples_say_which_kind_of_room_theirs_is(studio: Studio) -> None:
    assert {one.room_kind for one in (await studio.pass_time()).values()} == {RoomKind.STRING}


async def test_two_parts_of_a_minute_from_before_and_after_a_restart_both_count(studio: Studio) -> None:
    samples = (await studio.pass_time()).values()
    for _ in range(2):
        minutes = Minutes(studio.kept, b"key")
        minutes.add(samples)
        await minutes.close()
    first, second = studio.kept.all(Minute)
    assert (first.time, first.room_key) == (second.time, second.room_key)


async def test_minutes_that_the_journal_does_not_take_wait_and_not_without_bound(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_OPEN", 3)
    one = next(iter((await studio.pass_time()).values()))
    minutes = Minutes(studio.kept, b"key")
    studio.kept.full = True
    for number in range(5):
        minutes.add([msgspec.structs.replace(one, time=number * module.MINUTE_MS)])
        with pytest.raises(RecordsUnavailable):
            await minutes.close()
    studio.kept.full = False
    await minutes.close()
    assert [minute.time // module.MINUTE_MS for minute in studio.kept.all(Minute)] == [2, 3, 4]


async def test_the_collector_goes_on_after_an_engine_that_did_not_answer(studio: Studio) -> None:
    studio.engine.fail_next = "timeout"
    with pytest.raises(Exception, match="timeout"):
        await studio.collector.take()
    assert await studio.pass_time()
