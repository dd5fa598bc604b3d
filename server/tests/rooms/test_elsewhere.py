# SPDX-License-Identifier: Apache-2.0
"""Acts of moderators that are asked of one server, and are about a room that another has."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass

import pytest
from msgspec import structs
from sqlalchemy import Row, Select, text

from sealroom.app import catalogue
from sealroom.audit.events import Actor
from sealroom.core.bus import Delivered, LocalBus
from sealroom.core.config.schema import RoomSettings
from sealroom.core.db import Database
from sealroom.core.errands import Errands
from sealroom.core.ids import Ids
from sealroom.core.metrics import Metrics
from sealroom.nodes.lease import NodeName
from sealroom.rooms.acts import MODERATE, Act, ActKind, Acts, Outcome, records_of
from sealroom.rooms.bans import Bans
from sealroom.rooms.elsewhere import WRITTEN_SECONDS, OtherNodes, combined
from sealroom.rooms.events import Call, CloseReason, RoomClosed, RoomOpened
from sealroom.rooms.moderation import Moderation
from sealroom.rooms.presences import keep
from sealroom.rooms.service import RoomService
from sealroom_wire import signalling
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.ids import room_string
from sealroom_wire.signalling import KickReason
from sealroom_wire.usersig import Privilege
from server.tests import offers
from server.tests.conftest import ROOM, House
from server.tests.fakes import APP, NOW, FakeEngine, Listening, VirtualClock, audit

KEY = Actor("api_key", "AKIDtest")


@dataclass
class Node:
    """A server, with rooms of its own."""

    name: str
    engine: FakeEngine
    house: House
    moderation: Moderation
    database: Database
    lease: NodeName
    others: OtherNodes

    async def opens(self, at: int = NOW) -> Call:
        """What its ledger writes when the room is opened there."""
        call = Call(f"{APP}_{self.name}_{at}", APP, ROOM, at * 1000)
        async with self.database.writing() as connection:
            await keep(connection, [RoomOpened(id=f"o{call.id}", call=call, at=at, user_id="a")], self.name)
        return call


@pytest.fixture
async def bus(clock: VirtualClock) -> AsyncIterator[LocalBus]:
    bus = LocalBus(catalogue(), clock)
    yield bus
    await bus.close()


@pytest.fixture
async def nodes(
    bus: LocalBus, database: Database, clock: VirtualClock, errands: Errands
) -> AsyncIterator[tuple[Node, Node]]:
    made = [await node(name, bus, database, clock, errands) for name in ("rtc-1", "rtc-2")]
    yield made[0], made[1]
    for one in made:
        one.moderation.close()


async def node(name: str, bus: LocalBus, database: Database, clock: VirtualClock, errands: Errands) -> Node:
    engine, log = FakeEngine(), audit(database)
    bans = Bans(database, log, clock)
    rooms = RoomService(
        engine, offers.SERVER, clock=clock, ids=Ids(), settings=RoomSettings(), errands=errands, metrics=Metrics("test"),
        listeners=(Listening(),), bans=bans,
    )  # fmt: skip
    others = OtherNodes(bus, database, log, clock, name)
    await others.serve(Acts(rooms))
    lease = NodeName(database, clock, name, name)
    await lease.claim()
    moderation = Moderation(rooms, bans, database, log, clock, errands, others)
    return Node(name, engine, House(rooms), moderation, database, lease, others)


async def refusal(attempt: Awaitable[object]) -> ErrorCode:
    with pytest.raises(Refusal) as caught:
        await attempt
    return caught.value.code


async def acts_written(database: Database) -> list[str]:
    return [entry.event async for entry in audit(database).entries()]


async def test_a_room_of_another_server_is_dismissed_and_written_down_once(
    nodes: tuple[Node, Node], database: Database
) -> None:
    asked, having = nodes
    _, line, _ = await having.house.enter("alice")
    await having.opens()
    await asked.moderation.dismiss(APP, ROOM, actor=KEY)
    assert line.told[-1] == signalling.KickedOut(KickReason.ROOM_DISBAND)
    assert await acts_written(database) == ["room_dismissed"]


async def test_users_are_put_out_wherever_they_are_in_the_room(nodes: tuple[Node, Node]) -> None:
    """Nothing places rooms yet: both servers have one of that name."""
    lines = []
    for node, user in zip(nodes, ("alice", "bob"), strict=True):
        lines.append((await node.house.enter(user))[1])
        await node.opens()
    gone = await nodes[0].moderation.remove(APP, ROOM, ["bob", "carol", "alice"], actor=KEY)
    assert sorted(gone) == ["alice", "bob"]
    assert all(line.ended is ErrorCode.REMOVED_FROM_ROOM for line in lines)


async def test_what_a_user_sends_is_taken_at_the_server_that_he_is_at(nodes: tuple[Node, Node]) -> None:
    asked, having = nodes
    participant, _, _ = await having.house.enter("alice")
    await asked.house.enter("bob")
    for one in nodes:
        await one.opens()
    await asked.moderation.block(APP, ROOM, "alice", audio=True, actor=KEY)
    rights = Privilege(having.engine.peers[participant.peer].session.rights)
    assert Privilege.SEND_AUDIO not in rights
    assert Privilege.SEND_VIDEO in rights
    assert (
        await refusal(asked.moderation.block(APP, ROOM, "carol", audio=True, actor=KEY))
        is ErrorCode.USER_NOT_IN_ROOM
    )


async def test_a_room_that_nobody_has_is_unknown_and_nothing_is_written(
    nodes: tuple[Node, Node], database: Database
) -> None:
    asked, other = nodes
    call = await other.opens()
    async with database.writing() as connection:
        await keep(connection, [RoomClosed(id="c", call=call, at=NOW, reason=CloseReason.EMPTY)], other.name)
    assert await refusal(asked.moderation.dismiss(APP, ROOM, actor=KEY)) is ErrorCode.ROOM_UNKNOWN
    other_room = asked.moderation.dismiss(APP, room_string("other"), actor=KEY)
    assert await refusal(other_room) is ErrorCode.ROOM_UNKNOWN
    assert await acts_written(database) == []


async def test_what_a_dead_server_left_open_is_nobody_s_room(
    nodes: tuple[Node, Node], clock: VirtualClock
) -> None:
    asked, dead = nodes
    await dead.opens()
    clock.advance(60)
    await asked.lease.renew()
    assert await refusal(asked.moderation.dismiss(APP, ROOM, actor=KEY)) is ErrorCode.ROOM_UNKNOWN


async def test_a_server_that_does_not_answer_is_not_taken_for_one_without_the_room(
    nodes: tuple[Node, Node], bus: LocalBus
) -> None:
    asked, having = nodes
    await having.opens()
    _, line, _ = await asked.house.enter("alice")
    await asked.opens()
    await bus.close()
    assert await refusal(asked.moderation.dismiss(APP, ROOM, actor=KEY)) is ErrorCode.SERVER_BUSY
    assert line.ended is ErrorCode.ROOM_DISMISSED  # here it is done all the same


async def test_who_has_a_room_is_found_among_open_calls_alone(
    nodes: tuple[Node, Node], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An application of many calls has a month of them in that table."""
    asked: list[str] = []

    async def ask(statement: Select[str]) -> list[Row[str]]:
        asked.append(str(statement.compile(compile_kwargs={"literal_binds": True})))
        return []

    with monkeypatch.context() as patched:
        patched.setattr(database, "ask", ask)
        await nodes[0].others.having(APP, ROOM)
    async with database.reading() as connection:
        plan = (await connection.execute(text(f"EXPLAIN QUERY PLAN {asked[0]}"))).all()
    assert "ix_calls_open" in f"{plan}"


async def test_what_nobody_wrote_down_is_not_done(
    nodes: tuple[Node, Node], bus: LocalBus, database: Database, clock: VirtualClock
) -> None:
    """Whoever can speak on the bus has not, with that, a say over rooms."""
    _, having = nodes

    async def answer_to(act: Act) -> str:
        return (await bus.request(MODERATE, act, seconds=5, key=having.name)).refused

    _, line, _ = await having.house.enter("alice")
    forged = Act(kind=ActKind.DISMISS, sdk_app_id=APP, room_kind=ROOM.kind, room=ROOM.id)
    other = structs.replace(forged, room="other")
    log = audit(database)
    number, old = [await log.record(records_of(act, KEY)[0]) for act in (other, forged)]
    removed = structs.replace(forged, kind=ActKind.REMOVE, users=("alice",))
    for act in (
        forged,
        structs.replace(forged, written=(number,)),
        structs.replace(forged, written=(999,)),
        structs.replace(removed, users=()),
        structs.replace(removed, written=(old,)),
        structs.replace(removed, users=("alice",) * 100, written=(old,) * 100),
    ):
        assert await answer_to(act) == ErrorCode.INTERNAL_ERROR.value
    clock.advance(WRITTEN_SECONDS + 1)
    assert await answer_to(structs.replace(forged, written=(old,))) == ErrorCode.INTERNAL_ERROR.value
    assert line.ended is None


async def test_what_was_done_is_not_done_again_for_whoever_says_it_again(
    nodes: tuple[Node, Node], bus: LocalBus, database: Database
) -> None:
    _, having = nodes
    act = Act(kind=ActKind.REMOVE, sdk_app_id=APP, room_kind=ROOM.kind, room=ROOM.id, users=("alice",))
    told = structs.replace(act, written=(await audit(database).record(records_of(act, KEY)[0]),))
    await having.house.enter("bob")
    await having.house.enter("alice")
    answer = await bus.request(MODERATE, told, seconds=5, key=having.name)
    assert answer == Outcome(found=("alice",))
    _, line, _ = await having.house.enter("alice")
    answer = await bus.request(MODERATE, told, seconds=5, key=having.name)
    assert answer.refused == ErrorCode.INTERNAL_ERROR.value
    assert line.ended is None


async def test_a_server_that_lost_its_name_answers_nothing_in_place_of_who_has_it(
    nodes: tuple[Node, Node],
) -> None:
    asked, lost = nodes
    await lost.opens()
    await lost.others.end()
    assert await refusal(asked.moderation.dismiss(APP, ROOM, actor=KEY)) is ErrorCode.SERVER_BUSY


async def test_a_user_who_is_banned_at_one_server_is_put_out_of_the_other(
    nodes: tuple[Node, Node], database: Database, errands: Errands
) -> None:
    asked, having = nodes
    _, line, _ = await having.house.enter("alice", issued_at=NOW)
    await asked.moderation.ban(APP, "alice", None, actor=KEY)
    database.changes.heard("bans")  # as the bus would say
    while errands.running:
        await asyncio.wait(errands.running)
    assert line.ended is ErrorCode.BANNED


async def test_a_server_of_a_newer_program_may_refuse_with_a_code_of_its_own(
    nodes: tuple[Node, Node], bus: LocalBus
) -> None:
    asked, _ = nodes

    async def newer(_: Delivered[Act]) -> Outcome:
        return Outcome(refused="not_on_sundays")

    await NodeName(asked.database, VirtualClock(), "rtc-3", "rtc-3").claim()
    await bus.serve(MODERATE, newer, key="rtc-3")
    call = Call(f"{APP}_rtc-3", APP, ROOM, NOW * 1000)
    async with asked.database.writing() as connection:
        await keep(connection, [RoomOpened(id="x", call=call, at=NOW, user_id="a")], "rtc-3")
    assert await refusal(asked.moderation.dismiss(APP, ROOM, actor=KEY)) is ErrorCode.INTERNAL_ERROR


def test_one_who_failed_counts_more_than_one_who_did_it() -> None:
    done = Outcome(found=("alice",))
    unknown = Outcome(refused=ErrorCode.ROOM_UNKNOWN.value)
    assert combined([done, unknown, done]) == ("alice",)
    with pytest.raises(Refusal) as refused:
        combined([done, Outcome(refused=ErrorCode.ENGINE_FAILED.value)])
    assert refused.value.code is ErrorCode.ENGINE_FAILED


def test_an_act_says_what_kind_of_room_it_is_about() -> None:
    act = Act(kind=ActKind.DISMISS, sdk_app_id=APP, room_kind=ROOM.kind, room=ROOM.id)
    assert act.place == ROOM
