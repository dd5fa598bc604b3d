# SPDX-License-Identifier: Apache-2.0
"""Every wrong grant has its refusal; a good one admits one member key."""

import base64
import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from customer.tests.desk import APP, NOW, ROOM, Desk, p256
from sealroom_customer.authority.admission import Admission, Issuer
from sealroom_customer.authority.identity import public_text
from sealroom_customer.signing.grants import GRANT_TYPE, MAX_GRANT_LIFE_SECONDS, SigningKey
from sealroom_wire.authority import MemberRole
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.ids import room_number

KEY = "K" * 87
HEADER: dict[str, object] = {"typ": GRANT_TYPE}


def refusal(desk: Desk, grant: str, now: int = NOW, key: str = KEY) -> ErrorCode:
    with pytest.raises(Refusal) as caught:
        desk.admission.admit(grant, key, now)
    return caught.value.code


@pytest.mark.parametrize("key", [Ed25519PrivateKey.generate(), p256()], ids=["EdDSA", "ES256"])
def test_a_good_grant_admits_whichever_algorithm_signed_it(key: SigningKey) -> None:
    desk = Desk(key)
    claims = desk.admission.admit(desk.grant(role=MemberRole.RECEIVE), KEY, NOW).claims
    assert (claims.sub, claims.app, claims.role, claims.exp) == ("alice", APP, MemberRole.RECEIVE, NOW + 900)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"iss": "other"}, ErrorCode.GRANT_NOT_FOR_US),
        ({"aud": "other"}, ErrorCode.GRANT_NOT_FOR_US),
        ({"auk": "A" * 43}, ErrorCode.GRANT_NOT_FOR_US),
        ({"app": APP + 1}, ErrorCode.GRANT_NOT_FOR_US),
        ({"exp": NOW, "iat": NOW - 60}, ErrorCode.GRANT_EXPIRED),
        ({"iat": NOW + 61, "exp": NOW + 120}, ErrorCode.GRANT_MALFORMED),
        ({"exp": NOW + MAX_GRANT_LIFE_SECONDS + 1}, ErrorCode.GRANT_MALFORMED),
        ({"exp": NOW - 1}, ErrorCode.GRANT_MALFORMED),
        ({"iat": str(NOW)}, ErrorCode.GRANT_MALFORMED),
        ({"iat": True}, ErrorCode.GRANT_MALFORMED),
        ({"exp": NOW + 0.5}, ErrorCode.GRANT_MALFORMED),
        ({"iat": -(10**30)}, ErrorCode.GRANT_MALFORMED),
        ({"aud": ["keys"]}, ErrorCode.GRANT_MALFORMED),
        ({"mks": 0}, ErrorCode.GRANT_MALFORMED),
        ({"mks": 301}, ErrorCode.GRANT_MALFORMED),
        ({"jti": ""}, ErrorCode.GRANT_MALFORMED),
        ({"jti": "j" * 257}, ErrorCode.GRANT_MALFORMED),
        ({"role": "admin"}, ErrorCode.GRANT_MALFORMED),
        ({"extra": 1}, ErrorCode.GRANT_MALFORMED),
        ({"auk": "other"}, ErrorCode.GRANT_MALFORMED),
        ({"sub": "no such user!"}, ErrorCode.GRANT_MALFORMED),
        ({"app": 0}, ErrorCode.GRANT_MALFORMED),
        ({"room": {"kind": "number", "id": "007"}}, ErrorCode.GRANT_MALFORMED),
        ({"room": {"kind": "other", "id": "7"}}, ErrorCode.GRANT_MALFORMED),
        ({"room": "r"}, ErrorCode.GRANT_MALFORMED),
    ],
    ids=repr,
)
def test_a_wrong_claim_is_refused_though_the_signature_is_right(
    change: dict[str, object], code: ErrorCode
) -> None:
    desk = Desk()
    assert refusal(desk, desk.forged(change)) is code


@pytest.mark.parametrize(
    "claim", ["iss", "aud", "app", "room", "sub", "role", "iat", "exp", "jti", "mks", "auk"]
)
def test_a_missing_claim_is_refused(claim: str) -> None:
    desk = Desk()
    claims = desk.claims()
    del claims[claim]
    grant = jwt.PyJWS().encode(json.dumps(claims).encode(), desk.key, "EdDSA", dict(HEADER))
    assert refusal(desk, grant) is ErrorCode.GRANT_MALFORMED


def test_the_key_decides_the_algorithm_and_not_the_header() -> None:
    desk = Desk()
    payload = json.dumps(desk.claims()).encode()
    sign = jwt.PyJWS().encode
    public = desk.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    assert refusal(desk, sign(payload, "", "none", dict(HEADER))) is ErrorCode.GRANT_MALFORMED
    with pytest.warns(jwt.InsecureKeyLengthWarning) if len(public) < 32 else _nothing():
        confused = sign(payload, public, "HS256", dict(HEADER))
    assert refusal(desk, confused) is ErrorCode.GRANT_MALFORMED
    stranger = sign(payload, Ed25519PrivateKey.generate(), "EdDSA", dict(HEADER))
    assert refusal(desk, stranger) is ErrorCode.GRANT_BAD_SIGNATURE
    assert refusal(desk, sign(payload, p256(), "ES256", dict(HEADER))) is ErrorCode.GRANT_BAD_SIGNATURE


class _nothing:  # noqa: N801 - reads as a statement
    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"},
        {"typ": ""},
        {"crit": ["b64"], "b64": True},
        {"jwk": {}},
        {"kid": 7},
        {"kid": "k" * 257},
    ],
    ids=repr,
)
def test_another_header_is_refused(header: dict[str, object]) -> None:
    desk = Desk()
    token = desk.grant()
    parts = token.split(".")
    changed = {"alg": "EdDSA", "typ": GRANT_TYPE} | header
    encoded = base64.urlsafe_b64encode(json.dumps(changed).encode()).rstrip(b"=").decode()
    assert refusal(desk, ".".join([encoded, *parts[1:]])) is ErrorCode.GRANT_MALFORMED


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_flipped_character_is_refused(part: int) -> None:
    desk = Desk()
    parts = desk.grant().split(".")
    for at in range(0, len(parts[part]), 7):
        changed = list(parts)
        text = changed[part]
        changed[part] = text[:at] + ("B" if text[at] == "A" else "A") + text[at + 1 :]
        assert refusal(desk, ".".join(changed)) in {
            ErrorCode.GRANT_MALFORMED,
            ErrorCode.GRANT_BAD_SIGNATURE,
            ErrorCode.GRANT_NOT_FOR_US,
        }


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c.d", "a.b.c=", " a.b.c", "a.b.c\n", "é.b.c", "A" * 5000])
def test_what_is_no_token_is_malformed(token: str) -> None:
    assert refusal(Desk(), token) is ErrorCode.GRANT_MALFORMED


def test_a_grant_admits_one_member_key_only_and_that_one_again() -> None:
    desk = Desk()
    grant = desk.grant()
    assert not desk.admission.admit(grant, KEY, NOW).again
    assert desk.admission.admit(grant, KEY, NOW + 5).again
    assert refusal(desk, grant, key="L" * 87) is ErrorCode.GRANT_REPLAYED


def test_a_used_grant_is_remembered_until_it_has_expired() -> None:
    desk = Desk()
    grant = desk.grant(life=900)
    desk.admission.admit(grant, KEY, NOW)
    desk.admission.admit(desk.grant("bob", now=NOW + 890), KEY, NOW + 890)
    assert refusal(desk, grant, NOW + 899, "L" * 87) is ErrorCode.GRANT_REPLAYED
    desk.admission.admit(desk.grant("bob", now=NOW + 1000), KEY, NOW + 1000)
    assert len(desk.admission._used) == 2


def test_whoever_was_put_out_needs_a_grant_signed_later() -> None:
    desk = Desk()
    old, other_room = desk.grant(), desk.grant(room=room_number(1))
    desk.admission.put_out(APP, ROOM, "alice", NOW + 10)
    assert refusal(desk, old, NOW + 11) is ErrorCode.GRANT_EXPIRED
    assert refusal(desk, desk.grant(now=NOW + 10), NOW + 11) is ErrorCode.GRANT_EXPIRED
    desk.admission.admit(desk.grant(now=NOW + 11), KEY, NOW + 11)
    desk.admission.admit(other_room, KEY, NOW + 11)
    desk.admission.admit(desk.grant("bob"), KEY, NOW + 11)


def test_a_backends_clock_ahead_of_ours_lets_nobody_back_in() -> None:
    desk = Desk()
    ahead = NOW + 40
    used, unused = (desk.grant(now=ahead) for _ in range(2))
    desk.admission.admit(used, KEY, NOW)
    desk.admission.put_out(APP, ROOM, "alice", NOW + 10)
    assert refusal(desk, used, NOW + 11) is ErrorCode.GRANT_EXPIRED
    assert refusal(desk, unused, NOW + 11) is ErrorCode.GRANT_EXPIRED
    later = desk.grant(now=ahead + 20)
    desk.admission.admit(later, KEY, NOW + 20)


def test_an_instance_takes_no_grant_from_before_it_began() -> None:
    desk = Desk()
    desk.admission.began = NOW
    assert refusal(desk, desk.grant(now=NOW - 1), NOW + 1) is ErrorCode.GRANT_EXPIRED
    desk.admission.admit(desk.grant(now=NOW), KEY, NOW + 1)


def test_both_keys_of_a_rotation_count() -> None:
    old, new = Ed25519PrivateKey.generate(), p256()
    desk = Desk(old)
    issuer = Issuer("shop", (new.public_key(), old.public_key()), frozenset({APP}))
    desk.admission = Admission.of("keys", [issuer], public_text(desk.authority_key), began=0)
    desk.admission.admit(desk.grant(), KEY, NOW)
    newer = Desk(new, desk.authority_key)
    desk.admission.admit(newer.grant(), KEY, NOW)


def test_an_issuer_with_a_key_that_no_grant_may_have_is_refused() -> None:
    wrong = ec.generate_private_key(ec.SECP384R1()).public_key()
    for keys in ((), (wrong,), (p256().public_key(),) * 3):
        with pytest.raises(ValueError, match="key"):
            Issuer("shop", keys, frozenset({APP}))


def test_nothing_of_a_grant_is_in_a_repr() -> None:
    desk = Desk()
    grant = desk.grant()
    desk.admission.admit(grant, KEY, NOW)
    assert str(desk.claims()["jti"]) not in repr(desk.admission)
    assert "alice" not in repr(desk.admission)
    assert "PrivateKey" not in repr(desk.signer)
