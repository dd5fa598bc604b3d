# SPDX-License-Identifier: Apache-2.0
"""What a moderator does, on the packet path of the real engine: the device goes on sending, and nothing of it comes through."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed

from sealroom.accounts.service import AccountSpec
from sealroom.apps.models import ApplicationSpec
from sealroom.audit.events import Actor
from sealroom.core.clock import SystemClock
from sealroom.core.config import Configuration
from sealroom.core.errands import Errands
from sealroom.core.http.address import ListenAddress
from sealroom.core.http.dispatch import Dispatcher
from sealroom.core.ids import Ids
from sealroom.core.metrics import Metrics
from sealroom.core.state import StateDirectory
from sealroom.kept import Kept
from sealroom.listeners import public_limits, public_routes
from sealroom.media.engine import EngineConfig, MediaEngine
from sealroom.media.sdp.answer import Server
from sealroom.media.sockets import SocketListener
from sealroom.rooms.moderation import Moderation
from sealroom.rooms.service import RoomService
from sealroom.signalling.conversation import Services
from sealroom.signalling.endpoint import PATH, SignallingEndpoint
from sealroom.signalling.limits import Gate
from sealroom_wire import signalling
from sealroom_wire.errors import ErrorCode
from sealroom_wire.ids import room_string
from sealroom_wire.signalling import Track
from sealroom_wire.usersig import Privilege
from tests.wire.member import ROOM, Application, Member

KEY = "0123456789abcdef" * 4
APP = 1400000001
WHO = Actor("api_key", "AKIDtest")
HERE = room_string(ROOM)


@dataclass
class Operator:
    """A server in this process, so that a test is its moderator."""

    application: Application
    moderation: Moderation


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[Operator]:
    clock, ids, metrics, configuration = SystemClock(), Ids(), Metrics("test"), Configuration()
    async with AsyncExitStack() as parts:
        kept = await Kept.open(configuration, StateDirectory(tmp_path / "state"), clock, ids)
        parts.push_async_callback(kept.database.close)
        account = await kept.accounts.create(AccountSpec("Tests"), WHO)
        await kept.register.create(
            account.uin, ApplicationSpec("moderated"), WHO, sdk_app_id=APP, secret_key=KEY
        )
        errands = await parts.enter_async_context(Errands())
        engine = MediaEngine.start(
            EngineConfig(bind=("127.0.0.1:0",)), lambda event: rooms.on_engine_event(event)
        )  # fmt: skip
        parts.push_async_callback(engine.close)
        server = Server(engine.fingerprint, tuple(engine.addresses), "1.2")
        rooms = RoomService(
            engine, server, clock=clock, ids=ids, settings=configuration.rooms, errands=errands, metrics=metrics,
            bans=kept.bans,
        )  # fmt: skip
        moderation = Moderation(rooms, kept.bans, kept.database, kept.audit, clock, errands)
        await moderation.start()
        parts.callback(moderation.close)
        settings = configuration.signalling
        endpoint = SignallingEndpoint(Services(kept.apps, rooms, clock, metrics, settings), Gate(settings))
        listener = SocketListener(
            Dispatcher(public_routes(endpoint)),
            ListenAddress("127.0.0.1", 0),
            public_limits(settings),
        )
        parts.push_async_callback(listener.stop)
        parts.callback(rooms.close, ErrorCode.SERVER_BUSY)
        parts.callback(endpoint.close)
        bound = await listener.start()
        yield Operator(Application(f"ws://{bound}{PATH}", APP, KEY), moderation)


async def pair(operator: Operator) -> tuple[Member, Member]:
    """Two connected members: the first sends everything, the second receives it."""
    made = [
        await Member.enter(operator.application, user, index, Privilege.ALL)
        for index, user in enumerate(("first", "second"))
    ]
    first, second = made
    assert isinstance(first, Member)
    assert isinstance(second, Member)
    await asyncio.gather(first.connected(), second.connected())
    for track in Track:
        await first.publish(track)
    for place, track in enumerate((Track.MAIN, Track.SCREEN)):
        await second.bind(first, track, place)
    return first, second


async def until(sender: Member, receiver: Member, *tracks: Track) -> None:
    """The sender pushes everything until 20 more frames of each of these tracks came."""
    receiver.received.clear()
    async with asyncio.timeout(30):
        number = 0
        while any(receiver.received[track.value] < 20 for track in tracks):
            sender.push(number)
            number += 1
            await asyncio.sleep(0.01)
            receiver.collect()


async def end_of(member: Member) -> tuple[signalling.ServerMessage, int]:
    """The last thing that a line says, and its close code."""
    last: list[signalling.ServerMessage] = []
    async with asyncio.timeout(10):
        try:
            while True:
                last.append(msgspec.json.decode(await member.line.recv(), type=signalling.ServerMessage))
        except ConnectionClosed as closed:
            return last[-1], 0 if closed.rcvd is None else closed.rcvd.code


@pytest.mark.parametrize(
    ("what", "gone", "left"),
    [
        ({"audio": True}, (Track.AUDIO,), (Track.MAIN, Track.SCREEN)),
        ({"video": True}, (Track.MAIN, Track.SCREEN), (Track.AUDIO,)),
    ],
)
async def test_what_is_blocked_is_not_forwarded_until_it_is_given_back(
    operator: Operator, what: dict[str, bool], gone: tuple[Track, ...], left: tuple[Track, ...]
) -> None:
    first, second = await pair(operator)
    await until(first, second, *Track)
    await operator.moderation.block(APP, HERE, "first", **what, actor=WHO)
    await asyncio.sleep(0.2)  # what was on its way is there
    second.collect()
    await until(first, second, *left)
    assert all(second.received[track.value] == 0 for track in gone)
    await operator.moderation.block(APP, HERE, "first", audio=False, video=False, actor=WHO)
    await until(first, second, *Track)
    for member in (first, second):
        await member.leave()


async def test_who_is_removed_or_dismissed_is_told_trtcs_reason_and_sends_nothing_more(
    operator: Operator,
) -> None:
    first, second = await pair(operator)
    await until(first, second, *Track)
    await operator.moderation.remove(APP, HERE, ["first"], actor=WHO)
    assert await end_of(first) == (signalling.KickedOut(signalling.KickReason.BANNED), 4409)
    await asyncio.sleep(0.2)
    second.collect()
    second.received.clear()
    for number in range(50):
        first.push(number)
        await asyncio.sleep(0.01)
        second.collect()
    assert not second.received
    await operator.moderation.dismiss(APP, HERE, actor=WHO)
    assert await end_of(second) == (signalling.KickedOut(signalling.KickReason.ROOM_DISBAND), 4409)
    for member in (first, second):
        await member.leave()


async def test_a_banned_user_enters_with_no_token_of_before(operator: Operator) -> None:
    first, second = await pair(operator)
    # Tokens of a member here are as new as his entry: the ban covers a minute that is to come.
    await operator.moderation.ban(APP, "first", HERE, actor=WHO, issued_before=int(time.time()) + 60)
    assert await end_of(first) == (signalling.KickedOut(signalling.KickReason.BANNED), 4409)
    refused = await Member.enter(operator.application, "first", 0, Privilege.ALL)
    assert isinstance(refused, signalling.Refused)
    assert refused.code is ErrorCode.BANNED
    await operator.moderation.lift(APP, "first", HERE, actor=WHO)
    again = await Member.enter(operator.application, "first", 0, Privilege.ALL)
    assert isinstance(again, Member)
    for member in (first, second, again):
        await member.leave()
