# SPDX-License-Identifier: Apache-2.0
"""The customer's record: everything that happened, in order, durable, whole lines, and gone in time."""

import json
import stat
from pathlib import Path

import pytest

from customer.tests.stage import Stage
from sealroom_customer.authority import records as module
from sealroom_customer.authority.exchange import Admitted, Began, Departed, Happening
from sealroom_customer.authority.records import FileRecords
from sealroom_customer.clock import SystemClock
from sealroom_wire.authority import LeftReason, Member, MemberRole, Place, SecretReason
from sealroom_wire.ids import RoomKind

PLACE = Place(7, RoomKind.STRING, "r", "A" * 22)
ALICE = Member(3, "alice", MemberRole.PUBLISH, "key", 1)
HAPPENED: tuple[Happening, ...] = (
    Admitted(ALICE, 1, 2),
    Departed(ALICE, LeftReason.REMOVED, 2),
    Began(2, SecretReason.REMOVAL, 4),
)


class At(SystemClock):
    """A wall clock that stands."""

    def __init__(self, unix: float) -> None:
        self.now = unix

    def unix(self) -> float:
        return self.now


def lines(folder: Path, day: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / f"{day}.jsonl").read_text().splitlines()]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_what_happened_is_on_disk_in_order_once_settled(tmp_path: Path) -> None:
    folder = tmp_path / "records"
    records = FileRecords(folder, 90, At(1_800_000_000.25))
    for happening in HAPPENED:
        records.happened(PLACE, happening)
    assert await records.settled(0)
    where = {
        "at": "2027-01-15T08:00:00.250+00:00",
        "app": 7,
        "kind": "string",
        "room": "r",
        "instance": "A" * 22,
    }
    assert lines(folder, "2027-01-15") == [
        where | {"event": "admitted", "epoch": 1, "step": 2, "user": "alice", "index": 3, "role": "publish"},
        where
        | {
            "event": "departed",
            "epoch": 2,
            "user": "alice",
            "index": 3,
            "role": "publish",
            "reason": "removed",
        },
        where | {"event": "epoch", "epoch": 2, "reason": "removal", "members": 4},
    ]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "2027-01-15.jsonl").stat().st_mode) == 0o600
    records.close()


async def test_a_line_that_was_cut_off_does_not_spoil_the_next(tmp_path: Path) -> None:
    path = tmp_path / "2027-01-15.jsonl"
    path.write_text('{"at": "2027-01-')
    records = FileRecords(tmp_path, 90, At(1_800_000_000))
    records.happened(PLACE, HAPPENED[0])
    assert await records.settled(0)
    records.close()
    broken, whole = path.read_text().splitlines()
    assert broken == '{"at": "2027-01-'
    assert json.loads(whole)["user"] == "alice"


async def test_days_have_files_of_their_own_and_old_ones_go(tmp_path: Path) -> None:
    clock = At(1_800_000_000)
    records = FileRecords(tmp_path, 2, clock)
    other = tmp_path / "notes.txt"
    other.touch()
    for _ in range(4):
        records.happened(PLACE, HAPPENED[0])
        await records.settled(0)
        clock.now += 86_400
    records.close()
    assert names(tmp_path) == ["2027-01-16.jsonl", "2027-01-17.jsonl", "2027-01-18.jsonl", "notes.txt"]


async def test_a_disk_that_refuses_is_counted_and_said_and_later_used_again(tmp_path: Path) -> None:
    records = FileRecords(tmp_path, 90, At(1_800_000_000))
    in_the_way = tmp_path / "2027-01-15.jsonl"
    in_the_way.mkdir()
    records.happened(PLACE, HAPPENED[0])
    assert not await records.settled(0)
    assert (records.lost, records.healthy) == (1, False)
    in_the_way.rmdir()
    records.happened(PLACE, HAPPENED[0])
    assert await records.settled(1)
    assert (records.lost, records.healthy) == (1, True)
    assert not await records.settled(0), "what came after does not make good what was lost"
    records.close()


async def test_what_a_full_queue_left_out_is_never_said_to_be_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = FileRecords(tmp_path, 90, At(1_800_000_000))
    monkeypatch.setattr(module, "_MAX_UNWRITTEN", 0)
    records.happened(PLACE, HAPPENED[1])
    assert not await records.settled(0)
    assert records.healthy
    records.close()


def test_a_room_tells_each_admission_departure_and_epoch_once() -> None:
    stage = Stage()
    stage.join("alice")
    stage.join("bob")
    stage.pass_time(1)
    stage.remove("bob")
    told = stage.room.take_happened()
    assert [type(one) for one in told].count(Began) == 2
    admitted = [one.member.user for one in told if isinstance(one, Admitted)]
    departed = [(one.member.user, one.reason) for one in told if isinstance(one, Departed)]
    assert admitted == ["alice", "bob"]
    assert departed == [("bob", LeftReason.REMOVED)]
    assert stage.room.take_happened() == []
