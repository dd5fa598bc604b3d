# SPDX-License-Identifier: Apache-2.0
"""Names of the operator's staff: shown to the operator, in no leaf, erased without breaking a proof; entries of the first form stay good."""

import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Row, insert, select, update

from sealroom.audit.entry import FIRST, FORM, Erasable
from sealroom.audit.events import Actor, AuditEvent, Record, told_actor
from sealroom.audit.models import entries
from sealroom.audit.report import verify
from sealroom.audit.service import AuditLog
from sealroom.core.db import Database
from server.tests import fakes

MARIA, NILS, KEY = Actor("cli", "maria.schmidt"), Actor("cli", "nils"), Actor("api_key", "AKIDtest")


@dataclass
class Desk:
    """A log."""

    database: Database
    keys: fakes.MemoryKeys
    log: AuditLog

    async def write(self, *actors: Actor) -> None:
        for actor in actors:
            await self.log.record(
                Record(AuditEvent.USER_BANNED, actor, "application 1", {"user": "a"}, "1/a")
            )

    async def write_of_before(self, actor: Actor) -> None:
        """As a program of the schema before did."""
        details = Erasable.of("{}")
        row = {
            "at": 5, "event": "user_banned", "actor": str(actor), "target": "application 1", "payload": details.text,
            "salt": details.salt, "commitment": details.commitment(),
        }  # fmt: skip
        async with self.database.writing() as connection:
            await connection.execute(insert(entries).values(row))

    async def rows(self) -> list[Row[tuple[object, ...]]]:
        return list(await self.database.ask(select(entries).order_by(entries.c.leaf)))

    async def actors(self) -> list[str]:
        return [entry.actor async for entry in self.log.entries()]

    async def change(self, **values: object) -> None:
        async with self.database.writing() as connection:
            await connection.execute(update(entries).values(values))

    async def says(self) -> list[str]:
        said: list[str] = []
        await verify(self.database, self.keys, (), said.append)
        return said

    async def is_good(self) -> bool:
        return not any(line.startswith("FAULT") for line in await self.says())


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    database, keys = Database(tmp_path / "x.db"), fakes.MemoryKeys()
    yield Desk(database, keys, AuditLog(database, keys, fakes.VirtualClock()))
    await database.close()


def test_nobody_but_a_customers_own_is_named_to_him() -> None:
    assert told_actor("api_key:AKIDtest") == "api_key:AKIDtest"
    assert {told_actor(one) for one in ("operator", "cli:nils", "staff:nils", "api_keyring:x", "")} == {
        "operator"
    }


async def test_the_operator_is_shown_names_and_no_leaf_holds_one(desk: Desk) -> None:
    await desk.write(MARIA, KEY, MARIA)
    assert await desk.actors() == [str(MARIA), str(KEY), str(MARIA)]
    rows = await desk.rows()
    assert [row.actor for row in rows] == ["operator", str(KEY), "operator"]
    assert rows[0].actor_commitment != rows[2].actor_commitment, "nobody sees that it was the same person"
    assert await desk.is_good()


async def test_an_erased_name_is_gone_everywhere_and_every_proof_stays(desk: Desk) -> None:
    await desk.write(MARIA, NILS, KEY, MARIA)
    before = [row.hash for row in await desk.rows()]
    assert await desk.log.erase_name(MARIA, NILS) == 2
    assert await desk.actors() == ["operator", str(NILS), str(KEY), "operator", str(NILS)]
    rows = await desk.rows()
    assert [row.hash for row in rows][:4] == before
    assert rows[-1].event == AuditEvent.STAFF_NAME_ERASED
    assert MARIA.name not in str(rows)
    assert "5 entries (0 erased, 2 without a name)" in (await desk.says())[0]
    assert await desk.is_good()


async def test_an_entry_of_the_first_form_verifies_and_is_shown_as_it_was(desk: Desk) -> None:
    await desk.write_of_before(NILS)
    await desk.log.place()
    await desk.write(NILS)
    first, second = await desk.rows()
    leaf = {
        "actor": "cli:nils", "at": 5, "commitment": first.commitment.hex(), "event": "user_banned", "id": first.id, "leaf": 0,
        "previous": FIRST.hex(), "target": "application 1",
    }  # fmt: skip
    text = json.dumps(leaf, sort_keys=True, separators=(",", ":"))
    assert first.hash == hashlib.sha256(b"\0" + text.encode()).digest()
    assert (first.form, second.form) == (1, FORM)
    assert await desk.actors() == [str(NILS), str(NILS)]
    assert await desk.is_good()


async def test_names_that_cannot_be_erased_are_counted(desk: Desk) -> None:
    await desk.write_of_before(NILS)
    await desk.write(NILS, MARIA)
    assert await desk.log.erase_name(NILS, MARIA) == 1
    assert (await desk.log.named_for_ever(NILS), await desk.log.named_for_ever(MARIA)) == (1, 0)
    assert await desk.is_good()


async def test_a_log_of_before_the_schema_verifies(desk: Desk) -> None:
    await desk.write_of_before(NILS)
    await desk.log.place()
    await desk.change(form=None)
    assert await desk.actors() == [str(NILS)]
    assert await desk.is_good()


async def test_a_name_is_shown_only_where_the_leaf_commits_to_it(desk: Desk) -> None:
    """A program that still runs while the schema is renewed places entries of this one in the first form; so would who wants to put in names."""
    await desk.write_of_before(KEY)
    await desk.log.place()
    name = Erasable.of(str(NILS))
    await desk.change(actor_name=name.text, actor_salt=name.salt, actor_commitment=name.commitment())
    assert await desk.actors() == [str(KEY)]
    assert await desk.is_good()
    await desk.change(form=FORM)
    assert not await desk.is_good()
