# SPDX-License-Identifier: Apache-2.0
"""What listeners are told of rooms, in which order, and what they cannot do to a call."""

import asyncio

import pytest

from sealroom.core.config.schema import RoomSettings
from sealroom.core.errands import Errands
from sealroom.core.ids import Ids
from sealroom.core.metrics import Metrics
from sealroom.rooms import events
from sealroom.rooms.events import CloseReason, EnterReason, ExitReason, RoomEvent, Terminal, terminal_of
from sealroom.rooms.service import RoomService
from sealroom.rooms.state import Origin
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.ids import room_number, room_string
from sealroom_wire.participant import ClientInfo
from sealroom_wire.signalling import Role, Scene, Track
from server.tests import offers
from server.tests.conftest import House
from server.tests.fakes import APP, NOW, FakeEngine, FakeLine, Listening, VirtualClock


def kinds(happened: list[RoomEvent]) -> list[str]:
    return [type(event).__name__ for event in happened]


async def test_a_call_is_told_from_its_opening_to_its_end(
    house: House, listening: Listening, clock: VirtualClock
) -> None:
    alice, _, _ = await house.enter("alice")
    clock.advance(1)
    await house.rooms.publish(alice, Track.AUDIO, muted=True)
    await house.rooms.mute(alice, Track.AUDIO, muted=False)
    await house.rooms.publish(alice, Track.MAIN, muted=False)
    await house.rooms.unpublish(alice, Track.MAIN)
    clock.advance(1)
    house.rooms.leave(alice)
    told = listening.take()
    assert kinds(told) == [
        "RoomOpened", "ParticipantEntered", "TrackPublished", "TrackMuted", "TrackPublished", "TrackUnpublished",
        "ParticipantLeft", "RoomClosed",
    ]  # fmt: skip
    assert {event.call for event in told} == {told[0].call}
    assert [event.at - NOW * 1000 for event in told] == [0, 0, 1000, 1000, 1000, 1000, 2000, 2000]
    assert len({event.id for event in told}) == len(told)
    left = told[-2]
    assert isinstance(left, events.ParticipantLeft)
    assert (left.reason, left.entered_at, left.peer) == (ExitReason.VOLUNTARY, NOW * 1000, alice.peer)
    assert isinstance(told[-1], events.RoomClosed)
    assert told[-1].reason is CloseReason.EMPTY


async def test_who_entered_is_told_with_where_from_and_what_with(house: House, listening: Listening) -> None:
    await house.enter("alice", scene=Scene.LIVE, role=Role.AUDIENCE)
    entered = listening.take()[1]
    assert isinstance(entered, events.ParticipantEntered)
    assert (entered.user_id, entered.role, entered.reason) == ("alice", Role.AUDIENCE, EnterReason.VOLUNTARY)
    assert (entered.address, entered.client.sdk, entered.client.version) == ("192.0.2.5", "test-sdk", "1.2.3")


@pytest.mark.parametrize(
    ("system", "kind"),
    [
        ("Win32", Terminal.WINDOWS), ("Windows 11", Terminal.WINDOWS), ("Linux x86_64", Terminal.LINUX),
        ("Android 15", Terminal.ANDROID), ("Linux armv8l Android", Terminal.ANDROID), ("iPhone", Terminal.IOS),
        ("iPad", Terminal.IOS), ("MacIntel", Terminal.OTHER), ("Darwin", Terminal.OTHER), ("", Terminal.OTHER),
    ],
)  # fmt: skip
def test_the_kind_of_device_is_read_from_its_system(system: str, kind: Terminal) -> None:
    assert terminal_of(ClientInfo(os=system)) is kind


async def test_a_call_has_the_id_that_trtc_gives_it_and_no_two_share_one(
    house: House, listening: Listening
) -> None:
    for room in (room_number(123), room_number(123), room_string("123")):
        participant, _, _ = await house.enter("alice", room=room)
        house.rooms.leave(participant)
    opened = [event for event in listening.take() if isinstance(event, events.RoomOpened)]
    assert [event.call.id for event in opened] == [f"{APP}_123_{NOW + more}" for more in (0, 1, 2)]


async def test_no_two_servers_of_a_site_give_calls_of_one_second_one_id(
    clock: VirtualClock, errands: Errands, metrics: Metrics
) -> None:
    names: list[str] = []
    for index in range(3):
        listening = Listening()
        rooms = RoomService(
            FakeEngine(), offers.SERVER, clock=clock, ids=Ids(), settings=RoomSettings(), errands=errands, metrics=metrics,
            listeners=(listening,), place=lambda index=index: (index, 3),  # type: ignore[misc]
        )  # fmt: skip
        for room in (room_number(123), room_number(123), room_string("123")):
            participant, _, _ = await House(rooms).enter("alice", room=room)
            rooms.leave(participant)
        names += [event.call.id for event in listening.take() if isinstance(event, events.RoomOpened)]
    seconds = [int(name.removeprefix(f"{APP}_123_")) for name in names]
    assert len(set(seconds)) == 9
    assert {second - NOW for second in seconds} == set(range(9)), "each the next second that is its own"


async def test_nothing_is_said_of_a_room_that_nobody_got_into(
    house: House, listening: Listening, engine: FakeEngine
) -> None:
    engine.fail_next = "no_room"
    with pytest.raises(Refusal):
        await house.enter("alice")
    assert listening.take() == []


async def test_entering_again_from_elsewhere_is_a_removal_and_an_entry(
    house: House, listening: Listening
) -> None:
    await house.enter("alice")
    listening.take()
    await house.enter("alice")
    left, entered = listening.take()
    assert isinstance(left, events.ParticipantLeft)
    assert left.reason is ExitReason.REMOVED
    assert isinstance(entered, events.ParticipantEntered)
    assert entered.reason is EnterReason.VOLUNTARY


@pytest.mark.parametrize(
    ("address", "reason"), [("192.0.2.5", EnterReason.RETRIED), ("192.0.2.77", EnterReason.NETWORK_CHANGED)]
)
async def test_entering_after_the_line_broke_says_so(
    house: House, listening: Listening, address: str, reason: EnterReason
) -> None:
    alice, line, _ = await house.enter("alice")
    house.rooms.line_lost(alice, line)
    listening.take()
    await house.enter("alice", origin=Origin(address, ClientInfo()))
    left, entered = listening.take()
    assert isinstance(left, events.ParticipantLeft)
    assert left.reason is ExitReason.TIMEOUT
    assert isinstance(entered, events.ParticipantEntered)
    assert entered.reason is reason


async def test_whoever_does_not_come_back_left_by_timeout(
    house: House, listening: Listening, clock: VirtualClock
) -> None:
    alice, line, _ = await house.enter("alice")
    house.rooms.line_lost(alice, line)
    clock.advance(89)
    assert kinds(listening.take()) == ["RoomOpened", "ParticipantEntered"]
    clock.advance(1)
    left, closed = listening.take()
    assert isinstance(left, events.ParticipantLeft)
    assert left.reason is ExitReason.TIMEOUT
    assert closed.at == left.at == NOW * 1000 + 90_000


async def test_a_live_room_that_lingers_closes_when_it_does(
    house: House, listening: Listening, clock: VirtualClock
) -> None:
    fan, _, _ = await house.enter("fan", scene=Scene.LIVE, role=Role.AUDIENCE)
    house.rooms.leave(fan)
    assert kinds(listening.take()) == ["RoomOpened", "ParticipantEntered", "ParticipantLeft"]
    clock.advance(600)
    assert kinds(listening.take()) == ["RoomClosed"]


async def test_the_end_of_the_server_ends_every_call(house: House, listening: Listening) -> None:
    await house.enter("alice")
    listening.take()
    house.rooms.close(ErrorCode.SERVER_BUSY)
    left, closed = listening.take()
    assert isinstance(left, events.ParticipantLeft)
    assert left.reason is ExitReason.TIMEOUT
    assert isinstance(closed, events.RoomClosed)
    assert closed.reason is CloseReason.ENDED
    await asyncio.sleep(0)


async def test_a_listener_that_fails_harms_nobody(
    engine: FakeEngine, clock: VirtualClock, errands: Errands, metrics: Metrics, listening: Listening
) -> None:
    class Failing:
        def on_room_event(self, event: RoomEvent) -> None:
            raise RuntimeError("broken")

    rooms = RoomService(
        engine, offers.SERVER, clock=clock, ids=Ids(), settings=RoomSettings(), errands=errands, metrics=metrics,
        listeners=(Failing(), listening),
    )  # fmt: skip
    await House(rooms).enter("alice", line=FakeLine())
    assert kinds(listening.take()) == ["RoomOpened", "ParticipantEntered"]


async def test_no_event_shows_whose_it_is_when_it_is_printed(house: House, listening: Listening) -> None:
    await house.enter("alice")
    for event in listening.take():
        assert "alice" not in repr(event)
        assert "192.0.2.5" not in repr(event)
