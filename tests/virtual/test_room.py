# SPDX-License-Identifier: Apache-2.0
"""The own server against `str0m` clients, in virtual time: what one writes the other reads, whatever the network does."""

from typing import Literal

import pytest

from sealroom.media import control
from tests.virtual.room import ALL_RIGHTS, AUDIO_SLOTS, FRAME_MS, VirtualRoom, audio, video

SEND_VIDEO, RECEIVE_VIDEO = 16, 32


def two(*, dtls: Literal["1.2", "1.3"] = "1.2") -> VirtualRoom:
    """Two connected members who see each other."""
    room = VirtualRoom(1)
    room.join(dtls=dtls)
    room.join(dtls=dtls)
    room.run(2_000)
    room.bind(0, 1)
    room.bind(1, 0)
    return room


@pytest.mark.parametrize("dtls", ["1.2", "1.3"])
def test_media_flows_both_ways_in_both_dtls_versions(dtls: Literal["1.2", "1.3"]) -> None:
    room = two(dtls=dtls)
    assert all(member.connected for member in room.members)
    connected = [event for event in room.said if isinstance(event, control.Connected)]
    assert [(event.profile, event.dtls) for event in connected] == [("AEAD_AES_256_GCM", dtls)] * 2
    room.talk(50)
    room.run(500)
    for at, source in [(0, 1), (1, 0)]:
        pictures, sounds = room.opened(at, source), room.opened(at, source, "audio")
        assert len(pictures) >= 45
        assert len(sounds) >= 45
        assert set(pictures) <= {video(source, number) for number in range(50)}
        assert set(sounds) <= {audio(source, number) for number in range(50)}
    assert room.failures() == []


def test_who_could_not_open_the_key_frame_asks_for_another() -> None:
    room = VirtualRoom(6)
    room.join()
    room.join()
    room.run(2_000)
    room.forward(1, 0)
    room.world.send(0, "main", video(0, 0), 0)
    room.run(1_000)
    assert room.members[1].refused == 1, "the key frame came before the slot was bound here"
    before = room.members[0].asked
    room.world.bind(1, AUDIO_SLOTS, 0, "main")
    for number in range(1, 10):
        room.world.send(0, "main", video(0, number), number * 1_800)
        room.run(FRAME_MS)
    assert len(room.opened(1, 0)) == 9
    # The operator asks for none: to it the slot shows what it showed before.
    assert room.members[0].asked == before + 1


def test_a_slot_that_is_bound_to_what_it_shows_goes_on_without_a_key_frame() -> None:
    room = two()
    room.talk(5)
    room.run(500)
    before = room.members[0].asked
    for number in range(5, 15):
        # As after every change of the roster.
        room.world.bind(1, AUDIO_SLOTS, 0, "main")
        room.world.send(0, "main", video(0, number), number * 1_800)
        room.run(FRAME_MS)
    room.run(500)
    assert len(room.opened(1, 0)) == 15
    assert room.members[0].asked == before


def test_media_goes_on_over_an_ice_restart() -> None:
    room = two()
    room.talk(20)
    room.restart_ice(1)
    room.run(2_000)
    before = len(room.opened(0, 1))
    room.talk(30)
    room.run(500)
    assert before >= 15
    assert len(room.opened(0, 1)) >= before + 25
    assert room.failures() == []


def test_a_member_that_is_removed_is_told_and_gets_nothing_more() -> None:
    room = two()
    room.talk(20)
    room.remove(0)
    room.run(100)
    before = len(room.opened(0, 1))
    assert before >= 15
    room.talk(20)
    assert len(room.opened(0, 1)) == before
    room.run(1_000)
    assert room.members[0].closed


@pytest.mark.parametrize(
    ("sender", "receiver"),
    [(ALL_RIGHTS & ~SEND_VIDEO, ALL_RIGHTS), (ALL_RIGHTS, ALL_RIGHTS & ~RECEIVE_VIDEO)],
)
def test_rights_hold_whatever_is_pushed(sender: int, receiver: int) -> None:
    room = VirtualRoom(4)
    room.join(rights=sender)
    room.join(rights=receiver)
    room.run(2_000)
    room.bind(1, 0)
    room.talk(30)
    assert room.opened(1, 0) == []
    assert len(room.opened(1, 0, "audio")) > 20


def test_only_the_member_that_was_bound_is_shown() -> None:
    room = two()
    third = room.join()
    room.run(2_000)
    room.bind(third, 0)
    # The operator puts another member's picture into the slot: it was sealed by a member, and is not whom was asked for.
    room.world.bind(third, 3, 1, "main")
    room.talk(30)
    room.run(200)
    assert room.opened(third, 0) == room.opened(third, 1) == []
    assert room.members[third].refused >= 20


def test_a_room_of_ten_at_five_percent_loss_loses_little_and_shows_nothing_wrong() -> None:
    room = VirtualRoom(77, loss=50, jitter_ms=15)
    for _ in range(10):
        room.join()
    room.run(4_000)
    shown = [(to, (to + place) % 10) for to in range(10) for place in (1, 2, 3)]
    for to, source in shown:
        room.bind(to, source, (source - to) % 10 - 1)
    room.talk(100)
    room.run(1_000)
    passed, lost, dropped = room.world.passage
    assert lost > passed * 0.04
    assert dropped == 0
    for to in range(10):
        for source in range(10):
            pictures = room.opened(to, source)
            if (to, source) in shown:
                # Three packets over two lossy hops: without repair 27 % of the frames would be lost.
                assert len(pictures) >= 85, f"{len(pictures)} of 100 from {source} at {to}"
                assert set(pictures) <= {video(source, number) for number in range(100)}
            else:
                assert pictures == [], "only what was bound is shown"


def test_frames_that_come_before_their_key_wait_for_it_but_not_for_long() -> None:
    room = two()
    room.talk(10)
    secret = bytes([6] * 64)
    room.world.add_secret(0, 2, 0, secret, after_removal=False, use_after_ms=0)
    before = len(room.opened(1, 0, "audio"))
    refused = room.members[1].refused
    room.talk(10)
    assert len(room.opened(1, 0, "audio")) == before
    room.world.add_secret(1, 2, 0, secret, after_removal=False, use_after_ms=0)
    room.run(20)
    assert len(room.opened(1, 0, "audio")) == before + 10
    assert room.members[1].refused == refused
    room.world.add_secret(0, 3, 0, secret, after_removal=False, use_after_ms=0)
    room.talk(5)
    room.run(400)
    assert room.members[1].refused == refused + 10, "five pictures and five sounds"
