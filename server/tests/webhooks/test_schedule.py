# SPDX-License-Identifier: Apache-2.0
"""When an event is sent again."""

from sealroom.webhooks.schedule import DAY, PARKED_SECONDS, parked_until, wait_before


def attempts(takes: float, begun: float = 0.0, now: float = 0.0) -> list[float]:
    """When each attempt of the first minute begins, where each takes so long."""
    found, number = [], 1
    while (wait := wait_before(number, now, begun)) is not None:
        now += wait
        found.append(now)
        now += takes
        number += 1
    return found


def test_the_first_minute_is_trtcs() -> None:
    assert attempts(0.0) == [0, 0, 10, 20, 30, 40, 50]
    assert attempts(5.0) == [0, 5, 20, 35, 50]


def test_what_waited_behind_others_for_longer_gets_one_attempt() -> None:
    assert attempts(0.0, begun=0.0, now=61.0) == [61]
    assert attempts(0.0, begun=0.0, now=45.0) == [45, 45, 55]


def test_a_parked_event_is_tried_for_a_day_ever_more_seldom() -> None:
    now = 60.0
    waits: list[float] = []
    while (due := parked_until(len(waits) + 1, now, 0.0)) is not None:
        waits.append(due - now)
        now = due
    assert waits[: len(PARKED_SECONDS)] == list(PARKED_SECONDS)
    assert set(waits[len(PARKED_SECONDS) :]) == {3600.0}
    assert DAY - 3600 <= now < DAY
