# SPDX-License-Identifier: Apache-2.0
"""The authority over real WebSockets: members get their keys, and who does not keep the rules gets a code and a closed line."""

import asyncio
import json
import time
import urllib.error
import urllib.request
from contextlib import suppress

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from customer.tests.desk import APP, ROOM, Desk
from customer.tests.lines import CREDENTIAL, Served, member, served
from sealroom_customer.authority import Authority
from sealroom_customer.authority import line as line_module
from sealroom_customer.authority.line import Door
from sealroom_customer.clock import SystemClock
from sealroom_customer.http.asgi import Message
from sealroom_wire.authority import AuthorityMessage, LeftReason, Ping, Refused
from sealroom_wire.errors import ErrorCode
from sealroom_wire.ids import room_number

NONCE = "n" * 22
PING = msgspec.json.encode(Ping(NONCE)).decode()


async def refused(place: Served, *texts: str | bytes) -> ErrorCode:
    """What a line is told that says `texts`; it must be closed then, with 1008."""
    async with connect(place.url) as socket:
        for text in texts:
            await socket.send(text)
        with suppress(ConnectionClosedError):
            while True:
                async with asyncio.timeout(8):
                    answer = await socket.recv()
                message = msgspec.json.decode(answer, type=AuthorityMessage)
                if isinstance(message, Refused):
                    code = message.code
                    assert message.message
                    assert message.action
        assert socket.close_code == 1008
        return code


async def test_members_come_and_go_and_those_there_share_one_secret() -> None:
    async with served() as place, member(place, "alice") as alice:
        await alice.until(lambda one: bool(one.secrets))
        async with member(place, "bob") as bob, member(place, "carol") as carol:
            for one in (alice, bob, carol):
                await one.until(
                    lambda device: len(device.roster) == 3 and (device.epoch, device.step) in device.secrets
                )
            assert alice.device.secret == bob.device.secret == carol.device.secret
        await alice.until(lambda one: len(one.roster) == 1 and (one.epoch, one.step) in one.secrets)
        assert alice.device.epoch > bob.device.epoch
        assert {gone.reason for change in alice.device.changes for gone in change.left} == {LeftReason.LEFT}


async def test_a_line_that_breaks_without_a_word_is_not_a_leave() -> None:
    async with served() as place, member(place, "alice") as alice:
        async with member(place, "bob") as bob:
            await alice.until(lambda one: len(one.roster) == 2)
            bob.socket.transport.abort()
        await asyncio.sleep(0.3)
        assert len(alice.device.roster) == 2
        async with member(place, "bob") as again:
            await again.until(lambda one: bool(one.secrets))
            await alice.until(lambda one: any(change.left for change in one.changes))
        assert alice.device.changes[-1].left[0].reason in (LeftReason.REPLACED, LeftReason.LEFT)


async def test_every_breach_of_the_rules_has_its_code() -> None:
    async with served() as place:
        device = place.desk.device()
        good = place.join(device)
        stranger = place.desk.device("mallory")
        assert await refused(place, "{}") is ErrorCode.MALFORMED_MESSAGE
        assert await refused(place, b"{}") is ErrorCode.MALFORMED_MESSAGE
        assert await refused(place, "x" * 9000) is ErrorCode.MESSAGE_TOO_LARGE
        assert await refused(place, *[PING] * 40) is ErrorCode.TOO_MANY_MESSAGES
        assert await refused(place, place.join(device, version=2)) is ErrorCode.VERSION_NOT_SUPPORTED
        assert await refused(place, place.join(device, suites=[1, 2, 3])) is ErrorCode.SUITE_NOT_SUPPORTED
        assert await refused(place, place.join(device, memberKey="B" * 87)) is ErrorCode.MEMBER_KEY_INVALID
        assert await refused(place, place.join(device, grant="a.b.c")) is ErrorCode.GRANT_MALFORMED
        assert await refused(place, place.join(device, extra=1)) is ErrorCode.MALFORMED_MESSAGE
        renewal = json.dumps({"type": "renew", "grant": place.grant("alice")})
        assert await refused(place, renewal) is ErrorCode.ENTER_FIRST
        assert await refused(place, good, good) is ErrorCode.ALREADY_ENTERED
        grant = json.loads(good)["grant"]
        assert await refused(place, place.join(stranger, grant)) is ErrorCode.GRANT_REPLAYED
        bob = json.dumps({"type": "renew", "grant": place.grant("bob")})
        assert await refused(place, place.join(place.desk.device()), bob) is ErrorCode.GRANT_NOT_FOR_US


async def test_who_does_not_join_in_time_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_module, "JOIN_SECONDS", 0.1)
    async with served() as place:
        assert await refused(place, PING) is ErrorCode.ENTER_TIMEOUT
        async with member(place, "alice") as alice:
            await alice.until(lambda one: bool(one.secrets))
            await asyncio.sleep(0.2)
            await alice.socket.send(PING)
            await alice.until(lambda one: one.answers == [NONCE])
            assert alice.socket.close_code is None


async def test_an_address_has_so_many_waiting_lines_and_gets_them_back() -> None:
    async with served(max_waiting_per_address=2) as place:
        async with connect(place.url), connect(place.url):
            with pytest.raises(InvalidStatus) as caught:
                await connect(place.url)
            assert caught.value.response.status_code == 403
        async with member(place, "alice") as alice, member(place, "bob") as bob:
            await bob.until(lambda one: bool(one.secrets))
            async with member(place, "carol") as carol:
                await carol.until(lambda one: bool(one.secrets))
            assert alice.device.secrets


async def test_all_addresses_of_one_ipv6_line_share_their_waiting_places() -> None:
    """Whoever has a /64 could otherwise take every place at the door without a grant."""
    desk = Desk()
    authority = Authority(desk.admission, desk.authority_key, SystemClock())
    door = Door(authority, SystemClock(), max_waiting_per_address=2)

    async def answer_to(address: str) -> str:
        """What a line from `address` is answered; it then says nothing more."""
        answers: asyncio.Queue[Message] = asyncio.Queue()
        connected = asyncio.Event()

        async def receive() -> Message:
            if connected.is_set():
                await asyncio.Event().wait()
            connected.set()
            return {"type": "websocket.connect"}

        lines.append(asyncio.create_task(door({"client": (address, 1)}, receive, answers.put)))
        return str((await answers.get())["type"])

    lines: list[asyncio.Task[None]] = []
    addresses = ("2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::1")
    answers = [await answer_to(address) for address in addresses]
    assert answers == ["websocket.accept", "websocket.accept", "websocket.close", "websocket.accept"]
    for line in lines:
        line.cancel()
    await asyncio.gather(*lines, return_exceptions=True)
    assert door.lines == 0


async def test_a_device_that_speaks_of_another_room_of_the_same_digits_is_elsewhere() -> None:
    async with served() as place:
        number = place.desk.grant("bob", room=room_number(123), now=int(time.time()))
        async with member(place, "alice") as alice, member(place, "bob", number) as bob:
            await bob.until(lambda one: bool(one.secrets))
            await alice.until(lambda one: bool(one.secrets))
            assert len(bob.device.roster) == len(alice.device.roster) == 1


def post(
    place: Served, path: str, body: object, credential: str | None = CREDENTIAL
) -> tuple[int, dict[str, object]]:
    headers = {"content-type": "application/json"}
    if credential is not None:
        headers["authorization"] = f"Bearer {credential}"
    request = urllib.request.Request(
        f"http://127.0.0.1:{place.port}{path}", json.dumps(body).encode(), headers
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


REMOVE = f"/authority/v1/rooms/string/{ROOM.id}/members/alice/remove"


async def test_the_backend_removes_a_member_who_then_can_open_nothing_and_not_come_back() -> None:
    async with served() as place, member(place, "alice") as alice, member(place, "bob") as bob:
        await bob.until(lambda one: len(one.roster) == 2 and bool(one.secrets))
        grant = place.grant("alice")
        status, answer = await asyncio.to_thread(post, place, REMOVE, {"app": APP})
        assert (status, answer) == (200, {"removed": True, "recorded": True})
        await alice.closed()
        assert alice.device.put_out is LeftReason.REMOVED
        await bob.until(lambda one: len(one.roster) == 1 and (one.epoch, one.step) in one.secrets)
        assert (bob.device.epoch, bob.device.step) not in alice.device.could_know()
        assert await refused(place, place.join(place.desk.device(), grant)) is ErrorCode.GRANT_EXPIRED
        status, answer = await asyncio.to_thread(post, place, REMOVE, {"app": APP})
        assert (status, answer["code"]) == (404, "member_unknown")


async def test_a_grant_brings_back_a_member_who_is_away_and_nobody_who_has_gone() -> None:
    async with served() as place, member(place, "bob"):
        grant = place.grant("alice")
        async with member(place, "alice", grant) as alice:
            await alice.until(lambda one: bool(one.secrets))
            join = place.join(alice.device, grant)
            async with connect(place.url) as resumed:
                await resumed.send(join)
                assert "signed" in str(await resumed.recv())
                await alice.closed()
        # She has gone; whoever read her line says again what she said.
        assert await refused(place, join) is ErrorCode.GRANT_REPLAYED


async def test_only_the_backend_removes() -> None:
    async with served() as place, member(place, "alice") as alice:
        await alice.until(lambda one: bool(one.secrets))
        for credential in (None, "", "wrong", CREDENTIAL[:-1], CREDENTIAL + "x", CREDENTIAL.upper()):
            status, answer = await asyncio.to_thread(post, place, REMOVE, {"app": APP}, credential)
            assert (status, answer["code"]) == (401, "credential_invalid")
        for path, body in (
            (REMOVE, {}),
            (REMOVE, {"app": 0}),
            (REMOVE, {"app": APP, "extra": 1}),
            (REMOVE.replace("string", "other"), {"app": APP}),
            (REMOVE.replace("string/r", "number/007"), {"app": APP}),
            (REMOVE.replace("alice", "a!ice"), {"app": APP}),
        ):
            status, answer = await asyncio.to_thread(post, place, path, body)
            assert status == 400, (path, answer)
            assert answer["action"]
        assert alice.device.put_out is None
