# SPDX-License-Identifier: Apache-2.0
"""A client against an operator that does not play along: it ends with a reason, and never sends in clear."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import cast

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection, serve

from customer.tests.desk import APP, ROOM
from sealroom_customer.client import (
    Client,
    ClientFault,
    Closed,
    Entry,
    Frame,
    FrameRefused,
    Sealing,
    Slots,
    TrackAppeared,
    TrackGone,
)
from sealroom_customer.client.events import CodecName
from sealroom_customer.client.room.signalling_line import SignallingLine
from sealroom_wire import signalling
from sealroom_wire.authority import Member, MemberRole
from sealroom_wire.errors import ErrorCode
from sealroom_wire.limits import MAX_PUBLISHERS, MAX_SLOTS
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


async def test_a_refusal_with_a_code_of_tomorrow_is_raised_with_its_text() -> None:
    async def refuse(line: ServerConnection, enter: Enter) -> None:
        refusal = {
            "type": "refused",
            "id": enter.id,
            "code": "moon_too_bright",
            "message": "It is.",
            "action": "Wait.",
        }
        await line.send(msgspec.json.encode(refusal | {"since": "tomorrow"}).decode())
        await line.wait_closed()

    fault = await fault_of(refuse)
    assert (fault.code, fault.sentence, fault.action) == ("moon_too_bright", "It is.", "Wait.")


def test_what_is_said_right_behind_the_answer_waits_until_that_was_taken() -> None:
    said: list[signalling.ServerMessage] = []
    line = SignallingLine(cast("ClientConnection", None), said.append)
    published, unpublished = (
        signalling.TrackPublished("bob", signalling.Track.MAIN, False),
        signalling.TrackUnpublished("bob", signalling.Track.MAIN),
    )
    line._hear(published)
    assert said == []
    # Whoever is put out hears it at once: nothing comes behind it.
    line._hear(signalling.KickedOut(signalling.KickReason.KICK))
    assert said == [signalling.KickedOut(signalling.KickReason.KICK)]
    line.listen()
    line._hear(unpublished)
    assert said[1:] == [published, unpublished]


def test_a_refusal_of_what_nobody_waits_for_any_more_ends_no_line_and_one_of_nothing_does() -> None:
    line = SignallingLine(cast("ClientConnection", None), lambda _message: None)
    line._hear(Refused(7, ErrorCode.USER_SIG_EXPIRED, "No.", "Do not."))
    with pytest.raises(ClientFault, match="server_busy"):
        line._hear(Refused(0, ErrorCode.SERVER_BUSY, "Not now.", "Later."))


def test_an_operator_who_says_ever_more_before_we_are_in_fills_no_memory() -> None:
    line = SignallingLine(cast("ClientConnection", None), lambda _message: None)
    published = signalling.TrackPublished("bob", signalling.Track.MAIN, False)
    for _ in range(4096):
        line._hear(published)
    with pytest.raises(ClientFault, match="protocol_violated"):
        line._hear(published)


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
    assert client.send("audio", "opus", b"\xfc" + bytes(80), 0) is False
    client._end(ClientFault("removed", "Put out."))
    with pytest.raises(ClientFault) as caught:
        client.send("audio", "opus", b"\xfc" + bytes(80), 0)
    assert caught.value.code == "removed"
    events = [event async for event in client.events()]
    assert len(events) == 1
    assert client.stats()["members"] == 0
    assert client.stats()["packets_sent"] == 0


class Operator:
    """A session with an operator that says yes to everything until told otherwise, and has one slot more when asked for many."""

    def __init__(self) -> None:
        self.requests: list[signalling.ClientMessage] = []
        self.offers: list[int] = []
        self.refuses = False
        """From now on it says no."""

    async def ask(self, request: Callable[[int], signalling.ClientMessage], _: type) -> None:
        self.requests.append(request(len(self.requests) + 1))
        if self.refuses:
            raise ClientFault("right_missing", "No.", "Do not.")

    async def add_slots(self, count: int) -> tuple[signalling.ReceiveSlot, ...]:
        self.offers.append(count)
        await asyncio.sleep(0)
        return video_slots(1 + len(self.offers))


def video_slots(count: int) -> tuple[signalling.ReceiveSlot, ...]:
    return tuple(
        signalling.ReceiveSlot(6 + place, signalling.SlotKind.VIDEO, f"m{place}") for place in range(count)
    )


def in_room(operator: Operator) -> Client:
    client = Client(entry("ws://127.0.0.1:9/"))
    client._sessions.move(operator)  # type: ignore[arg-type]
    client._slots.learn(video_slots(1))
    return client


async def test_a_slot_that_is_given_up_shows_nobody_and_takes_the_next() -> None:
    operator = Operator()
    client = in_room(operator)
    await client.watch("bob")
    await client.watch("bob", layer=0)
    await client.unwatch("carol")
    await client.unwatch("bob")
    await client.watch("carol", "screen")
    binds = [request for request in operator.requests if isinstance(request, signalling.Bind)]
    bound = [request.bindings[0] for request in binds]
    assert [(one.slot, one.generation) for one in bound] == [(6, 1), (6, 2), (6, 3), (6, 4)]
    assert [one.source and (one.source.user_id, one.source.track.value, one.source.layer) for one in bound] == [
        ("bob", "main", 2), ("bob", "main", 0), None, ("carol", "screen", 2),
    ]  # fmt: skip
    assert operator.offers == []
    client._end(None)


async def test_more_slots_are_asked_for_when_none_is_free_by_one_at_a_time() -> None:
    operator = Operator()
    client = in_room(operator)
    await asyncio.gather(*(client.watch(user) for user in ("bob", "carol", "dave")))
    assert operator.offers == [8, 8]
    assert sorted(slot.number for slot in client._slots.bound()) == [6, 7, 8]
    client._end(None)


async def test_an_operator_who_gives_no_more_slots_is_not_asked_for_ever() -> None:
    client = in_room(operator := Operator())
    client._slots.learn(video_slots(10))
    for number in range(10):
        await client.watch(f"user-{number}")
    with pytest.raises(ClientFault) as caught:
        await client.watch("one too many")
    assert (caught.value.code, operator.offers) == ("slots_used_up", [8])
    client._end(None)


async def test_slots_end_at_the_number_that_the_operator_takes() -> None:
    client = in_room(operator := Operator())
    audio = tuple(signalling.ReceiveSlot(slot, signalling.SlotKind.AUDIO, f"a{slot}") for slot in range(6))
    client._slots.learn((*audio, *video_slots(58)))
    for number in range(58):
        await client.watch(f"user-{number}")
    with pytest.raises(ClientFault) as caught:
        await client.watch("one too many")
    assert (caught.value.code, operator.offers) == ("slots_used_up", [])
    client._end(None)


async def test_a_layer_is_sent_once_it_was_published_and_only_the_camera_has_more_than_one() -> None:
    client = in_room(Operator())
    await client.publish("main", layers=2)
    assert client.send("main", "vp8", b"\x10" + bytes(20), 0, layer=1) is False, "there is no key yet"
    for layer in (2, -1):
        with pytest.raises(ClientFault) as caught:
            client.send("main", "vp8", b"\x10" + bytes(20), 0, layer=layer)
        assert caught.value.code == "layer_not_published"
    for track, layers in [("screen", 2), ("audio", 2), ("main", 4), ("main", 0)]:
        with pytest.raises(ClientFault) as caught:
            await client.publish(track, layers=layers)  # type: ignore[arg-type]
        assert caught.value.code == "layers_invalid"
    client._end(None)


async def test_a_track_whose_layers_are_refused_goes_on_with_those_it_had() -> None:
    client = in_room(operator := Operator())
    await client.publish("main", layers=2)
    operator.refuses = True
    for track, layers in (("main", 3), ("main", 1), ("screen", 1)):
        with pytest.raises(ClientFault, match="right_missing"):
            await client.publish(track, layers=layers)  # type: ignore[arg-type]
    frame = b"\x10" + bytes(20)
    assert client.send("main", "vp8", frame, 0, layer=1) is False, "there is no key yet"
    with pytest.raises(ClientFault, match="layer_not_published"):
        client.send("main", "vp8", frame, 0, layer=2)
    # The next session takes up what flowed, and nothing of what was refused.
    operator.refuses = False
    operator.requests.clear()
    await client._take_up_again(operator)  # type: ignore[arg-type]
    published = [one.track for one in operator.requests if isinstance(one, signalling.Publish)]
    assert published == [signalling.Track.MAIN]
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


async def test_an_operator_who_tells_of_ever_more_tracks_fills_no_memory() -> None:
    client = Client(entry("ws://127.0.0.1:9/"))
    for number in range(20 * MAX_PUBLISHERS):
        client._said(signalling.TrackPublished(f"user-{number}", signalling.Track.MAIN, False))
    assert len(client._participants._published) == MAX_PUBLISHERS
    for _ in range(20_000):
        client._said(signalling.TrackUnpublished("user-1", signalling.Track.MAIN))
        client._said(signalling.TrackPublished("user-1", signalling.Track.MAIN, False))
    client._end(None)
    told = [event async for event in client.events()]
    assert len(told) < 10_000
    assert told[-1] == Closed(None)
    assert client.stats()["frames_not_taken"] > 30_000


async def test_an_operator_who_asks_for_ever_more_key_frames_fills_no_memory() -> None:
    client = Client(entry("ws://127.0.0.1:9/"))
    for _ in range(20_000):
        client._inbox.take(("key_frame", "main", 0))
    client._end(None)
    assert len([event async for event in client.events()]) < 10_000


async def test_an_operator_who_makes_up_slots_fills_no_memory() -> None:
    client = Client(entry("ws://127.0.0.1:9/"))
    client._said(
        signalling.AudioSlots(tuple(signalling.AudioSlot(number, "bob") for number in range(-9, 999)))
    )
    client._slots.learn(video_slots(999))
    assert len(client._slots._audio) == MAX_SLOTS
    assert len(client._slots._video) == MAX_SLOTS - 6
    client._end(None)


async def test_who_has_left_makes_room_for_another_publisher() -> None:
    client = Client(entry("ws://127.0.0.1:9/"))
    for number in range(MAX_PUBLISHERS):
        client._said(signalling.TrackPublished(f"user-{number}", signalling.Track.MAIN, False))
    client._said(signalling.TrackUnpublished("user-0", signalling.Track.MAIN))
    client._said(signalling.TrackPublished("late", signalling.Track.MAIN, False))
    client._said(signalling.TrackUnpublished("nobody", signalling.Track.MAIN))
    client._end(None)
    told = [event async for event in client.events()]
    assert told[-3:] == [TrackGone("user-0", "main"), TrackAppeared("late", "main"), Closed(None)]


async def test_a_frame_is_told_under_the_rosters_name_and_only_of_those_who_may_publish_beside_us() -> None:
    client = Client(entry("ws://127.0.0.1:9/"))
    roster = {
        0: Member(0, "alice", MemberRole.PUBLISH, "k", 0),
        1: Member(1, "bob", MemberRole.PUBLISH, "k", 0),
        2: Member(2, "rita", MemberRole.RECORDER, "k", 0),
    }
    client._membership._members = roster
    for index in (0, 1, 2, 3):
        client._inbox.take(("frame", 6, index, "main", "vp8", 7, b"body"))
    client._end(None)
    told = [event async for event in client.events()][:4]
    refused = FrameRefused("wrong_sender")
    assert told == [refused, Frame("bob", "main", "vp8", 7, b"body"), refused, refused]


async def test_who_comes_back_is_told_only_what_changed_meanwhile() -> None:
    client = Client(entry("ws://127.0.0.1:9/"))

    def there(**tracks: str) -> list[signalling.Participant]:
        return [
            signalling.Participant(
                user,
                signalling.Role.ANCHOR,
                tuple(signalling.PublishedTrack(signalling.Track(track), False) for track in names.split()),
            )
            for user, names in tracks.items()
        ]

    client._participants.begin(there(bob="audio main", carol="main"))
    client._participants.begin(there(bob="main", dave="audio"))
    client._end(None)
    told = [event async for event in client.events()]
    assert told[3:] == [
        TrackGone("bob", "audio"),
        TrackGone("carol", "main"),
        TrackAppeared("dave", "audio"),
        Closed(None),
    ]


@pytest.mark.parametrize("number", [0, 72, 96, 128, 300])
async def test_payload_types_that_cannot_be_used_are_refused_with_a_reason(number: int) -> None:
    usual = entry("ws://127.0.0.1:9/")
    # VP8 has 96 already.
    types: dict[CodecName, int] = {"h264": number}
    with pytest.raises(ClientFault) as caught:
        Client(dataclasses.replace(usual, payload_types=types))
    assert caught.value.code == "entry_invalid"
    assert caught.value.action


def test_more_slots_than_there_may_be_are_refused() -> None:
    with pytest.raises(ClientFault, match="slots_invalid"):
        Slots(audio=6, video=59)


async def test_a_room_that_wants_sealing_is_not_entered_without() -> None:
    async def enter(line: ServerConnection, enter: Enter) -> None:
        core = entry("ws://127.0.0.1:9/").core()
        entered = signalling.Entered(enter.id, 1, core.offer(), (), (), signalling.Sealing.REQUIRED, 0)
        await line.send(msgspec.json.encode(entered).decode())
        await line.wait_closed()

    async with operator(enter) as url:
        with pytest.raises(ClientFault) as caught:
            async with Client.enter(dataclasses.replace(entry(url), sealing=Sealing.OFF)):
                raise AssertionError("it got in")
    assert caught.value.code == "sealing_required"


def test_no_ticket_shows_in_a_repr() -> None:
    assert "secret" not in repr(entry("ws://127.0.0.1:9/"))
