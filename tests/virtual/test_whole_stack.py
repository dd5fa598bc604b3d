# SPDX-License-Identifier: Apache-2.0
"""Some of the schedules of `test_races.py` with everything between the members that is there in a call: `str0m` clients, DTLS, SRTP, and
the operator's engine. All come together again, hear each other, and under the right names."""

import pytest

from tests.virtual.schedule import Schedule
from tests.virtual.stack import Stack, StackAccount

AUDIBLE = 4
"""An engine forwards the three who speak; with four members everybody hears everybody."""

SLOTS_MOVE = 3
"""Frames that pass until the engine has given everybody who speaks an audio slot; ten are said."""


@pytest.mark.parametrize("seed", range(20))
def test_a_schedule_ends_with_everybody_heard_through_the_engine(seed: int) -> None:
    stack = Stack(seed)
    schedule = Schedule(seed, media=stack, account=StackAccount(), most=AUDIBLE, may_miss=SLOTS_MOVE)
    breaches = schedule.run()
    assert not breaches, f"seed {seed}: " + "\n".join(breaches[:20])
    assert stack.room.failures() == []
