# SPDX-License-Identifier: Apache-2.0
"""One line from its first message to its last, with a virtual clock and no network."""

from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import msgspec
import pytest

from sealroom.core.config.schema import SignallingSettings
from sealroom.core.db import Database
from sealroom.core.metrics import Metrics
from sealroom.rooms.service import RoomService
from sealroom.rooms.state import Participant
from sealroom.signalling import limits
from sealroom.signalling.closing import CloseCode
from sealroom.signalling.conversation import Conversation, Peer, Services
from sealroom.signalling.line import Line
from sealroom_wire import signalling
from sealroom_wire.base64url import b64u
from sealroom_wire.errors import ErrorCode
from sealroom_wire.ids import room_number
from sealroom_wire.signalling import SendSection, Track
from sealroom_wire.usersig import Privilege, sign_private_map_key, sign_user_sig
from server.tests import fakes, offers
from server.tests.administration import apps_with

M = TypeVar("M")
_SERVER_MESSAGES = msgspec.json.Decoder(signalling.ServerMessage)


@dataclass
class Talk:
    """A conversation and what it says."""

    conversation: Conversation
    line: Line
    ids: int = 0
    heard: list[signalling.ServerMessage] = field(default_factory=list)

    async def say(self, message: msgspec.Struct | str | bytes) -> None:
        text = message if isinstance(message, str | bytes) else msgspec.json.encode(message).decode()
        await self.conversation.take(text)

    def ended(self) -> CloseCode | None:
        """How the line ended, if it did."""
        return self.line.close_code

    def hear(self) -> list[signalling.ServerMessage]:
        """What waits to be sent."""
        waiting, texts = self.line._waiting, list(self.line._waiting)
        waiting.clear()
        return [_SERVER_MESSAGES.decode(text) for text in texts]

    async def ask(self, message: msgspec.Struct | str | bytes, kind: type[M]) -> M:
        await self.say(message)
        answer = self.hear()[-1]
        assert isinstance(answer, kind), answer
        return answer


@pytest.fixture
async def services(
    rooms: RoomService, clock: fakes.VirtualClock, metrics: Metrics, database: Database
) -> Services:
    settings = (
        fakes.application(),
        fakes.application(sdk_app_id=2, enabled=False),
        fakes.application(sdk_app_id=3, advanced_permission=True, secret_keys=(fakes.OTHER_KEY, fakes.KEY)),
    )
    return Services(
        await apps_with(database, clock, *settings),
        rooms,
        clock,
        metrics,
        SignallingSettings(),
    )


@pytest.fixture
def talk(services: Services) -> Talk:
    return connect(services)


def connect(
    services: Services, *, origin: str | None = "https://call.example", takes: frozenset[str] = frozenset()
) -> Talk:
    line = Line(takes)
    return Talk(Conversation(services, line, Peer("192.0.2.9", origin, takes)), line)


def enter(user: str = "alice", **changes: Any) -> signalling.Enter:
    sends = tuple(SendSection(mid, track) for mid, track in offers.TRACKS.items())
    fields: dict[str, Any] = {
        "id": 7, "version": 1, "sdk_app_id": fakes.APP, "user_id": user, "user_sig": fakes.user_sig(user),
        "sdp": offers.offer(), "sends": sends, "str_room_id": "room",
    }  # fmt: skip
    return signalling.Enter(**(fields | changes))


async def test_enter_is_answered_with_everything_the_device_needs(talk: Talk) -> None:
    entered = await talk.ask(enter(), signalling.Entered)
    assert entered.id == 7
    assert entered.sealing is signalling.Sealing.REQUIRED
    assert [slot.kind.value for slot in entered.slots] == ["audio", "audio", "video", "video"]
    assert [slot.mid for slot in entered.slots] == ["3", "4", "5", "6"]
    assert entered.server_time == fakes.NOW * 1000
    assert entered.sdp.startswith("v=0\r\n")


class _Nothing:
    """Of whom nothing is kept."""

    async def of(self, _participant: Participant, request: int) -> signalling.Kept:
        return signalling.Kept(request, fakes.NOW * 1000, (), (), 0)


async def test_what_is_kept_is_told_to_who_takes_it_and_not_too_often(
    services: Services, clock: fakes.VirtualClock
) -> None:
    services = replace(services, kept=_Nothing())
    assert (await connect(services).ask(enter("bob"), signalling.Entered)).kept is False
    talk = connect(services, takes=frozenset({"kept"}))
    assert (await talk.ask(enter(), signalling.Entered)).kept is True
    for number in range(limits.KEPT_BURST):
        await talk.ask(signalling.AskKept(id=number + 8), signalling.Kept)
    refused = await talk.ask(signalling.AskKept(id=20), signalling.Refused)
    assert (refused.code, talk.ended()) == (ErrorCode.TOO_MANY_RECORDS, None)
    clock.advance(5)
    await talk.ask(signalling.AskKept(id=21), signalling.Kept)


async def test_a_whole_call(services: Services) -> None:
    alice, bob = connect(services), connect(services)
    await alice.ask(enter("alice"), signalling.Entered)
    await alice.ask(signalling.Publish(id=2, track=Track.MAIN), signalling.Done)
    entered = await bob.ask(enter("bob"), signalling.Entered)
    assert entered.participants[0].tracks[0].track is Track.MAIN
    wish = signalling.Binding(2, 1, signalling.Source("alice", Track.MAIN))
    await bob.ask(signalling.Bind(id=3, bindings=(wish,)), signalling.Done)
    await bob.ask(signalling.KeyFrame(id=4, slot=2), signalling.Done)
    await alice.ask(signalling.Mute(id=5, track=Track.MAIN, muted=True), signalling.Done)
    assert (await bob.ask(signalling.Offer(id=6, sdp=offers.offer(video=10)), signalling.Answered)).id == 6
    await alice.ask(signalling.Unpublish(id=7, track=Track.MAIN), signalling.Done)
    await alice.ask(signalling.Leave(id=8), signalling.Done)
    assert alice.ended() is CloseCode.DONE
    assert [type(message).__name__ for message in bob.hear()] == ["TrackUnpublished", "ParticipantLeft"]


async def test_a_line_that_does_not_enter_is_closed_after_five_seconds(
    talk: Talk, clock: fakes.VirtualClock
) -> None:
    clock.advance(4.9)
    await talk.ask(signalling.Ping(id=1), signalling.Pong)
    clock.advance(0.2)
    (refused,) = talk.hear()
    assert isinstance(refused, signalling.Refused)
    assert (refused.id, refused.code) == (0, ErrorCode.ENTER_TIMEOUT)
    assert refused.message
    assert refused.action
    assert talk.ended() is CloseCode.TIMEOUT


async def test_a_line_that_fell_silent_counts_as_broken(talk: Talk, clock: fakes.VirtualClock) -> None:
    await talk.ask(enter(), signalling.Entered)
    for number in range(5):
        clock.advance(29)
        await talk.ask(signalling.Ping(id=number + 1), signalling.Pong)
    assert talk.ended() is None
    clock.advance(31)
    assert talk.ended() is CloseCode.TIMEOUT
    talk.conversation.closed(by_the_device=False)
    again = connect(talk.conversation._services)
    await again.ask(enter(), signalling.Entered)


async def test_before_enter_only_enter_and_ping_are_taken(services: Services) -> None:
    for message in (
        signalling.Offer(id=3, sdp=""), signalling.Publish(id=3, track=Track.AUDIO), signalling.Unpublish(id=3, track=Track.AUDIO),
        signalling.Mute(id=3, track=Track.AUDIO, muted=True), signalling.KeyFrame(id=3, slot=1), signalling.Leave(id=3),
        signalling.Bind(id=3, bindings=(signalling.Binding(1, 1, None),)), signalling.SendCustom(id=3, data=""),
        signalling.AskRecord(id=3),
        signalling.AskKept(id=3),
    ):  # fmt: skip
        talk = connect(services)
        refused = await talk.ask(message, signalling.Refused)
        assert (refused.id, refused.code) == (3, ErrorCode.ENTER_FIRST)
        assert talk.ended() is CloseCode.REFUSED


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"sdk_app_id": 9}, ErrorCode.APPLICATION_UNKNOWN),
        ({"sdk_app_id": 2}, ErrorCode.APPLICATION_DISABLED),
        ({"user_id": "a b"}, ErrorCode.USER_ID_INVALID),
        ({"user_id": "bob"}, ErrorCode.USER_SIG_WRONG_USER),
        ({"user_sig": "x"}, ErrorCode.USER_SIG_MALFORMED),
        ({"user_sig": fakes.user_sig("alice", key=fakes.OTHER_KEY)}, ErrorCode.USER_SIG_BAD_SIGNATURE),
        ({"user_sig": fakes.user_sig("alice", issued_at=fakes.NOW - 601)}, ErrorCode.USER_SIG_EXPIRED),
        (
            {"user_sig": fakes.user_sig("alice", issued_at=fakes.NOW + 301)},
            ErrorCode.USER_SIG_FROM_THE_FUTURE,
        ),
        ({"user_sig": fakes.user_sig("alice", app=4)}, ErrorCode.USER_SIG_WRONG_APPLICATION),
        ({"str_room_id": None}, ErrorCode.ROOM_ID_INVALID),
        ({"room_id": 5}, ErrorCode.ROOM_ID_INVALID),
        ({"str_room_id": "é"}, ErrorCode.ROOM_ID_INVALID),
        ({"sdp": "v=0"}, ErrorCode.SDP_MALFORMED),
        (
            {"sends": (SendSection("0", Track.AUDIO), SendSection("1", Track.AUDIO))},
            ErrorCode.SDP_NOT_SUPPORTED,
        ),
        ({"version": 2}, ErrorCode.VERSION_NOT_SUPPORTED),
    ],
)
async def test_each_wrong_enter_has_its_code_and_ends_the_line(
    talk: Talk, engine: fakes.FakeEngine, change: dict[str, Any], code: ErrorCode
) -> None:
    refused = await talk.ask(enter(**change), signalling.Refused)
    assert (refused.id, refused.code) == (7, code)
    assert talk.ended() in {CloseCode.REFUSED}
    assert engine.peers == {}


async def test_no_answer_repeats_a_token_or_a_name(services: Services) -> None:
    token = fakes.user_sig("alice", key=fakes.OTHER_KEY)
    texts = []
    for change in (
        {"user_sig": token},
        {"user_sig": token + "\\u0000"},
        {"private_map_key": token, "sdk_app_id": 3},
    ):
        talk = connect(services)
        await talk.say(enter("alice", **change))
        texts += list(talk.line._waiting)
    await (talk := connect(services)).say('{"type": "enter", "userSig": "' + token + '"}')
    texts += list(talk.line._waiting)
    assert len(texts) == 4
    for text in texts:
        assert token not in text
        assert "alice" not in text


async def test_a_page_of_another_origin_is_refused_and_what_is_no_page_is_not(services: Services) -> None:
    for origin in ("https://call.example.evil", "http://call.example", "null", "https://call.example:444"):
        refused = await connect(services, origin=origin).ask(enter(), signalling.Refused)
        assert refused.code is ErrorCode.ORIGIN_NOT_ALLOWED
    await connect(services, origin=None).ask(enter(), signalling.Entered)


async def test_advanced_permission_asks_for_a_key_that_fits(services: Services) -> None:
    async def attempt(key: str | None, **changes: Any) -> ErrorCode | None:
        sig = sign_user_sig(
            secret_key=fakes.KEY, sdk_app_id=3, user_id="alice", issued_at=fakes.NOW, expire=60
        )
        fields: dict[str, Any] = {
            "sdk_app_id": 3,
            "user_sig": sig,
            "private_map_key": key,
            "str_room_id": None,
            "room_id": 5,
        }
        talk = connect(services)
        await talk.say(enter(**(fields | changes)))
        answer = talk.hear()[-1]
        return answer.code if isinstance(answer, signalling.Refused) else None

    def key(rights: Privilege, *, user: str = "alice", room: int = 5, issued_at: int = fakes.NOW) -> str:
        return sign_private_map_key(
            secret_key=fakes.OTHER_KEY, sdk_app_id=3, user_id=user, room=room_number(room), privileges=rights, issued_at=issued_at, expire=300
        )  # fmt: skip

    assert await attempt(None) is ErrorCode.PRIVATE_MAP_KEY_REQUIRED
    assert await attempt("x") is ErrorCode.PRIVATE_MAP_KEY_MALFORMED
    assert await attempt(key(Privilege.ALL, room=6)) is ErrorCode.PRIVATE_MAP_KEY_WRONG_ROOM
    assert await attempt(key(Privilege.ALL, user="bob")) is ErrorCode.PRIVATE_MAP_KEY_WRONG_USER
    assert await attempt(key(Privilege.ALL, issued_at=fakes.NOW - 301)) is ErrorCode.PRIVATE_MAP_KEY_EXPIRED
    assert await attempt(key(Privilege.ALL & ~Privilege.ENTER)) is ErrorCode.NO_RIGHT_TO_ENTER
    assert await attempt(key(Privilege.ENTER)) is ErrorCode.NO_RIGHT_TO_CREATE_ROOM
    assert await attempt(key(Privilege.CREATE_ROOM | Privilege.ENTER)) is None


async def test_a_revoked_user_sig_is_refused_and_a_newer_one_is_not(
    services: Services, clock: fakes.VirtualClock
) -> None:
    await services.apps.revoke(fakes.APP, "alice", fakes.NOW + 1, fakes.ACTOR)
    assert (await connect(services).ask(enter(), signalling.Refused)).code is ErrorCode.USER_SIG_REVOKED
    await connect(services).ask(enter("bob"), signalling.Entered)
    clock.advance(1)
    fresh = fakes.user_sig("alice", issued_at=fakes.NOW + 1)
    await connect(services).ask(enter(user_sig=fresh), signalling.Entered)


async def test_a_refusal_within_a_call_leaves_the_call(talk: Talk) -> None:
    await talk.ask(enter(), signalling.Entered)
    for message, code in (
        (enter(), ErrorCode.ALREADY_ENTERED),
        (signalling.Unpublish(id=9, track=Track.MAIN), ErrorCode.NOT_PUBLISHED),
        (signalling.Offer(id=9, sdp="v=0"), ErrorCode.SDP_MALFORMED),
        (signalling.KeyFrame(id=9, slot=0), ErrorCode.SLOT_UNKNOWN),
    ):
        assert (await talk.ask(message, signalling.Refused)).code is code
    assert talk.ended() is None


async def test_a_malformed_message_within_a_call_ends_it(talk: Talk, engine: fakes.FakeEngine) -> None:
    await talk.ask(enter(), signalling.Entered)
    assert (await talk.ask('{"type":"dance","id":5}', signalling.Refused)).id == 5
    assert talk.ended() is CloseCode.MALFORMED


async def test_too_many_messages_end_the_line(talk: Talk, clock: fakes.VirtualClock) -> None:
    await talk.ask(enter(), signalling.Entered)
    for number in range(limits.MESSAGE_BURST * 3):
        await talk.say(signalling.Ping(id=number + 1))
        clock.advance(1 / limits.MESSAGES_PER_SECOND)
    assert talk.ended() is None
    for number in range(limits.MESSAGE_BURST + 1):
        await talk.say(signalling.Ping(id=number + 1))
    assert talk.ended() is CloseCode.TOO_MANY_MESSAGES


async def test_offers_are_rarer_than_other_messages(talk: Talk, clock: fakes.VirtualClock) -> None:
    await talk.ask(enter(), signalling.Entered)
    for number in range(limits.OFFER_BURST):
        await talk.ask(signalling.Offer(id=number + 1, sdp=offers.offer()), signalling.Answered)
    refused = await talk.ask(signalling.Offer(id=99, sdp=offers.offer()), signalling.Refused)
    assert refused.code is ErrorCode.TOO_MANY_MESSAGES


async def test_an_error_of_ours_is_answered_without_its_text(
    talk: Talk, rooms: RoomService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(rooms, "enter", fail)
    refused = await talk.ask(enter(), signalling.Refused)
    assert refused.code is ErrorCode.INTERNAL_ERROR
    assert "secret" not in refused.message
    assert talk.ended() is CloseCode.INTERNAL_ERROR


async def test_who_closes_in_order_is_gone_and_who_breaks_off_stays_for_the_grace(
    services: Services, engine: fakes.FakeEngine, clock: fakes.VirtualClock
) -> None:
    watching = connect(services)
    await watching.ask(enter("watching"), signalling.Entered)
    for user, in_order in (("alice", True), ("bob", False)):
        talk = connect(services)
        await talk.ask(enter(user), signalling.Entered)
        watching.hear()
        talk.conversation.closed(by_the_device=in_order)
        assert bool(watching.hear()) is in_order
    assert clock.pending >= 1


SEALED = bytes.fromhex("b101000034") + bytes(40)


async def test_custom_messages_are_answered_and_told_to_the_others(services: Services) -> None:
    alice, bob = connect(services), connect(services)
    await alice.ask(enter("alice"), signalling.Entered)
    await bob.ask(enter("bob"), signalling.Entered)
    alice.hear()
    await alice.ask(signalling.SendCustom(id=2, data=b64u(SEALED)), signalling.Done)
    assert bob.hear() == [signalling.CustomMessage("alice", b64u(SEALED))]
    refused = await alice.ask(signalling.SendCustom(id=3, data="AAEAAAAB"), signalling.Refused)
    assert (refused.id, refused.code) == (3, ErrorCode.CUSTOM_MESSAGE_NOT_SEALED)
    assert (alice.ended(), bob.hear()) == (None, [])


async def test_thirty_custom_messages_a_second_pass_and_more_are_refused_without_ending_the_call(
    talk: Talk, clock: fakes.VirtualClock
) -> None:
    await talk.ask(enter(), signalling.Entered)
    for number in range(30):
        await talk.ask(signalling.SendCustom(id=number + 1, data=b64u(SEALED)), signalling.Done)
    refused = await talk.ask(signalling.SendCustom(id=31, data=b64u(SEALED)), signalling.Refused)
    assert refused.code is ErrorCode.TOO_MANY_CUSTOM_MESSAGES
    for second in range(10):
        clock.advance(1)
        for number in range(30):
            request = signalling.SendCustom(id=100 * (second + 1) + number, data=b64u(SEALED))
            await talk.ask(request, signalling.Done)
        # What else a call has to say still has its place beside them.
        for number in range(20):
            await talk.ask(signalling.Ping(id=100 * (second + 1) + 50 + number), signalling.Pong)
    assert talk.ended() is None


async def test_eight_kilobytes_of_custom_messages_a_second_pass(
    talk: Talk, clock: fakes.VirtualClock
) -> None:
    await talk.ask(enter(), signalling.Entered)
    large = b64u(SEALED[:5] + bytes(1024 + 6 + 16))
    for number in range(8):
        await talk.ask(signalling.SendCustom(id=number + 1, data=large), signalling.Done)
    refused = await talk.ask(signalling.SendCustom(id=9, data=large), signalling.Refused)
    assert refused.code is ErrorCode.TOO_MANY_CUSTOM_MESSAGES
    clock.advance(1 / 8)
    await talk.ask(signalling.SendCustom(id=10, data=large), signalling.Done)


async def test_a_record_may_be_asked_for_once_a_second(talk: Talk, clock: fakes.VirtualClock) -> None:
    await talk.ask(enter(), signalling.Entered)
    record = await talk.ask(signalling.AskRecord(id=2), signalling.Record)
    assert (record.id, record.participants[0].user_id) == (2, "alice")
    assert record.participants[0].address == "192.0.2.9"
    for number in range(limits.RECORD_BURST - 1):
        await talk.ask(signalling.AskRecord(id=number + 3), signalling.Record)
    refused = await talk.ask(signalling.AskRecord(id=20), signalling.Refused)
    assert (refused.code, talk.ended()) == (ErrorCode.TOO_MANY_RECORDS, None)
    clock.advance(1)
    await talk.ask(signalling.AskRecord(id=21), signalling.Record)
