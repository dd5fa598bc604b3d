# SPDX-License-Identifier: Apache-2.0
"""Reads the whole log again and says everything about it that is not as it was written."""

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass

import msgspec
from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sealroom.audit.checkpoint import Checkpoint
from sealroom.audit.copies import Copy
from sealroom.audit.entry import FIRST, FORM, Erasable
from sealroom.audit.events import subject_of
from sealroom.audit.models import checkpoints, entries, head, nodes
from sealroom.audit.service import STORED_HEIGHTS, body_of
from sealroom.audit.tree import Frontier, leaf_hash
from sealroom.core.db import Database
from sealroom.core.keys import NoteKey, NoteNotTrusted


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was written."""

    where: str
    sentence: str


@dataclass(slots=True)
class Verified:
    """How much was looked at."""

    entries: int = 0
    erased: int = 0
    nameless: int = 0
    checkpoints: int = 0
    copies: int = 0
    waiting: int = 0


class Verification:
    """One pass over the log. `outside` are checkpoints that were kept elsewhere, `copies` those in the store of objects, read before:
    only they show that the end was cut off.
    """

    def __init__(
        self,
        database: Database,
        known: Iterable[NoteKey],
        outside: Iterable[str] = (),
        copies: Iterable[Copy] = (),
    ) -> None:
        self._database, self._known = database, tuple(known)
        self._outside, self._copies = tuple(outside), tuple(copies)
        self.seen = Verified()

    async def findings(self) -> AsyncIterator[Finding]:
        """Everything that is wrong, in the order of the log; nothing when all is well."""
        async with self._database.reading() as connection:
            claimed: dict[int, list[tuple[str, bytes]]] = {}
            async for finding in self._open_checkpoints(connection, claimed):
                yield finding
            for finding in self._open_copies(claimed):
                yield finding
            frontier, last = Frontier(), FIRST
            rows = await connection.stream(
                select(entries).where(entries.c.leaf.is_not(None)).order_by(entries.c.leaf)
            )
            stored = await _stored_nodes(connection)
            async for row in rows:
                name = f"entry {row.leaf}"
                if row.leaf != frontier.size:
                    yield Finding(name, f"entry {frontier.size} is missing before it")
                    return
                last = leaf_hash(body_of(row, row.leaf, last).octets())
                if last != row.hash:
                    yield Finding(name, "it was changed, or one before it was")
                for wrong in self._erasable(row):
                    yield Finding(name, wrong)
                for height, place, value in frontier.append(last):
                    if height and height % STORED_HEIGHTS == 0 and stored.pop((height, place), None) != value:
                        yield Finding(f"node {height}/{place}", "it is not the hash of what is below it")
                for where, root in claimed.pop(frontier.size, ()):
                    if root != frontier.root():
                        yield Finding(where, "the log does not have the root that was signed")
                self.seen.entries += 1
            for size, notes in claimed.items():
                for where, _ in notes:
                    yield Finding(where, f"it stands for {size} entries, and the log has {frontier.size}")
            for height, place in stored:
                yield Finding(f"node {height}/{place}", "it belongs to nothing")
            async for finding in self._end(connection, frontier, last):
                yield finding

    async def _open_checkpoints(
        self, connection: AsyncConnection, claimed: dict[int, list[tuple[str, bytes]]]
    ) -> AsyncIterator[Finding]:
        rows = (await connection.execute(select(checkpoints).order_by(checkpoints.c.size))).all()
        notes = [(f"checkpoint {row.size}", row.note, row.size) for row in rows]
        notes += [
            (f"checkpoint from outside {number}", note, None) for number, note in enumerate(self._outside, 1)
        ]
        for where, note, size in notes:
            try:
                found = Checkpoint.opened(note, self._known)
            except NoteNotTrusted as invalid:
                yield Finding(where, f"{invalid}")
                continue
            if size not in (None, found.size):
                yield Finding(where, f"it stands for {found.size} entries")
            claimed.setdefault(found.size, []).append((where, found.root))
            self.seen.checkpoints += 1

    def _open_copies(self, claimed: dict[int, list[tuple[str, bytes]]]) -> Iterator[Finding]:
        for copy in self._copies:
            where = f"copy {copy.name}"
            self.seen.copies += 1
            if copy.fault:
                yield Finding(where, copy.fault)
            else:
                claimed.setdefault(copy.size, []).append((where, copy.root))

    def _erasable(self, row: Row[tuple[object, ...]]) -> Iterator[str]:
        self.seen.erased += row.payload is None
        if (wrong := _contradiction(row.payload, row.salt, row.commitment)) is not None:
            yield f"its details were {wrong}"
        elif not _is_about(row.target, row.payload, row.subject):
            yield "whom it is about was changed: an erasure would not find it, or find another's"
        if row.form != FORM:
            # The name is in the leaf itself, and what lies beside it is not shown.
            return
        self.seen.nameless += row.actor_name is None
        if (wrong := _contradiction(row.actor_name, row.actor_salt, row.actor_commitment)) is not None:
            yield f"the name of who did it was {wrong}"

    async def _end(
        self, connection: AsyncConnection, frontier: Frontier, last: bytes
    ) -> AsyncIterator[Finding]:
        row = (await connection.execute(select(head))).one_or_none()
        kept = (row.size, row.frontier, row.last) if row is not None else (0, b"", FIRST)
        if kept != (frontier.size, b"".join(frontier.hashes), last):
            yield Finding("head", "the place where the log goes on is not where it ends")
        newest = (
            await connection.execute(select(checkpoints.c.size).order_by(checkpoints.c.size.desc()))
        ).scalar()
        if (newest or 0) != frontier.size:
            yield Finding(
                "checkpoints", f"the newest is of {newest or 0} entries, and the log has {frontier.size}"
            )
        unplaced = (await connection.execute(select(entries.c.id).where(entries.c.leaf.is_(None)))).all()
        self.seen.waiting = len(unplaced)


def _contradiction(text: str | None, salt: bytes | None, commitment: bytes | None) -> str | None:
    """What was done to a text against the commitment to it; None for nothing, or an erasure of both text and salt."""
    if text is None and salt is None:
        return None
    if text is None or salt is None:
        return "half erased"
    return None if Erasable(text, salt).commitment() == commitment else "changed"


def _is_about(target: str, payload: str | None, subject: str | None) -> bool:
    """Whether a subject is the one that follows from what the leaf commits to."""
    if payload is None:
        return subject is None
    expected = subject_of(target, msgspec.json.decode(payload, type=dict[str, object]))
    # Some of what was said of an application as a whole had no subject in programs of before.
    return subject == expected or (subject is None and (expected is None or expected.isdecimal()))


async def _stored_nodes(connection: AsyncConnection) -> dict[tuple[int, int], bytes]:
    return {(row.height, row.place): row.hash for row in await connection.execute(select(nodes))}
