# SPDX-License-Identifier: Apache-2.0
"""Objects as files of a folder, for this user only: the embedded default.

A file begins with one line that holds the digest of the rest. Its name ends in `=`, which no object's name has, so that `a` and `a/b`
are both there. It is written beside, synced, and then given its name.
"""

import asyncio
import contextlib
import hashlib
import os
import stat
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO, TypeVar

from sealroom.catalogue import Catalogue
from sealroom.core.objects.errors import (
    ObjectDamaged,
    ObjectExists,
    ObjectMissing,
    ObjectsUnavailable,
)
from sealroom.core.objects.kind import ObjectKind, demand_declared, demand_name
from sealroom.core.objects.port import PART_BYTES, Content, Listed, Stored
from sealroom.core.objects.verified import verified
from sealroom.core.objects.whole import whole
from sealroom.core.state import sync_folder

T = TypeVar("T")

_MAGIC = b"sealroom-object-1 "
_HEADER_BYTES = len(_MAGIC) + 64 + 1
_END = "="
_INCOMING = ".incoming"
_ABANDONED_SECONDS = 86_400
"""What a process that died left half written is removed after that time."""


class LocalObjects:
    """See the port."""

    def __init__(self, folder: Path, catalogue: Catalogue) -> None:
        """Raises `ObjectsUnavailable` where the folder cannot be made."""
        self._folder, self._catalogue = folder, catalogue
        self._incoming = folder / _INCOMING
        try:
            self._incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
            for file in self._incoming.iterdir():
                if file.stat().st_mtime < time.time() - _ABANDONED_SECONDS:
                    file.unlink(missing_ok=True)
        except OSError as error:
            raise _unavailable(error) from error

    async def put(self, kind: ObjectKind, name: str, content: Content, *, if_absent: bool = False) -> Stored:
        """See the port."""
        file = self._file(kind, name)
        writing = await _in_thread(lambda: _Writing.begin(self._incoming))
        try:
            if isinstance(content, bytes):
                await _in_thread(lambda: writing.add(content))
            else:
                async for part in content:
                    await _in_thread(lambda part=part: writing.add(part))  # type: ignore[misc]
            await _in_thread(lambda: writing.finish(file, self._folder, replace=not if_absent))
        except FileExistsError:
            raise ObjectExists(f"{kind.name}/{name}.") from None
        finally:
            writing.abandon()
        return Stored(name, writing.size, writing.digest.hexdigest())

    async def get(self, kind: ObjectKind, name: str) -> bytes:
        """See the port."""
        return await whole(self.read(kind, name), f"{kind.name}/{name}")

    async def read(self, kind: ObjectKind, name: str) -> AsyncIterator[bytes]:
        """See the port."""
        file = self._file(kind, name)
        opened = await self._opened(kind, file)
        with opened:
            header = await _in_thread(lambda: opened.read(_HEADER_BYTES))
            if len(header) != _HEADER_BYTES or not (header.startswith(_MAGIC) and header.endswith(b"\n")):
                raise ObjectDamaged(f"{kind.name}/{name} has no digest.")

            async def parts() -> AsyncIterator[bytes]:
                while part := await _in_thread(lambda: opened.read(PART_BYTES)):
                    yield part

            expected = header[len(_MAGIC) : -1].decode("ascii", "replace")
            async for part in verified(parts(), expected, f"{kind.name}/{name}"):
                yield part

    async def read_range(self, kind: ObjectKind, name: str, start: int, length: int) -> bytes:
        """See the port."""
        demand_range(start, length)
        opened = await self._opened(kind, self._file(kind, name))
        with opened:
            return await _in_thread(lambda: os.pread(opened.fileno(), length, _HEADER_BYTES + start))

    async def exists(self, kind: ObjectKind, name: str) -> bool:
        """See the port."""
        return await _in_thread(self._file(kind, name).exists)

    async def list(self, kind: ObjectKind, under: str = "") -> AsyncIterator[Listed]:
        """See the port. All names are gathered before the first is given: a folder has no order."""
        demand_declared(self._catalogue, kind)
        top = self._folder / kind.name
        place = top / demand_name(under) if under else top
        for one in await _in_thread(lambda: sorted(_found(top, place), key=attrgetter("name"))):
            yield one

    async def delete(self, kind: ObjectKind, name: str) -> None:
        """See the port."""
        file = self._file(kind, name)

        def remove() -> None:
            with contextlib.suppress(FileNotFoundError):
                file.unlink()
                sync_folder(file.parent)

        await _in_thread(remove)

    async def works(self) -> bool:
        """See the port."""
        try:
            writing = await _in_thread(lambda: _Writing.begin(self._incoming))
        except ObjectsUnavailable:
            return False
        writing.abandon()
        return True

    async def close(self) -> None:
        """See the port."""

    def _file(self, kind: ObjectKind, name: str) -> Path:
        demand_declared(self._catalogue, kind)
        return self._folder / kind.name / f"{demand_name(name)}{_END}"

    async def _opened(self, kind: ObjectKind, file: Path) -> BinaryIO:
        try:
            return await _in_thread(lambda: file.open("rb"))
        except FileNotFoundError:
            raise ObjectMissing(f"{kind.name}/{file.name.removesuffix(_END)}.") from None


@dataclass
class _Writing:
    """A file that has no name yet."""

    out: BinaryIO
    path: Path
    digest: "hashlib._Hash"
    size: int = 0

    @classmethod
    def begin(cls, folder: Path) -> "_Writing":
        descriptor, path = tempfile.mkstemp(dir=folder)
        out = os.fdopen(descriptor, "wb")
        out.write(b" " * _HEADER_BYTES)
        return cls(out, Path(path), hashlib.sha256())

    def add(self, part: bytes) -> None:
        self.out.write(part)
        self.digest.update(part)
        self.size += len(part)

    def finish(self, file: Path, top: Path, *, replace: bool) -> None:
        """Gives it its name. Raises FileExistsError where it is taken and not to be replaced."""
        self.out.seek(0)
        self.out.write(_MAGIC + self.digest.hexdigest().encode() + b"\n")
        self.out.flush()
        os.fsync(self.out.fileno())
        _make_folders(file.parent, top)
        if replace:
            self.path.replace(file)
        else:
            # Unlike a look beforehand, a link finds out and takes the name at once.
            os.link(self.path, file)
        sync_folder(file.parent)

    def abandon(self) -> None:
        """Removes what has no name. Harmless after `finish`."""
        with contextlib.suppress(OSError):
            self.out.close()
        self.path.unlink(missing_ok=True)


def demand_range(start: int, length: int) -> None:
    """Raises ValueError for a range that is none."""
    if start < 0 or length < 1:
        raise ValueError("a range begins at 0 or later and has a byte or more")


def _found(top: Path, place: Path) -> "list[Listed]":
    found = []
    for folder, _, names in os.walk(place):
        for name in names:
            if name.endswith(_END):
                file = Path(folder) / name
                with contextlib.suppress(FileNotFoundError):
                    facts = file.stat()
                    if stat.S_ISREG(facts.st_mode):
                        called = str(file.relative_to(top)).removesuffix(_END)
                        found.append(
                            Listed(called, facts.st_size - _HEADER_BYTES, facts.st_mtime_ns // 1_000_000)
                        )
    return found


def _make_folders(folder: Path, top: Path) -> None:
    """Makes the folders of an object, each of them durable in the one above."""
    if not folder.is_dir() and folder != top:
        _make_folders(folder.parent, top)
        folder.mkdir(mode=0o700, exist_ok=True)
        sync_folder(folder.parent)


async def _in_thread(work: Callable[[], T]) -> T:
    """Files block. What the system refuses is told as the port tells it; what is there or not is the caller's to say."""
    try:
        return await asyncio.to_thread(work)
    except (FileNotFoundError, FileExistsError):
        raise
    except OSError as error:
        raise _unavailable(error) from error


def _unavailable(error: OSError) -> ObjectsUnavailable:
    return ObjectsUnavailable(f"{error.strerror}.")
