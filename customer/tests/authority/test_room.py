# SPDX-License-Identifier: Apache-2.0
"""The authority's room in virtual time: who knows which secret, whatever happens in whatever order."""

import random
from dataclasses import dataclass, field

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from customer.tests.authority_device import Device
from sealroom_customer.authority.room import EPOCH_LIFE, JOIN_WINDOW, LEAVE_WINDOW, Room
from sealroom_wire.authority import LeftReason, MemberRole
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.ids import room_string
from sealroom_wire.limits import MAX_SEALED_MEMBERS

UNIX = 1_800_000_000


@dataclass
class Stage:
    """A room, its devices and the clock."""

    suite: int = 5
    now: float = 100.0
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    present: list[Device] = field(default_factory=list)
    past: list[Device] = field(default_factory=list)
    ever: set[tuple[int, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.room: Room[Device] = Room(1400000000, room_string("r"), self.suite, self.key.sign)

    def join(self, user: str, life: int = 86400) -> Device:
        device = Device(user, self.key.public_key())
        for earlier in [one for one in self.present if one.user == user]:
            self.present.remove(earlier)
            self.past.append(earlier)
        self.present.append(device)
        unix = UNIX + self.now
        self.room.join(self.now, unix, device, user, MemberRole.PUBLISH, device.point, int(unix) + life)
        self.deliver()
        return device

    def leave(self, device: Device, reason: LeftReason = LeftReason.LEFT) -> None:
        self.present.remove(device)
        self.past.append(device)
        self.room.leave(self.now, device, reason)
        self.deliver()

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        while (due := self.room.deadline()) is not None and due <= end:
            self.now = max(self.now, due)
            for expired in self.room.on_deadline(self.now):
                self.present.remove(expired)
                self.past.append(expired)
            self.deliver()
        self.now = end

    def deliver(self) -> None:
        for device, text in self.room.take_messages():
            assert device in self.present, "nothing is said to who is gone"
            device.take(text)
        self.ever.add((self.room.epoch, self.room.step))

    def agree(self) -> None:
        """Everyone present knows the current secret and the same roster; nobody who is gone could know it."""
        versions = {(one.epoch, one.step) for one in self.present}
        assert len(versions) <= 1
        for version in versions:
            assert len({one.secrets[version] for one in self.present}) == 1
            assert len({one.head for one in self.present}) == 1
            for gone in self.past:
                if gone.context is not None and gone.context.instance == self.present[0].context.instance:  # type: ignore[union-attr]
                    assert version not in gone.could_know(), "a removed member could read on"
        for one in self.present:
            assert {member.user for member in one.roster.values()} == {other.user for other in self.present}


def test_the_first_member_begins_epoch_1_at_once() -> None:
    stage = Stage()
    alice = stage.join("alice")
    assert (alice.epoch, alice.step, alice.index) == (1, 0, 0)
    stage.agree()


def test_a_join_steps_forward_and_only_the_newcomer_is_sent_a_secret() -> None:
    stage = Stage()
    alice = stage.join("alice")
    stage.pass_time(1)
    before = dict(alice.secrets)
    bob = stage.join("bob")
    assert (bob.epoch, bob.step) == (1, 1)
    assert set(alice.secrets) == {*before, (1, 1)}
    assert (1, 0) not in bob.could_know(), "a newcomer could read what was before"
    stage.agree()


def test_joins_within_the_window_share_a_step() -> None:
    stage = Stage()
    stage.join("first")
    newcomers = [stage.join(f"user-{number}") for number in range(20)]
    assert all(one.context is None for one in newcomers)
    stage.pass_time(JOIN_WINDOW)
    assert stage.room.step == 1
    stage.agree()


def test_a_leave_begins_an_epoch_and_leaves_share_one_within_a_second() -> None:
    stage = Stage()
    members = [stage.join("one")]
    members += [stage.join(name) for name in ("two", "three", "four")]
    stage.pass_time(5)
    stage.leave(members[0])
    assert stage.room.epoch == 2
    stage.leave(members[1])
    assert stage.room.epoch == 2
    stage.pass_time(LEAVE_WINDOW)
    assert stage.room.epoch == 3
    stage.agree()


@pytest.mark.parametrize("reason", [LeftReason.REMOVED, LeftReason.EXPIRED])
def test_a_removal_begins_an_epoch_at_once(reason: LeftReason) -> None:
    stage = Stage()
    members = [stage.join("one")]
    members += [stage.join(name) for name in ("two", "three", "four")]
    stage.pass_time(5)
    stage.leave(members[0])
    stage.leave(members[1], reason)
    assert stage.room.epoch == 3
    stage.agree()


def test_the_same_user_on_another_line_takes_the_place_of_the_first() -> None:
    stage = Stage()
    stage.join("bob")
    old = stage.join("alice")
    stage.pass_time(1)
    new = stage.join("alice")
    stage.pass_time(LEAVE_WINDOW)
    assert old in stage.past
    assert new.index != old.index
    stage.agree()


def test_a_grant_that_runs_out_ends_the_membership_unless_it_is_renewed() -> None:
    stage = Stage()
    stage.join("alice", life=60)
    renewing = stage.join("bob", life=60)
    stage.pass_time(30)
    stage.room.renew(renewing, UNIX + int(stage.now) + 600)
    stage.pass_time(40)
    assert [one.user for one in stage.present] == ["bob"]
    stage.agree()


def test_an_epoch_ends_by_time_and_when_its_steps_run_out() -> None:
    stage = Stage()
    stage.join("first")
    for number in range(20):
        stage.pass_time(1)
        stage.join(f"user-{number}")
        stage.agree()
    assert (stage.room.epoch, stage.room.step) == (2, 4)
    stage.pass_time(EPOCH_LIFE)
    assert stage.room.epoch == 3
    stage.agree()


def test_an_emptied_room_begins_a_new_instance() -> None:
    stage = Stage()
    alice = stage.join("alice")
    stage.leave(alice)
    bob = stage.join("bob")
    assert bob.context != alice.context
    assert (bob.epoch, bob.index) == (1, 0)


def test_a_full_room_refuses_and_stays_as_it_is() -> None:
    stage = Stage()
    for number in range(MAX_SEALED_MEMBERS):
        stage.join(f"user-{number}")
    with pytest.raises(Refusal) as caught:
        Stage.join(stage, "one-more")
    assert caught.value.code is ErrorCode.ROOM_FULL
    stage.present.pop()
    stage.pass_time(JOIN_WINDOW)
    stage.agree()


def test_a_member_key_off_the_curve_is_refused() -> None:
    room: Room[int] = Room(1, room_string("r"), 5, lambda _: b"")
    for key in (b"", bytes(65), b"\x04" + b"\x01" * 64, b"\x02" + bytes(32)):
        with pytest.raises(Refusal) as caught:
            room.join(0, 0, 1, "alice", MemberRole.PUBLISH, key, 10)
        assert caught.value.code is ErrorCode.MEMBER_KEY_INVALID
    assert room.members == []


@pytest.mark.parametrize("seed", range(40))
def test_whatever_happens_those_present_agree_and_those_gone_are_shut_out(seed: int) -> None:
    source = random.Random(seed)
    stage = Stage(suite=source.choice([4, 5]))
    for _ in range(60):
        choice = source.random()
        if choice < 0.45 or not stage.present:
            stage.join(f"user-{source.randrange(12)}", life=source.choice([5, 600, 86400]))
        elif choice < 0.75:
            reason = source.choice([LeftReason.LEFT, LeftReason.LOST, LeftReason.REMOVED])
            stage.leave(source.choice(stage.present), reason)
        stage.pass_time(source.choice([0, 0.05, 0.3, 2, 20, 700]))
        if stage.present:
            stage.pass_time(LEAVE_WINDOW + JOIN_WINDOW)
            stage.agree()
