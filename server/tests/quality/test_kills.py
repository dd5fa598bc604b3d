# SPDX-License-Identifier: Apache-2.0
"""Wherever a server is killed, history tells of every stay that it began and ended, once, and of what the database knows nothing else."""

import asyncio
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from sealroom.catalogue import Document
from sealroom.core.ids import Ids
from sealroom.core.records import Query, Records
from sealroom.quality.models import (
    CallBegun,
    CallEnded,
    CallEvent,
    Departure,
    EventKind,
    Stay,
    history_outbox,
)
from sealroom.rooms.events import RoomEvent, TrackMuted
from sealroom.rooms.models import presences
from sealroom_wire.participant import Role, Track
from server.tests.fakes import NOW, VirtualClock
from server.tests.quality.breaking import HalfJournal, Server, Snapshots
from server.tests.quality.dying import POINTS, opened_again
from server.tests.rooms.test_ledger import CALL, closed, entered, left, opened

ROOT = Path(__file__).parents[3]
FOR_EVER = 4_000_000_000_000
KINDS = (CallBegun, CallEnded, Stay, Departure, CallEvent)


def batches(chance: random.Random) -> list[list[RoomEvent]]:
    """Three calls in which people come, fall silent and go, cut into batches by chance."""
    told: list[RoomEvent] = []
    calls = [replace(CALL, id=f"{CALL.id}{number}") for number in range(3)]
    inside: dict[str, dict[str, int]] = {}
    for at in range(NOW * 1000, NOW * 1000 + 16):
        call = chance.choice(calls)
        if call.id not in inside:
            told.append(opened(call))
        there = inside.setdefault(call.id, {})
        user = chance.choice(("alice", "bob", "carol"))
        if user not in there:
            there[user] = at
            told.append(replace(entered(user, call, at), id=f"{call.id} {user} enters {at}"))
        elif chance.random() < 0.4:
            told.append(
                TrackMuted(
                    id=f"{call.id} {user} mutes {at}", call=call, at=at, user_id=user, peer=1, role=Role.ANCHOR, track=Track.AUDIO, muted=True
                )
            )  # fmt: skip
        else:
            leaves = replace(left(user, call), id=f"{call.id} {user} leaves {at}", at=at)
            told.append(replace(leaves, entered_at=there.pop(user)))
            if not there:
                del inside[call.id]
                told.append(replace(closed(call), id=f"{call.id} closes {at}"))
                calls = [one if one != call else replace(call, id=f"{call.id}'") for one in calls]
    cut: list[list[RoomEvent]] = []
    while told:
        size = chance.randint(1, 6)
        cut.append(told[:size])
        told = told[size:]
    return cut


def check(documents: Iterable[Document]) -> None:
    """Every stay has one end, every call too."""
    everything = list(documents)
    happened = [one for one in everything if isinstance(one, CallEvent)]
    assert len({one.id for one in happened}) == len(happened)
    came, went = (
        Counter((one.call_id, one.user_id) for one in happened if one.kind is kind)
        for kind in (EventKind.ENTER, EventKind.LEAVE)
    )
    assert came == went
    for begin, end in ((Stay, Departure), (CallBegun, CallEnded)):
        assert sorted(one.id for one in everything if isinstance(one, begin)) == sorted(
            one.id for one in everything if isinstance(one, end)
        )


async def start_again(server: Server) -> None:
    """Starts it, and lets it end what was left."""
    await server.history.start()
    await server.turn(server.ledger.recover(Ids()))
    await server.turn(server.history.flush())


async def look(server: Server) -> None:
    """Ends it, and looks at what there is."""
    told = {one.id for one in server.journal.all(CallEvent)}
    assert told == set(await server.writer.kept())
    check(server.journal.by_id.values())
    await server.turn(server.history.close())
    for table in (presences, history_outbox):
        assert await server.database.ask(select(table)) == []
    await server.database.close()


@pytest.mark.parametrize("seed", range(3))
async def test_wherever_it_breaks_off_history_is_whole(
    tmp_path: Path, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    server = Server(tmp_path, HalfJournal(chance), clock)
    await server.writer.prepare()
    killed, killed_again = Snapshots(tmp_path / "killed"), Snapshots(tmp_path / "again")
    killed.watch(server)
    server.trouble(chance, monkeypatch)
    await server.history.start()
    await server.ledger.start()
    for batch in batches(chance):
        for event in batch:
            server.ledger.on_room_event(event)
        await server.turn(server.ledger.flush())
        if chance.random() < 0.3:
            await server.turn(server.history.flush())
    killed.rest()
    await server.close()
    assert killed.moments > 200
    assert len(killed.taken) > 20
    # And the start that ends what was left may be killed as well.
    twice = chance.choice(list(killed.taken))
    for name in killed.taken:
        after = killed.server(name, chance, clock)
        if name is twice:
            killed_again.watch(after)
        await start_again(after)
        killed_again.rest()
        await look(after)
    for name in killed_again.taken:
        after = killed_again.server(name, chance, clock)
        await start_again(after)
        await look(after)


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("batch", ["enters", "leaves"])
async def test_a_process_that_is_killed_in_the_middle_of_a_batch(
    tmp_path: Path, batch: str, point: str
) -> None:
    """For good, by the system: before the commit; behind it and before the journal; behind the journal."""
    command = [sys.executable, "-m", "server.tests.quality.dying", str(tmp_path), batch, point]
    child = await asyncio.to_thread(subprocess.run, command, cwd=ROOT, timeout=60, check=False)
    assert child.returncode == -signal.SIGKILL
    async with opened_again(tmp_path) as records:
        found = [one for kind in KINDS for one in await documents(records, kind)]
    check(found)
    users = {one.user_id for one in found if isinstance(one, Stay)}
    assert users == ({"alice", "bob"} if (batch, point) != ("enters", "uncommitted") else {"alice"})


async def documents(records: Records, kind: type[Document]) -> list[Document]:
    """All of a kind."""
    page = await records.search(Query(kind, 0, FOR_EVER), limit=100)
    return list(page.documents)
