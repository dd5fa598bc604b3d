# SPDX-License-Identifier: Apache-2.0
"""The back-end log has everybody who was in a call, and the call's events in their order."""

from sealroom.quality.history import documents_of
from sealroom.quality.models import CallBegun, CallEnded, CallEvent, Departure, EventKind, Stay
from sealroom.rooms.events import ExitReason, RoomEvent
from sealroom_wire.ids import room_number
from sealroom_wire.signalling import Track
from server.tests.conftest import House
from server.tests.fakes import APP, NOW, Listening, VirtualClock
from server.tests.quality.keeping import Kept

MS = NOW * 1000


def keep(kept: Kept, told: list[RoomEvent]) -> None:
    kept.put([document for event in told for document in documents_of(event)])


async def a_call(house: House, listening: Listening, clock: VirtualClock) -> list[RoomEvent]:
    alice, _, _ = await house.enter("alice", room=room_number(7))
    clock.advance(1)
    bob, _, _ = await house.enter("bob", room=room_number(7))
    await house.rooms.publish(alice, Track.AUDIO, muted=False)
    await house.rooms.mute(alice, Track.AUDIO, muted=True)
    clock.advance(1)
    house.rooms.leave(bob)
    house.rooms.leave(alice)
    return listening.take()


async def test_who_was_there_from_when_to_when_with_what(
    house: House, listening: Listening, clock: VirtualClock
) -> None:
    kept = Kept()
    keep(kept, await a_call(house, listening, clock))
    alice, bob = kept.all(Stay)
    assert (alice.user_id, alice.time, bob.user_id, bob.time) == ("alice", MS, "bob", MS + 1000)
    assert (alice.sdk_app_id, alice.room, alice.client_ip) == (APP, "7", "192.0.2.5")
    assert (alice.sdk_name, alice.sdk_version) == ("test-sdk", "1.2.3")
    ends = {one.id: one for one in kept.all(Departure)}
    assert ends[alice.id].user_id == "alice"
    assert (ends[bob.id].entered_at, ends[bob.id].time) == (MS + 1000, MS + 2000)
    assert ends[bob.id].reason == ExitReason.VOLUNTARY
    (begun,), (ended,) = kept.all(CallBegun), kept.all(CallEnded)
    assert (begun.id, begun.room, begun.room_is_number, begun.creator) == (ended.id, "7", True, "alice")
    assert (ended.begun_at, ended.time, ended.reason) == (MS, MS + 2000, "empty")


async def test_the_events_of_a_call_are_there_and_name_their_track(
    house: House, listening: Listening, clock: VirtualClock
) -> None:
    kept = Kept()
    keep(kept, await a_call(house, listening, clock))
    mine = [(one.kind, one.track) for one in kept.all(CallEvent) if one.user_id == "alice"]
    assert sorted(mine, key=str) == sorted(
        [(EventKind.ENTER, None), (EventKind.PUBLISH, "audio"), (EventKind.MUTE, "audio"), (EventKind.LEAVE, None)], key=str
    )  # fmt: skip


async def test_told_twice_it_is_there_once(house: House, listening: Listening, clock: VirtualClock) -> None:
    kept = Kept()
    told = await a_call(house, listening, clock)
    keep(kept, told)
    before = dict(kept.by_id)
    keep(kept, told)
    assert kept.by_id == before
