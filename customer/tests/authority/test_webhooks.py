# SPDX-License-Identifier: Apache-2.0
"""The operator's webhooks at the authority's own listener: signed, bounded, and worth a hint at most."""

import asyncio
import base64
import hashlib
import hmac
import json
import urllib.error
import urllib.request
from pathlib import Path

import msgspec
import pytest

from customer.tests.authority.test_process import Place, joined
from customer.tests.desk import APP, ROOM, Desk
from customer.tests.lines import Served, member, serve, served
from sealroom_customer.authority import webhooks
from sealroom_customer.authority.settings import load, webhook_key
from sealroom_customer.authority.webhooks import WEBHOOK_PATH, Hook, Outcome
from sealroom_customer.errors import ConfigurationError
from sealroom_customer.http.api import MAX_BODY_BYTES, api
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.ids import RoomId, room_number, room_string

KEY = "0123456789abcdefABCDEF"


def signed(body: bytes, key: str = KEY) -> str:
    return base64.b64encode(hmac.digest(key.encode(), body, hashlib.sha256)).decode()


def callback(event: int = 104, group: int = 1, **info: object) -> bytes:
    """TRTC's words."""
    told = {
        "RoomId": "r",
        "EventTs": 1_800_000_000,
        "EventMsTs": 1_800_000_000_000,
        "UserId": "bob",
        "Role": 20,
        "Reason": 1,
    }
    left = {name: value for name, value in (told | info).items() if value is not None}
    return json.dumps(
        {"EventGroupId": group, "EventType": event, "CallbackTs": 1, "EventInfo": left}
    ).encode()


class Ear:
    """Stands for the authority: hears what is hinted."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, RoomId, str | None]] = []
        self.outcomes: list[Outcome] = []
        self.hook = Hook(self, KEY, [APP], self.outcomes.append)  # type: ignore[arg-type]

    def hint(self, application: int, room: RoomId, user: str | None) -> bool:
        self.heard.append((application, room, user))
        return user != "nobody"

    def take(self, body: bytes, sign: str | None = None, app: str = str(APP)) -> Outcome:
        return self.hook.take(app, signed(body) if sign is None else sign, body)


@pytest.fixture
def ear() -> Ear:
    return Ear()


def test_an_exit_and_a_dismissal_are_hints(ear: Ear) -> None:
    assert ear.take(callback()) is Outcome.SOONER
    assert ear.take(callback(RoomId=7)) is Outcome.SOONER
    assert ear.take(callback(102, UserId=None, RoomId="7")) is Outcome.SOONER
    assert ear.take(callback(UserId="nobody")) is Outcome.NOTHING
    assert ear.heard == [
        (APP, room_string("r"), "bob"), (APP, room_number(7), "bob"), (APP, room_string("7"), None),
        (APP, room_string("r"), "nobody"),
    ]  # fmt: skip
    assert ear.outcomes == [Outcome.SOONER] * 3 + [Outcome.NOTHING]


@pytest.mark.parametrize(
    ("event", "group"), [(101, 1), (103, 1), (105, 1), (204, 2), (104, 2), (104, 3), (999, 1)]
)
def test_every_other_event_is_taken_and_means_nothing(ear: Ear, event: int, group: int) -> None:
    assert ear.take(callback(event, group)) is Outcome.NOTHING
    assert ear.heard == []


@pytest.mark.parametrize(
    "sign",
    [
        "",
        "x",
        signed(callback(), "another0123456789"),
        signed(callback() + b" "),
        signed(callback())[:-1],
        "é" * 44,
        "\udce9",
    ],
)
def test_what_is_not_signed_with_the_key_is_refused_before_it_is_read(ear: Ear, sign: str) -> None:
    for body in (callback(), b"{"):
        with pytest.raises(Refusal) as caught:
            ear.take(body, sign)
        assert caught.value.code is ErrorCode.CREDENTIAL_INVALID
    assert (ear.heard, ear.outcomes) == ([], [Outcome.REFUSED] * 2)


@pytest.mark.parametrize("app", ["", "0", str(APP + 1), f" {APP}", f"{APP},{APP}", "²"])
def test_of_another_application_nothing_is_taken(ear: Ear, app: str) -> None:
    with pytest.raises(Refusal) as caught:
        ear.take(callback(), app=app)
    assert caught.value.code is ErrorCode.APPLICATION_UNKNOWN
    assert ear.heard == []


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"null", b"[" * 4000, callback(RoomId=None), callback(RoomId=1.5), callback(RoomId=True), callback(RoomId=0),
        callback(RoomId=2**70), callback(RoomId="r" * 65), callback(UserId=None), callback(UserId="a b"), callback(UserId=7),
        callback(102, RoomId=""), msgspec.json.encode({"EventGroupId": 1, "EventType": 104}),
    ],
)  # fmt: skip
def test_what_is_no_event_is_refused_with_a_code(ear: Ear, body: bytes) -> None:
    with pytest.raises(Refusal):
        ear.take(body)
    assert (ear.heard, ear.outcomes) == ([], [Outcome.REFUSED])


def test_without_a_key_there_is_no_hook() -> None:
    with pytest.raises(ValueError, match="anybody"):
        Hook(Ear(), "", [APP])  # type: ignore[arg-type]


def post(origin: str, body: bytes, **headers: str) -> tuple[int, bytes]:
    request = urllib.request.Request(
        origin + WEBHOOK_PATH, body, {"SdkAppId": str(APP), "Sign": signed(body), "Content-Type": "application/json"} | headers
    )  # fmt: skip
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()


async def test_the_route_takes_raw_bodies_of_a_bounded_size(ear: Ear) -> None:
    async with serve(api(webhooks.routes(ear.hook))) as port:
        origin = f"http://127.0.0.1:{port}"
        spaced = callback() + b"\n"
        for body in (callback(), spaced):
            assert await asyncio.to_thread(post, origin, body) == (200, b'{"code":0}')
        status, problem = await asyncio.to_thread(post, origin, callback(), Sign="x")
        assert (status, json.loads(problem)["code"]) == (401, "credential_invalid")
        status, problem = await asyncio.to_thread(post, origin, callback(), SdkAppId="1")
        assert (status, json.loads(problem)["code"]) == (400, "application_unknown")
        large = callback(More="x" * MAX_BODY_BYTES)
        assert (await asyncio.to_thread(post, origin, large))[0] == 413
    assert len(ear.heard) == 2


async def test_an_exit_changes_keys_at_once_for_a_member_whose_line_broke() -> None:
    async with served() as place, member(place, "alice") as alice:
        async with member(place, "bob") as bob:
            await alice.until(lambda one: len(one.roster) == 2 and (one.epoch, one.step) in one.secrets)
            hook = Hook(place.authority, KEY, [APP])
            assert hook.take(str(APP), signed(callback()), callback()) is Outcome.NOTHING, "his line is open"
            bob.socket.transport.abort()
            await _broken(place)
            body = callback()
            assert hook.take(str(APP), signed(body), body) is Outcome.SOONER
            await alice.until(lambda one: one.epoch == 2 and (2, 0) in one.secrets)
            assert hook.take(str(APP), signed(body), body) is Outcome.NOTHING, "the same request again"
            assert len(alice.device.roster) == 2, "the operator takes nobody off the roster"
            assert (2, 0) not in bob.device.could_know()
        assert not place.authority.hint(APP + 1, ROOM, "bob")


async def _broken(place: Served) -> None:
    """Waits until the authority has seen that a line broke."""
    async with asyncio.timeout(5):
        while not any(room.absent for room in place.authority.rooms()):  # noqa: ASYNC110 - the server sees it
            await asyncio.sleep(0.01)


async def test_a_real_authority_takes_them_where_a_key_is_configured_and_counts(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with place.running():
        origin = place.urls["authority"].replace("ws", "http", 1).removesuffix("/authority/v1")
        assert post(origin, callback())[0] == 404, "off by default"
    (tmp_path / "webhook-key").write_text(KEY + "\n")
    with place.config.open("a") as file:
        file.write('[webhooks]\nkey = "webhook-key"\n')
    with place.running():
        origin = place.urls["authority"].replace("ws", "http", 1).removesuffix("/authority/v1")
        async with joined(place, "bob"):
            assert (await asyncio.to_thread(post, origin, callback()))[0] == 200
            assert (await asyncio.to_thread(post, origin, callback(), Sign="x"))[0] == 401
            text = (await asyncio.to_thread(place.probe, "/metrics"))[1].decode()
    for outcome, count in (("nothing", 1), ("refused", 1), ("sooner", 0)):
        assert f'sealroom_authority_webhooks_total{{outcome="{outcome}"}} {count}.0' in text
    assert "bob" not in text


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (None, "webhook_key_unreadable"), (b"\xff" * 20, "webhook_key_unreadable"), (b"", "webhook_key_invalid"),
        (b"short0123456789", "webhook_key_invalid"), (b"x" * 33, "webhook_key_invalid"), (b"no-letters-or-digits", "webhook_key_invalid"),
    ],
)  # fmt: skip
def test_a_key_that_is_none_ends_the_start(tmp_path: Path, key: bytes | None, code: str) -> None:
    place = Place(tmp_path)
    place.desk = Desk()
    if key is not None:
        (tmp_path / "webhook-key").write_bytes(key)
    with place.config.open("a") as file:
        file.write('[webhooks]\nkey = "webhook-key"\n')
    with pytest.raises(ConfigurationError) as caught:
        webhook_key(load(place.config))
    assert caught.value.code == code
