# SPDX-License-Identifier: Apache-2.0
"""Parts of a load test: sizes that are refused, frames that are verified, counts that notice what is missing."""

import random
import time
from typing import Any

import pytest

from sealroom_customer.client import Frame, FrameRefused
from sealroom_customer.client.events import TrackName
from sealroom_customer.errors import ConfigurationError
from sealroom_customer.loadtest import frames
from sealroom_customer.loadtest.delays import Delays
from sealroom_customer.loadtest.frames import Stamp
from sealroom_customer.loadtest.members import Publisher, Subscriber
from sealroom_customer.loadtest.plan import Plan
from sealroom_customer.loadtest.report import Spent, report, table

SPENT = Spent(2.0, 0.5, {"packets_sent": 1, "packets_received": 2, "bytes_sent": 3, "bytes_received": 4})


@pytest.mark.parametrize(
    "size",
    [
        {"rooms": 0}, {"publishers": 31}, {"subscribers": 401}, {"seconds": 0}, {"seconds": 4_000}, {"ramp": 0},
        {"ramp": 1_000}, {"video_rate": 61}, {"video_bitrate": 1}, {"video_bitrate": 10**9}, {"video_rate": 0, "audio": False},
        {"rooms": 34}, {"publishers": 30, "subscribers": 100},
    ],
)  # fmt: skip
def test_sizes_that_one_process_cannot_carry_are_refused(size: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Plan(**size)
    assert caught.value.code == "loadtest_size"
    assert caught.value.action


def test_what_is_planned_adds_up() -> None:
    plan = Plan(rooms=2, publishers=3, subscribers=4, video_rate=10, video_bitrate=80_000)
    assert (plan.members, plan.deliveries, plan.video_bytes) == (14, 2 * 3 * 4 * 60, 1_000)
    assert (plan.slots.audio, plan.slots.video) == (3, 3)


@pytest.mark.parametrize(("track", "key"), [("audio", False), ("main", False), ("main", True)])
def test_a_frame_of_which_one_bit_differs_is_not_what_was_sent(track: TrackName, key: bool) -> None:
    stamp = Stamp(7, 123_456_789)
    frame = frames.make("alice", track, stamp, 300, key=key)
    assert len(frame) == 300
    assert frames.read("alice", track, frame) == stamp
    assert frames.read("bob", track, frame) is None
    assert frames.read("alice", track, frame[:-1]) is None
    assert frames.read("alice", track, frame[:5]) is None
    for place in range(len(frame)):
        changed = bytearray(frame)
        changed[place] ^= 1
        assert frames.read("alice", track, bytes(changed)) is None, place


def test_percentiles_of_many_durations_are_right_to_one_per_cent() -> None:
    draw = random.Random(5)
    values = [draw.lognormvariate(-4, 1) for _ in range(20_000)]
    delays, other = Delays(values[:5_000]), Delays(values[5_000:])
    delays.merge(other)
    values.sort()
    assert len(delays) == len(values)
    for share in (0.5, 0.99):
        found = delays.percentile(share)
        assert found == pytest.approx(values[int(share * len(values)) - 1], rel=0.012)
    assert Delays().percentile(0.5) is None


def room() -> tuple[Plan, Publisher, Subscriber]:
    plan = Plan(publishers=1, subscribers=1)
    publisher = Publisher.of(plan, "alice", "r")
    streams = {("alice", track): stream for track, stream in publisher.streams.items()}
    subscriber = Subscriber("bob", "r", streams=streams)
    subscriber.settled = True
    return plan, publisher, subscriber


def arrive(subscriber: Subscriber, track: TrackName, number: int, *, spoilt: bool = False) -> None:
    stamp = Stamp(number, time.monotonic_ns() - 5_000_000)
    data = frames.make("alice", track, stamp, 200, key=number == 0)
    if spoilt:
        data = data[:-1] + bytes([data[-1] ^ 1])
    codec = "opus" if track == "audio" else "vp8"
    subscriber._take(Frame("alice", track, codec, 0, data), time.monotonic_ns())  # type: ignore[arg-type]


async def test_what_is_lost_spoilt_or_refused_makes_the_load_test_fail() -> None:
    plan, publisher, subscriber = room()
    for stream in publisher.streams.values():
        stream.window.first, stream.window.end = 10, 20
    for number in (0, *range(10, 19), 20):
        arrive(subscriber, "main", number)
        arrive(subscriber, "audio", number)
    assert not subscriber.complete.is_set()
    arrive(subscriber, "audio", 19)
    arrive(subscriber, "main", 19, spoilt=True)
    await subscriber._heard(FrameRefused("replay"))
    subscriber.settled = False
    await subscriber._heard(FrameRefused("bad_tag"))
    await subscriber._heard(FrameRefused("no_key"))
    result = report(plan, [publisher], [subscriber], SPENT)
    assert (result.video.expected, result.video.opened, result.video.lost) == (10, 9, 1)
    assert (result.audio.expected, result.audio.opened, result.audio.lost) == (10, 10, 0)
    assert (result.wrong, result.refused, result.loss) == (1, {"replay": 1}, 0.05)
    assert 4.9 < (result.delay.p50 or 0) < 20
    problems = list(result.problems(0.01))
    assert len(problems) == 4, problems
    assert len(list(result.problems(0.05))) == 3
    assert any("9" in line for line in table(result))


async def test_a_load_test_in_which_all_arrived_has_no_problems() -> None:
    plan, publisher, subscriber = room()
    for track, stream in publisher.streams.items():
        stream.window.first, stream.window.end = 0, 5
        for number in range(5):
            arrive(subscriber, track, number)
    assert subscriber.complete.is_set()
    result = report(plan, [publisher], [subscriber], SPENT)
    assert list(result.problems(0.0)) == []
    assert result.first_picture.count == 1


def test_a_load_test_that_measured_nothing_is_no_success() -> None:
    plan, publisher, subscriber = room()
    assert list(report(plan, [publisher], [subscriber], SPENT).problems(0.5)) == [
        "100.000% of all frames were lost; 50.000% are allowed"
    ]
