# SPDX-License-Identifier: Apache-2.0
"""The log: what writes it and what reads it.

**An entry is written in the transaction of the change it tells of**: there is no change without one, and none without a change.
It gets its place in the tree a moment later, by whoever holds the log's lock, in batches with one signature each.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Row, bindparam, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sealroom.audit.checkpoint import Checkpoint
from sealroom.audit.entry import FIRST, FORM, Body, Erasable, written
from sealroom.audit.events import OPERATOR, Actor, AuditEvent, Record
from sealroom.audit.models import checkpoints, entries, head, nodes
from sealroom.audit.tree import (
    EMPTY_ROOT,
    HASH_BYTES,
    Frontier,
    Range,
    consistency_ranges,
    fold,
    inclusion_ranges,
    leaf_hash,
    node_hash,
    subtrees,
)
from sealroom.core.clock import Clock
from sealroom.core.db import Database, insert_new
from sealroom.core.errors import StartError
from sealroom.core.grouping import Grouped
from sealroom.core.keys import Keys

PURPOSE = "audit"
"""Which of the operator's keys signs checkpoints."""
STORED_HEIGHTS = 4
"""Every such height of the tree is stored. Higher saves rows and makes a proof read more of them."""
BATCH = 5_000
"""Entries that get their places under one lock and one signature."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as the operator is shown it. `payload` is None once erased, `leaf` while the entry waits for its place.

    `actor` is the role alone once the name was erased.
    """

    leaf: int | None
    at: int
    event: str
    actor: str
    target: str
    payload: str | None


@dataclass(frozen=True, slots=True)
class Placed:
    """An entry with all that its leaf in the tree is made of. `payload` and `salt` are None once erased."""

    body: Body
    payload: str | None
    salt: bytes | None


class AuditLog:
    """The audit log of one database."""

    def __init__(self, database: Database, keys: Keys, clock: Clock) -> None:
        self._database, self._keys, self._clock = database, keys, clock
        self._commits: Grouped[Record, int] = Grouped(self._record_all, BATCH)

    async def append(self, connection: AsyncConnection, record: Record) -> None:
        """Writes an entry in the transaction of the change."""
        await connection.execute(insert(entries).values(self._row(record)))

    async def record(self, record: Record) -> int:
        """Writes an entry of something that changed nothing in this database: somebody looked, an act in a room. Durable when this
        returns, with the entry's number; those that come while others are written share one commit."""
        return await self._commits.do(record)

    async def _record_all(self, records: Sequence[Record]) -> Sequence[int]:
        # Told apart by their commitments: rows that shall come back in order are inserted one by one.
        numbered = insert(entries).returning(entries.c.commitment, entries.c.id)
        rows = [self._row(record) for record in records]
        async with self._database.writing() as connection:
            made = await connection.execute(numbered, rows)
            numbers: dict[object, int] = {row.commitment: row.id for row in made}
        await self.place()
        return [numbers[row["commitment"]] for row in rows]

    async def has(self, numbers: Sequence[int], records: Sequence[Record], *, since: int) -> bool:
        """Whether the entries with these numbers tell of these records, one of each, whoever did it, and were written since then (Unix
        milliseconds)."""
        wanted = select(entries).where(entries.c.id.in_(numbers), entries.c.at >= since)
        found = {row.id: (row.event, row.target, row.payload) for row in await self._database.ask(wanted)}
        told = [(one.event.value, one.target, written(one.details)) for one in records]
        return bool(told) and [found.get(number) for number in numbers] == told

    def _row(self, record: Record) -> dict[str, object]:
        payload = Erasable.of(written(record.details))
        return {
            "at": int(self._clock.unix() * 1000), "event": record.event.value, **_actor(record.actor), "target": record.target,
            "commitment": payload.commitment(), "salt": payload.salt, "payload": payload.text, "subject": record.subject,
        }  # fmt: skip

    async def place(self) -> int:
        """Gives every entry that waits its place in the tree, and signs; returns how many there were."""
        placed = 0
        while count := await self._place_batch():
            placed += count
        return placed

    async def _place_batch(self) -> int:
        signer = self._keys.signer(PURPOSE)
        async with self._database.writing() as connection:
            frontier, last = await self._locked_head(connection)
            waiting = select(entries).where(entries.c.leaf.is_(None)).order_by(entries.c.id).limit(BATCH)
            rows = (await connection.execute(waiting)).all()
            if not rows:
                return 0
            made: list[dict[str, object]] = []
            placed: list[dict[str, object]] = []
            for row in rows:
                leaf = frontier.size
                body = replace(body_of(row, leaf, last), actor_commitment=row.actor_commitment)
                last = leaf_hash(body.octets())
                completed = frontier.append(last)
                made += [
                    {"height": height, "place": place, "hash": value}
                    for height, place, value in completed
                    if height and height % STORED_HEIGHTS == 0
                ]
                placed.append({"of": row.id, "leaf": leaf, "hash": last, "form": body.form})
            await connection.execute(update(entries).where(entries.c.id == bindparam("of")), placed)
            if made:
                await connection.execute(insert(nodes), made)
            await connection.execute(
                update(head).values(size=frontier.size, frontier=b"".join(frontier.hashes), last=last)
            )
            note = Checkpoint(frontier.size, frontier.root()).signed(signer)
            await connection.execute(insert(checkpoints).values(size=frontier.size, note=note))
            return len(rows)

    async def _locked_head(self, connection: AsyncConnection) -> tuple[Frontier, bytes]:
        """Where the tree goes on. The first statement is a change, so that two who place wait for each other."""
        lock = update(head).values(size=head.c.size)
        if (await connection.execute(lock)).rowcount == 0:
            # Two may be the first: the later one waits here for the earlier one's end, and then goes on where that ended.
            await insert_new(connection, head, {"one": 1, "size": 0, "frontier": b"", "last": FIRST})
            await connection.execute(lock)
        row = (await connection.execute(select(head))).one()
        hashes = [row.frontier[at : at + HASH_BYTES] for at in range(0, len(row.frontier), HASH_BYTES)]
        try:
            return Frontier(row.size, hashes), row.last
        except ValueError:
            raise StartError(
                "audit_log_damaged",
                "The audit log was changed from outside: nothing can be recorded, and so nothing changed.",
                "Run `sealroom audit verify`, and restore the database from a backup.",
            ) from None

    async def erase(self, subject: str, actor: Actor) -> int:
        """Erases the details of every entry of a subject, and records that; what is left is the commitment to them."""
        async with self._database.writing() as connection:
            gone = await connection.execute(
                update(entries)
                .where(entries.c.subject == subject)
                .values(salt=None, payload=None, subject=None)
            )
            await self.append(
                connection, Record(AuditEvent.PAYLOADS_ERASED, actor, f"{gone.rowcount} entries")
            )
        await self.place()
        return gone.rowcount

    async def erase_name(self, name: Actor, actor: Actor) -> int:
        """Erases a name of the operator's staff from every entry whose leaf is a commitment to it, and records that."""
        async with self._database.writing() as connection:
            gone = await connection.execute(
                update(entries)
                .where(entries.c.actor_name == str(name))
                .values(actor_name=None, actor_salt=None)
            )
            await self.append(
                connection, Record(AuditEvent.STAFF_NAME_ERASED, actor, f"{gone.rowcount} entries")
            )
        await self.place()
        return gone.rowcount

    async def named_for_ever(self, name: Actor) -> int:
        """How many entries of the first form have a name of the operator's staff in their leaf, where nothing erases it."""
        held = select(func.count()).select_from(entries).where(entries.c.actor == str(name))
        return int((await self._database.read(held))[0][0])

    async def rotate_key(self, actor: Actor) -> None:
        """Signs with a new key from now on. The last checkpoint of the old one is from before the entry that tells so."""
        await self.place()
        verifier = self._keys.rotate(PURPOSE).verifier
        async with self._database.writing() as connection:
            await self.append(connection, Record(AuditEvent.AUDIT_KEY_ROTATED, actor, str(verifier)))
        await self.place()

    async def entries(self, *, event: AuditEvent | None = None, since: int = 0) -> AsyncIterator[Entry]:
        """Entries in the order of the tree, from a time (Unix milliseconds) on; those that wait come last."""
        statement = select(entries).where(entries.c.at >= since)
        if event is not None:
            statement = statement.where(entries.c.event == event.value)
        async with self._database.reading() as connection:
            rows = await connection.stream(
                statement.order_by(entries.c.leaf.is_(None), entries.c.leaf, entries.c.id)
            )
            async for row in rows:
                yield Entry(row.leaf, row.at, row.event, _shown(row), row.target, row.payload)

    async def page(self, targets: Collection[str], *, after: int, limit: int) -> list[Placed]:
        """Entries about some targets that have their place, in the tree's order from behind the leaf `after` on."""
        before = entries.alias("before")
        statement = (
            select(entries, before.c.hash.label("previous"))
            .outerjoin(before, before.c.leaf == entries.c.leaf - 1)
            .where(entries.c.target.in_(targets), entries.c.leaf > after)
            .order_by(entries.c.leaf)
            .limit(limit)
        )
        return [
            Placed(body_of(row, row.leaf, row.previous or FIRST), row.payload, row.salt)
            for row in await self._database.read(statement)
        ]

    def verifiers(self) -> list[str]:
        """The public keys, old ones too, that checkpoints are signed with, as C2SP writes them."""
        return [str(one) for one in self._keys.verifiers(PURPOSE)]

    async def checkpoint(self) -> str | None:
        """The newest signed checkpoint; None while nothing was ever placed."""
        async with self._database.reading() as connection:
            newest = select(checkpoints.c.note).order_by(checkpoints.c.size.desc()).limit(1)
            return (await connection.execute(newest)).scalar()

    async def inclusion(self, leaf: int, size: int) -> list[bytes]:
        """A proof that a leaf is in the tree of that size. Raises ValueError when it is not."""
        return await self._hashes_of(inclusion_ranges(leaf, size))

    async def consistency(self, old: int, new: int) -> list[bytes]:
        """A proof that the tree of the larger size grew out of the smaller one. Raises ValueError for other sizes."""
        return await self._hashes_of(consistency_ranges(old, new))

    async def root(self, size: int) -> bytes:
        """The root that the stored tree has at a size."""
        return (await self._hashes_of([(0, size)]))[0] if size else EMPTY_ROOT

    async def _hashes_of(self, ranges: Sequence[Range]) -> list[bytes]:
        async with self._database.reading() as connection:
            found = []
            for one in ranges:
                parts = [await _subtree(connection, height, place) for height, place in subtrees(one)]
                found.append(fold(parts))
            return found


def _actor(actor: Actor) -> dict[str, object]:
    """Columns: every row has all of them, for many are inserted by one statement."""
    if not actor.is_staff:
        return {"actor": str(actor), "actor_name": None, "actor_salt": None, "actor_commitment": None}
    name = Erasable.of(str(actor))
    return {
        "actor": OPERATOR, "actor_name": name.text, "actor_salt": name.salt, "actor_commitment": name.commitment(),
    }  # fmt: skip


def body_of(row: Row[tuple[object, ...]], leaf: int, previous: bytes) -> Body:
    """What the leaf of a row is made of, in the form that it was given."""
    commitment = row.actor_commitment if row.form == FORM else None
    return Body(leaf, row.id, row.at, row.event, row.actor, row.target, row.commitment, previous, commitment)


def _shown(row: Row[tuple[object, ...]]) -> str:
    """**A name is believed where the leaf has the commitment to it**, and nowhere else."""
    named = row.leaf is None or row.form == FORM
    return str(row.actor_name if named and row.actor_name is not None else row.actor)


async def _subtree(connection: AsyncConnection, height: int, place: int) -> bytes:
    """The hash of one complete subtree, from the stored height at or below its own."""
    stored = height - height % STORED_HEIGHTS
    first, count = place << (height - stored), 1 << (height - stored)
    if stored:
        key, value = nodes.c.place, select(nodes.c.hash).where(nodes.c.height == stored)
    else:
        key, value = entries.c.leaf, select(entries.c.hash)
    rows = await connection.execute(value.where(key >= first, key < first + count).order_by(key))
    level = [row[0] for row in rows]
    if len(level) != count:
        raise ValueError("the tree is not that large")
    while len(level) > 1:
        level = [node_hash(level[at], level[at + 1]) for at in range(0, len(level), 2)]
    return bytes(level[0])
