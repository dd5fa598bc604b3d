# SPDX-License-Identifier: Apache-2.0
"""Copies of checkpoints: made once, never replaced, and what they show of a log that is not the one that was."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import update

from sealroom.app import catalogue
from sealroom.audit import copies as module
from sealroom.audit.copies import CHECKPOINTS, Copies, CopyMetrics
from sealroom.audit.events import AuditEvent, Record
from sealroom.audit.models import checkpoints
from sealroom.audit.report import verify
from sealroom.audit.service import AuditLog
from sealroom.core.db import Database
from sealroom.core.jobs import Job
from sealroom.core.objects import Listed, LocalObjects, ObjectKind, ObjectsUnavailable
from server.tests import fakes


class Desk:
    """A log, and copies of its checkpoints elsewhere."""

    def __init__(self, folder: Path) -> None:
        self.file, self.store = folder / "x.db", folder / "objects"
        self.keys = fakes.MemoryKeys()
        self.objects = LocalObjects(self.store, catalogue())
        self.open()

    def open(self) -> None:
        self.database = Database(self.file)
        self.log = AuditLog(self.database, self.keys, fakes.VirtualClock())
        self.copies = Copies(self.objects, self.log, self.keys)

    async def write(self, count: int, what: str = "1") -> None:
        for _ in range(count):
            await self.log.record(
                Record(AuditEvent.ACCOUNT_CREATED, fakes.ACTOR, f"account {what}", subject=f"account/{what}")
            )

    async def backed_up(self) -> Path:
        """A copy of the whole database as it is now."""
        await self.database.close()
        backup = self.file.with_suffix(".backup")
        shutil.copy2(self.file, backup)
        self.open()
        return backup

    async def roll_back(self, backup: Path) -> None:
        await self.database.close()
        for file in self.file.parent.glob("x.db*"):
            if file != backup:
                file.unlink()
        shutil.copy2(backup, self.file)
        self.open()

    async def verified(self) -> tuple[bool, str]:
        said: list[str] = []
        good = await verify(self.database, self.keys, (), said.append, self.copies)
        return good, "\n".join(said)

    async def names(self) -> list[str]:
        return [one.name async for one in self.objects.list(CHECKPOINTS)]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    await desk.database.close()


async def test_a_log_that_grew_is_copied_once_and_verified_against_every_copy(desk: Desk) -> None:
    assert not await desk.copies.take()
    for count in (1, 5, 20):
        await desk.write(count)
        assert await desk.copies.take()
        assert not await desk.copies.take()
    assert len(await desk.names()) == 3
    good, said = await desk.verified()
    assert good
    assert "compared with copies of checkpoints (3), the newest of 26 entries" in said


async def test_a_log_without_copies_says_that_it_was_compared_with_nothing(desk: Desk) -> None:
    await desk.write(2)
    good, said = await desk.verified()
    assert good
    assert "compared with nothing but the database itself" in said


async def test_a_database_that_was_rolled_back_is_found(desk: Desk) -> None:
    await desk.write(3)
    backup = await desk.backed_up()
    await desk.write(4)
    await desk.copies.take()
    await desk.roll_back(backup)
    good, said = await desk.verified()
    assert not good
    assert "it stands for 7 entries, and the log has 3" in said
    metrics = CopyMetrics(CollectorRegistry())
    copies = Copies(desk.objects, desk.log, desk.keys, metrics)
    await copies.prove()
    assert "run `sealroom audit verify`" in copies.says()
    assert metrics.contradicted._value.get() == 1


async def test_a_database_that_was_rolled_back_and_went_on_is_found_however_long_it_goes_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its newest copies fit it; the one from before does not."""
    monkeypatch.setattr(module, "READ", 2)
    await desk.write(3)
    backup = await desk.backed_up()
    await desk.write(4)
    await desk.copies.take()
    await desk.roll_back(backup)
    await desk.write(4, "another")
    await desk.copies.take()
    assert len(await desk.names()) == 2  # both of 7 entries: neither replaced the other
    for _ in range(5):
        await desk.write(3)
        await desk.copies.take()
    good, said = await desk.verified()
    assert not good
    assert said.count("FAULT copy") == 1
    assert "the log does not have the root that was signed" in said


async def test_a_database_that_was_written_anew_with_the_same_key_is_found(desk: Desk) -> None:
    await desk.write(5)
    await desk.copies.take()
    await desk.database.close()
    for file in desk.file.parent.glob("x.db*"):
        file.unlink()
    desk.open()
    await desk.write(9, "made up")
    good, said = await desk.verified()
    assert not good
    assert "the log does not have the root that was signed" in said


async def test_a_byte_that_was_flipped_in_a_copy_is_found(desk: Desk) -> None:
    await desk.write(5)
    await desk.copies.take()
    (file,) = [one for one in (desk.store / CHECKPOINTS.name).iterdir() if one.is_file()]
    content = bytearray(file.read_bytes())
    content[-10] ^= 1
    file.write_bytes(content)
    good, said = await desk.verified()
    assert not good
    assert "it is damaged" in said


async def test_a_copy_that_nobody_signed_or_of_another_checkpoint_is_not_believed(desk: Desk) -> None:
    await desk.write(5)
    await desk.copies.take()
    (name,) = await desk.names()
    note = await desk.objects.get(CHECKPOINTS, name)
    root = name.partition("-")[2]
    await desk.objects.put(CHECKPOINTS, f"{4:016d}-{root}", note)
    await desk.objects.put(CHECKPOINTS, f"{3:016d}-{root}", note.replace(b"tests/audit", b"evil/audit"))
    await desk.objects.put(CHECKPOINTS, "readme", b"not a copy")
    good, said = await desk.verified()
    assert not good
    assert said.count("FAULT copy") == 2
    assert "it is not the checkpoint that its name says" in said


async def test_copies_of_a_replaced_key_are_verified(desk: Desk) -> None:
    await desk.write(3)
    await desk.copies.take()
    await desk.log.rotate_key(fakes.ACTOR)
    await desk.copies.take()
    good, said = await desk.verified()
    assert good, said
    assert "copies of checkpoints (2)" in said


async def test_a_store_that_does_not_answer_verifies_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.write(3)

    def away(*_: object) -> object:
        raise ObjectsUnavailable("away.")

    monkeypatch.setattr(desk.objects, "list", away)
    good, said = await desk.verified()
    assert not good
    assert "FAULT copies: they cannot be read (objects_unavailable)" in said


async def test_the_job_proves_that_the_log_grew_and_copies_it(desk: Desk) -> None:
    (kind,) = desk.copies.kinds()
    for count in (1, 2, 8, 1):
        await desk.write(count)
        await kind.handler(Job("", "", 1))
    assert len(await desk.names()) == 4
    assert "as far as was looked" in desk.copies.says()


async def test_a_copy_that_another_server_makes_meanwhile_contradicts_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.write(2)
    await desk.copies.take()
    other, listed = Copies(desk.objects, desk.log, desk.keys), desk.objects.list

    async def slow(kind: ObjectKind, under: str = "") -> AsyncIterator[Listed]:
        monkeypatch.setattr(desk.objects, "list", listed)
        await desk.write(1)
        await other.take()
        async for one in listed(kind, under):
            yield one

    monkeypatch.setattr(desk.objects, "list", slow)
    await desk.copies.prove()
    assert "as far as was looked" in desk.copies.says()


async def test_a_log_that_ends_with_what_nobody_signed_is_no_continuation(desk: Desk) -> None:
    await desk.write(2)
    await desk.copies.take()
    async with desk.database.writing() as connection:
        await connection.execute(update(checkpoints).values(note="x\n2\nAAAA\n\n"))
    await desk.copies.prove()
    assert "run `sealroom audit verify`" in desk.copies.says()
