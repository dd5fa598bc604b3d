# SPDX-License-Identifier: Apache-2.0
"""The log: written with the change, placed in the tree, erased without breaking a proof, and every change from outside found."""

import asyncio
import contextlib
import itertools
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import event, insert

from sealroom.apps.models import revocations
from sealroom.audit.checkpoint import Checkpoint
from sealroom.audit.events import AuditEvent, Record
from sealroom.audit.report import verify
from sealroom.audit.service import AuditLog
from sealroom.audit.tree import check_consistency, check_inclusion
from sealroom.core.db import Database
from sealroom.core.errors import StartError
from sealroom.rooms.acts import Act, ActKind, records_of
from sealroom_wire.ids import RoomKind
from server.tests import fakes
from server.tests.asked import question_held


class Desk:
    """A log in a file of its own."""

    def __init__(self, file: Path) -> None:
        self.file, self.keys, self.clock = file, fakes.MemoryKeys(), fakes.VirtualClock()
        self.database = Database(file)
        self.log = AuditLog(self.database, self.keys, self.clock)

    async def write(self, count: int, *, place: bool = True) -> None:
        async with self.database.writing() as connection:
            for number in range(count):
                record = Record(
                    AuditEvent.USER_SIGS_REVOKED, fakes.ACTOR, "application 1", {"user": f"user{number % 3}", "number": number}, f"1/user{number % 3}"
                )  # fmt: skip
                await self.log.append(connection, record)
        if place:
            await self.log.place()

    async def faults(self, *outside: str) -> list[str]:
        said: list[str] = []
        good = await verify(self.database, self.keys, outside, said.append)
        found = [line for line in said if line.startswith("FAULT")]
        assert good is not bool(found)
        return found

    def change(self, statement: str) -> None:
        with closing(sqlite3.connect(self.file)) as connection:
            connection.execute(statement)
            connection.commit()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path / "x.db")
    yield desk
    await desk.database.close()


async def test_entries_that_come_together_are_inserted_together(desk: Desk) -> None:
    """Also though each has a number that its writer is told."""
    record = Record(AuditEvent.USER_REMOVED, fakes.ACTOR, "application 1", {"user": "alice"}, "1/alice")
    said: list[str] = []
    event.listen(
        desk.database._engine.sync_engine, "before_cursor_execute", lambda *told: said.append(told[2])
    )
    numbers = await asyncio.gather(*(desk.log.record(record) for _ in range(60)))
    assert numbers == sorted(set(numbers))
    assert sum(one.startswith("INSERT INTO audit_entries") for one in said) <= 2
    assert await desk.log.has(numbers, [record] * 60, since=0)
    assert await desk.faults() == []


async def test_an_untouched_log_verifies(desk: Desk) -> None:
    assert await desk.faults() == []
    for count in (1, 40, 7):
        await desk.write(count)
        assert await desk.faults() == []


async def test_a_page_is_read_beside_what_entries_ask(desk: Desk) -> None:
    await desk.write(8)
    async with asyncio.timeout(10):
        with question_held(desk.database):
            page = await desk.log.page(["application 1"], after=1, limit=4)
    assert [one.body.leaf for one in page] == [2, 3, 4, 5]


async def test_every_entry_is_proved_in_every_later_tree(desk: Desk) -> None:
    sizes = []
    for count in (1, 16, 3, 20):
        await desk.write(count)
        note = await desk.log.checkpoint()
        assert note is not None
        sizes.append(Checkpoint.opened(note, desk.keys.verifiers("audit")))
    with closing(sqlite3.connect(desk.file)) as connection:
        hashes = [row[0] for row in connection.execute("SELECT hash FROM audit_entries ORDER BY leaf")]
    for point in sizes:
        assert await desk.log.root(point.size) == point.root
        for leaf in range(0, point.size, 5):
            check_inclusion(
                leaf, point.size, hashes[leaf], await desk.log.inclusion(leaf, point.size), point.root
            )
    for old, new in itertools.pairwise(sizes):
        check_consistency(
            old.size, new.size, old.root, new.root, await desk.log.consistency(old.size, new.size)
        )


async def test_a_change_that_fails_leaves_no_entry_and_an_entry_that_fails_no_change(desk: Desk) -> None:
    row = {"sdk_app_id": 1, "user_id": "a", "issued_before": 5}
    with contextlib.suppress(RuntimeError):
        async with desk.database.writing() as connection:
            await connection.execute(insert(revocations).values(row))
            record = Record(AuditEvent.USER_SIGS_REVOKED, fakes.ACTOR, "application 1")
            await desk.log.append(connection, record)
            raise RuntimeError
    await desk.log.place()
    assert [entry async for entry in desk.log.entries()] == []
    with closing(sqlite3.connect(desk.file)) as connection:
        assert connection.execute("SELECT count(*) FROM revocations").fetchone() == (0,)


async def test_what_was_not_placed_before_a_crash_is_placed_later(desk: Desk) -> None:
    await desk.write(3)
    await desk.write(2, place=False)
    other = Database(desk.file)
    assert await AuditLog(other, desk.keys, desk.clock).place() == 2
    await other.close()
    assert await desk.faults() == []
    assert [entry.leaf async for entry in desk.log.entries()] == [0, 1, 2, 3, 4]


async def test_two_who_place_at_once_do_not_disturb_each_other(desk: Desk) -> None:
    databases = [Database(desk.file) for _ in range(3)]
    await desk.write(30, place=False)
    placed = await asyncio.gather(*(AuditLog(one, desk.keys, desk.clock).place() for one in databases))
    for one in databases:
        await one.close()
    assert sum(placed) == 30
    assert await desk.faults() == []


async def test_an_erasure_keeps_every_proof_and_leaves_nothing(desk: Desk) -> None:
    await desk.write(9)
    before = await desk.log.checkpoint()
    assert before is not None
    assert await desk.log.erase("1/user1", fakes.ACTOR) == 3
    assert await desk.faults(before) == []
    shown = [entry async for entry in desk.log.entries()]
    assert [entry.leaf for entry in shown if entry.payload is None] == [1, 4, 7]
    assert shown[-1].event == AuditEvent.PAYLOADS_ERASED
    await desk.database.close()
    with closing(sqlite3.connect(desk.file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = desk.file.read_bytes()
    assert b"user1" not in content
    assert b"user2" in content


async def test_a_replaced_key_still_verifies_what_it_signed(desk: Desk) -> None:
    await desk.write(2)
    await desk.log.rotate_key(fakes.ACTOR)
    await desk.write(2)
    assert await desk.faults() == []
    assert [entry.event async for entry in desk.log.entries()].count(AuditEvent.AUDIT_KEY_ROTATED) == 1


CHANGES = {
    "the time of an entry": "UPDATE audit_entries SET at = at + 1 WHERE leaf = 5",
    "an event": "UPDATE audit_entries SET event = 'revocation_withdrawn' WHERE leaf = 0",
    "an actor": "UPDATE audit_entries SET actor = 'cli:somebody' WHERE leaf = 20",
    "a name": "UPDATE audit_entries SET actor_name = 'cli:somebody' WHERE leaf = 20",
    "a name's salt": "UPDATE audit_entries SET actor_salt = zeroblob(32) WHERE leaf = 20",
    "a name's commitment": "UPDATE audit_entries SET actor_commitment = zeroblob(32) WHERE leaf = 20",
    "a name that nothing commits to": "UPDATE audit_entries SET actor_commitment = NULL WHERE leaf = 20",
    "half an erasure of a name": "UPDATE audit_entries SET actor_salt = NULL WHERE leaf = 20",
    "a form": "UPDATE audit_entries SET form = 1 WHERE leaf = 20",
    "a target": "UPDATE audit_entries SET target = 'application 2' WHERE leaf = 20",
    "a commitment": "UPDATE audit_entries SET commitment = zeroblob(32) WHERE leaf = 3",
    "details": "UPDATE audit_entries SET payload = '{}' WHERE leaf = 3",
    "a salt": "UPDATE audit_entries SET salt = zeroblob(32) WHERE leaf = 3",
    "a subject": "UPDATE audit_entries SET subject = '1/user2' WHERE leaf = 3",
    "a subject that is gone": "UPDATE audit_entries SET subject = NULL WHERE leaf = 3",
    "half an erasure": "UPDATE audit_entries SET salt = NULL WHERE leaf = 3",
    "a hash": "UPDATE audit_entries SET hash = zeroblob(32) WHERE leaf = 3",
    "an id": "UPDATE audit_entries SET id = 1000 WHERE leaf = 3",
    "a deleted entry": "DELETE FROM audit_entries WHERE leaf = 10",
    "a deleted end": "DELETE FROM audit_entries WHERE leaf >= 20",
    "a taken place": "UPDATE audit_entries SET leaf = NULL WHERE leaf = 24",
    "two that changed places": "UPDATE audit_entries SET leaf = CASE leaf WHEN 3 THEN 1004 ELSE leaf END",
    "a node": "UPDATE audit_nodes SET hash = zeroblob(32) WHERE height = 4 AND place = 0",
    "a deleted node": "DELETE FROM audit_nodes",
    "a node too many": "INSERT INTO audit_nodes VALUES (4, 9, zeroblob(32))",
    "a checkpoint": "UPDATE audit_checkpoints SET note = replace(note, char(10) || '25' || char(10), char(10) || '24' || char(10))",
    "a deleted checkpoint": "DELETE FROM audit_checkpoints",
    "the size at the head": "UPDATE audit_head SET size = 24",
    "the last hash": "UPDATE audit_head SET last = zeroblob(32)",
    "the frontier": "UPDATE audit_head SET frontier = zeroblob(96)",
    "a deleted head": "DELETE FROM audit_head",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
async def test_a_change_from_outside_is_found(desk: Desk, change: str) -> None:
    await desk.write(25)
    desk.change(change)
    assert await desk.faults() != []


@pytest.mark.parametrize("kind", ActKind)
async def test_what_moderators_do_is_found_by_whom_it_was_done_to(desk: Desk, kind: ActKind) -> None:
    act = Act(
        kind=kind, sdk_app_id=1, room_kind=RoomKind.STRING, room="room", users=("alice", "bob"), audio=True
    )
    records = records_of(act, fakes.ACTOR)
    for record in records:
        await desk.log.record(record)
    assert await desk.faults() == []
    subject = "1" if kind is ActKind.DISMISS else "1/alice"
    assert await desk.log.erase(subject, fakes.ACTOR) == 1
    assert await desk.faults() == []


async def test_entries_of_before_that_told_of_an_application_without_its_number_are_no_fault(
    desk: Desk,
) -> None:
    """As earlier programs wrote of dismissed rooms and of webhooks."""
    before = Record(AuditEvent.ROOM_DISMISSED, fakes.ACTOR, "application 1", {"room": "string:room"})
    await desk.log.record(before)
    assert await desk.faults() == []


async def test_a_log_whose_end_was_cut_off_whole_is_found_by_a_checkpoint_from_outside(desk: Desk) -> None:
    await desk.write(10)
    with closing(sqlite3.connect(desk.file)) as connection:
        saved = connection.execute("SELECT size, frontier, last FROM audit_head").fetchone()
    await desk.write(10)
    kept = await desk.log.checkpoint()
    assert kept is not None
    assert await desk.faults(kept) == []
    with closing(sqlite3.connect(desk.file)) as connection:
        connection.execute("DELETE FROM audit_entries WHERE leaf >= 10")
        connection.execute("DELETE FROM audit_checkpoints WHERE size > 10")
        connection.execute("DELETE FROM audit_nodes WHERE (place + 1) << height > 10")
        connection.execute("UPDATE audit_head SET size = ?, frontier = ?, last = ?", saved)
        connection.commit()
    assert await desk.faults() == []
    assert await desk.faults(kept) != []


async def test_nothing_is_recorded_on_top_of_a_damaged_log(desk: Desk) -> None:
    await desk.write(5)
    desk.change("UPDATE audit_head SET size = 4")
    with pytest.raises(StartError) as caught:
        await desk.write(1)
    assert caught.value.code == "audit_log_damaged"


async def test_a_file_with_flipped_bytes_never_verifies_as_if_nothing_had_happened(desk: Desk) -> None:
    """Every byte that the log stands in, as found in the file itself."""
    await desk.write(6)
    await desk.database.close()
    with closing(sqlite3.connect(desk.file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        kept = [bytes(row[0]) for row in connection.execute("SELECT hash FROM audit_entries")]
        kept += [row[0].encode() for row in connection.execute("SELECT note FROM audit_checkpoints")]
        kept += [row[0].encode() for row in connection.execute("SELECT payload FROM audit_entries")]
    whole = desk.file.read_bytes()
    for content in kept:
        at = whole.index(content)
        for offset in range(0, len(content), 7):
            changed = bytearray(whole)
            changed[at + offset] ^= 1
            other = desk.file.with_name("changed.db")
            other.write_bytes(changed)
            database = Database(other)
            assert not await verify(database, desk.keys, (), lambda _: None), (content, offset)
            await database.close()


async def test_what_many_tell_at_once_shares_commits_and_is_all_there(desk: Desk) -> None:
    def told(number: int) -> Record:
        return Record(
            AuditEvent.USER_REMOVED,
            fakes.ACTOR,
            "application 1",
            {"user": f"user{number}"},
            f"1/user{number}",
        )

    await asyncio.gather(*(desk.log.record(told(number)) for number in range(300)))
    entries = [entry async for entry in desk.log.entries()]
    assert [entry.leaf for entry in entries] == list(range(300))
    assert {entry.payload for entry in entries} == {f'{{"user":"user{number}"}}' for number in range(300)}
    with closing(sqlite3.connect(desk.file)) as connection:
        (signed,) = connection.execute("SELECT count(*) FROM audit_checkpoints").fetchone()
    assert signed <= 3
    assert await desk.faults() == []


async def test_what_could_not_be_written_is_told_to_everybody_who_waits(desk: Desk) -> None:
    desk.change("DROP TABLE audit_entries")
    record = Record(AuditEvent.USER_REMOVED, fakes.ACTOR, "application 1")
    told = await asyncio.gather(desk.log.record(record), desk.log.record(record), return_exceptions=True)
    assert all(isinstance(one, Exception) for one in told)
