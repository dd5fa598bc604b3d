# SPDX-License-Identifier: Apache-2.0
"""What the operator says of members makes keys change sooner, and nothing else, however he lies. Virtual time."""

from customer.tests.device import Device
from customer.tests.stage import Stage, filled
from sealroom_customer.authority.hints import HINT_SECONDS
from sealroom_customer.authority.leaving import LEAVE_SECONDS
from sealroom_customer.authority.returning import RESUME_SECONDS
from sealroom_customer.authority.room import SILENCE_SECONDS
from sealroom_wire.authority import LeftReason, SecretReason


def back(stage: Stage, device: Device) -> None:
    """The member is there again, on another line."""
    device.room = None
    stage.attach(device)


def test_who_is_said_to_be_gone_and_whose_line_broke_knows_nothing_of_what_follows() -> None:
    stage, (alice, bob) = filled("alice", "bob")
    stage.break_line(bob)
    stage.pass_time(1)
    assert stage.hint("bob")
    assert stage.room.version == (2, 0)
    assert alice.reasons[-1] is SecretReason.LEAVE
    assert alice.secret not in bob.derivable()
    stage.agree()


def test_without_a_word_of_the_operator_that_takes_10_s() -> None:
    stage, (_, bob) = filled("alice", "bob")
    stage.break_line(bob)
    stage.pass_time(SILENCE_SECONDS - 0.1)
    assert stage.room.version == (1, 1)
    stage.pass_time(0.2)
    assert stage.room.version == (2, 0)


def test_nobody_is_taken_off_the_roster_by_it_and_who_was_not_gone_resumes_as_he_was() -> None:
    stage, (alice, bob) = filled("alice", "bob")
    roster, index = stage.room.members, bob.index
    stage.break_line(bob)
    stage.hint("bob")
    assert stage.room.members == roster
    assert (alice.changes[-1].left, alice.changes[-1].joined) == ((), ())
    stage.pass_time(3)
    back(stage, bob)
    assert (bob.index, bob.refused, stage.room.version) == (index, [], (2, 0))
    assert bob.secret == alice.secret
    stage.agree()


def test_who_was_gone_is_lost_when_he_would_have_been() -> None:
    stage, (alice, bob) = filled("alice", "bob")
    stage.break_line(bob)
    stage.hint("bob")
    stage.pass_time(SILENCE_SECONDS - 0.1)
    assert len(alice.roster) == 2
    stage.pass_time(0.2)
    assert [gone.reason for gone in alice.changes[-1].left] == [LeftReason.LOST]


def test_whose_line_is_open_is_a_member_whatever_the_operator_says() -> None:
    stage, (alice, bob) = filled("alice", "bob")
    for user in ("alice", "bob", "nobody", None):
        assert not stage.hint(user)
    assert stage.room.version == (1, 1)
    assert (alice.put_out, bob.put_out, len(stage.room.members)) == (None, None, 2)
    assert stage.room.version == (1, 1)


def test_a_dismissed_room_changes_keys_once_for_all_who_are_absent() -> None:
    stage, (alice, bob, carol) = filled("alice", "bob", "carol")
    stage.break_line(bob)
    stage.break_line(carol)
    assert stage.hint(None)
    assert stage.room.version == (2, 0)
    assert not {alice.secret} & (bob.derivable() | carol.derivable())
    assert not stage.hint(None)
    stage.pass_time(HINT_SECONDS)
    assert stage.room.version == (2, 0)


def test_the_same_word_again_changes_nothing_while_he_has_no_key_of_now() -> None:
    stage, (_, bob) = filled("alice", "bob")
    stage.break_line(bob)
    assert stage.hint("bob")
    for _ in range(100):
        assert not stage.hint("bob")
        stage.pass_time(0.05)
    assert stage.room.version == (2, 0)


def test_an_old_word_of_somebody_who_is_back_changes_nothing() -> None:
    stage, (_, bob) = filled("alice", "bob")
    stage.break_line(bob)
    stage.hint("bob")
    back(stage, bob)
    stage.pass_time(HINT_SECONDS)
    assert not stage.hint("bob")
    stage.pass_time(HINT_SECONDS)
    assert stage.room.version == (2, 0)


def test_lies_about_a_room_cost_it_one_epoch_in_5_s_and_put_off_no_other() -> None:
    """His line breaks again and again, and each time the operator says that he has left."""
    stage, (alice, bob, carol) = filled("alice", "bob", "carol")
    epochs: list[float] = []
    begun = stage.now
    while stage.now < begun + 30:
        stage.break_line(bob)
        before = stage.room.version[0]
        stage.hint("bob")
        stage.pass_time(RESUME_SECONDS / 2)
        epochs += [stage.now] * (stage.room.version[0] - before)
        back(stage, bob)
        stage.pass_time(RESUME_SECONDS / 2)
    assert 1 < len(epochs) <= 30 / HINT_SECONDS + 1
    stage.break_line(bob)
    stage.hint("bob")
    before = stage.room.version[0]
    stage.remove("carol")
    assert stage.room.version[0] == before + 1, "a removal waits for no hint"
    assert carol.put_out is LeftReason.REMOVED
    stage.leave(alice)
    stage.pass_time(LEAVE_SECONDS)
    assert stage.room.empty or "alice" not in {member.user for member in stage.room.members}


def test_a_word_that_comes_too_soon_after_another_waits_and_is_dropped_when_he_is_back() -> None:
    stage, (_, bob, carol) = filled("alice", "bob", "carol")
    stage.break_line(bob)
    stage.hint("bob")
    stage.pass_time(1)
    stage.break_line(carol)
    assert stage.hint("carol")
    assert stage.room.version == (2, 0)
    stage.pass_time(HINT_SECONDS - 1.1)
    assert stage.room.version == (2, 0)
    stage.pass_time(0.2)
    assert stage.room.version == (3, 0)
    assert stage.present[0].secret not in carol.derivable()
    for one in (bob, carol):
        back(stage, one)
    stage.pass_time(1)
    stage.break_line(carol)
    assert stage.hint("carol")
    back(stage, carol)
    stage.pass_time(HINT_SECONDS)
    assert stage.room.version == (3, 0)
    assert stage.room.deadline() is not None
    stage.agree()


def test_any_other_epoch_does_what_a_word_waits_for() -> None:
    stage, (alice, bob, carol) = filled("alice", "bob", "carol")
    stage.break_line(bob)
    stage.hint("bob")
    back(stage, bob)
    stage.pass_time(1)
    stage.break_line(bob)
    stage.hint("bob")
    stage.leave(carol)
    assert stage.room.version == (3, 0)
    assert alice.secret not in bob.derivable()
    stage.pass_time(HINT_SECONDS)
    assert stage.room.version == (3, 0)


def test_who_is_back_and_waits_to_be_greeted_is_not_gone() -> None:
    stage, (_, bob) = filled("alice", "bob")
    for _ in range(2):
        stage.break_line(bob)
        back(stage, bob)
    assert bob.room is None
    assert not stage.hint("bob")
    assert stage.room.version == (1, 1)
    stage.pass_time(RESUME_SECONDS)
    assert bob.room is not None
    stage.agree()
