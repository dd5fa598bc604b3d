# SPDX-License-Identifier: Apache-2.0
"""An epoch for many members goes out in slices, between which everybody else is served; what happens meanwhile is right."""

from dataclasses import dataclass, field

import msgspec
import pytest

from customer.tests.clock import VirtualClock
from customer.tests.desk import APP, NOW, ROOM, Desk
from customer.tests.device import Device
from sealroom_customer.authority import dispatch
from sealroom_customer.authority.service import Authority
from sealroom_wire.authority import Join, LeftReason
from sealroom_wire.ids import RoomId, room_string

NONCE = "n" * 22
MEMBERS, SLICE = 20, 4
ELSEWHERE = room_string("elsewhere")


@dataclass
class Line:
    """One device's line; what came is kept in order."""

    device: Device
    number: int
    over: bool = False
    secrets_sent: list[int] = field(default_factory=list)

    def post(self, text: str) -> None:
        assert not self.over, "nothing is said on a line that is over"
        signed = msgspec.json.decode(text)
        if "body" in signed and (body := msgspec.json.decode(signed["body"]))["kind"] == "secret":
            self.secrets_sent.append(body["epoch"])
        self.device.take(text)

    def hang_up(self) -> None:
        self.over = True


class Hall:
    """An authority in virtual time; a turn of its loop is taken when `turn` is called, or when time passes."""

    def __init__(self) -> None:
        self.desk = Desk()
        self.clock = VirtualClock()
        self.authority = Authority(self.desk.admission, self.desk.authority_key, self.clock)
        self.lines: list[Line] = []

    def join(self, user: str, room: RoomId = ROOM) -> Line:
        line = Line(self.desk.device(user), len(self.lines))
        self.lines.append(line)
        grant = self.desk.grant(user, room=room, now=NOW, life=86_400)
        self.authority.join(line.number, line, Join(1, grant, line.device.member_key, (5,)))
        return line

    def pass_time(self, seconds: float) -> None:
        self.clock.run_to(self.clock.monotonic() + seconds)

    def turn(self) -> None:
        """Whatever is due now, once."""
        self.clock.run_one()

    def with_epoch(self, epoch: int) -> int:
        return sum(1 for line in self.lines if (epoch, 0) in line.device.secrets)


@pytest.fixture
def hall(monkeypatch: pytest.MonkeyPatch) -> Hall:
    """Twenty members in one room."""
    monkeypatch.setattr(dispatch, "SLICE", SLICE)
    hall = Hall()
    for number in range(MEMBERS):
        hall.join(f"user-{number}")
    hall.pass_time(2)
    assert all((line.device.epoch, line.device.step) == (1, 1) for line in hall.lines)
    return hall


def remove(hall: Hall, number: int) -> None:
    assert hall.authority.remove(APP, ROOM, f"user-{number}")


def test_no_turn_of_the_loop_writes_more_than_a_slice(hall: Hall) -> None:
    remove(hall, 0)
    for turn in range(1, 5):
        assert hall.with_epoch(2) == turn * SLICE
        hall.turn()
    assert hall.with_epoch(2) == MEMBERS - 1
    assert {line.device.secret for line in hall.lines[1:]} == {hall.lines[1].device.secret}


def test_another_room_is_served_while_an_epoch_goes_out(hall: Hall) -> None:
    remove(hall, 0)
    stranger = hall.join("stranger", ELSEWHERE)
    assert stranger.device.secrets
    hall.authority.heard(stranger.number, NONCE)
    assert stranger.device.answers == [NONCE]
    assert hall.with_epoch(2) == SLICE, "and the epoch is not out yet"


def test_what_is_said_to_a_line_keeps_its_order(hall: Hall) -> None:
    remove(hall, 0)
    last = hall.lines[-1]
    hall.authority.heard(last.number, NONCE)
    assert last.device.answers == []
    newcomer = hall.join("newcomer")
    hall.pass_time(1)
    # The device checks that each change follows the one before, and that an answer names where it stands.
    assert last.device.answers == [NONCE]
    assert (last.device.epoch, last.device.step) == (newcomer.device.epoch, newcomer.device.step) == (2, 1)
    assert last.device.secret == newcomer.device.secret


def test_who_is_removed_while_an_epoch_goes_out_is_not_sent_its_secret(hall: Hall) -> None:
    first, last = hall.lines[1], hall.lines[-1]
    remove(hall, 0)
    remove(hall, MEMBERS - 1)
    hall.pass_time(1)
    assert last.device.put_out is LeftReason.REMOVED
    assert last.secrets_sent == [1], "epoch 2 was his, but has no use for him now"
    stayed = hall.lines[1:-1]
    assert all(line.secrets_sent == [1, 2, 3] for line in stayed), "with epoch 2 some may have sealed already"
    assert {line.device.secret for line in stayed} == {first.device.secret}


def test_a_line_that_ends_while_an_epoch_goes_out_is_written_no_more(hall: Hall) -> None:
    remove(hall, 0)
    last = hall.lines[-1]
    hall.authority.broke(last.number)
    last.over = True
    hall.pass_time(1)
    assert hall.with_epoch(2) == MEMBERS - 2


def test_a_room_that_ends_while_an_epoch_goes_out_leaves_no_line_behind(hall: Hall) -> None:
    remove(hall, 0)
    for number in range(1, MEMBERS):
        remove(hall, number)
    again = hall.join("user-0-again")
    for line in hall.lines[:-1]:
        # What a device says before it knows that it was put out.
        hall.authority.heard(line.number, NONCE)
    hall.pass_time(1)
    assert all(line.over for line in hall.lines[:-1])
    assert all(line.device.put_out is LeftReason.REMOVED for line in hall.lines[:-1])
    assert (again.device.epoch, len(again.device.roster)) == (1, 1)
    assert set(hall.authority._homes) == {again.number}
