# SPDX-License-Identifier: Apache-2.0
"""The whole way, on either database: accounts and their keys, rooms, ledger, store, handlers."""

import asyncio
import datetime as dt
import json
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from sealroom.accounts.signatures import Signatures
from sealroom.app import catalogue
from sealroom.catalogue import Document
from sealroom.core.config.schema import RoomSettings
from sealroom.core.db import Database
from sealroom.core.db.target import Where
from sealroom.core.errands import Errands
from sealroom.core.ids import Ids
from sealroom.core.metrics import Metrics
from sealroom.core.records.sqlite import SqliteRecords
from sealroom.quality.relay import HistoryMetrics, HistoryRelay
from sealroom.rooms.bans import Bans
from sealroom.rooms.ledger import Ledger, LedgerMetrics
from sealroom.rooms.moderation import Moderation
from sealroom.rooms.service import RoomService
from sealroom.trtc_api.endpoint import application
from sealroom.trtc_api.history import CallId
from sealroom.trtc_api.parameters import Page, Window
from sealroom.trtc_api.reading.book import LedgerBook
from sealroom.trtc_api.reading.metered import MeteredUsage
from sealroom.trtc_api.reading.numbers import RecordedNumbers
from sealroom.trtc_api.reading.past import RecordedHistory
from sealroom.usage.meter import Meter
from sealroom.usage.models import KINDS, meters
from sealroom.usage.service import UsageService
from sealroom_wire import signalling
from sealroom_wire.ids import room_number, room_string
from sealroom_wire.signalling import KickReason, Track
from server.tests import fakes, offers
from server.tests.administration import Desk, apps_with
from server.tests.conftest import House
from server.tests.fakes import NOW
from server.tests.trtc_api.parts import APP, World

ALL = Page(0, 100)


@dataclass
class Keeper:
    """Writes at once what the journal would write a moment later."""

    records: SqliteRecords

    def put(self, documents: Sequence[Document]) -> None:
        raise AssertionError("nothing here is sampled")

    async def put_durable(self, documents: Sequence[Document]) -> None:
        await self.records.write(documents, wait=True)


@dataclass
class Whole:
    """Rooms whose history is told by the API."""

    house: House
    ledger: Ledger
    history: HistoryRelay
    world: World
    book: LedgerBook
    desk: Desk
    meter: Meter
    database: Database

    async def flush(self) -> None:
        """All that happened is told of."""
        await self.ledger.flush()
        await self.history.flush()


class WholeContract:
    """Subclasses give a fixture `where` with the place of an empty database."""

    @pytest.fixture
    async def whole(
        self, where: Where, engine: fakes.FakeEngine, clock: fakes.VirtualClock, errands: Errands, metrics: Metrics, tmp_path: Path
    ) -> AsyncIterator[Whole]:  # fmt: skip
        database = Database(where)
        desk = Desk(database, clock)
        await apps_with(database, clock, fakes.application())
        key = await desk.api_keys.create(fakes.UIN, fakes.ACTOR)
        records = SqliteRecords(tmp_path / "records.db", catalogue(), "sg")
        await records.prepare()
        bans = Bans(database, desk.audit, clock)
        history = HistoryRelay(
            database, Keeper(records), catalogue(), clock, HistoryMetrics(metrics.registry)
        )
        await history.start()
        ledger = Ledger(
            database, clock, LedgerMetrics(metrics.registry), writers=(history.write,), committed=(history.committed,)
        )  # fmt: skip
        await ledger.start()
        meter = Meter(database, clock)
        rooms = RoomService(
            engine, offers.SERVER, clock=clock, ids=Ids(random.Random(1)), settings=RoomSettings(), errands=errands, metrics=metrics,
            listeners=(ledger, meter), bans=bans,
        )  # fmt: skip
        moderation = Moderation(rooms, bans, database, desk.audit, clock, errands)
        await moderation.start()
        book = LedgerBook(database)
        world = World(clock, pair=(key.secret_id, key.secret_key))
        world.api = application(
            keys=desk.api_keys, applications=desk.apps, signatures=Signatures(database, clock), rooms=moderation, past=RecordedHistory(records, book, clock),
            numbers=RecordedNumbers(records, clock), meters=MeteredUsage(UsageService(database, clock)), clock=clock, metrics=Metrics("test"),
        )  # fmt: skip
        yield Whole(House(rooms), ledger, history, world, book, desk, meter, database)
        moderation.close()
        while errands.running:
            await asyncio.wait(errands.running)
        await ledger.close()
        await history.close()
        await records.close()
        await database.close()

    async def test_a_call_is_told_as_it_was(self, whole: Whole, clock: fakes.VirtualClock) -> None:
        rooms = whole.house.rooms
        alice, _, _ = await whole.house.enter("alice", room=room_string("a_b"))
        clock.advance(5)
        bob, _, _ = await whole.house.enter("bob", room=room_string("a_b"))
        await rooms.publish(alice, Track.MAIN, muted=False)
        clock.advance(5)
        rooms.leave(alice)
        await whole.flush()

        span: dict[str, Any] = {"SdkAppId": APP, "StartTime": NOW - 60, "EndTime": NOW + 60}
        found = await whole.world.call("DescribeRoomInfo", span)
        assert found["RoomList"] == [
            {
                "CommId": f"{APP}_a_b_{NOW}", "RoomString": "a_b", "CreateTime": NOW, "DestroyTime": NOW + 10, "IsFinished": False,
                "UserId": "alice",
            }
        ]  # fmt: skip
        span["CommId"] = found["RoomList"][0]["CommId"]
        users = (await whole.world.call("DescribeUserInfo", span))["UserList"]
        assert [(one["UserId"], one["JoinTs"], one["LeaveTs"], one["Finished"]) for one in users] == [
            ("alice", NOW, NOW + 10, True), ("bob", NOW + 5, NOW + 10, False),
        ]  # fmt: skip
        assert users[0]["SdkVersion"] == "1.2.3"
        assert users[0]["ClientIp"] == "192.0.2.5"
        events = await whole.world.call("DescribeUserEvent", span | {"UserId": "alice", "RoomId": "a_b"})
        (own,) = events["Data"]
        assert own["PeerId"] == "alice"
        assert [(one["EventId"], one["ParamOne"]) for one in own["Content"]] == [
            (7000, 0), (32768, -1), (7001, 0),
        ]  # fmt: skip

        clock.advance(10)
        rooms.leave(bob)
        await whole.flush()
        over = (await whole.world.call("DescribeRoomInfo", {k: v for k, v in span.items() if k != "CommId"}))[
            "RoomList"
        ][0]
        assert (over["DestroyTime"], over["IsFinished"]) == (NOW + 20, True)

    async def test_calls_of_a_span_are_those_that_were_going_on(
        self, whole: Whole, clock: fakes.VirtualClock
    ) -> None:
        rooms = whole.house.rooms
        for room, seconds in (("early", 100), ("middle", 100), ("late", 100)):
            someone, _, _ = await whole.house.enter("alice", room=room_string(room))
            clock.advance(seconds)
            rooms.leave(someone)
        await whole.house.enter("bob", room=room_number(7))
        await whole.house.enter("carol", room=room_string("7"))
        await whole.flush()

        async def of(start: int, end: int, room: str | None = None, wanted: Page = ALL) -> list[str]:
            span = Window(NOW + start, NOW + end)
            return [call.id.room for call in await whole.book.calls(APP, span, room=room, wanted=wanted)]

        assert await of(0, 1000) == ["7", "7", "late", "middle", "early"]
        assert await of(150, 160) == ["middle"]
        assert await of(100, 160) == ["middle", "early"]
        assert await of(-100, -1) == []
        assert await of(0, 1000, room="7") == ["7", "7"]
        assert await of(0, 1000, wanted=Page(1, 2)) == ["7", "late"]
        assert await whole.book.calls(APP + 1, Window(NOW, NOW + 1000), room=None, wanted=ALL) == []
        calls = await whole.book.calls(APP, Window(NOW + 300, NOW + 1000), room="7", wanted=ALL)
        # A number and a text that read the same began in one second: their ids differ all the same.
        assert len({str(call.id) for call in calls}) == 2
        for call in calls:
            assert await whole.book.call(call.id) == call
            assert {call.id.created - NOW} <= {300, 301}
        assert await whole.book.call(CallId(APP, "7", NOW)) is None
        assert await whole.book.call(CallId(APP + 1, "late", NOW + 200)) is None

    async def test_a_key_opens_what_is_its_account_s_until_it_is_switched_off(
        self, whole: Whole, clock: fakes.VirtualClock
    ) -> None:
        span = {"SdkAppId": APP, "StartTime": NOW - 60, "EndTime": NOW}
        assert await whole.world.code("DescribeRoomInfo", span) == ""
        assert await whole.world.code("DescribeRoomInfo", span | {"SdkAppId": APP + 1}) == (
            "FailedOperation.SdkAppIdNotUnderAppId"
        )
        (status,) = await whole.desk.api_keys.of(fakes.UIN)
        assert str(status.last_used_day) == "2027-01-15"
        assert await whole.world.code("DescribeRoomInfo", span, secret_key="guess") == (
            "AuthFailure.SignatureFailure"
        )
        await whole.desk.api_keys.disable(status.secret_id, fakes.ACTOR, expected_revision=None)
        clock.advance(1)
        assert await whole.world.code("DescribeRoomInfo", span) == "AuthFailure.SecretIdNotFound"

    async def test_the_key_of_an_account_that_has_ended_opens_nothing(
        self, whole: Whole, clock: fakes.VirtualClock
    ) -> None:
        span = {"SdkAppId": APP, "StartTime": NOW - 60, "EndTime": NOW}
        assert await whole.world.code("DescribeRoomInfo", span) == ""
        await whole.desk.accounts.terminate(fakes.UIN, fakes.ACTOR, expected_revision=None)
        clock.advance(1)
        assert await whole.world.code("DescribeRoomInfo", span) == "AuthFailure.SecretIdNotFound"

    async def test_moderators_reach_the_people_in_the_room(self, whole: Whole) -> None:
        world = whole.world
        _, alice, _ = await whole.house.enter("alice", room=room_number(1234))
        _, bob, _ = await whole.house.enter("bob", room=room_number(1234))
        _, other, _ = await whole.house.enter("alice", room=room_string("1234"))
        room = {"SdkAppId": APP, "RoomId": 1234}
        assert await world.code("SetUserBlocked", room | {"UserId": "bob", "IsMute": 2}) == ""
        assert await world.code("SetUserBlocked", room | {"UserId": "zoe", "IsMute": 2}) == (
            "FailedOperation.UserNotExist"
        )
        assert await world.code("RemoveUser", room | {"UserIds": ["alice", "zoe"]}) == ""
        assert signalling.KickedOut(KickReason.BANNED) in alice.told
        assert bob.ended is None
        assert await world.code("DismissRoom", room) == ""
        assert signalling.KickedOut(KickReason.ROOM_DISBAND) in bob.told
        assert other.ended is None, "a room of the same text is another room"
        assert await world.code("DismissRoom", room | {"RoomId": 9999}) == "FailedOperation.RoomNotExist"
        assert await world.code("RemoveUserByStrRoomId", room | {"RoomId": "x", "UserIds": ["alice"]}) == (
            "FailedOperation.RoomNotExist"
        )
        # Who did it is in the audit log by the name of the key.
        acts = [entry async for entry in whole.desk.audit.entries() if entry.actor.startswith("api_key:")]
        assert [(one.event, one.actor) for one in acts] == [
            ("user_blocked", f"api_key:{world.pair[0]}"), ("user_removed", f"api_key:{world.pair[0]}"),
            ("user_removed", f"api_key:{world.pair[0]}"), ("room_dismissed", f"api_key:{world.pair[0]}"),
        ]  # fmt: skip
        assert json.loads(acts[0].payload or "")["user"] == "bob"

    async def test_what_was_used_is_told_as_minutes_and_by_room(
        self, whole: Whole, engine: fakes.FakeEngine, clock: fakes.VirtualClock
    ) -> None:
        await whole.house.enter("alice")
        await whole.house.enter("bob")
        for _ in range(45):
            clock.advance(2)
            engine.pass_time(2)
            whole.meter.on_measures(await engine.all_measures(), int(clock.unix() * 1000))
        await whole.meter.write()
        day = dt.datetime.fromtimestamp(NOW, dt.UTC).date()
        one_day = {"SdkAppId": APP, "StartTime": str(day), "EndTime": str(day)}
        steps = await whole.world.call("DescribeTrtcUsage", one_day)
        (step,) = steps["UsageList"]
        assert step["TimeKey"] == f"{day} 08:00:00"
        assert step["UsageValue"] == [3.0, 0, 0, 0, 0, 0]
        days = {"StartTime": str(day - dt.timedelta(days=5)), "EndTime": str(day)}
        (total,) = (await whole.world.call("DescribeTrtcUsage", days))["UsageList"]
        assert (total["TimeKey"], total["UsageValue"]) == (f"{day} 00:00:00", [3.0, 0, 0, 0, 0, 0])
        span = {"SdkAppid": APP, "StartTime": f"{day} 08:00", "EndTime": f"{day} 08:05"}
        assert (await whole.world.call("DescribeTrtcRoomUsage", span))["Data"].splitlines()[1:] == [
            "room,180,0,0,0,0,0"
        ]
        recorded = await whole.world.call("DescribeRecordingUsage", one_day | {"MixType": "single"})
        assert recorded["UsageList"] == []

    async def test_each_class_of_video_has_trtc_s_key(self, whole: Whole) -> None:
        row = {"stay": "x", "bucket": NOW * 1000 // 300_000 * 300_000, "sdk_app_id": APP, "room": "r"}
        async with whole.database.writing() as connection:
            await connection.execute(
                insert(meters).values(row | {kind: 60_000 * 2**at for at, kind in enumerate(KINDS)})
            )
        day = dt.datetime.fromtimestamp(NOW, dt.UTC).date()
        answer = await whole.world.call("DescribeTrtcUsage", {"StartTime": str(day), "EndTime": str(day)})
        assert dict(zip(answer["UsageKey"], answer["UsageList"][0]["UsageValue"], strict=True)) == {
            "Audio": 1, "SD": 2 + 64, "HD": 4, "FullHD": 8, "2K": 16, "4K": 32,
        }  # fmt: skip
