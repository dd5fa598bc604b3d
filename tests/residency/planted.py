# SPDX-License-Identifier: Apache-2.0
"""Values that are found nowhere else, in every field that a client or a customer's backend can set; and a call that carries them."""

import asyncio
import contextlib
import http.client
import json
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, fields, replace
from urllib.parse import urlsplit

import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from sealroom_wire import PROTOCOL_VERSION, signalling
from sealroom_wire.base64url import b64u
from sealroom_wire.custom import CustomBody, write_custom
from sealroom_wire.reports import LogEntry, LogLevel, Sample
from sealroom_wire.signalling import ClientInfo, Takes, Track
from sealroom_wire.usersig import Privilege, sign_user_sig
from server.tests.api.parts import signed
from server.tests.trtc_api.parts import HOST, signed_headers
from tests.residency.site import Site
from tests.wire.member import Member, from_address


def _value(kind: str) -> str:
    return field(default_factory=lambda: f"{kind}{secrets.token_hex(8)}")


@dataclass
class Planted:
    """The values of one site. What is kept of each stands in the test."""

    customer: str = _value("Customer")
    contact: str = _value("contact")
    app_name: str = _value("Calls")
    hook: str = _value("hook")
    alice: str = _value("alice")
    bob: str = _value("bob")
    room: str = _value("room")
    address: str = field(
        default_factory=lambda: f"127.{'.'.join(str(100 + secrets.randbelow(155)) for _ in range(3))}"
    )
    """Where all of them come from."""
    sdk: str = _value("sdk")
    version: str = _value("v")
    system: str = _value("os")
    log_event: str = _value("log")
    log_reason: str = _value("reason")
    log_place: str = _value("place")
    refused: str = _value("refused")
    """A user whose UserSig is good and whose entry is refused."""
    custom: str = _value("custom")
    forged: str = _value("forged")
    """A user whose UserSig is not good."""
    malformed: str = _value("bad")
    agent: str = _value("agent")
    origin: str = _value("origin")
    stranger: str = _value("stranger")
    """A user of the other site's application."""
    strange_room: str = _value("elsewhere")
    parameter: str = _value("param")

    def all(self) -> list[str]:
        """Every value."""
        return [getattr(self, one.name) for one in fields(self)]

    @property
    def client(self) -> ClientInfo:
        """What devices say of themselves."""
        return ClientInfo(self.sdk, self.version, self.system)


async def enter(site: Site, planted: Planted, user: str, index: int) -> Member:
    """Enters the planted room."""
    found = await Member.enter(
        site.application, user, index, Privilege.ALL, room=planted.room, client=planted.client, takes=(Takes.REPORTS, Takes.SITES),
        headers={"X-Planted": planted.agent, "X-Forwarded-For": planted.agent}, address=planted.address,
    )  # fmt: skip
    assert isinstance(found, Member), found
    await found.connected()
    return found


async def call(site: Site, planted: Planted, during: Callable[[], Awaitable[bool]]) -> None:
    """Two who publish, watch and report, until `during` has seen what it wants; then one is put out by the API, and the other leaves."""
    alice, bob = await enter(site, planted, planted.alice, 1), await enter(site, planted, planted.bob, 2)
    for one, other in ((alice, bob), (bob, alice)):
        for track in (Track.AUDIO, Track.MAIN):
            assert isinstance(await one.publish(track), signalling.Done)
        assert isinstance(await other.bind(one, Track.MAIN, 0), signalling.Done)
    body = write_custom(CustomBody(1, 1, planted.custom.encode()))
    assert isinstance(await alice.ask(signalling.SendCustom(alice.number(), b64u(body))), signalling.Done)
    await report(alice, planted)
    await others(site, planted)
    number = 0
    async with asyncio.timeout(90):
        while not await during():
            for _ in range(10):
                number += 1
                alice.push(number)
                bob.push(number)
                await asyncio.sleep(0.04)
            alice.collect()
            bob.collect()
    assert alice.received["main"], "pictures flowed"
    for one in (alice, bob):
        assert isinstance(await one.ask(signalling.Ping(one.number())), signalling.Pong)
    parameters = {"SdkAppId": site.application.sdk_app_id, "RoomId": planted.room, "UserIds": [planted.alice]}
    answer = await asyncio.to_thread(api, site, "RemoveUserByStrRoomId", parameters)
    assert "Error" not in answer, answer
    answer = await asyncio.to_thread(api, site, "DescribeRoomInfo", {planted.parameter: planted.parameter})
    assert answer["Error"]["Code"] == "UnknownParameter"
    await bob.ask(signalling.Leave(bob.number()))
    await alice.leave()
    await bob.leave()


async def report(member: Member, planted: Planted) -> None:
    """What an SDK tells of its device."""
    entry = LogEntry(
        at=1,
        level=LogLevel.ERROR,
        event=planted.log_event,
        reason=planted.log_reason,
        place=planted.log_place,
    )
    for message in (
        signalling.ReportLog(member.number(), (entry,)),
        signalling.ReportQuality(member.number(), Sample(at=2000, span=2000, rtt=7)),
    ):
        assert isinstance(await member.ask(message), signalling.Done)


async def others(site: Site, planted: Planted) -> None:
    """Those who do not get in: refused, forged, malformed, from a page that is not allowed."""
    app, address = site.application, planted.address
    now = int(time.time())
    sig = sign_user_sig(
        secret_key=app.secret_key,
        sdk_app_id=app.sdk_app_id,
        user_id=planted.refused,
        issued_at=now,
        expire=300,
    )
    refused = signalling.Enter(
        id=1, version=PROTOCOL_VERSION, sdk_app_id=app.sdk_app_id, user_id=planted.refused, user_sig=sig, sdp=planted.malformed,
        sends=(), str_room_id=planted.room, client=planted.client,
    )  # fmt: skip
    forged = msgspec.structs.replace(refused, user_id=planted.forged, client=ClientInfo(planted.forged))
    assert "sdp" in (await answer(app.endpoint, msgspec.json.encode(refused).decode(), address))["code"]
    found = await answer(app.endpoint, msgspec.json.encode(forged).decode(), address)
    assert found["code"].startswith("user_sig")
    nonsense = json.dumps({"type": "enter", "id": 1, planted.malformed: planted.malformed})
    assert (await answer(app.endpoint, nonsense, address))["code"] == "malformed_message"
    page = f"https://{planted.origin}.example"
    found = await answer(app.endpoint, msgspec.json.encode(refused).decode(), address, page)
    assert found["code"] == "origin_not_allowed"


async def stranger(site: Site, other: Site, planted: Planted, takes: tuple[Takes, ...]) -> signalling.Refused:
    """Somebody of the `other` site's application who comes to this site; his refusal."""
    there = replace(other.application, endpoint=site.application.endpoint)
    found = await Member.enter(
        there,
        planted.stranger,
        1,
        Privilege.ALL,
        room=planted.strange_room,
        client=ClientInfo(planted.stranger),
        takes=takes,
        address=planted.address,
    )
    assert isinstance(found, signalling.Refused)
    return found


async def answer(endpoint: str, text: str, address: str, origin: str | None = None) -> dict[str, str]:
    """What the server says to one message."""
    headers = {"Origin": origin} if origin else {}
    async with connect(endpoint, additional_headers=headers, **from_address(address)) as line:
        await line.send(text)
        found: dict[str, str] = json.loads(await line.recv())
        with contextlib.suppress(ConnectionClosed):
            await line.recv()
        return found


def api(
    site: Site, action: str, parameters: dict[str, object], pair: tuple[str, str] | None = None
) -> dict[str, dict[str, str]]:
    """Calls TRTC's API as a backend does; what is in `Response`."""
    secret_id, secret_key = pair or site.api_key
    body = json.dumps(parameters).encode()
    headers = signed_headers(
        action, body=body, timestamp=int(time.time()), secret_id=secret_id, secret_key=secret_key
    )
    where = urlsplit(site.api)
    line = http.client.HTTPConnection(str(where.hostname), where.port, timeout=10)
    line.request("POST", "/", body, {**headers, "host": HOST})
    found: dict[str, dict[str, str]] = json.loads(line.getresponse().read())["Response"]
    line.close()
    return found


def own_api(site: Site, method: str, path: str, content: object, pair: tuple[str, str]) -> dict[str, object]:
    """Calls the API `/v1` as a backend does; what is answered, with its status."""
    body = json.dumps(content).encode()
    more = {"x-request-id": secrets.token_hex(8), "idempotency-key": secrets.token_hex(8)}
    headers = signed(pair, method, path, "", body, more, now=time.time())
    where = urlsplit(site.api)
    line = http.client.HTTPConnection(str(where.hostname), where.port, timeout=10)
    line.request(method, path, body, headers)
    came = line.getresponse()
    found: dict[str, object] = json.loads(came.read())
    line.close()
    return {**found, "status": came.status}
