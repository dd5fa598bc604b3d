# SPDX-License-Identifier: Apache-2.0
"""A client against an operator that does not play along: it ends with a reason, and never sends in clear."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
import pytest
from websockets.asyncio.server import ServerConnection, serve

from customer.tests.desk import APP, ROOM
from sealroom_customer.client import (
    Client,
    ClientFault,
    Closed,
    Entry,
    Frame,
    FrameRefused,
    TrackAppeared,
    TrackGone,
)
from sealroom_customer.client.client import _Slot
from sealroom_wire import signalling
from sealroom_wire.authority import Member, MemberRole
from sealroom_wire.errors import ErrorCode
from sealroom_wire.signalling import ClientMessage, Enter, Refused

Behaviour = Callable[[ServerConnection, Enter], Awaitable[None]]


@contextlib.asynccontextmanager
async def operator(behave: Behaviour) -> AsyncIterator[str]:
    """An operator that answers `enter` as told."""

    async def handle(line: ServerConnection) -> None:
        enter = msgspec.json.decode(await line.recv(), type=ClientMessage)
        assert isinstance(enter, Enter)
        await behave(line, enter)

    async with serve(handle, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"ws://127.0.0.1:{port}/"


async def no_grant() -> str:
    await asyncio.Event().wait()
    return ""


def entry(url: str) -> Entry:
    return Entry(url, APP, "alice", "user-sig-that-is-secret", ROOM, "ws://127.0.0.1:9/", no_grant)


async def fault_of(behave: Behaviour) -> ClientFault:
    async with operator(behave) as url:
        with pytest.raises(ClientFault) as caught:
            async with asyncio.timeout(10), Client.enter(entry(url)):
                raise AssertionError("it got in")
    assert caught.value.action
    return caught.value


async def test_a_refusal_of_the_operator_is_raised_with_its_code() -> None:
    async def refuse(line: ServerConnection, enter: Enter) -> None:
        code = ErrorCode.USER_SIG_EXPIRED
        await line.send(
            msgspec.json.encode(Refused(enter.id, code, "It has expired.", "Sign anew.")).decode()
        )
        await line.wait_closed()

    fault = await fault_of(refuse)
    assert (fault.code, fault.sentence) == ("user_sig_expired", "It has expired.")


async def test_a_line_that_closes_before_the_answer_is_lost() -> None:
    async def close(line: ServerConnection, _: Enter) -> None:
        await line.close()

    assert (await fault_of(close)).code == "line_lost"


@pytest.mark.parametrize(
    "text", ["{}", "[" * 5000, '{"type":"entered","id":1}', "\x00", '{"type":"unheard-of"}']
)
async def test_what_nobody_knows_ends_the_client(text: str) -> None:
    async def babble(line: ServerConnection, _: Enter) -> None:
        await line.send(text)
        await line.wait_closed()

    assert (await fault_of(babble)).code == "protocol_violated"


async def test_an_operator_that_is_not_there_is_a_lost_line() -> None:
    with pytest.raises(ClientFault) as caught:
        async with Client.enter(entry("ws://127.0.0.1:9/")):
            raise AssertionError("it got in")
    assert caught.value.code == "line_lost"


async def test_the_introduction_offers_sending_sections_and_holds_what_was_given() -> None:
    seen: list[Enter] = []

    async def look(line: ServerConnection, enter: Enter) -> None:
        seen.append(enter)
        await line.close()

    await fault_of(look)
    (enter,) = seen
    assert [section.track.value for section in enter.sends] == ["audio", "main", "screen"]
    assert (enter.sdk_app_id, enter.user_id, enter.str_room_id, enter.room_id) == (APP, "alice", "r", None)
    assert enter.sdp.startswith("v=0")


async def test_nothing_is_sent_before_there_are_keys_and_nothing_after_the_end() -> None:
    client = Client(entry("ws://127.0.0.1:9/"))
    client._line = object()  # type: ignore[assignment]
    assert client.send("audio", "opus", b"\xfc" + bytes(80), 0) is False
    client._end(ClientFault("removed", "Put out."))
    with pytest.raises(ClientFault) as caught:
        client.send("audio", "opus", b"\xfc" + bytes(80), 0)
    assert caught.value.code == "removed"
    events = [event async for event in client.events()]
    assert len(events) == 1
    assert client.stats()["members"] == 0
    assert client.stats()["packets_sent"] == 0


class Asked:
    """A line to an operator that says yes to everything."""

    def __init__(self) -> None:
        self.requests: list[signalling.Bind] = []

    def next_id(self) -> int:
        return len(self.requests) + 1

    async def ask(self, request: signalling.Bind, _: type) -> None:
        self.requests.append(request)


async def test_a_slot_that_is_given_up_shows_nobody_and_takes_the_next() -> None:
    client, line = Client(entry("ws://127.0.0.1:9/")), Asked()
    client._line = line  # type: ignore[assignment]
    client._slots = [_Slot(6)]
    await client.watch("bob")
    with pytest.raises(ClientFault, match="No video slot is free"):
        await client.watch("carol")
    await client.unwatch("carol")
    await client.unwatch("bob")
    await client.watch("carol", "screen")
    bound = [request.bindings[0] for request in line.requests]
    assert [one.generation for one in bound] == [1, 2, 3]
    assert [one.source and (one.source.user_id, one.source.track.value) for one in bound] == [
        ("bob", "main"), None, ("carol", "screen"),
    ]  # fmt: skip
    client._end(None)


async def test_tracks_that_end_are_told_once_also_when_their_user_leaves() -> None:
    client = Client(entry("ws://127.0.0.1:9/"))
    for track in (signalling.Track.AUDIO, signalling.Track.MAIN):
        client._said(signalling.TrackPublished(user_id="bob", track=track, muted=False))
    client._said(signalling.TrackUnpublished(user_id="bob", track=signalling.Track.AUDIO))
    client._said(signalling.ParticipantLeft(user_id="bob", reason=signalling.LeaveReason.LEFT))
    client._end(None)
    told = [event async for event in client.events()]
    assert told == [
        TrackAppeared("bob", "audio"), TrackAppeared("bob", "main"),
        TrackGone("bob", "audio"), TrackGone("bob", "main"), Closed(None),
    ]  # fmt: skip


async def test_a_frame_is_told_under_the_rosters_name_and_only_of_those_who_may_publish_beside_us() -> None:
    client = Client(entry("ws://127.0.0.1:9/"))
    roster = {
        0: Member(0, "alice", MemberRole.PUBLISH, "k", 0),
        1: Member(1, "bob", MemberRole.PUBLISH, "k", 0),
        2: Member(2, "rita", MemberRole.RECORDER, "k", 0),
    }
    client._membership._members = roster
    for index in (0, 1, 2, 3):
        client._opened(index, "main", "vp8", 7, b"body")
    told = [client._events.get_nowait() for _ in range(4)]
    refused = FrameRefused("wrong_sender")
    assert told == [refused, Frame("bob", "main", "vp8", 7, b"body"), refused, refused]


def test_no_ticket_shows_in_a_repr() -> None:
    assert "secret" not in repr(entry("ws://127.0.0.1:9/"))
