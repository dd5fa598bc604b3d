# SPDX-License-Identifier: Apache-2.0
"""Objects in a folder."""

import asyncio
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from sealroom.core.objects import LocalObjects, ObjectDamaged, ObjectExists, Objects, ObjectsUnavailable
from server.tests.core.objects.contract import CATALOGUE, KIND, ObjectsContract, names, read, stream


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "objects"


@pytest.fixture
def objects(folder: Path) -> Objects:
    return LocalObjects(folder, CATALOGUE)


def file_of(folder: Path, name: str) -> Path:
    """Where an object lies."""
    return folder / KIND.name / f"{name}="


class TestLocal(ObjectsContract):
    async def test_files_and_folders_are_for_this_user_only(self, objects: Objects, folder: Path) -> None:
        await objects.put(KIND, "a/b", b"x")
        for path in (folder, *folder.rglob("*")):  # noqa: ASYNC240 - a test may block
            mode = stat.S_IMODE(path.stat().st_mode)
            assert mode == (0o700 if path.is_dir() else 0o600), path

    async def test_of_several_who_create_at_once_one_wins(self, objects: Objects) -> None:
        async def create(number: int) -> int | None:
            try:
                await objects.put(KIND, "won", str(number).encode(), if_absent=True)
            except ObjectExists:
                return None
            return number

        won = [number for number in await asyncio.gather(*map(create, range(8))) if number is not None]
        assert len(won) == 1
        assert await objects.get(KIND, "won") == str(won[0]).encode()

    async def test_a_name_may_be_that_of_a_folder_too(self, objects: Objects) -> None:
        await objects.put(KIND, "a", b"one")
        await objects.put(KIND, "a/b", b"two")
        assert await names(objects) == ["a", "a/b"]

    async def test_any_changed_byte_is_found(self, objects: Objects, folder: Path) -> None:
        content = b"what was done, by whom"
        await objects.put(KIND, "a", content)
        file = file_of(folder, "a")
        whole = file.read_bytes()
        for place in range(len(whole)):
            file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            with pytest.raises(ObjectDamaged):
                await objects.get(KIND, "a")
        for other in (whole[:-1], whole + b"x", b"", whole[:40]):
            file.write_bytes(other)
            with pytest.raises(ObjectDamaged):
                await objects.get(KIND, "a")

    async def test_the_last_part_of_a_damaged_one_is_not_given(self, objects: Objects, folder: Path) -> None:
        await objects.put(KIND, "a", stream(*[b"x" * 1_000_000] * 3))
        with file_of(folder, "a").open("r+b") as file:
            file.seek(-1, os.SEEK_END)
            file.write(b"y")
        got: list[bytes] = []

        async def take() -> None:
            async for part in objects.read(KIND, "a"):
                got.append(part)

        with pytest.raises(ObjectDamaged):
            await take()
        assert b"y" not in b"".join(got)

    async def test_what_a_dying_process_left_is_no_object_and_goes(
        self, objects: Objects, folder: Path
    ) -> None:
        script = f"""
import asyncio, os
from pathlib import Path
from sealroom.core.objects import LocalObjects
from server.tests.core.objects.contract import CATALOGUE, KIND
async def dying():
    yield b"half"
    os._exit(9)
asyncio.run(LocalObjects(Path({str(folder)!r}), CATALOGUE).put(KIND, "a", dying()))
"""
        run = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-c", script], check=False, cwd=Path(__file__).parents[4]
        )
        assert run.returncode == 9
        assert await names(objects) == []
        (left,) = (folder / ".incoming").iterdir()
        LocalObjects(folder, CATALOGUE)
        assert left.exists()
        os.utime(left, (0, 0))
        LocalObjects(folder, CATALOGUE)
        assert not left.exists()

    async def test_it_is_synced_before_it_has_its_name(
        self, objects: Objects, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        synced: list[bool] = []
        real = os.fsync

        def fsync(descriptor: int) -> None:
            synced.append(file_of(folder, "a").exists())
            real(descriptor)

        monkeypatch.setattr(os, "fsync", fsync)
        await objects.put(KIND, "a", b"x")
        assert synced[0] is False
        assert synced[-1] is True

    async def test_a_full_disk_leaves_what_was_there(
        self, objects: Objects, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await objects.put(KIND, "a", b"old")

        def full(_descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(ObjectsUnavailable):
            await objects.put(KIND, "a", b"new")
        monkeypatch.undo()
        assert await read(objects, "a") == [b"old"]

    def test_a_folder_that_cannot_be_made_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(ObjectsUnavailable):
            LocalObjects(tmp_path / "file" / "objects", CATALOGUE)
