# SPDX-License-Identifier: Apache-2.0
"""Who is told of a change: after its commit, of what it changed, and never of what was taken back."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

from sealroom.core.db import Database, Watch, raise_number
from server.tests.fakes import VirtualClock


@pytest.fixture
def told(database: Database) -> list[frozenset[str]]:
    found: list[frozenset[str]] = []
    database.changes.on_commit(found.append)
    return found


async def change(database: Database, *topics: str) -> None:
    async with database.writing() as connection:
        for topic in topics:
            await raise_number(connection, topic)


async def test_a_commit_is_told_after_it(database: Database, told: list[frozenset[str]]) -> None:
    async with database.writing() as connection:
        await raise_number(connection, "bans")
        await raise_number(connection, "accounts")
        assert told == []
    assert told == [{"bans", "accounts"}]


async def test_what_was_taken_back_is_not_told_nor_told_of_the_next(
    database: Database, told: list[frozenset[str]]
) -> None:
    with contextlib.suppress(RuntimeError):
        async with database.writing() as connection:
            await raise_number(connection, "bans")
            raise RuntimeError
    async with database.writing():
        """Changes nothing."""
    await change(database, "accounts")
    assert told == [{"accounts"}]


async def test_who_is_told_cannot_fail_the_change(database: Database, told: list[frozenset[str]]) -> None:
    def broken(_: frozenset[str]) -> None:
        raise OSError("no bus")

    database.changes.on_commit(broken)
    database.changes.on_commit(told.append)
    await change(database, "bans")
    assert told == [{"bans"}, {"bans"}]


async def test_a_number_is_asked_for_again_when_a_change_is_heard_of(
    tmp_path: Path, database: Database, clock: VirtualClock
) -> None:
    watch = Watch(database, clock, "bans", "accounts")
    assert await watch.number() == 0
    other = Database(tmp_path / "test.db")
    await change(other, "bans")
    await other.close()
    assert await watch.number() == 0  # time stands still
    database.changes.heard("applications")
    assert await watch.number() == 0
    database.changes.heard("bans")
    assert await watch.number() == 1


async def test_what_is_heard_while_it_is_asked_is_asked_again(
    database: Database, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer may be from before the change."""
    watch, look = Watch(database, clock, "bans"), database.look

    async def slow(statement: Any) -> object:
        answer: object = await look(statement)
        await change(database, "bans")
        database.changes.heard("bans")
        return answer

    with monkeypatch.context() as patched:
        patched.setattr(database, "look", slow)
        assert await watch.number() == 0
    assert await watch.number() == 1


async def test_many_who_write_are_told_each_of_their_own(
    database: Database, told: list[frozenset[str]]
) -> None:
    await asyncio.gather(*(change(database, f"topic{number}") for number in range(20)))
    assert sorted(one for topics in told for one in topics) == sorted(f"topic{n}" for n in range(20))
    assert all(len(topics) == 1 for topics in told)
