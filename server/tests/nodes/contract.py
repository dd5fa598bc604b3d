# SPDX-License-Identifier: Apache-2.0
"""What holds of several servers on one database, whichever database and bus it is."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import select, update

from sealroom.accounts.models import KEYS_TOPIC
from sealroom.app import catalogue
from sealroom.core.bus import Bus
from sealroom.core.db import Database, raise_number
from sealroom.core.db.changes import FRESH_SECONDS
from sealroom.core.db.target import Where
from sealroom.core.errors import StartError
from sealroom.core.ids import Ids
from sealroom.kept import TOLD
from sealroom.nodes import lease
from sealroom.nodes.changes import Announcer, announce
from sealroom.nodes.lease import NodeName
from sealroom.nodes.models import NODES, Node, names
from sealroom.nodes.presence import Presence
from sealroom.nodes.service import NodeState, NodeStatus, alive, nodes
from sealroom.rooms.bans import Bans
from sealroom.rooms.events import Call, RoomOpened
from sealroom.rooms.ledger import Ledger, LedgerMetrics
from sealroom.rooms.models import calls
from sealroom.rooms.presences import keep
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.ids import room_string
from server.tests import fakes
from server.tests.administration import Desk, apps_with

PATIENCE = 20
"""Seconds that a test waits for what must come. What never comes fails all the same."""
CATALOGUE = catalogue()
Connect = Callable[[], Awaitable[Bus]]


@dataclass
class Server:
    """One process."""

    desk: Desk
    bus: Bus
    announcer: Announcer

    async def hears(self, topic: str) -> Callable[[], Awaitable[None]]:
        """What waits until it has heard of the next change of a topic."""
        heard = asyncio.Event()
        self.desk.database.changes.listen(topic, heard.set)

        async def wait() -> None:
            await asyncio.wait_for(heard.wait(), PATIENCE)

        return wait


async def refusal(attempt: Awaitable[object]) -> ErrorCode | None:
    try:
        await attempt
    except Refusal as refused:
        return refused.code
    return None


def _opened(room: str) -> RoomOpened:
    call = Call(f"{fakes.APP}_{room}", fakes.APP, room_string(room), fakes.NOW * 1000)
    return RoomOpened(id=f"opened {room}", call=call, at=call.opened_at, user_id="alice")


class NodesContract:
    """Subclasses give fixtures `where`, the place of an empty database, and `connect`, which gives a process its bus."""

    @pytest.fixture
    async def servers(
        self, where: Where, connect: Connect, clock: fakes.VirtualClock
    ) -> AsyncIterator[tuple[Server, Server]]:
        """Two processes. Time stands still: nothing is seen because time went by."""
        made, tasks = [], []
        for _ in range(2):
            database, bus = Database(where), await connect()
            announcer = Announcer(bus, database.changes, TOLD)
            await announcer.start()
            tasks.append(asyncio.create_task(announcer.run()))
            made.append(Server(Desk(database, clock), bus, announcer))
        await apps_with(made[0].desk.database, clock, fakes.application())
        yield made[0], made[1]
        for task in tasks:
            task.cancel()
        for server in made:
            await server.bus.close()
            await server.desk.database.close()

    async def test_an_application_that_one_disables_is_refused_by_the_other_at_once(
        self, servers: tuple[Server, Server]
    ) -> None:
        one, other = servers
        await other.desk.apps.find(fakes.APP)
        heard = await other.hears("applications")
        await one.desk.register.change(fakes.APP, {"enabled": False}, fakes.ACTOR, expected_revision=None)
        await heard()
        assert await refusal(other.desk.apps.find(fakes.APP)) is ErrorCode.APPLICATION_DISABLED

    async def test_an_api_key_that_one_disables_opens_nothing_at_the_other(
        self, servers: tuple[Server, Server]
    ) -> None:
        one, other = servers
        pair = await one.desk.api_keys.create(fakes.UIN, fakes.ACTOR)
        known = await other.desk.api_keys.secret_of(pair.secret_id)
        assert known is not None
        assert not known.disabled
        heard = await other.hears(KEYS_TOPIC)
        await one.desk.api_keys.disable(pair.secret_id, fakes.ACTOR, expected_revision=None)
        await heard()
        known = await other.desk.api_keys.secret_of(pair.secret_id)
        assert known is not None
        assert known.disabled

    async def test_an_account_that_one_ends_has_no_application_at_the_other(
        self, servers: tuple[Server, Server]
    ) -> None:
        one, other = servers
        await other.desk.apps.find(fakes.APP)
        heard = await other.hears("accounts")
        await one.desk.accounts.terminate(fakes.UIN, fakes.ACTOR, expected_revision=None)
        await heard()
        assert await refusal(other.desk.apps.find(fakes.APP)) is ErrorCode.APPLICATION_DISABLED

    async def test_a_command_tells_every_server(
        self, servers: tuple[Server, Server], connect: Connect
    ) -> None:
        heard = [await server.hears("bans") for server in servers]
        command = await connect()
        await announce(command, {"bans"})
        for wait in heard:
            await wait()
        await command.close()

    async def test_what_is_not_kept_in_memory_is_not_told(self, servers: tuple[Server, Server]) -> None:
        """Claims of webhooks raise their number with every turn of a worker."""
        one, other = servers
        claims: list[str] = []
        other.desk.database.changes.listen("webhook_claims", lambda: claims.append("claims"))
        heard = await other.hears("bans")
        async with one.desk.database.writing() as connection:
            for topic in ("webhook_claims", "bans"):
                await raise_number(connection, topic)
        await heard()
        assert claims == []

    async def test_without_the_bus_a_change_is_made_and_seen_by_looking(
        self, servers: tuple[Server, Server], clock: fakes.VirtualClock
    ) -> None:
        one, other = servers
        await other.desk.apps.find(fakes.APP)
        await one.bus.close()
        await other.bus.close()
        await one.desk.register.change(fakes.APP, {"enabled": False}, fakes.ACTOR, expected_revision=None)
        clock.advance(FRESH_SECONDS)
        assert await refusal(other.desk.apps.find(fakes.APP)) is ErrorCode.APPLICATION_DISABLED

    async def test_a_list_of_bans_is_never_replaced_by_an_older_one(
        self, servers: tuple[Server, Server]
    ) -> None:
        one, other = servers
        mine = Bans(one.desk.database, one.desk.audit, one.desk.clock)
        theirs = Bans(other.desk.database, other.desk.audit, other.desk.clock)
        room = room_string("room")
        for user in ("alice", "bob", "carol"):
            await mine.add(fakes.APP, user, room, actor=fakes.ACTOR)
            await asyncio.gather(*(theirs.refresh() for _ in range(3)))
        assert not await theirs.refresh()
        assert len(await theirs.all()) == 3

    # names

    @pytest.fixture
    async def database(self, where: Where) -> AsyncIterator[Database]:
        database = Database(where)
        yield database
        await database.close()

    async def test_two_live_servers_never_have_one_name(
        self, database: Database, clock: fakes.VirtualClock
    ) -> None:
        first, second = (NodeName(database, clock, "rtc-1", home) for home in ("here", "there"))
        await first.claim()
        for _ in range(10):
            clock.advance(lease.RENEW_SECONDS)
            await first.renew()
            with pytest.raises(StartError) as refused:
                await second.claim()
            assert refused.value.code == "node_name_taken"
        assert await first.is_mine()
        await NodeName(database, clock, "rtc-2", "there").claim()
        assert await alive(database, clock) == {"rtc-1", "rtc-2"}

    async def test_live_servers_have_places_of_their_own_and_one_that_went_has_none(
        self, database: Database, clock: fakes.VirtualClock
    ) -> None:
        servers = [NodeName(database, clock, f"rtc-{at}", f"home {at}") for at in (2, 10, 1)]
        for server in servers:
            await server.claim()
        assert servers[-1].place() == (0, 3), "who starts knows the others at once"
        for server in servers:
            await server.renew()
        assert [server.place() for server in servers] == [(2, 3), (1, 3), (0, 3)]
        await servers[0].release()
        clock.advance(lease.RENEW_SECONDS)
        for server in servers[1:]:
            await server.renew()
        assert [server.place() for server in servers[1:]] == [(1, 2), (0, 2)]

    async def test_of_two_who_start_at_once_one_is_refused(
        self, where: Where, clock: fakes.VirtualClock
    ) -> None:
        databases = [Database(where) for _ in range(4)]
        wanted = [NodeName(one, clock, "rtc-1", f"home {at}") for at, one in enumerate(databases)]
        ended = await asyncio.gather(*(one.claim() for one in wanted), return_exceptions=True)
        assert sum(one is None for one in ended) == 1
        assert sum(isinstance(one, StartError) for one in ended) == 3
        for database in databases:
            await database.close()

    async def test_a_killed_server_that_comes_back_to_its_folder_has_its_name_at_once(
        self, database: Database, clock: fakes.VirtualClock
    ) -> None:
        await NodeName(database, clock, "rtc-1", "here").claim()
        again = NodeName(database, clock, "rtc-1", "here")
        await again.claim()
        await again.renew()
        assert await again.is_mine()

    async def test_the_name_of_a_server_that_is_lost_with_its_folder_is_free_in_the_end(
        self, database: Database, clock: fakes.VirtualClock
    ) -> None:
        lost, new = (NodeName(database, clock, "rtc-1", home) for home in ("burnt", "new"))
        await lost.claim()
        clock.advance(lease.LEASE_SECONDS)
        await new.claim()
        await lost.renew()
        assert not await lost.is_mine()
        assert await new.is_mine()

    async def test_a_name_that_was_given_back_is_free(
        self, database: Database, clock: fakes.VirtualClock
    ) -> None:
        first, second = (NodeName(database, clock, "rtc-1", home) for home in ("here", "there"))
        await first.claim()
        await first.release()
        assert await alive(database, clock) == set()
        await second.claim()
        # What ended gives back nothing that is another's by now.
        await first.release()
        assert await alive(database, clock) == {"rtc-1"}

    async def test_a_copy_of_a_state_folder_is_found_by_who_had_the_name(
        self, database: Database, clock: fakes.VirtualClock
    ) -> None:
        original, copy = (NodeName(database, clock, "rtc-1", "here") for _ in range(2))
        await original.claim()
        await copy.claim()
        await original.renew()
        assert not await original.is_mine()

    async def test_a_server_goes_on_after_the_database_was_away_for_longer_than_its_lease(
        self, database: Database, clock: fakes.VirtualClock
    ) -> None:
        name = NodeName(database, clock, "rtc-1", "here")
        await name.claim()
        clock.advance(10 * lease.LEASE_SECONDS)
        await name.renew()
        assert await name.is_mine()

    async def test_a_server_that_stood_still_writes_nothing_under_a_name_that_another_took(
        self, where: Where, database: Database, clock: fakes.VirtualClock
    ) -> None:
        still, taker = Database(where), database
        names_of = [NodeName(one, clock, "rtc-1", home) for one, home in ((still, "here"), (taker, "there"))]
        registries = [CollectorRegistry(), CollectorRegistry()]
        slept, runs = (
            Ledger(one, clock, LedgerMetrics(registry), node="rtc-1", fence=name.holds)
            for one, name, registry in zip((still, taker), names_of, registries, strict=True)
        )
        await names_of[0].claim()
        await slept.start()
        slept.on_room_event(_opened("before"))
        await slept.flush()
        clock.advance(lease.LEASE_SECONDS)
        await names_of[1].claim()
        assert await runs.recover(Ids()) == 1
        await runs.start()
        told: list[str] = []
        names_of[0].when_lost(lambda: told.append("lost"))
        for event in (_opened("afterwards"), _opened("and again")):
            slept.on_room_event(event)
            await slept.flush()
        runs.on_room_event(_opened("of the other"))
        await runs.flush()
        found = await database.ask(select(calls.c.room, calls.c.closed_at.is_(None)).order_by(calls.c.room))
        assert [tuple(row) for row in found] == [("before", False), ("of the other", True)]
        lost = [
            one.get_sample_value("sealroom_ledger_lost_events_total", {"reason": "name_lost"})
            for one in registries
        ]
        assert lost == [2, 0]
        assert told == ["lost"]
        assert not await names_of[0].is_mine()
        for ledger in (slept, runs):
            await ledger.close()
        await still.close()

    async def test_who_takes_a_name_sees_all_that_was_written_under_it(
        self, where: Where, database: Database, clock: fakes.VirtualClock
    ) -> None:
        other = Database(where)
        first, second = NodeName(database, clock, "rtc-1", "here"), NodeName(other, clock, "rtc-1", "there")
        await first.claim()
        clock.advance(lease.LEASE_SECONDS)
        async with database.writing() as connection:
            assert await first.holds(connection)
            taking = asyncio.create_task(second.claim())
            await asyncio.wait({taking}, timeout=0.2)
            assert not taking.done()
            await keep(connection, [_opened("written")], "rtc-1")
        await taking
        assert len(await other.ask(select(calls.c.id))) == 1
        async with database.writing() as connection:
            assert not await first.holds(connection)
        await other.close()

    # presence

    async def test_who_lost_his_name_says_nothing_more_under_it(
        self, connect: Connect, clock: fakes.VirtualClock
    ) -> None:
        bus = await connect()
        said = Node(version="1", endpoint="wss://taker", api="")
        lost, taker = (Presence(bus, "rtc-1", lambda: said) for _ in range(2))
        await taker.say()
        lost.stop()
        await lost.run()
        await lost.end()
        assert await bus.get(NODES, "rtc-1") == said
        await bus.close()

    async def test_servers_say_what_they_carry_and_that_they_go(
        self, database: Database, connect: Connect, clock: fakes.VirtualClock
    ) -> None:
        bus = await connect()
        for name in ("rtc-1", "rtc-2", "rtc-3"):
            await NodeName(database, clock, name, name).claim()
        said = Node(version="1", endpoint="wss://one", api="https://one", rooms=2, participants=5, since=7)
        presences = [Presence(bus, name, lambda: said) for name in ("rtc-1", "rtc-2")]
        for one in presences:
            await one.say()
        await presences[1].end()
        async with database.writing() as connection:
            await connection.execute(update(names).where(names.c.name == "rtc-3").values(until=0))
        assert await nodes(database, bus, clock) == [
            NodeStatus("rtc-1", NodeState.RUNS, "1", "wss://one", "https://one", 2, 5, 7),
            NodeStatus("rtc-2", NodeState.RUNS),
            NodeStatus("rtc-3", NodeState.GONE),
        ]
        await bus.close()
