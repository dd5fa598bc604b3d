# SPDX-License-Identifier: Apache-2.0
"""Publishing, muting and binding: rights, limits, and what the others are told."""

import pytest

from sealroom.media import control
from sealroom.rooms import tracks
from sealroom_wire import signalling
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.limits import MAX_PUBLISHERS
from sealroom_wire.signalling import Role, Scene, Track
from sealroom_wire.usersig import Privilege
from server.tests import offers
from server.tests.conftest import House
from server.tests.fakes import FakeEngine
from server.tests.rooms.test_entering import refusal

FIRST_VIDEO_SLOT = 2


def binding(slot: int, generation: int, user: str | None, track: Track = Track.MAIN) -> signalling.Binding:
    source = None if user is None else signalling.Source(user, track, 1)
    return signalling.Binding(slot, generation, source)


async def test_a_published_track_is_announced_muted_and_taken_back(house: House, engine: FakeEngine) -> None:
    alice, _, _ = await house.enter("alice")
    _, watching, _ = await house.enter("bob")
    muted = engine.peers[alice.peer].muted
    await house.rooms.publish(alice, Track.MAIN, muted=False)
    assert muted[Track.MAIN] is False
    await house.rooms.mute(alice, Track.MAIN, muted=True)
    assert muted[Track.MAIN] is True
    await house.rooms.mute(alice, Track.MAIN, muted=True)
    await house.rooms.unpublish(alice, Track.MAIN)
    assert watching.take() == [
        signalling.TrackPublished("alice", Track.MAIN, muted=False),
        signalling.TrackMuted("alice", Track.MAIN, muted=True),
        signalling.TrackUnpublished("alice", Track.MAIN),
    ]
    assert muted[Track.MAIN] is True


async def test_who_comes_later_is_told_of_tracks(house: House) -> None:
    alice, _, _ = await house.enter("alice")
    await house.rooms.publish(alice, Track.AUDIO, muted=True)
    _, _, others = await house.enter("bob")
    assert others[0].tracks == (signalling.PublishedTrack(Track.AUDIO, muted=True),)


async def test_publishing_again_is_a_change_of_mute(house: House) -> None:
    alice, _, _ = await house.enter("alice")
    _, watching, _ = await house.enter("bob")
    await house.rooms.publish(alice, Track.AUDIO, muted=False)
    await house.rooms.publish(alice, Track.AUDIO, muted=True)
    assert watching.take()[1:] == [signalling.TrackMuted("alice", Track.AUDIO, muted=True)]


SEND = [
    (Track.AUDIO, Privilege.SEND_AUDIO, ErrorCode.NO_RIGHT_TO_SEND_AUDIO),
    (Track.MAIN, Privilege.SEND_VIDEO, ErrorCode.NO_RIGHT_TO_SEND_VIDEO),
    (Track.SCREEN, Privilege.SEND_SCREEN, ErrorCode.NO_RIGHT_TO_SEND_SCREEN),
]
RECEIVE = [
    (Track.MAIN, Privilege.RECEIVE_VIDEO, ErrorCode.NO_RIGHT_TO_RECEIVE_VIDEO),
    (Track.SCREEN, Privilege.RECEIVE_SCREEN, ErrorCode.NO_RIGHT_TO_RECEIVE_SCREEN),
]


@pytest.mark.parametrize(("track", "right", "code"), SEND)
async def test_each_right_to_send_is_asked_for_by_its_own_name(
    house: House, engine: FakeEngine, track: Track, right: Privilege, code: ErrorCode
) -> None:
    without, _, _ = await house.enter("without", rights=Privilege.ALL & ~right)
    _, watching, _ = await house.enter("watching")
    assert await refusal(house.rooms.publish(without, track, muted=False)) is code
    assert engine.peers[without.peer].muted[track] is True
    assert watching.take() == []
    only = Privilege.CREATE_ROOM | Privilege.ENTER | right
    granted, _, _ = await house.enter("granted", rights=only)
    await house.rooms.publish(granted, track, muted=False)


@pytest.mark.parametrize(("track", "right", "code"), RECEIVE)
async def test_each_right_to_receive_is_asked_for_by_its_own_name(
    house: House, engine: FakeEngine, track: Track, right: Privilege, code: ErrorCode
) -> None:
    alice, _, _ = await house.enter("alice")
    await house.rooms.publish(alice, track, muted=False)
    wish = (binding(FIRST_VIDEO_SLOT, 1, "alice", track),)
    without, _, _ = await house.enter("without", rights=Privilege.ALL & ~right)
    assert await refusal(house.rooms.bind(without, wish)) is code
    assert engine.peers[without.peer].bound == {}
    granted, _, _ = await house.enter("granted", rights=Privilege.ENTER | right)
    await house.rooms.bind(granted, wish)
    assert engine.peers[granted.peer].bound[FIRST_VIDEO_SLOT].source == control.SlotSource(
        alice.peer, track, 1
    )


async def test_the_audience_cannot_publish(house: House) -> None:
    viewer, _, _ = await house.enter("viewer", scene=Scene.LIVE, role=Role.AUDIENCE)
    attempt = house.rooms.publish(viewer, Track.AUDIO, muted=False)
    assert await refusal(attempt) is ErrorCode.AUDIENCE_CANNOT_PUBLISH


async def test_in_a_call_everybody_is_an_anchor(house: House) -> None:
    alice, _, _ = await house.enter("alice", role=Role.AUDIENCE)
    await house.rooms.publish(alice, Track.AUDIO, muted=False)
    assert alice.card().role is Role.ANCHOR


async def test_the_51st_publisher_is_refused_and_a_muted_one_counts(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MAX_PUBLISHERS == 50
    monkeypatch.setattr(tracks, "MAX_PUBLISHERS", 2)
    first, second, third = [(await house.enter(f"user{number}"))[0] for number in range(3)]
    await house.rooms.publish(first, Track.AUDIO, muted=True)
    await house.rooms.publish(second, Track.AUDIO, muted=False)
    attempt = house.rooms.publish(third, Track.AUDIO, muted=False)
    assert await refusal(attempt) is ErrorCode.TOO_MANY_PUBLISHERS
    await house.rooms.publish(first, Track.MAIN, muted=False)
    await house.rooms.unpublish(second, Track.AUDIO)
    await house.rooms.publish(third, Track.AUDIO, muted=False)


async def test_one_screen_per_room(house: House) -> None:
    alice, _, _ = await house.enter("alice")
    bob, _, _ = await house.enter("bob")
    await house.rooms.publish(alice, Track.SCREEN, muted=False)
    assert await refusal(house.rooms.publish(bob, Track.SCREEN, muted=False)) is ErrorCode.SCREEN_TAKEN
    house.rooms.leave(alice)
    await house.rooms.publish(bob, Track.SCREEN, muted=False)


async def test_a_track_without_a_section_cannot_be_published(house: House) -> None:
    house_offers, offers.TRACKS = offers.TRACKS, {}
    try:
        alice, _, _ = await house.enter("alice", sdp=offers.offer(sends=False))
    finally:
        offers.TRACKS = house_offers
    attempt = house.rooms.publish(alice, Track.AUDIO, muted=False)
    assert await refusal(attempt) is ErrorCode.SDP_NOT_SUPPORTED


async def test_what_the_engine_does_not_publish_is_not_announced(house: House, engine: FakeEngine) -> None:
    alice, _, _ = await house.enter("alice")
    _, watching, _ = await house.enter("bob")
    engine.fail_next = "no_such_peer"
    assert await refusal(house.rooms.publish(alice, Track.AUDIO, muted=False)) is ErrorCode.ENGINE_FAILED
    assert watching.take() == []
    assert await refusal(house.rooms.unpublish(alice, Track.AUDIO)) is ErrorCode.NOT_PUBLISHED
    assert await refusal(house.rooms.mute(alice, Track.AUDIO, muted=True)) is ErrorCode.NOT_PUBLISHED


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        (binding(0, 1, "alice"), ErrorCode.SLOT_UNKNOWN),  # an audio slot
        (binding(60, 1, "alice"), ErrorCode.SLOT_UNKNOWN),
        (binding(FIRST_VIDEO_SLOT, 1, "nobody"), ErrorCode.SOURCE_UNKNOWN),
        (binding(FIRST_VIDEO_SLOT, 1, "alice", Track.AUDIO), ErrorCode.SOURCE_UNKNOWN),
        (binding(FIRST_VIDEO_SLOT, 1, "alice", Track.SCREEN), ErrorCode.NOT_PUBLISHED),
    ],
)
async def test_one_wrong_binding_refuses_the_whole_message(
    house: House, engine: FakeEngine, wish: signalling.Binding, code: ErrorCode
) -> None:
    alice, _, _ = await house.enter("alice")
    await house.rooms.publish(alice, Track.MAIN, muted=False)
    bob, _, _ = await house.enter("bob")
    good = binding(FIRST_VIDEO_SLOT + 1, 1, "alice")
    assert await refusal(house.rooms.bind(bob, (good, wish))) is code
    assert engine.peers[bob.peer].bound == {}
    await house.rooms.bind(bob, (good,))


async def test_an_overtaken_binding_is_passed_over(house: House, engine: FakeEngine) -> None:
    alice, _, _ = await house.enter("alice")
    await house.rooms.publish(alice, Track.MAIN, muted=False)
    bob, _, _ = await house.enter("bob")
    slot = FIRST_VIDEO_SLOT
    await house.rooms.bind(bob, (binding(slot, 5, "alice"),))
    await house.rooms.bind(bob, (binding(slot, 5, None), binding(slot, 4, None)))
    assert engine.peers[bob.peer].bound[slot].source is not None
    await house.rooms.bind(bob, (binding(slot, 6, None),))
    assert engine.peers[bob.peer].bound[slot].source is None


async def test_the_audience_cannot_be_bound(house: House) -> None:
    await house.enter("viewer", scene=Scene.LIVE, role=Role.AUDIENCE)
    bob, _, _ = await house.enter("bob", scene=Scene.LIVE)
    attempt = house.rooms.bind(bob, (binding(FIRST_VIDEO_SLOT, 1, "viewer"),))
    assert await refusal(attempt) is ErrorCode.SOURCE_UNKNOWN


async def test_a_key_frame_is_asked_for_by_video_slot(house: House, engine: FakeEngine) -> None:
    alice, _, _ = await house.enter("alice")
    await house.rooms.key_frame(alice, FIRST_VIDEO_SLOT)
    assert engine.only().key_frames == [FIRST_VIDEO_SLOT]
    assert await refusal(house.rooms.key_frame(alice, 0)) is ErrorCode.SLOT_UNKNOWN
    assert await refusal(house.rooms.key_frame(alice, 63)) is ErrorCode.SLOT_UNKNOWN


async def test_more_slots_can_be_bound_once_they_are_agreed(house: House, engine: FakeEngine) -> None:
    alice, _, _ = await house.enter("alice")
    await house.rooms.publish(alice, Track.MAIN, muted=False)
    bob, _, _ = await house.enter("bob")
    wish = (binding(FIRST_VIDEO_SLOT + 5, 1, "alice"),)
    assert await refusal(house.rooms.bind(bob, wish)) is ErrorCode.SLOT_UNKNOWN
    await house.rooms.offer(bob, offers.offer(video=10))
    assert len(engine.peers[bob.peer].session.slots) == 12
    await house.rooms.bind(bob, wish)


async def test_a_refused_later_offer_leaves_the_call_as_it_is(house: House, engine: FakeEngine) -> None:
    alice, _, _ = await house.enter("alice")
    agreed = alice.agreement
    with pytest.raises(Refusal):
        await house.rooms.offer(alice, "v=0\r\n")
    engine.fail_next = "bad_session"
    assert await refusal(house.rooms.offer(alice, offers.offer(video=5))) is ErrorCode.ENGINE_FAILED
    assert alice.agreement is agreed
