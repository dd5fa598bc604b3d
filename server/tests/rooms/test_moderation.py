# SPDX-License-Identifier: Apache-2.0
"""What moderators do, whom they do it to, what that one and the others are told, and what the log says of it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence

import pytest
from sqlalchemy import Row, Select

from sealroom.audit.events import Actor
from sealroom.audit.service import AuditLog
from sealroom.core.config.schema import RoomSettings
from sealroom.core.db import Database
from sealroom.core.errands import Errands
from sealroom.core.ids import Ids
from sealroom.core.metrics import Metrics
from sealroom.media.session import Session
from sealroom.rooms import events
from sealroom.rooms.bans import Bans
from sealroom.rooms.events import CloseReason, ExitReason
from sealroom.rooms.moderation import Moderation
from sealroom.rooms.service import RoomService
from sealroom_wire import signalling
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.ids import room_number, room_string
from sealroom_wire.signalling import KickReason, LeaveReason, Role, Scene, Track
from sealroom_wire.usersig import Privilege
from server.tests import offers
from server.tests.conftest import ROOM, House
from server.tests.fakes import APP, NOW, FakeEngine, FakeLine, Listening, VirtualClock, audit

KEY = Actor("api_key", "AKIDtest")
OTHER = room_string("other")


@pytest.fixture
def log(database: Database) -> AuditLog:
    return audit(database)


@pytest.fixture
def bans(database: Database, log: AuditLog, clock: VirtualClock) -> Bans:
    return Bans(database, log, clock)


@pytest.fixture
def rooms(
    engine: FakeEngine,
    clock: VirtualClock,
    errands: Errands,
    metrics: Metrics,
    listening: Listening,
    bans: Bans,
) -> RoomService:
    return RoomService(
        engine, offers.SERVER, clock=clock, ids=Ids(), settings=RoomSettings(), errands=errands, metrics=metrics,
        listeners=(listening,), bans=bans,
    )  # fmt: skip


@pytest.fixture
async def moderation(
    rooms: RoomService, bans: Bans, database: Database, log: AuditLog, clock: VirtualClock, errands: Errands
) -> AsyncIterator[Moderation]:
    moderation = Moderation(rooms, bans, database, log, clock, errands)
    await moderation.start()
    yield moderation
    moderation.close()
    while errands.running:
        await asyncio.wait(errands.running)


async def refusal(attempt: Awaitable[object]) -> ErrorCode:
    with pytest.raises(Refusal) as caught:
        await attempt
    return caught.value.code


async def written(log: AuditLog) -> list[tuple[str, str, str, dict[str, object]]]:
    return [
        (entry.event, entry.actor, entry.target, json.loads(entry.payload or "{}"))
        async for entry in log.entries()
    ]


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def rights(engine: FakeEngine, peer: int) -> Privilege:
    return Privilege(engine.peers[peer].session.rights)


# dismissing


async def test_a_dismissed_call_ends_for_everybody(
    house: House, moderation: Moderation, listening: Listening, engine: FakeEngine, log: AuditLog
) -> None:
    lines = [(await house.enter(user))[1] for user in ("alice", "bob")]
    listening.take()
    await moderation.dismiss(APP, ROOM, actor=KEY)
    for line in lines:
        assert line.told[-1] == signalling.KickedOut(KickReason.ROOM_DISBAND)
        assert line.ended is ErrorCode.ROOM_DISMISSED
    told = listening.take()
    assert [type(event) for event in told] == [
        events.ParticipantLeft,
        events.ParticipantLeft,
        events.RoomClosed,
    ]
    assert isinstance(told[0], events.ParticipantLeft)
    assert told[0].reason is ExitReason.REMOVED
    assert isinstance(told[-1], events.RoomClosed)
    assert told[-1].reason is CloseReason.DISMISSED
    await settled()
    assert engine.rooms == {}
    assert await written(log) == [
        ("room_dismissed", "api_key:AKIDtest", f"application {APP}", {"room": "string:room"})
    ]


async def test_a_dismissed_room_may_be_entered_again_and_is_another_call(
    house: House, moderation: Moderation, listening: Listening
) -> None:
    await house.enter("alice")
    (opened, *_) = listening.take()
    await moderation.dismiss(APP, ROOM, actor=KEY)
    listening.take()
    await house.enter("alice")
    (again, *_) = listening.take()
    assert again.call.id != opened.call.id


async def test_an_empty_live_room_that_lingers_is_dismissed_at_once(
    house: House, moderation: Moderation, listening: Listening, clock: VirtualClock
) -> None:
    fan, _, _ = await house.enter("fan", scene=Scene.LIVE, role=Role.AUDIENCE)
    await house.enter("other", scene=Scene.LIVE, role=Role.AUDIENCE)
    house.rooms.leave(fan)
    await moderation.dismiss(APP, ROOM, actor=KEY)
    assert isinstance(listening.take()[-1], events.RoomClosed)
    clock.advance(700)
    assert listening.take() == []


async def test_there_is_nothing_to_dismiss(house: House, moderation: Moderation, log: AuditLog) -> None:
    await house.enter("alice", room=room_number(7))
    for room in (ROOM, room_string("7")):
        assert await refusal(moderation.dismiss(APP, room, actor=KEY)) is ErrorCode.ROOM_UNKNOWN
    assert await refusal(moderation.dismiss(APP + 1, room_number(7), actor=KEY)) is ErrorCode.ROOM_UNKNOWN
    assert await written(log) == []


# removing


async def test_a_removed_user_is_told_so_and_may_enter_again(
    house: House, moderation: Moderation, listening: Listening, log: AuditLog
) -> None:
    _, bobs, _ = await house.enter("bob")
    alice, line, _ = await house.enter("alice")
    bobs.take()
    assert await moderation.remove(APP, ROOM, ["alice", "nobody", "alice"], actor=KEY) == ("alice",)
    assert line.told[-1] == signalling.KickedOut(KickReason.BANNED)
    assert line.ended is ErrorCode.REMOVED_FROM_ROOM
    assert bobs.take() == [signalling.ParticipantLeft("alice", LeaveReason.KICKED)]
    assert alice.gone
    await house.enter("alice")
    assert [(entry[0], entry[3]["user"]) for entry in await written(log)] == [
        ("user_removed", "alice"), ("user_removed", "nobody"), ("user_removed", "alice"),
    ]  # fmt: skip


async def test_whoever_waits_to_come_back_is_removed_too(
    house: House, moderation: Moderation, clock: VirtualClock
) -> None:
    alice, line, _ = await house.enter("alice")
    await house.enter("bob")
    house.rooms.line_lost(alice, line)
    assert await moderation.remove(APP, ROOM, ["alice"], actor=KEY) == ("alice",)
    assert alice.gone
    clock.advance(100)


@pytest.mark.parametrize("count", [0, 11])
async def test_one_request_removes_one_to_ten(house: House, moderation: Moderation, count: int) -> None:
    await house.enter("alice")
    users = [f"user{number}" for number in range(count)]
    assert await refusal(moderation.remove(APP, ROOM, users, actor=KEY)) is ErrorCode.TOO_MANY_USERS


async def test_who_is_removed_while_he_enters_does_not_get_in(
    house: House, moderation: Moderation, engine: FakeEngine, listening: Listening
) -> None:
    await house.enter("bob")
    listening.take()
    removing: list[asyncio.Task[object]] = []
    original = engine.add_peer

    async def slow(room: int, peer: int, session: Session, *, muted: Iterable[Track] = ()) -> None:
        await original(room, peer, session, muted=muted)
        removing.append(asyncio.ensure_future(moderation.remove(APP, ROOM, ["alice"], actor=KEY)))
        await asyncio.wait(removing)

    engine.add_peer = slow  # type: ignore[method-assign]
    line = FakeLine()
    assert await refusal(house.enter("alice", line=line)) is ErrorCode.REMOVED_FROM_ROOM
    assert line.told == [signalling.KickedOut(KickReason.BANNED)]
    assert await removing[0] == ("alice",)
    assert listening.take() == []  # he never was in
    await settled()
    assert len(engine.peers) == 1


async def test_a_call_dismissed_while_its_first_one_enters_never_was(
    house: House, moderation: Moderation, engine: FakeEngine, listening: Listening
) -> None:
    original = engine.add_room
    dismissing: list[asyncio.Task[object]] = []

    async def slow(room: int, *, sealing_required: bool) -> None:
        await original(room, sealing_required=sealing_required)
        dismissing.append(asyncio.ensure_future(moderation.dismiss(APP, ROOM, actor=KEY)))
        await asyncio.wait(dismissing)

    engine.add_room = slow  # type: ignore[method-assign]
    assert await refusal(house.enter("alice")) is ErrorCode.ROOM_DISMISSED
    await settled()
    assert engine.rooms == {}
    assert engine.peers == {}
    assert listening.take() == []


# blocking


async def test_a_blocked_user_has_no_right_to_send_and_everybody_is_told(
    house: House, moderation: Moderation, engine: FakeEngine, listening: Listening, log: AuditLog
) -> None:
    alice, line, _ = await house.enter("alice")
    _, bobs, _ = await house.enter("bob")
    await house.rooms.publish(alice, Track.AUDIO, muted=False)
    await house.rooms.publish(alice, Track.MAIN, muted=True)
    bobs.take()
    line.take()
    listening.take()
    await moderation.block(APP, ROOM, "alice", audio=True, actor=KEY)
    assert Privilege.SEND_AUDIO not in rights(engine, alice.peer)
    assert Privilege.SEND_VIDEO in rights(engine, alice.peer)
    assert bobs.take() == [signalling.TrackMuted("alice", Track.AUDIO, True)]
    assert line.take() == [signalling.Blocked(audio=True, video=False)]
    (blocked,) = listening.take()
    assert isinstance(blocked, events.ParticipantBlocked)
    assert (blocked.user_id, blocked.audio, blocked.video) == ("alice", True, False)

    await moderation.block(APP, ROOM, "alice", audio=None, video=True, actor=KEY)
    sends = Privilege.SEND_AUDIO | Privilege.SEND_VIDEO | Privilege.SEND_SCREEN
    assert not rights(engine, alice.peer) & sends
    assert bobs.take() == []  # her camera was muted already

    await moderation.block(APP, ROOM, "alice", audio=False, video=False, actor=KEY)
    assert rights(engine, alice.peer) == Privilege.ALL
    assert bobs.take() == [signalling.TrackMuted("alice", Track.AUDIO, False)]
    assert [entry[3] for entry in await written(log)][:2] == [
        {"room": "string:room", "user": "alice", "audio": 1},
        {"room": "string:room", "user": "alice", "video": 1},
    ]


async def test_a_blocked_user_publishes_and_mutes_unheard(
    house: House, moderation: Moderation, engine: FakeEngine
) -> None:
    alice, _, _ = await house.enter("alice")
    _, bobs, _ = await house.enter("bob")
    bobs.take()
    await moderation.block(APP, ROOM, "alice", audio=True, actor=KEY)
    await house.rooms.publish(alice, Track.AUDIO, muted=False)
    assert bobs.take() == [signalling.TrackPublished("alice", Track.AUDIO, True)]
    _, _, others = await house.enter("carol")
    assert (
        signalling.PublishedTrack(Track.AUDIO, True) in next(o for o in others if o.user_id == "alice").tracks
    )
    bobs.take()
    await house.rooms.mute(alice, Track.AUDIO, muted=True)
    await moderation.block(APP, ROOM, "alice", audio=False, actor=KEY)
    assert bobs.take() == []  # her own mute holds
    await house.rooms.mute(alice, Track.AUDIO, muted=False)
    assert bobs.take() == [signalling.TrackMuted("alice", Track.AUDIO, False)]


async def test_entering_again_and_offering_again_give_nothing_back(
    house: House, moderation: Moderation, engine: FakeEngine
) -> None:
    await house.enter("bob")
    alice, _, _ = await house.enter("alice")
    await moderation.block(APP, ROOM, "alice", video=True, actor=KEY)
    await house.rooms.offer(alice, offers.offer(video=4))
    assert Privilege.SEND_VIDEO not in rights(engine, alice.peer)
    house.rooms.leave(alice)
    alice, line, _ = await house.enter("alice")
    assert Privilege.SEND_SCREEN not in rights(engine, alice.peer)
    house.rooms.welcome(alice)
    assert line.take() == [signalling.Blocked(audio=False, video=True)]


async def test_who_left_can_be_given_it_back(
    house: House, moderation: Moderation, engine: FakeEngine
) -> None:
    await house.enter("bob")
    alice, _, _ = await house.enter("alice")
    await moderation.block(APP, ROOM, "alice", video=True, actor=KEY)
    house.rooms.leave(alice)
    await moderation.block(APP, ROOM, "alice", video=False, actor=KEY)
    alice, _, _ = await house.enter("alice")
    assert rights(engine, alice.peer) == Privilege.ALL


async def test_a_block_ends_with_the_call(house: House, moderation: Moderation, engine: FakeEngine) -> None:
    alice, _, _ = await house.enter("alice")
    await moderation.block(APP, ROOM, "alice", audio=True, actor=KEY)
    house.rooms.leave(alice)
    alice, _, _ = await house.enter("alice")
    assert rights(engine, alice.peer) == Privilege.ALL


async def test_who_is_blocked_while_he_enters_is_blocked(
    house: House, moderation: Moderation, engine: FakeEngine
) -> None:
    """Before the engine knows him, it cannot be told to take a right."""
    original = engine.add_room

    async def slow(room: int, *, sealing_required: bool) -> None:
        await moderation.block(APP, ROOM, "alice", audio=True, actor=KEY)
        await original(room, sealing_required=sealing_required)

    engine.add_room = slow  # type: ignore[method-assign]
    alice, line, _ = await house.enter("alice")
    assert Privilege.SEND_AUDIO not in rights(engine, alice.peer)
    house.rooms.welcome(alice)
    assert line.take() == [signalling.Blocked(audio=True, video=False)]


async def test_what_the_engine_failed_to_do_is_done_by_the_same_request_again(
    house: House, moderation: Moderation, engine: FakeEngine
) -> None:
    alice, line, _ = await house.enter("alice")
    engine.fail_next = "engine_hangs"
    code = await refusal(moderation.block(APP, ROOM, "alice", audio=True, actor=KEY))
    assert code is ErrorCode.ENGINE_FAILED
    assert Privilege.SEND_AUDIO in rights(engine, alice.peer)
    await moderation.block(APP, ROOM, "alice", audio=True, actor=KEY)
    assert Privilege.SEND_AUDIO not in rights(engine, alice.peer)
    assert len(line.take()) == 1


async def test_nobody_is_blocked_who_is_not_there(house: House, moderation: Moderation) -> None:
    await house.enter("alice")
    attempt = moderation.block(APP, ROOM, "bob", audio=True, actor=KEY)
    assert await refusal(attempt) is ErrorCode.USER_NOT_IN_ROOM
    attempt = moderation.block(APP, OTHER, "alice", audio=True, actor=KEY)
    assert await refusal(attempt) is ErrorCode.ROOM_UNKNOWN


async def test_the_audience_stays_without_rights_when_a_block_ends(
    house: House, moderation: Moderation, engine: FakeEngine
) -> None:
    fan, _, _ = await house.enter("fan", scene=Scene.LIVE, role=Role.AUDIENCE)
    for audio in (True, False):
        await moderation.block(APP, ROOM, "fan", audio=audio, actor=KEY)
    assert not rights(engine, fan.peer) & Privilege.SEND_AUDIO


# bans


async def test_a_ban_puts_out_and_keeps_out_until_there_are_newer_tokens(
    house: House, moderation: Moderation, log: AuditLog
) -> None:
    _, line, _ = await house.enter("alice", issued_at=NOW)
    await house.enter("bob", issued_at=NOW)
    ban = await moderation.ban(APP, "alice", ROOM, actor=KEY)
    assert ban.issued_before == NOW + 1
    assert line.told[-1] == signalling.KickedOut(KickReason.BANNED)
    assert line.ended is ErrorCode.BANNED
    assert await refusal(house.enter("alice", issued_at=NOW)) is ErrorCode.BANNED
    await house.enter("alice", room=OTHER, issued_at=NOW)
    await house.enter("alice", sdk_app_id=APP + 1, issued_at=NOW)
    await house.enter("alice", issued_at=NOW + 1)
    assert (await written(log))[0][3] == {
        "room": "string:room", "user": "alice", "issued_before": NOW + 1,
    }  # fmt: skip


async def test_a_ban_of_the_application_holds_in_every_room(house: House, moderation: Moderation) -> None:
    _, line, _ = await house.enter("alice", issued_at=NOW)
    _, other, _ = await house.enter("alice", room=OTHER, issued_at=NOW)
    await moderation.ban(APP, "alice", None, actor=KEY)
    assert line.ended is other.ended is ErrorCode.BANNED
    for room in (ROOM, OTHER, room_number(5)):
        assert await refusal(house.enter("alice", room=room, issued_at=NOW)) is ErrorCode.BANNED


async def test_a_ban_is_lifted(house: House, moderation: Moderation, log: AuditLog) -> None:
    await moderation.ban(APP, "alice", ROOM, actor=KEY)
    assert not await moderation.lift(APP, "alice", None, actor=KEY)
    assert await moderation.lift(APP, "alice", ROOM, actor=KEY)
    assert not await moderation.lift(APP, "alice", ROOM, actor=KEY)
    await house.enter("alice", issued_at=NOW)
    assert [entry[0] for entry in await written(log)] == ["user_banned", "ban_lifted"]


async def test_a_later_ban_with_an_earlier_moment_moves_nothing_back(
    house: House, moderation: Moderation
) -> None:
    await moderation.ban(APP, "alice", ROOM, actor=KEY)
    await moderation.ban(APP, "alice", ROOM, actor=KEY, issued_before=NOW - 100)
    assert await refusal(house.enter("alice", issued_at=NOW)) is ErrorCode.BANNED


async def test_a_ban_that_another_process_made_is_seen_within_two_seconds(
    house: House,
    moderation: Moderation,
    database: Database,
    log: AuditLog,
    clock: VirtualClock,
    errands: Errands,
) -> None:
    _, line, _ = await house.enter("alice", issued_at=NOW)
    await Bans(database, log, clock).add(APP, "alice", ROOM, actor=Actor("cli", "root"))
    clock.advance(1)
    await asyncio.wait(errands.running)
    assert line.ended is ErrorCode.BANNED


async def test_a_ban_of_another_process_that_is_heard_of_is_not_waited_for(
    house: House,
    moderation: Moderation,
    database: Database,
    log: AuditLog,
    clock: VirtualClock,
    errands: Errands,
) -> None:
    """Time stands still."""
    _, line, _ = await house.enter("alice", issued_at=NOW)
    await Bans(database, log, clock).add(APP, "alice", ROOM, actor=Actor("cli", "root"))
    database.changes.heard("bans")
    await asyncio.wait(errands.running)
    assert line.ended is ErrorCode.BANNED
    moderation.close()
    database.changes.heard("bans")
    assert not errands.running


async def test_many_changes_that_are_heard_of_are_looked_for_together(
    moderation: Moderation, database: Database, errands: Errands
) -> None:
    """As of a list that is read in, or of somebody who says it for ever."""
    await moderation.start()
    asked, ask = 0, database.ask

    async def counting(statement: Select[int]) -> Sequence[Row[int]]:
        nonlocal asked
        asked += 1
        return await ask(statement)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(database, "ask", counting)
        for _ in range(1000):
            database.changes.heard("bans")
        assert len(errands.running) == 1
        while errands.running:
            await asyncio.wait(errands.running)
    assert asked == 1
    moderation.close()


async def test_who_is_banned_while_he_enters_does_not_get_in(
    house: House, moderation: Moderation, engine: FakeEngine
) -> None:
    original = engine.add_peer

    async def slow(room: int, peer: int, session: Session, *, muted: Iterable[Track] = ()) -> None:
        await moderation.ban(APP, "alice", None, actor=KEY)
        await original(room, peer, session, muted=muted)

    engine.add_peer = slow  # type: ignore[method-assign]
    assert await refusal(house.enter("alice", issued_at=NOW)) is ErrorCode.BANNED
    await settled()
    assert engine.peers == {}


async def test_what_cannot_be_written_down_is_not_done(
    house: House, moderation: Moderation, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, line, _ = await house.enter("alice", issued_at=NOW)

    def broken() -> object:
        raise OSError("disk full")

    monkeypatch.setattr(database, "writing", broken)
    for act in (
        moderation.dismiss(APP, ROOM, actor=KEY),
        moderation.remove(APP, ROOM, ["alice"], actor=KEY),
        moderation.block(APP, ROOM, "alice", audio=True, actor=KEY),
        moderation.ban(APP, "alice", ROOM, actor=KEY),
    ):
        with pytest.raises(OSError, match="disk full"):
            await act
    assert line.ended is None
    assert line.told == []
