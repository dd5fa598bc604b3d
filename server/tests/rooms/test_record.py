# SPDX-License-Identifier: Apache-2.0
"""The operator's own record of a call: the engine's numbers and the room's state, and what members are not told of each other."""

import msgspec
import pytest

from sealroom.media import control
from sealroom.rooms.service import RoomService
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.limits import (
    MAX_RECORDED_PARTICIPANTS,
    MAX_SIGNALLING_MESSAGE_BYTES,
)
from sealroom_wire.record import LayerRecord, RefusedPackets, SealSeen
from sealroom_wire.signalling import Role, Scene, Track
from server.tests import fakes
from server.tests.conftest import House

SEAL = control.Seal(epoch=63, step=15, index=65535, first_counter=2**40 - 1, last_counter=2**40, frames=2**40)


def seen(peer: int, payload_bytes: int, track: Track = Track.MAIN) -> control.TrackRecord:
    layer = control.LayerRecord(0, "vp8", 7, payload_bytes, 1500, (640, 360), SEAL)
    return control.TrackRecord(peer, track, None, (layer,), {"clear_media": 3, "muted": 1})


def taken(*tracks: control.TrackRecord) -> control.RoomRecord:
    return control.RoomRecord(10, 20, 3000, 4, 5, tracks)


async def test_it_holds_the_engines_numbers_and_the_rooms_state(
    rooms: RoomService, house: House, engine: fakes.FakeEngine, clock: fakes.VirtualClock
) -> None:
    clock.advance(2)
    alice, *_ = await house.enter("alice")
    clock.advance(3)
    bob, *_ = await house.enter("bob")
    await rooms.publish(alice, Track.MAIN, muted=False)
    await rooms.publish(alice, Track.AUDIO, muted=True)
    engine.record_of_room = taken(seen(alice.peer, 1000))
    record = await rooms.record(bob, 9)
    assert (record.id, record.since, record.taken_at, record.more) == (
        9,
        (fakes.NOW + 2) * 1000,
        (fakes.NOW + 5) * 1000,
        0,
    )
    counts = record.counts
    assert (counts.accepted_packets, counts.forwarded_packets, counts.forwarded_bytes) == (10, 20, 3000)
    assert (counts.resent_packets, counts.key_frame_requests) == (4, 5)
    by_user = {one.user_id: one for one in record.participants}
    assert by_user["bob"].tracks == ()
    assert by_user["alice"].since == (fakes.NOW + 2) * 1000
    assert by_user["alice"].client.os == "os of alice"
    audio, main = by_user["alice"].tracks
    assert (audio.track, audio.published, audio.muted, audio.layers) == (Track.AUDIO, True, True, ())
    assert (main.track, main.published, main.muted) == (Track.MAIN, True, False)
    assert main.refused == (RefusedPackets("clear_media", 3), RefusedPackets("muted", 1))
    seal = SealSeen(63, 15, 65535, 2**40 - 1, 2**40, 2**40)
    assert main.layers == (LayerRecord(0, "vp8", 7, 1000, None, 1500, 640, 360, seal),)


async def test_a_member_sees_his_own_address_and_nobody_elses(rooms: RoomService, house: House) -> None:
    alice, *_ = await house.enter("alice")
    bob, *_ = await house.enter("bob")
    for asking in (alice, bob):
        record = await rooms.record(asking, 1)
        addresses = {one.user_id: one.address for one in record.participants}
        assert addresses.pop(asking.user_id) == asking.origin.address
        assert set(addresses.values()) == {None}
        assert record.participants[0].user_id == asking.user_id


async def test_bit_rates_are_over_the_time_between_two_samples_and_one_sample_serves_all(
    rooms: RoomService, house: House, engine: fakes.FakeEngine, clock: fakes.VirtualClock
) -> None:
    alice, *_ = await house.enter("alice")
    bob, *_ = await house.enter("bob")

    async def rates(asking: object = bob) -> list[int | None]:
        record = await rooms.record(asking, 1)  # type: ignore[arg-type]
        return [
            layer.bit_rate for one in record.participants for track in one.tracks for layer in track.layers
        ]

    engine.record_of_room = taken(seen(alice.peer, 1000))
    assert await rates() == [None]
    engine.record_of_room = taken(seen(alice.peer, 5000))
    clock.advance(0.9)
    assert (await rates(), engine.records_taken) == ([None], 1)
    clock.advance(1.1)
    assert (await rates(), await rates(alice), engine.records_taken) == ([16_000], [16_000], 2)
    clock.advance(2)
    engine.record_of_room = taken(seen(alice.peer, 5000), seen(bob.peer, 100))
    assert sorted(await rates(), key=str) == [0, None]


async def test_the_silent_audience_of_a_live_room_is_only_counted(rooms: RoomService, house: House) -> None:
    await house.enter("anchor", scene=Scene.LIVE)
    listener, *_ = await house.enter("listener", scene=Scene.LIVE, role=Role.AUDIENCE)
    await house.enter("other", scene=Scene.LIVE, role=Role.AUDIENCE)
    record = await rooms.record(listener, 1)
    assert [one.user_id for one in record.participants] == ["listener", "anchor"]
    assert record.more == 1


async def test_the_largest_record_fits_into_a_message(
    rooms: RoomService, house: House, engine: fakes.FakeEngine
) -> None:
    everyone = []
    for number in range(MAX_RECORDED_PARTICIPANTS + 5):
        one, *_ = await house.enter(f"{number:032}")
        everyone.append(one)
    for one in everyone[-MAX_RECORDED_PARTICIPANTS:]:
        await rooms.publish(one, Track.MAIN, muted=False)
    layers = tuple(
        control.LayerRecord(layer, "h264", 2**40, 2**45, 2**40, (16383, 16383), SEAL) for layer in range(3)
    )
    engine.record_of_room = taken(
        *(
            control.TrackRecord(one.peer, track, 127, layers if track is not Track.AUDIO else layers[:1], {"clear_media": 2**32})
            for one in everyone
            for track in (Track.AUDIO, Track.MAIN)
        )
    )  # fmt: skip
    record = await rooms.record(everyone[0], 1)
    assert (len(record.participants), record.more) == (MAX_RECORDED_PARTICIPANTS, 5)
    assert all(one.tracks[-1].published for one in record.participants[1:]), "who publishes comes first"
    assert len(msgspec.json.encode(record)) < MAX_SIGNALLING_MESSAGE_BYTES


async def test_an_engine_that_does_not_answer_is_said_so(
    rooms: RoomService, house: House, engine: fakes.FakeEngine
) -> None:
    alice, *_ = await house.enter("alice")
    engine.fail_next = "engine_hangs"
    with pytest.raises(Refusal) as refused:
        await rooms.record(alice, 1)
    assert refused.value.code is ErrorCode.ENGINE_FAILED


def test_no_address_shows_in_a_repr() -> None:
    assert "192.0.2" not in repr(fakes.origin("alice"))
