# SPDX-License-Identifier: Apache-2.0
"""A bad call is explained by what was measured while it was bad."""

import itertools
from typing import Any

import pytest

from sealroom.quality.diagnosis import LOST_MS, Cause, Diagnosis, Grade, diagnose
from sealroom.quality.models import CallEvent, EventKind, Sample

_numbers = itertools.count()


def sample(at: int, user: str = "bob", peer: str = "alice", track: str = "main", **numbers: Any) -> Sample:
    given: dict[str, Any] = {"on": True, "span": 2000, "packets": 100, "played": 2000 if peer else None}
    given |= {"frozen": 0 if peer else None} | numbers
    return Sample(
        id=str(next(_numbers)), time=at * 2000, sdk_app_id=1, call_id="c", room="r", user_id=user, peer_id=peer, track=track, **given
    )  # fmt: skip


def of_bob(*samples: Sample) -> Diagnosis:
    return diagnose("bob", samples)


def causes(found: Diagnosis) -> list[Cause]:
    return [one.cause for one in found.causes]


def test_a_good_call_has_nothing_to_explain() -> None:
    found = of_bob(*(sample(at) for at in range(10)), *(sample(at, track="audio") for at in range(10)))
    assert (found.video, found.audio, found.is_bad) == (Grade.GOOD, Grade.GOOD, False)
    assert found.causes == ()


@pytest.mark.parametrize(
    ("track", "frozen", "grade"),
    [
        ("main", 90, Grade.GOOD), ("main", 100, Grade.FAIR), ("main", 199, Grade.FAIR), ("main", 200, Grade.POOR),
        ("audio", 59, Grade.GOOD), ("audio", 60, Grade.FAIR), ("audio", 100, Grade.POOR),
    ],
)  # fmt: skip
def test_grades_are_those_of_the_dashboard(track: str, frozen: int, grade: Grade) -> None:
    found = of_bob(*(sample(at, track=track, frozen=frozen) for at in range(10)))
    assert (found.audio if track == "audio" else found.video) is grade


@pytest.mark.parametrize(
    ("cause", "numbers"),
    [
        (Cause.LOSS_DOWN, {"loss": 0.06}), (Cause.LOSS_UP, {"peer": "", "loss": 0.06}), (Cause.DELAY, {"rtt": 201.0}),
        (Cause.JITTER, {"jitter": 61.0}), (Cause.CPU, {"cpu": 86}), (Cause.CPU, {"peer": "", "limited_by": "cpu"}),
        (Cause.BANDWIDTH, {"peer": "", "limited_by": "bandwidth"}),
    ],
)  # fmt: skip
def test_each_cause_is_named_by_what_was_measured(cause: Cause, numbers: dict[str, Any]) -> None:
    found = of_bob(sample(1, frozen=1000), sample(1, **numbers))
    assert causes(found) == [cause]
    assert found.is_bad


def test_only_what_was_measured_while_it_stood_still_counts() -> None:
    found = of_bob(sample(1, frozen=0, loss=0.5), sample(2, frozen=2000, rtt=300.0))
    assert causes(found) == [Cause.DELAY]


def test_what_is_lost_before_the_server_is_the_senders() -> None:
    alice = sample(1, user="alice", peer="", loss=0.2)
    assert causes(of_bob(sample(1, frozen=1000), alice)) == [Cause.SENDER]
    assert causes(diagnose("alice", [sample(1, frozen=1000), alice])) == [Cause.LOSS_UP]
    carol = sample(1, user="carol", peer="", loss=0.2)
    assert causes(of_bob(sample(1, frozen=1000), carol)) == [], "he did not receive carol"


def test_the_more_frequent_cause_comes_first() -> None:
    found = of_bob(*(sample(at, frozen=500, rtt=300.0, loss=0.1 if at == 1 else 0.0) for at in range(4)))
    assert [(one.cause, one.share) for one in found.causes] == [(Cause.DELAY, 1.0), (Cause.LOSS_DOWN, 0.25)]


def test_silence_of_a_track_that_is_on_is_lost_and_of_one_that_is_off_is_not() -> None:
    spans = LOST_MS // 2000
    assert of_bob(*(sample(at, packets=0) for at in range(spans))).video is Grade.LOST
    assert of_bob(*(sample(at, packets=0) for at in range(spans - 1))).video is Grade.GOOD
    assert of_bob(*(sample(at, packets=0, on=False) for at in range(spans))).video is Grade.GOOD


def test_without_the_devices_word_there_is_no_grade_and_still_a_cause() -> None:
    found = of_bob(sample(1, frozen=None, played=None, loss=0.3))
    assert (found.video, causes(found)) == (None, [Cause.LOSS_DOWN])


def test_a_device_that_failed_is_a_cause() -> None:
    event = CallEvent(
        id="e",
        time=1,
        sdk_app_id=1,
        call_id="c",
        room="r",
        user_id="bob",
        kind=EventKind.DEVICE,
        detail="camera_failed",
    )
    found = diagnose("bob", [sample(1)], [event])
    assert causes(found) == [Cause.DEVICE]
    assert causes(diagnose("alice", [sample(1)], [event])) == []
