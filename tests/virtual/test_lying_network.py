# SPDX-License-Identifier: Apache-2.0
"""A network that delays each datagram by its own time, so that they overtake each other: nothing wrong opens, and what is lost is bounded."""

import pytest

from tests.virtual.room import KEY_FRAME_EVERY, VirtualRoom, audio, video

FRAMES = 60
LATE = 5
"""Frames of a talk whose packets may come so late that the client has gone on: twice what these seeds showed."""


def talked(seed: int, jitter_ms: int) -> VirtualRoom:
    room = VirtualRoom(seed, jitter_ms=jitter_ms)
    room.join()
    room.join()
    room.run(6_000)
    room.bind(0, 1)
    room.bind(1, 0)
    room.run(500)
    room.talk(FRAMES)
    room.run(2_000)
    for at, source in ((0, 1), (1, 0)):
        for track, made in (("main", video), ("audio", audio)):
            opened = room.opened(at, source, track)
            assert len(set(opened)) == len(opened), "a frame opened twice"
            assert set(opened) <= {made(source, number) for number in range(FRAMES)}
    return room


@pytest.mark.parametrize("seed", range(6))
def test_datagrams_that_overtake_each_other_by_two_frames_lose_little(seed: int) -> None:
    room = talked(seed, jitter_ms=40)
    for at, source in ((0, 1), (1, 0)):
        # Nothing is forwarded before a key frame came whole; after that the order of packets is mended.
        assert len(room.opened(at, source)) >= FRAMES - KEY_FRAME_EVERY - LATE
        assert len(room.opened(at, source, "audio")) >= FRAMES - LATE
        assert room.members[at].refused == 0, "what came whole opened"


@pytest.mark.parametrize("seed", range(6))
def test_datagrams_that_come_fifteen_frames_late_show_nothing_wrong(seed: int) -> None:
    room = talked(seed, jitter_ms=300)
    for at, source in ((0, 1), (1, 0)):
        # The bound: whole pictures of three packets, each of which may come last by fifteen frames.
        assert len(room.opened(at, source)) >= FRAMES // 3
        assert len(room.opened(at, source, "audio")) >= FRAMES * 3 // 4
