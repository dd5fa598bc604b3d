# SPDX-License-Identifier: Apache-2.0
"""One file of the journal: a header with its wrapped key, then frames, then (where it was closed in order) an empty frame.

    "SRJ1"  length u32  header (MessagePack)  crc32 u32
    mark 4  length u32  number u32  check u32  ciphertext and tag        for each frame
    ...                                                                  the last one of an empty plaintext

All numbers big-endian. `check` is the CRC-32 over the file's digest, length and number, so that reading finds the next frame where one
is damaged; whether a frame is as it was written its GCM tag says. A file is never continued by another process, and never written
again behind a failure: each frame's number is its nonce.
"""

import contextlib
import hashlib
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from sealroom.core.keys.frames import FrameCipher, fresh_key
from sealroom.core.state import sync_folder

PURPOSE = "journal"
"""What the segments' keys are wrapped for."""
MAX_FRAME_BYTES = 8 * 1024 * 1024
"""A longer frame is not written, and what claims to be one is damage."""
_MAGIC = b"SRJ1"
_SHREDDED = b"SRJ0"
"""In place of `_MAGIC` where the key was overwritten: only the name is left to be removed."""
_MARK = b"\xf5\x00SF"
_LENGTH = struct.Struct(">I")
_FRAME = struct.Struct(">4sIII")
_MAX_HEADER_BYTES = 64 * 1024


class SegmentKeys(Protocol):
    """Who wraps the segments' keys: the envelope encryption of `core.keys`."""

    async def encrypt(self, purpose: str, context: tuple[str, ...], plaintext: bytes) -> bytes:
        """Raises OperatorError while it cannot."""

    async def decrypt(self, purpose: str, context: tuple[str, ...], value: bytes) -> bytes:
        """Raises OperatorError: changed, or no key for it now."""


class Header(msgspec.Struct, frozen=True, array_like=True):
    """What a segment says of itself in clear."""

    site: str
    number: int
    made: int
    """When it was begun, Unix milliseconds."""
    key: bytes
    """Its key, wrapped."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a frame lies. `end` is where the next one begins."""

    number: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Bytes that are no frame. `torn` where they are the beginning of one, as after a process was killed while it wrote."""

    start: int
    end: int
    torn: bool


class SegmentDamaged(Exception):  # noqa: N818 - what it is
    """A file whose header cannot be read."""


class SegmentTorn(SegmentDamaged):
    """A file that ends within its header, as after a process was killed while it wrote that: nothing in it was ever acknowledged."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A segment's header, with what reads and writes frames."""

    header: Header
    cipher: FrameCipher
    digest: bytes
    size: int
    """Bytes of the header."""


async def new_header(keys: SegmentKeys, site: str, number: int, made: int) -> tuple[bytes, Opened]:
    """The first bytes of a new segment. Raises OperatorError where its key cannot be wrapped."""
    key = fresh_key()
    header = Header(site, number, made, await keys.encrypt(PURPOSE, _context(site, number), key))
    packed = msgspec.msgpack.encode(header)
    octets = _MAGIC + _LENGTH.pack(len(packed)) + packed + _LENGTH.pack(zlib.crc32(packed))
    digest = hashlib.sha256(octets).digest()
    return octets, Opened(header, FrameCipher(key, digest), digest, len(octets))


async def open_header(keys: SegmentKeys, octets: bytes) -> Opened:
    """Reads the first bytes of a segment.

    Raises:
        SegmentDamaged: they are no header.
        OperatorError: its key cannot be unwrapped, for ever or for now.
    """
    header, size = read_header(octets)
    key = await keys.decrypt(PURPOSE, _context(header.site, header.number), header.key)
    digest = hashlib.sha256(octets[:size]).digest()
    return Opened(header, FrameCipher(key, digest), digest, size)


def read_header(octets: bytes) -> tuple[Header, int]:
    """What a segment says of itself, and how many bytes that took. Raises SegmentDamaged."""
    if not octets.startswith(_MAGIC[: len(octets)]):
        raise SegmentDamaged("There is no header.")
    try:
        (length,) = _LENGTH.unpack_from(octets, len(_MAGIC))
        start, end = len(_MAGIC) + _LENGTH.size, len(_MAGIC) + _LENGTH.size + length
        (check,) = _LENGTH.unpack_from(octets, end)
        packed = octets[start:end]
        if not octets.startswith(_MAGIC) or length > _MAX_HEADER_BYTES or zlib.crc32(packed) != check:
            raise SegmentDamaged("The header is not as it was written.")
        return msgspec.msgpack.decode(packed, type=Header), end + _LENGTH.size
    except struct.error:
        # With frames behind it the header was whole once, and says a wrong length now.
        kind = SegmentDamaged if _MARK in octets else SegmentTorn
        raise kind("The header is not whole.") from None
    except msgspec.DecodeError:
        raise SegmentDamaged("There is no header.") from None


def frames_in(data: bytes, digest: bytes, at: int = 0) -> Iterator[Frame | Gap]:
    """Every frame from a place on, and every stretch between two that is none."""
    while at < len(data):
        frame = _frame_at(data, digest, at)
        if frame is not None and frame.end <= len(data):
            yield frame
            at = frame.end
        elif frame is not None:
            # The beginning is whole, the rest is missing: nothing can follow.
            yield Gap(at, len(data), torn=True)
            return
        else:
            following = _next_frame(data, digest, at + 1)
            yield Gap(at, following, torn=len(data) - at < _FRAME.size)
            at = following


def _frame_at(data: bytes, digest: bytes, at: int) -> Frame | None:
    if len(data) - at < _FRAME.size:
        return None
    mark, length, number, check = _FRAME.unpack_from(data, at)
    if mark != _MARK or length > MAX_FRAME_BYTES or check != _check(digest, length, number):
        return None
    return Frame(number, at + _FRAME.size, at + _FRAME.size + length)


def _next_frame(data: bytes, digest: bytes, at: int) -> int:
    while (at := data.find(_MARK, at)) >= 0:
        if _frame_at(data, digest, at) is not None:
            return at
        at += 1
    return len(data)


def _check(digest: bytes, length: int, number: int) -> int:
    return zlib.crc32(digest + _LENGTH.pack(length) + _LENGTH.pack(number))


def _context(site: str, number: int) -> tuple[str, ...]:
    return (site, str(number))


class SegmentWriter:
    """A segment that is being written. Its methods wait for the disk: never call them from the event loop."""

    def __init__(self, path: Path, octets: bytes, opened: Opened) -> None:
        """Makes the file; durable with the first frames. Raises OSError."""
        self.path, self.opened = path, opened
        self.frames = 0
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            write_all(self._descriptor, octets)
            sync_folder(path.parent)
        except OSError:
            os.close(self._descriptor)
            path.unlink(missing_ok=True)
            raise
        self.size = len(octets)

    def add(self, payloads: Sequence[bytes]) -> None:
        """Appends frames; they survive a power cut when this returns.

        Raises:
            OSError: they are not there, or not for certain. **Nothing may be added any more**: close it and begin another.
        """
        octets = b"".join(map(self._frame, payloads))
        try:
            write_all(self._descriptor, octets)
            os.fdatasync(self._descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self.size)
            raise
        self.size += len(octets)
        self.frames += len(payloads)

    def finish(self) -> None:
        """Ends it in order: what is missing afterwards was taken away. Raises OSError."""
        try:
            self.add([b""])
        finally:
            os.close(self._descriptor)

    def abandon(self) -> None:
        """Ends it as it is."""
        os.close(self._descriptor)

    def _frame(self, payload: bytes) -> bytes:
        number = self.opened.cipher.next_number
        ciphertext = self.opened.cipher.seal(number, payload)
        check = _check(self.opened.digest, len(ciphertext), number)
        return _FRAME.pack(_MARK, len(ciphertext), number, check) + ciphertext


def write_all(descriptor: int, octets: bytes) -> None:
    """Writes everything, however often the system takes only a part. Raises OSError."""
    rest = memoryview(octets)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def made_of(path: Path) -> int:
    """When a segment was begun, Unix milliseconds; 0 where its header is damaged. Raises OSError."""
    with path.open("rb") as file:
        try:
            return read_header(file.read(_MAX_HEADER_BYTES))[0].made
        except SegmentDamaged:
            return 0


def shred(path: Path) -> None:
    """Removes a segment. Its wrapped key is overwritten first: what the disk keeps of the frames opens no more. Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            start = os.pread(descriptor, _MAX_HEADER_BYTES, 0)
            with contextlib.suppress(SegmentDamaged):
                os.pwrite(descriptor, _SHREDDED.ljust(read_header(start)[1], b"\0"), 0)
                os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
        path.unlink()


def finish_shredding(path: Path) -> bool:
    """Removes a segment whose removal was cut short, as by a kill; returns whether it is gone. Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        with path.open("rb") as file:
            if file.read(len(_SHREDDED)) != _SHREDDED:
                return False
        path.unlink()
    return True
