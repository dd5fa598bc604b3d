# SPDX-License-Identifier: Apache-2.0
"""Documents that the store will not have, each with the reason: put aside in files of their own, encrypted like the journal.

A file is written whole and never changed, so that a command may read and remove it while the server runs.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import msgspec

from sealroom.core.clock import Clock
from sealroom.core.records.journal.entries import Entries, Entry, Unreadable, entries_of, pack_entries
from sealroom.core.records.journal.reading import SegmentReader
from sealroom.core.records.journal.segment import (
    SegmentDamaged,
    SegmentKeys,
    SegmentWriter,
    finish_shredding,
    new_header,
    shred,
)
from sealroom.core.records.port import DocumentsRefused, Records

SUFFIX = ".dead"
_RANDOM_BITS = 20
"""Behind the time in a file's number, so that two processes do not meet."""
Matches: TypeAlias = Callable[[str, Mapping[str, object]], bool]
"""Whether a document, by its kind and fields, is meant."""


class DeadLetters:
    """The files of one folder."""

    def __init__(self, folder: Path, site: str, keys: SegmentKeys, clock: Clock) -> None:
        self.folder, self._site, self._keys, self._clock = folder, site, keys, clock

    def files(self) -> list[Path]:
        """All of them, oldest first. What somebody else put there is left alone, and a removal that was cut short is finished."""
        own = (path for path in self.folder.glob(f"*{SUFFIX}") if path.name.removesuffix(SUFFIX).isdecimal())
        return sorted(path for path in own if not finish_shredding(path))

    async def keep(self, entries: Sequence[Entry]) -> None:
        """Puts documents aside, durably.

        Raises:
            OSError: the disk does not take them.
            OperatorError: the file's key cannot be wrapped.
        """
        made = int(self._clock.unix() * 1000)
        number = made << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
        octets, opened = await new_header(self._keys, self._site, number, made)
        path = self.folder / f"{number:020}{SUFFIX}"

        def write() -> None:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            writer = SegmentWriter(path, octets, opened)
            try:
                writer.add(pack_entries(entries))
            except OSError:
                writer.abandon()
                path.unlink(missing_ok=True)
                raise
            writer.finish()

        await asyncio.to_thread(write)

    async def entries(self, path: Path) -> list[Entry]:
        """What lies in a file.

        Raises:
            OSError, SegmentDamaged, OperatorError: it cannot be read.
        """
        reader = await SegmentReader.open(path, self._keys)
        payloads = await asyncio.to_thread(lambda: list(reader.read(None)))
        if reader.findings.frames:
            raise SegmentDamaged("A frame of it is not as it was written.")
        return [entry for _, payload in payloads for entry in entries_of(payload)]

    async def retry(self, entries: Entries, records: Records) -> tuple[int, int]:
        """Offers everything to the store again: returns how many it took, and how many are still refused.

        Raises:
            RecordsUnavailable: the store does not answer. What it took before is no dead letter any more.
            OSError, SegmentDamaged, OperatorError: a file cannot be read.
        """
        taken = left = 0
        for path in self.files():
            letters = await self.entries(path)
            still = await _refused_again(letters, entries, records)
            if still:
                await self.keep(still)
            await self.remove(path)
            taken, left = taken + len(letters) - len(still), left + len(still)
        return taken, left

    async def erase(self, matches: Matches) -> int:
        """Removes what an erasure is about; returns how many. A file that cannot be read goes as a whole: nobody could say what is in it."""
        gone = 0
        for path in self.files():
            try:
                letters = await self.entries(path)
            except (SegmentDamaged, msgspec.DecodeError):
                letters, kept = [], []
            else:
                kept = [one for one in letters if not matches(one.kind, fields_of(one))]
                if len(kept) == len(letters):
                    continue
            if kept:
                await self.keep(kept)
            await self.remove(path)
            gone += len(letters) - len(kept)
        return gone

    async def expire(self, before: int) -> list[Path]:
        """Removes files written before a moment (Unix milliseconds); returns which."""
        old = [path for path in self.files() if int(path.name.removesuffix(SUFFIX)) >> _RANDOM_BITS < before]
        for path in old:
            await self.remove(path)
        return old

    async def remove(self, path: Path) -> None:
        """Removes a file for good. Raises OSError."""
        await asyncio.to_thread(shred, path)


def fields_of(entry: Entry) -> dict[str, object]:
    """The fields of an entry, even of a kind that is gone."""
    fields: dict[str, object] = msgspec.msgpack.decode(entry.document)
    return fields


async def _refused_again(letters: Sequence[Entry], entries: Entries, records: Records) -> list[Entry]:
    read = [entries.document_of(one) for one in letters]
    still = [one.entry for one in read if isinstance(one, Unreadable)]
    documents = [
        (one, letter) for one, letter in zip(read, letters, strict=True) if not isinstance(one, Unreadable)
    ]
    try:
        await records.write([one for one, _ in documents])
    except DocumentsRefused as error:
        still += [documents[place][1] for place in error.refused]
    return still
