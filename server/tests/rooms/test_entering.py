# SPDX-License-Identifier: Apache-2.0
"""Who may enter a room, what he and the others are told, and how rooms come and go."""

import asyncio
from collections.abc import Iterable

import pytest

from sealroom.core.config.schema import RoomSettings
from sealroom.media import control
from sealroom.media.session import Session
from sealroom.rooms import directory
from sealroom.rooms.service import RoomService
from sealroom_wire import signalling
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.ids import room_number, room_string
from sealroom_wire.signalling import LeaveReason, Role, Scene, Track
from sealroom_wire.usersig import Privilege
from server.tests.conftest import House
from server.tests.fakes import APP, FakeEngine, FakeLine, VirtualClock


async def settled() -> None:
    """Lets what was started beside run."""
    for _ in range(5):
        await asyncio.sleep(0)


async def refusal(attempt: object) -> ErrorCode:
    with pytest.raises(Refusal) as caught:
        await attempt  # type: ignore[misc]
    return caught.value.code


async def test_the_second_sees_the_first_and_the_first_is_told(house: House) -> None:
    _, alices, others = await house.enter("alice")
    assert others == ()
    bob, _, others = await house.enter("bob")
    assert [one.user_id for one in others] == ["alice"]
    assert alices.take() == [signalling.ParticipantEntered(bob.card())]


async def test_nothing_flows_before_it_is_published(house: House, engine: FakeEngine) -> None:
    participant, _, _ = await house.enter("alice")
    assert engine.only().muted == {Track.AUDIO: True, Track.MAIN: True, Track.SCREEN: True}
    await house.rooms.publish(participant, Track.AUDIO, muted=False)
    assert engine.only().muted == {Track.AUDIO: False, Track.MAIN: True, Track.SCREEN: True}


async def test_a_number_and_its_digits_are_two_rooms(house: House, engine: FakeEngine) -> None:
    await house.enter("alice", room=room_number(123))
    _, _, others = await house.enter("bob", room=room_string("123"))
    assert others == ()
    assert len(engine.rooms) == 2


async def test_applications_share_no_room(house: House) -> None:
    await house.enter("alice")
    _, _, others = await house.enter("bob", sdk_app_id=APP + 1)
    assert others == ()


@pytest.mark.parametrize(("sealing", "required"), [("required", True), ("optional", False)])
async def test_the_engine_is_told_whether_media_must_be_sealed(
    house: House, engine: FakeEngine, sealing: str, required: bool
) -> None:
    await house.enter("alice", sealing=sealing)
    assert list(engine.rooms.values()) == [required]


async def test_all_in_a_room_use_one_scene(house: House) -> None:
    await house.enter("alice")
    assert await refusal(house.enter("bob", scene=Scene.LIVE)) is ErrorCode.SCENE_DIFFERS


async def test_creating_takes_a_right_and_entering_what_is_there_does_not(house: House) -> None:
    rights = Privilege.ALL & ~Privilege.CREATE_ROOM
    assert await refusal(house.enter("bob", rights=rights)) is ErrorCode.NO_RIGHT_TO_CREATE_ROOM
    await house.enter("alice")
    await house.enter("bob", rights=rights)


async def test_the_engine_gets_the_rights_as_they_hold(house: House, engine: FakeEngine) -> None:
    await house.enter("alice", rights=Privilege.CREATE_ROOM | Privilege.ENTER | Privilege.RECEIVE_VIDEO)
    assert engine.only().session.rights == 35


async def test_the_audience_of_a_live_room_has_no_right_to_send_whatever_its_key_says(
    house: House, engine: FakeEngine
) -> None:
    await house.enter("alice", scene=Scene.LIVE, role=Role.AUDIENCE)
    assert engine.only().session.rights == 0b10101011


async def test_a_call_takes_300(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    assert directory.MAX_IN_CALL == 300
    monkeypatch.setattr(directory, "MAX_IN_CALL", 3)
    for number in range(3):
        await house.enter(f"user{number}")
    assert await refusal(house.enter("late")) is ErrorCode.ROOM_FULL
    await house.enter("user1")  # the same user again takes nobody's place


async def test_the_same_user_again_puts_the_earlier_entry_out(house: House, engine: FakeEngine) -> None:
    _, watching, _ = await house.enter("bob")
    earlier, line, _ = await house.enter("alice")
    watching.take()
    later, _, others = await house.enter("alice")
    assert line.told[-1] == signalling.KickedOut(signalling.KickReason.KICK)
    assert line.ended is ErrorCode.REPLACED_BY_NEW_ENTRY
    assert [one.user_id for one in others] == ["bob"]
    assert watching.take() == [
        signalling.ParticipantLeft("alice", LeaveReason.KICKED),
        signalling.ParticipantEntered(later.card()),
    ]
    await settled()
    assert earlier.peer not in engine.peers
    house.rooms.line_lost(earlier, line)  # the earlier line ends now: it takes nobody out
    assert not later.gone


async def test_alone_and_again_keeps_the_room(house: House, engine: FakeEngine) -> None:
    await house.enter("alice")
    await house.enter("alice", rights=Privilege.ENTER)
    await settled()
    assert len(engine.rooms) == 1


async def test_two_entries_at_once_leave_one(
    house: House, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first is put out while the engine still works on it."""
    second: list[asyncio.Task[object]] = []

    def start_second() -> None:
        engine.before_answer = None
        second.append(asyncio.ensure_future(house.enter("alice")))

    engine.before_answer = start_second
    original = engine.add_peer

    async def slow(room: int, peer: int, session: Session, *, muted: Iterable[Track] = ()) -> None:
        await original(room, peer, session, muted=muted)
        for _ in range(10):
            await asyncio.sleep(0)

    monkeypatch.setattr(engine, "add_peer", slow)
    assert await refusal(house.enter("alice")) is ErrorCode.REPLACED_BY_NEW_ENTRY
    await second[0]
    await settled()
    assert len(engine.peers) == 1


async def test_a_refused_offer_changes_nothing(house: House, engine: FakeEngine) -> None:
    _, line, _ = await house.enter("alice")
    assert await refusal(house.enter("alice", sdp="v=0\r\n")) is ErrorCode.SDP_MALFORMED
    assert line.ended is None
    assert len(engine.peers) == 1


@pytest.mark.parametrize("step", [1, 2])
async def test_when_the_engine_refuses_there_is_no_participant_and_no_room(
    house: House, engine: FakeEngine, step: int
) -> None:
    if step == 2:
        await house.enter("bob")
    engine.fail_next = "full"
    assert await refusal(house.enter("alice")) is ErrorCode.ENGINE_FAILED
    await settled()
    assert len(engine.peers) == step - 1
    _, _, others = await house.enter("alice")
    assert len(others) == step - 1


async def test_a_call_closes_with_its_last_leaver(house: House, engine: FakeEngine) -> None:
    alice, _, _ = await house.enter("alice")
    bob, watching, _ = await house.enter("bob")
    house.rooms.leave(alice)
    assert watching.take() == [signalling.ParticipantLeft("alice", LeaveReason.LEFT)]
    await settled()
    assert len(engine.rooms) == 1
    house.rooms.leave(bob)
    await settled()
    assert engine.rooms == {}
    assert engine.peers == {}


async def test_a_live_room_closes_with_its_last_anchor_at_once(house: House, engine: FakeEngine) -> None:
    anchor, _, _ = await house.enter("anchor", scene=Scene.LIVE)
    house.rooms.leave(anchor)
    await settled()
    assert engine.rooms == {}


async def test_a_live_room_outlives_its_last_audience_by_ten_minutes(
    house: House, engine: FakeEngine, clock: VirtualClock
) -> None:
    viewer, _, _ = await house.enter("viewer", scene=Scene.LIVE, role=Role.AUDIENCE)
    house.rooms.leave(viewer)
    clock.advance(599)
    viewer, _, _ = await house.enter("viewer", scene=Scene.LIVE, role=Role.AUDIENCE, rights=Privilege.ENTER)
    clock.advance(3600)
    await settled()
    assert len(engine.rooms) == 1
    house.rooms.leave(viewer)
    clock.advance(601)
    await settled()
    assert engine.rooms == {}


async def test_the_audience_comes_and_goes_in_silence(house: House) -> None:
    _, anchors, _ = await house.enter("anchor", scene=Scene.LIVE)
    viewer, _, others = await house.enter("viewer", scene=Scene.LIVE, role=Role.AUDIENCE)
    assert [one.user_id for one in others] == ["anchor"]
    _, _, seen = await house.enter("second", scene=Scene.LIVE, role=Role.AUDIENCE)
    assert [one.user_id for one in seen] == ["anchor"]
    house.rooms.leave(viewer)
    assert anchors.take() == []


async def test_a_broken_line_keeps_its_place_for_the_grace(house: House, clock: VirtualClock) -> None:
    alice, line, _ = await house.enter("alice")
    _, watching, _ = await house.enter("bob")
    house.rooms.line_lost(alice, line)
    grace = RoomSettings().disconnect_grace
    clock.advance(grace - 1)
    assert watching.take() == []
    clock.advance(1)
    assert watching.take() == [signalling.ParticipantLeft("alice", LeaveReason.TIMEOUT)]


async def test_who_comes_back_within_the_grace_is_there_once(house: House, clock: VirtualClock) -> None:
    alice, line, _ = await house.enter("alice")
    _, watching, _ = await house.enter("bob")
    house.rooms.line_lost(alice, line)
    clock.advance(10)
    _, again, others = await house.enter("alice")
    assert [type(message) for message in watching.take()] == [
        signalling.ParticipantLeft, signalling.ParticipantEntered,
    ]  # fmt: skip
    clock.advance(1000)
    assert watching.take() == []
    assert again.ended is None
    assert [one.user_id for one in others] == ["bob"]


async def test_a_peer_that_the_engine_gave_up_is_told_to_enter_again(
    house: House, rooms: RoomService
) -> None:
    alice, line, _ = await house.enter("alice")
    _, watching, _ = await house.enter("bob")
    rooms.on_engine_event(control.Closed(alice.peer, "consent_lost"))
    assert line.ended is ErrorCode.ENGINE_FAILED
    assert watching.take() == [signalling.ParticipantLeft("alice", LeaveReason.TIMEOUT)]


async def test_a_peer_given_up_during_the_grace_waits_for_its_end(
    house: House, rooms: RoomService, clock: VirtualClock
) -> None:
    alice, line, _ = await house.enter("alice")
    rooms.line_lost(alice, line)
    rooms.on_engine_event(control.Closed(alice.peer, "consent_lost"))
    assert not alice.gone
    clock.advance(90)
    assert alice.gone


async def test_a_page_that_is_closed_during_the_grace_is_gone_at_once(
    house: House, rooms: RoomService
) -> None:
    alice, line, _ = await house.enter("alice")
    rooms.line_lost(alice, line)
    rooms.on_engine_event(control.Closed(alice.peer, "closed_by_peer"))
    assert alice.gone


async def test_a_failed_shard_ends_every_line_and_takes_no_new_rooms(
    house: House, rooms: RoomService, clock: VirtualClock
) -> None:
    lines = [(await house.enter(user))[1] for user in ("alice", "bob")]
    rooms.on_engine_event(control.ShardFailed(0))
    assert [line.ended for line in lines] == [ErrorCode.ENGINE_FAILED] * 2
    assert await refusal(house.enter("carol")) is ErrorCode.SERVER_BUSY
    assert clock.pending == 0


async def test_who_is_heard_is_told_by_user_not_by_number(house: House, rooms: RoomService) -> None:
    alice, _, _ = await house.enter("alice")
    bob, line, _ = await house.enter("bob")
    slots = (control.AudioSlot(0, alice.peer), control.AudioSlot(1, None), control.AudioSlot(2, 999))
    rooms.on_engine_event(control.AudioSlots(bob.peer, slots))
    told = signalling.AudioSlots(
        (signalling.AudioSlot(0, "alice"), signalling.AudioSlot(1, None), signalling.AudioSlot(2, None))
    )
    assert line.take() == [told]


async def test_what_is_heard_before_the_answer_to_enter_is_told_after_it(
    house: House, rooms: RoomService, engine: FakeEngine
) -> None:
    engine.before_answer = lambda: rooms.on_engine_event(control.AudioSlots(1, (control.AudioSlot(0, None),)))
    participant, line, _ = await house.enter("alice", line=FakeLine())
    assert line.take() == []
    rooms.welcome(participant)
    assert line.take() == [signalling.AudioSlots((signalling.AudioSlot(0, None),))]
