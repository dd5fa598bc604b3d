# SPDX-License-Identifier: Apache-2.0
"""Grants and lines: every wrong grant has its refusal, hostile messages raise nothing else, a line is taken or closed."""

import random

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sealroom_customer.authority.grants import Verifier
from sealroom_customer.authority.keys import public_text

from customer.tests.authority_device import Device, b64u
from sealroom_customer.authority.service import AuthorityService, Line
from sealroom_customer.signing import GrantSigner
from sealroom_wire import authority as wire
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.ids import RoomId, room_number, room_string

NOW = 1_800_000_000
APP = 1400000000
ROOM = room_string("r")


class Desk:
    """An authority, a backend that signs for it, and lines that remember."""

    def __init__(self, backend: Ed25519PrivateKey | ec.EllipticCurvePrivateKey | None = None) -> None:
        self.authority_key = Ed25519PrivateKey.generate()
        self.backend = backend or Ed25519PrivateKey.generate()
        self.signer = GrantSigner("shop", "keys", public_text(self.authority_key), self.backend)
        verifier = Verifier("shop", "keys", public_text(self.authority_key), self.backend.public_key())
        self.service = AuthorityService(self.authority_key, verifier)

    def grant(self, user: str = "alice", room: RoomId = ROOM, **how: int) -> str:
        return self.signer.sign(**({"sdk_app_id": APP, "room": room, "user_id": user, "now": NOW} | how))  # type: ignore[arg-type]

    def line(self) -> tuple[Line, list[str], list[ErrorCode]]:
        said: list[str] = []
        closed: list[ErrorCode] = []
        return Line(said.append, closed.append), said, closed

    def join(
        self, grant: str, device: Device | None = None, **change: object
    ) -> tuple[Line, list[str], list[ErrorCode]]:
        line, said, closed = self.line()
        device = device or Device("alice", self.authority_key.public_key())
        message = {
            "type": "join",
            "version": 1,
            "grant": grant,
            "memberKey": b64u(device.point),
            "suites": [5, 4],
        } | change
        self.service.receive(line, msgspec.json.encode(message).decode(), 0.0, NOW)
        return line, said, closed

    def refused(self, grant: str, **change: object) -> ErrorCode:
        with pytest.raises(Refusal) as caught:
            self.join(grant, **change)  # type: ignore[arg-type]
        return caught.value.code


@pytest.mark.parametrize("key", [Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1())])
def test_a_good_grant_admits_whichever_algorithm_signed_it(
    key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey,
) -> None:
    desk = Desk(key)
    device = Device("alice", desk.authority_key.public_key())
    _, said, closed = desk.join(desk.grant(), device)
    for text in said:
        device.take(text)
    assert (device.epoch, device.step) in device.secrets
    assert closed == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"iss": "other"}, ErrorCode.GRANT_NOT_FOR_US),
        ({"aud": "other"}, ErrorCode.GRANT_NOT_FOR_US),
        ({"auk": "other"}, ErrorCode.GRANT_NOT_FOR_US),
        ({"exp": NOW}, ErrorCode.GRANT_EXPIRED),
        ({"exp": NOW + 90000}, ErrorCode.GRANT_MALFORMED),
        ({"iat": NOW + 61}, ErrorCode.GRANT_MALFORMED),
        ({"iat": str(NOW)}, ErrorCode.GRANT_MALFORMED),
        ({"mks": 0}, ErrorCode.GRANT_MALFORMED),
        ({"mks": 301}, ErrorCode.GRANT_MALFORMED),
        ({"jti": ""}, ErrorCode.GRANT_MALFORMED),
        ({"role": "admin"}, ErrorCode.GRANT_MALFORMED),
        ({"extra": 1}, ErrorCode.GRANT_MALFORMED),
        ({"sub": "no such user!"}, ErrorCode.USER_ID_INVALID),
        ({"app": 0}, ErrorCode.SDK_APP_ID_INVALID),
        ({"room": {"kind": "number", "id": "007"}}, ErrorCode.ROOM_ID_INVALID),
    ],
)
def test_a_wrong_claim_is_refused(change: dict[str, object], code: ErrorCode) -> None:
    desk = Desk()
    claims = jwt.decode(desk.grant(life=60), options={"verify_signature": False})
    if "iat" not in change:
        claims["iat"] = NOW - 60
    grant = jwt.encode(
        claims | change, desk.backend, algorithm="EdDSA", headers={"typ": "sealroom-grant+jwt"}
    )
    assert desk.refused(grant) is code


def test_another_algorithm_type_or_key_is_refused() -> None:
    desk = Desk()
    claims = jwt.decode(desk.grant(), options={"verify_signature": False})
    typ = {"typ": "sealroom-grant+jwt"}
    assert desk.refused(jwt.encode(claims, None, algorithm="none", headers=typ)) is ErrorCode.GRANT_MALFORMED
    public = public_text(desk.authority_key).ljust(64, "x")
    assert (
        desk.refused(jwt.encode(claims, public, algorithm="HS256", headers=typ)) is ErrorCode.GRANT_MALFORMED
    )
    stranger = Ed25519PrivateKey.generate()
    assert (
        desk.refused(jwt.encode(claims, stranger, algorithm="EdDSA", headers=typ))
        is ErrorCode.GRANT_BAD_SIGNATURE
    )
    assert desk.refused(jwt.encode(claims, desk.backend, algorithm="EdDSA")) is ErrorCode.GRANT_MALFORMED


def test_a_grant_admits_one_member_key_only() -> None:
    desk = Desk()
    grant = desk.grant()
    device = Device("alice", desk.authority_key.public_key())
    desk.join(grant, device)
    desk.join(grant, device)
    assert desk.refused(grant) is ErrorCode.GRANT_REPLAYED


def test_version_suite_and_a_second_join_are_checked() -> None:
    desk = Desk()
    assert desk.refused(desk.grant(), version=2) is ErrorCode.VERSION_NOT_SUPPORTED
    assert desk.refused(desk.grant(), suites=[1, 2, 3]) is ErrorCode.SUITE_NOT_SUPPORTED
    line, _, _ = desk.join(desk.grant())
    assert desk.refused(desk.grant("bob"), suites=[4]) is ErrorCode.SUITE_NOT_SUPPORTED
    device = Device("alice", desk.authority_key.public_key())
    message = wire.Join(1, desk.grant(), b64u(device.point), (5,))
    with pytest.raises(Refusal, match="already_entered"):
        desk.service.receive(line, msgspec.json.encode(message).decode(), 0.0, NOW)


def test_a_newer_line_of_the_same_user_closes_the_older() -> None:
    desk = Desk()
    _, _, closed = desk.join(desk.grant())
    desk.join(desk.grant())
    assert closed == [ErrorCode.REPLACED_BY_NEW_ENTRY]


def test_renewal_is_for_the_same_user_and_room_only() -> None:
    desk = Desk()
    line, _, _ = desk.join(desk.grant(life=60))

    def renew(grant: str) -> None:
        desk.service.receive(line, msgspec.json.encode(wire.Renew(grant)).decode(), 1.0, NOW + 1)

    renew(desk.grant())
    for other in (desk.grant("bob"), desk.grant(room=room_number(1)), desk.grant(sdk_app_id=2)):
        with pytest.raises(Refusal, match="grant_not_for_us"):
            renew(other)


def test_the_backend_removes_a_member_at_once() -> None:
    desk = Desk()
    _, _, closed = desk.join(desk.grant())
    _, said, _ = desk.join(desk.grant("bob"), Device("bob", desk.authority_key.public_key()))
    desk.service.on_deadline(1.0)
    said.clear()
    desk.service.remove(APP, room_string("r"), "alice", 2.0)
    assert closed == [ErrorCode.GRANT_EXPIRED]
    bodies = [msgspec.json.decode(msgspec.json.decode(text)["body"]) for text in said]
    assert [body["kind"] for body in bodies] == ["change", "secret"]
    assert bodies[0]["left"] == [{"index": 0, "reason": "removed"}]
    with pytest.raises(Refusal, match="member_unknown"):
        desk.service.remove(APP, room_string("r"), "alice", 3.0)


def test_number_and_string_rooms_are_two() -> None:
    desk = Desk()
    _, first, _ = desk.join(desk.grant("alice", room_number(123)))
    _, second, _ = desk.join(desk.grant("bob", room_string("123")))
    for said in (first, second):
        snapshot = msgspec.json.decode(msgspec.json.decode(said[0])["body"])
        assert len(snapshot["members"]) == 1


def test_no_message_raises_anything_but_a_refusal() -> None:
    desk = Desk()
    device = Device("alice", desk.authority_key.public_key())
    good = [
        msgspec.json.encode(wire.Join(1, desk.grant(), b64u(device.point), (5, 4))),
        msgspec.json.encode(wire.Renew(desk.grant())),
        msgspec.json.encode(wire.Ping()),
    ]
    source = random.Random(7)
    refused = 0
    for _ in range(20_000):
        data = bytearray(source.choice(good))
        for _ in range(source.randrange(1, 4)):
            place = source.randrange(len(data))
            match source.randrange(3):
                case 0:
                    data[place] = source.randrange(256)
                case 1:
                    del data[place : place + source.randrange(1, 40)]
                case _:
                    data[place:place] = source.choice([b'"', b"{", b"\\u0000", b"null", b"[" * 50, b"9" * 30])
            data = data or bytearray(b"x")
        line, _, _ = desk.line()
        try:
            desk.service.receive(line, data.decode("utf-8", "replace"), 0.0, NOW)
        except Refusal:
            refused += 1
        desk.service.gone(line, 0.0, wire.LeftReason.LEFT)
    assert refused > 15_000


def test_nothing_secret_is_in_a_repr() -> None:
    desk = Desk()
    desk.join(desk.grant())
    text = repr(desk.service) + repr(desk.signer) + repr(list(desk.service._rooms.values()))
    room = next(iter(desk.service._rooms.values()))
    assert room._secret.hex() not in text
    assert repr(room._secret) not in text
    assert "PrivateKey" not in text
