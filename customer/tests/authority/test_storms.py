# SPDX-License-Identifier: Apache-2.0
"""Whatever happens in whatever order: those present agree, those gone are shut out, newcomers learn nothing of before."""

import itertools
import random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from customer.tests.stage import Stage
from sealroom_customer.authority.leaving import LEAVE_SECONDS
from sealroom_customer.authority.room import SILENCE_SECONDS, STEP_SECONDS
from sealroom_wire.authority import LeftReason

USERS = [f"user-{number}" for number in range(6)]


def let_settle(stage: Stage) -> None:
    """Long enough for everything that may wait."""
    stage.pass_time(LEAVE_SECONDS + STEP_SECONDS)


class Storm(RuleBasedStateMachine):
    """Hypothesis looks for the shortest sequence that breaks a promise."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = Stage()

    @rule(user=st.sampled_from(USERS), life=st.sampled_from([5.0, 900.0]))
    def somebody_joins(self, user: str, life: float) -> None:
        for line, device in list(self.stage.lines.items()):
            if device.user == user and device.room is None:
                # One waiting line of a user at a time keeps the witness simple; the other is refused.
                del self.stage.lines[line]
                self.stage.room.left(self.stage.now, line)
        self.stage.join(user, life)

    @precondition(lambda self: self.stage.present)
    @rule(data=st.data(), how=st.sampled_from(["leave", "break", "remove"]))
    def somebody_goes(self, data: st.DataObject, how: str) -> None:
        device = data.draw(st.sampled_from(self.stage.present))
        if how == "leave":
            self.stage.leave(device)
        elif how == "break":
            self.stage.break_line(device)
        else:
            self.stage.remove(device.user)

    @rule(user=st.sampled_from([*USERS, None]))
    def the_operator_lies(self, user: str | None) -> None:
        members, present = self.stage.room.members, self.stage.present
        self.stage.hint(user)
        assert self.stage.room.members == members, (
            "the operator's word took somebody off the roster, or put him on"
        )
        assert self.stage.present == present

    @rule(
        seconds=st.sampled_from([0.05, STEP_SECONDS, LEAVE_SECONDS, 4.0, 700.0]),
        silent=st.sampled_from(USERS),
    )
    def time_passes(self, seconds: float, silent: str) -> None:
        self.stage.pass_time(seconds, silent=frozenset({silent}))

    @invariant()
    def promises_hold(self) -> None:
        self.stage.agree()


Storm.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
TestStorm = Storm.TestCase


@pytest.mark.parametrize("seed", range(30))
def test_a_seeded_storm_of_sixty_events_leaves_everyone_agreed(seed: int) -> None:
    source = random.Random(seed)
    stage = Stage(suite=source.choice([4, 5]))
    for _ in range(60):
        choice = source.random()
        if choice < 0.45 or not stage.present:
            stage.join(f"user-{source.randrange(12)}", life=source.choice([5, 600, 86400]))
        elif choice < 0.75:
            device = source.choice(stage.present)
            source.choice([stage.leave, stage.break_line, lambda one: stage.remove(one.user)])(device)
        stage.pass_time(source.choice([0, 0.05, 0.3, 2, 20, 700]))
        stage.agree()
    let_settle(stage)
    stage.agree()
    assert all(line.room is not None for line in stage.lines.values()), "nobody waits for ever"


def test_a_newcomer_is_sent_nothing_of_before_and_a_leaver_nothing_of_after() -> None:
    source = random.Random(5)
    stage = Stage()
    for number in range(80):
        before = stage.room.version
        device = stage.join(f"user-{number}")
        stage.pass_time(source.choice([0.3, 1.0]))
        assert all(version > before for version in device.could_know())
        if source.random() < 0.5:
            leaver = source.choice(stage.present)
            stage.leave(leaver)
            stage.pass_time(LEAVE_SECONDS)
            assert stage.room.version not in leaver.could_know()
            assert all(version[0] < stage.room.version[0] for version in leaver.could_know())


def test_at_most_one_epoch_a_second_for_leaves_and_one_change_in_200_ms() -> None:
    stage = Stage(suite=4)
    witness = stage.join("witness")
    source = random.Random(11)
    times: list[tuple[float, bool]] = []
    for number in range(150):
        if source.random() < 0.52 or len(stage.present) < 2:
            stage.join(f"user-{number}")
        else:
            stage.leave(source.choice([one for one in stage.present if one is not witness]))
        seen = len(witness.changes)
        stage.pass_time(source.choice([0.01, 0.03, 0.1]))
        times += [(stage.now, bool(change.left)) for change in witness.changes[seen:]]
    leaves = [at for at, left in times if left]
    slack = 0.1 + 1e-6
    assert all(later - earlier >= LEAVE_SECONDS - slack for earlier, later in itertools.pairwise(leaves))
    assert len(times) <= stage.now / STEP_SECONDS
    let_settle(stage)
    stage.agree()


def test_everyone_silent_is_lost_and_the_room_is_empty() -> None:
    stage = Stage()
    devices = [stage.join(user) for user in USERS]
    stage.pass_time(1)
    room = stage.room
    stage.pass_time(SILENCE_SECONDS + 1, silent=frozenset(USERS))
    assert room.empty
    assert not stage.lines
    assert all(device.put_out is LeftReason.LOST for device in devices)
