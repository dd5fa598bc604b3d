# SPDX-License-Identifier: Apache-2.0
"""The authority's room in virtual time: what is sent to whom, and when."""

from dataclasses import replace

import pytest

from customer.tests.device import Device
from customer.tests.stage import Stage, filled
from sealroom_customer.authority.exchange import Admitted, Began, Departed, Hang, Newcomer, Post
from sealroom_customer.authority.leaving import LEAVE_SECONDS
from sealroom_customer.authority.returning import RESUME_SECONDS
from sealroom_customer.authority.room import (
    EPOCH_SECONDS,
    SILENCE_SECONDS,
    STEP_SECONDS,
)
from sealroom_wire.authority import ZERO_HEAD, LeftReason, SecretReason
from sealroom_wire.errors import ErrorCode, Refusal


def test_the_first_member_begins_epoch_1_at_step_0_at_once() -> None:
    stage = Stage()
    alice = stage.join("alice")
    assert (alice.epoch, alice.step, alice.index, alice.head) == (1, 0, 0, ZERO_HEAD)
    stage.agree()


def test_a_join_steps_and_only_the_newcomer_is_sent_a_secret() -> None:
    stage, (alice,) = filled("alice")
    bob = stage.join("bob")
    assert (bob.epoch, bob.step) == (1, 1)
    assert alice.reasons == [SecretReason.JOIN]
    assert alice.secret == bob.secret
    assert (1, 0) not in bob.could_know()
    assert [member.user for member in alice.changes[-1].joined] == ["bob"]
    stage.agree()


def test_joins_within_200_ms_share_a_step_which_comes_when_they_are_over() -> None:
    stage = Stage()
    alice = stage.join("alice")
    newcomers = []
    for number in range(15):
        newcomers.append(stage.join(f"user-{number}"))
        stage.pass_time(0.01)
    assert all(one.room is None for one in newcomers)
    stage.pass_time(STEP_SECONDS)
    assert stage.room.version == (1, 1)
    assert len(alice.changes) == 1
    stage.agree()


def test_a_lone_join_does_not_wait() -> None:
    stage, _ = filled("alice")
    assert stage.join("bob").room is not None


def test_when_the_steps_run_out_an_epoch_begins() -> None:
    stage = Stage()
    for number in range(17):
        stage.join(f"user-{number}")
        stage.pass_time(1)
        stage.agree()
    assert stage.room.version == (2, 0)
    assert stage.present[0].reasons == [SecretReason.JOIN, SecretReason.JOIN]


def test_a_leave_begins_an_epoch_at_once_and_further_leaves_share_the_next_a_second_later() -> None:
    stage, (one, two, three, four) = filled("one", "two", "three", "four")
    stage.leave(one)
    assert stage.room.version == (2, 0)
    stage.leave(two)
    stage.leave(three)
    assert stage.room.version == (2, 0)
    stage.pass_time(LEAVE_SECONDS)
    assert stage.room.version == (3, 0)
    assert [gone.reason for gone in four.changes[-1].left] == [LeftReason.LEFT, LeftReason.LEFT]
    assert four.reasons[-1] is SecretReason.LEAVE
    stage.agree()


def test_a_removal_does_not_wait_and_takes_those_who_wait_along() -> None:
    stage, (one, two, three, four) = filled("one", "two", "three", "four")
    stage.leave(one)
    stage.leave(two)
    assert stage.remove("three")
    assert stage.room.version == (3, 0)
    assert four.reasons[-1] is SecretReason.REMOVAL
    assert three.put_out is LeftReason.REMOVED
    assert three not in stage.lines.values()
    stage.agree()


def test_removing_nobody_changes_nothing() -> None:
    stage, _ = filled("alice")
    assert not stage.remove("mallory")
    assert stage.room.version == (1, 0)


def test_somebody_removed_while_he_waits_never_gets_in() -> None:
    stage = Stage()
    stage.join("alice")
    bob = stage.join("bob")
    assert stage.remove("bob")
    stage.pass_time(1)
    assert bob.room is None
    assert bob.refused[0].code is ErrorCode.GRANT_EXPIRED
    assert stage.room.version == (1, 0)


def test_a_silent_line_is_lost_after_10_s() -> None:
    stage, (alice, bob) = filled("alice", "bob")
    stage.pass_time(SILENCE_SECONDS - 2.1, silent=frozenset({"bob"}))
    assert bob.put_out is None
    stage.pass_time(2.2, silent=frozenset({"bob"}))
    assert bob.put_out is LeftReason.LOST
    assert alice.reasons[-1] is SecretReason.LEAVE
    stage.agree()


def test_a_broken_line_is_absent_for_10_s_and_then_lost() -> None:
    stage, (alice, bob) = filled("alice", "bob")
    stage.break_line(bob)
    stage.pass_time(SILENCE_SECONDS - 0.1)
    assert len(alice.roster) == 2
    stage.pass_time(0.2)
    assert len(alice.roster) == 1
    assert alice.changes[-1].left[0].reason is LeftReason.LOST
    stage.agree()


def test_a_member_comes_back_with_its_key_without_a_new_epoch() -> None:
    stage, (alice, bob) = filled("alice", "bob")
    stage.break_line(bob)
    stage.pass_time(3)
    carol = stage.join("carol")
    bob.room = None
    stage.attach(bob)
    assert stage.room.version == (1, 2)
    assert len(alice.changes) == 2
    assert bob.secret == alice.secret == carol.secret
    stage.agree()


def test_a_member_on_a_second_line_with_its_key_keeps_the_newer() -> None:
    stage, (_, bob) = filled("alice", "bob")
    old = stage.line_of(bob)
    bob.room = None
    new = stage.attach(bob)
    assert list(stage.lines) == [1, new]
    assert old not in stage.lines
    assert bob.refused[0].code is ErrorCode.REPLACED_BY_NEW_ENTRY


def test_the_same_user_with_another_key_takes_the_place_in_one_change() -> None:
    stage, (alice, old) = filled("alice", "bob")
    new = stage.join("bob")
    assert old.put_out is LeftReason.REPLACED
    assert new.index != old.index
    change = alice.changes[-1]
    assert ([gone.index for gone in change.left], [member.user for member in change.joined]) == ([1], ["bob"])
    stage.agree()


def test_who_comes_back_within_the_second_of_another_leave_waits_for_the_epoch() -> None:
    stage, (_, bob, carol) = filled("alice", "bob", "carol")
    stage.leave(carol)
    stage.leave(bob)
    again = stage.join("bob")
    assert again.room is None
    stage.pass_time(LEAVE_SECONDS)
    assert again.room is not None
    stage.agree()


def test_an_expired_grant_ends_the_membership_at_once_unless_it_was_renewed() -> None:
    stage = Stage()
    alice = stage.join("alice", life=60)
    stage.pass_time(1)
    bob = stage.join("bob", life=60)
    stage.pass_time(30)
    stage.room.renew(stage.now, stage.line_of(bob), stage.now + 600)
    stage.pass_time(28.9)
    assert alice.put_out is None
    stage.pass_time(0.2)
    assert alice.put_out is LeftReason.EXPIRED
    assert bob.reasons[-1] is SecretReason.REMOVAL
    stage.pass_time(60)
    assert bob.put_out is None
    stage.agree()


def test_a_renewal_with_a_shorter_life_counts() -> None:
    stage, (alice, _) = filled("alice", "bob")
    stage.room.renew(stage.now, stage.line_of(alice), stage.now + 5)
    stage.pass_time(5)
    assert alice.put_out is LeftReason.EXPIRED


def test_a_renewal_counts_for_who_waits_to_be_greeted_again() -> None:
    stage, (alice, bob) = filled("alice", "bob")
    for _ in range(2):
        stage.break_line(bob)
        bob.room = None
        waiting = stage.attach(bob, life=60)
    assert bob.room is None, "he was greeted a moment ago"
    stage.room.renew(stage.now, waiting, stage.now + 600)
    stage.pass_time(90)
    assert bob.put_out is None
    assert [member.user for member in stage.room.members] == ["alice", "bob"]
    assert alice.put_out is None


def test_a_renewal_counts_for_a_newcomer_who_waits_for_the_next_step() -> None:
    stage = Stage()
    stage.join("alice")
    bob = stage.join("bob", life=60)
    assert bob.room is None, "he waits"
    stage.room.renew(stage.now, stage.line_of(bob), stage.now + 600)
    stage.pass_time(90)
    assert bob.put_out is None


def test_an_epoch_ends_after_10_minutes() -> None:
    stage, (alice,) = filled("alice")
    stage.pass_time(EPOCH_SECONDS)
    assert stage.room.version == (2, 0)
    assert alice.reasons[-1] is SecretReason.TIMER
    stage.agree()


def test_nobody_is_given_an_index_that_somebody_had() -> None:
    stage, (_, bob) = filled("alice", "bob")
    stage.leave(bob)
    stage.pass_time(1)
    assert stage.join("carol").index == 2


def test_when_the_indices_run_out_an_epoch_begins_and_they_start_anew_past_those_in_use() -> None:
    stage, (alice, bob) = filled("alice", "bob")
    stage.room._roster._next = 65535
    last = stage.join("carol")
    stage.pass_time(1)
    assert (last.index, stage.room.version) == (65535, (1, 2))
    first = stage.join("dave")
    assert (first.index, stage.room.version) == (2, (2, 0))
    assert {alice.index, bob.index} == {0, 1}
    stage.agree()


def test_a_grant_that_was_shown_before_resumes_and_admits_nobody_anew() -> None:
    stage, (alice, bob) = filled("alice", "bob")

    def again(device: Device) -> Newcomer:
        return replace(stage.newcomer(device), again=True)

    with pytest.raises(Refusal) as caught:
        stage.room.join(stage.now, again(Device("carol", stage.key.public_key())), stage.limit)
    assert caught.value.code is ErrorCode.GRANT_REPLAYED
    stage.break_line(bob)
    bob.room = None
    newcomer = again(bob)
    stage.lines[newcomer.line] = bob
    stage.room.join(stage.now, newcomer, stage.limit)
    stage.deliver()
    assert [member.user for member in stage.room.members] == ["alice", "bob"]
    stage.leave(bob)
    with pytest.raises(Refusal) as caught:
        stage.room.join(stage.now, again(bob), stage.limit)
    assert caught.value.code is ErrorCode.GRANT_REPLAYED
    assert alice.put_out is None


def test_no_roster_is_ever_longer_than_the_limit_though_somebody_is_leaving() -> None:
    stage = Stage(limit=3)
    one, two, _three = (stage.join(user) for user in ("one", "two", "three"))
    stage.pass_time(2)
    stage.leave(one)
    stage.pass_time(0.5)
    # The next leave waits for its second; until then two is on the roster.
    stage.leave(two)
    for user in ("four", "five"):
        stage.join(user)
        assert len(stage.room.members) <= 3
    longest = 0
    for _ in range(20):
        stage.pass_time(0.1)
        longest = max(longest, len(stage.room.members))
    assert longest == 3
    assert [member.user for member in stage.room.members] == ["three", "four", "five"]
    stage.agree()


def test_an_index_is_not_given_on_while_frames_of_its_last_holder_may_still_come() -> None:
    stage, (alice, bob) = filled("alice", "bob")
    stage.pass_time(1)
    stage.room._roster._next = 65536
    stage.leave(alice)
    carol = stage.join("carol")
    stage.pass_time(1)
    assert (alice.index, bob.index) == (0, 1)
    assert carol.index == 2, "for 5 s what alice sent last would have been shown as hers"
    stage.agree()


def test_a_full_room_refuses_and_stays_as_it_is_but_lets_its_own_users_back() -> None:
    stage = Stage(limit=3)
    for user in ("one", "two", "three"):
        stage.join(user)
        stage.pass_time(1)
    with pytest.raises(Refusal) as caught:
        stage.room.join(stage.now, stage.newcomer(Device("four", stage.key.public_key())), stage.limit)
    assert caught.value.code is ErrorCode.ROOM_FULL
    assert stage.room.version == (1, 2)
    assert stage.join("two").room is not None
    stage.agree()


def test_when_all_have_left_the_room_is_empty_and_nothing_is_due() -> None:
    stage, (alice, bob) = filled("alice", "bob")
    room = stage.room
    stage.leave(alice)
    stage.leave(bob)
    assert room.empty
    assert room.deadline() is None
    assert room._secret == b""


def test_another_life_of_the_room_has_another_instance_and_begins_at_epoch_1() -> None:
    stage, (alice,) = filled("alice")
    stage.leave(alice)
    bob = stage.join("bob")
    assert (bob.epoch, bob.step, bob.index) == (1, 0, 0)
    assert bob.room is not None
    assert alice.room is not None
    assert bob.room.instance != alice.room.instance


def test_the_last_member_hears_of_his_removal() -> None:
    stage, (alice,) = filled("alice")
    room = stage.room
    stage.remove("alice")
    assert alice.put_out is LeftReason.REMOVED
    assert room.empty


def test_a_waiting_line_that_ends_is_forgotten() -> None:
    stage = Stage()
    stage.join("alice")
    bob = stage.join("bob")
    stage.leave(bob)
    stage.pass_time(1)
    assert stage.room.version == (1, 0)
    assert len(stage.room.members) == 1


def test_no_secret_shows_in_a_repr() -> None:
    stage, (alice, _) = filled("alice", "bob")
    shown = (
        repr(stage.room)
        + repr([*stage.room._roster])
        + repr(stage.newcomer(alice))
        + repr(Post(1, "text"))
        + repr(Hang(1))
    )
    assert stage.room._secret.hex() not in shown
    assert repr(stage.room._secret) not in shown
    assert "PrivateKey" not in shown
    assert "text" not in shown.replace("context", "")


@pytest.mark.parametrize("how", ["leave", "break_line"])
def test_who_enters_again_and_goes_while_waiting_takes_his_former_self_along(how: str) -> None:
    stage, (_, bob) = filled("alice", "bob")
    stage.leave(stage.present[0])
    room = stage.room
    again = stage.join("bob")
    assert again.room is None, "a second has to pass between epochs for leaves"
    getattr(stage, how)(again)
    # Nobody is left: the room is over, and the line that was replaced with it.
    assert room.empty
    assert bob.put_out is LeftReason.REPLACED
    assert bob not in stage.lines.values()
    assert {type(one) for one in room.take_happened()} == {Began, Admitted, Departed}


def back(stage: Stage, device: Device) -> int:
    """The device shows its key again on another line; returns its number."""
    device.room = None
    return stage.attach(device)


def test_who_comes_back_again_and_again_is_greeted_once_a_second() -> None:
    """A grant that was shown is enough to resume: without a pace one member could make the authority write rosters without end."""
    stage, (alice, bob) = filled("alice", "bob")
    back(stage, bob)
    greeted = bob.snapshots
    for _ in range(42):
        back(stage, bob)
        stage.pass_time(0.05)
    assert bob.snapshots - greeted == 2
    assert [one.code for one in bob.refused].count(ErrorCode.REPLACED_BY_NEW_ENTRY) == 43
    assert len(stage.lines) == 2
    stage.pass_time(RESUME_SECONDS)
    assert bob.secret == alice.secret
    stage.agree()


def test_those_who_come_back_do_not_wait_for_each_other() -> None:
    users = [f"user-{number}" for number in range(20)]
    stage, devices = filled(*users)
    for device in devices:
        stage.break_line(device)
    stage.pass_time(1)
    before = [device.snapshots for device in devices]
    for device in devices:
        back(stage, device)
    assert [device.snapshots for device in devices] == [count + 1 for count in before]
    stage.agree()


@pytest.mark.parametrize(
    ("how", "code"),
    [("removed", ErrorCode.GRANT_EXPIRED), ("replaced", ErrorCode.REPLACED_BY_NEW_ENTRY), ("left", None)],
)
def test_who_is_back_and_waits_can_be_put_out_replaced_and_leave(how: str, code: ErrorCode | None) -> None:
    stage, (alice, bob) = filled("alice", "bob")
    stage.pass_time(2)
    back(stage, bob)
    waiting = back(stage, bob)
    told, greeted = len(bob.refused), bob.snapshots
    if how == "removed":
        assert stage.remove("bob")
    elif how == "replaced":
        stage.join("bob")
    else:
        del stage.lines[waiting]
        stage.room.left(stage.now, waiting)
        stage.deliver()
    stage.pass_time(2)
    assert waiting not in stage.lines
    assert bob.snapshots == greeted
    assert [one.code for one in bob.refused[told:]] == ([] if code is None else [code])
    assert alice.epoch == stage.room.version[0] == 2


def test_who_is_back_and_waits_is_absent_when_that_line_breaks_too() -> None:
    stage, (alice, bob) = filled("alice", "bob")
    back(stage, bob)
    back(stage, bob)
    stage.break_line(bob)
    stage.pass_time(SILENCE_SECONDS - 0.1)
    assert [one.user for one in stage.room.members] == ["alice", "bob"]
    stage.pass_time(0.2)
    assert [one.user for one in stage.room.members] == ["alice"]
    assert alice.changes[-1].left[0].reason is LeftReason.LOST
