# SPDX-License-Identifier: Apache-2.0
"""UserSig and PrivateMapKey: the published algorithm, the official package, and none of its verifier's weaknesses."""

import base64
import random
import struct
import time
import zlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from TLSSigAPIv2 import TLSSigAPIv2

from sealroom_wire import usersig
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.ids import RoomId, RoomKind, room_number, room_string
from sealroom_wire.limits import MAX_USER_SIG_BYTES, MAX_USER_SIG_LIFE_SECONDS
from sealroom_wire.usersig import Privilege

KEY = "example-secret-key-not-real"
APP = 1400000000
NOW = 1700000000
TOKEN = "eJyrVgrxCdYrSy1SslIy0jNQ0gHzM1NS80oy0zLBwok5mcmpUInilOzEgoLMFCUrQxMDKIDIlGTmpipZGZqjiqZWFGQWpSpZWZiZwISKM9OVrJTMCgszDdNyfYtKTILSQyJTCgMj0vOz3YzdXcoLvEKTnbJ89Q0Ccgq0c9LLbZVqAZlVMSs_"
USERS = st.text(alphabet="abcXYZ019_-", min_size=1, max_size=32)
ROOMS = st.one_of(
    st.integers(1, 4294967294).map(room_number),
    st.text(alphabet="aZ09 !#$%&()+-:;<=.>?@[]^_{}|~,", min_size=1, max_size=64).map(room_string),
)


def unpack(token: str) -> dict[str, object]:
    packed = base64.b64decode(token.replace("*", "+").replace("-", "/").replace("_", "="))
    return msgspec.json.decode(zlib.decompress(packed), type=dict[str, object])


def pack(document: object) -> str:
    packed = zlib.compress(document if isinstance(document, bytes) else msgspec.json.encode(document))
    return base64.b64encode(packed).decode().replace("+", "*").replace("/", "-").replace("=", "_")


def verify(
    token: str, *, key: str = KEY, user: str = "alice", app: int = APP, now: int = NOW
) -> usersig.VerifiedUserSig:
    return usersig.verify_user_sig(token, secret_keys=[key], sdk_app_id=app, user_id=user, now=now)


def sign(**change: object) -> str:
    arguments = {"secret_key": KEY, "sdk_app_id": APP, "user_id": "alice", "issued_at": NOW, "expire": 86400}
    return usersig.sign_user_sig(**(arguments | change))  # type: ignore[arg-type]


def refused(token: str, **how: object) -> ErrorCode:
    with pytest.raises(Refusal) as caught:
        verify(token, **how)  # type: ignore[arg-type]
    return caught.value.code


def test_the_published_vector_signs_and_verifies() -> None:
    assert unpack(sign())["TLS.sig"] == "6qqi1fmMrt4RgTYdqQXgokF3GDwpJUcBjM/0Plp+lgw="
    assert unpack(TOKEN) == unpack(sign())
    assert verify(TOKEN).expires_at == NOW + 86400


def test_the_published_vectors_of_private_map_keys() -> None:
    number = usersig.sign_private_map_key(
        secret_key=KEY, sdk_app_id=APP, user_id="alice", room=room_number(10000), privileges=Privilege.ALL,
        issued_at=NOW, expire=300,
    )  # fmt: skip
    document = unpack(number)
    assert base64.b64decode(str(document["TLS.userbuf"])).hex() == (
        "000005616c69636553724e00000027106553f22c000000ff00000000"
    )
    assert document["TLS.sig"] == "qUlL+/IOmZSqA2BW38bCkZxufuAp7wolevBzzd0Nh6U="
    text = usersig.sign_private_map_key(
        secret_key=KEY, sdk_app_id=APP, user_id="alice", room=room_string("room-abc"), privileges=Privilege(42),
        issued_at=NOW, expire=300,
    )  # fmt: skip
    document = unpack(text)
    assert base64.b64decode(str(document["TLS.userbuf"])).hex() == (
        "010005616c69636553724e00000000006553f22c0000002a000000000008726f6f6d2d616263"
    )
    assert document["TLS.sig"] == "W+a2/K/CemBxQf1352g6U487AVdCHGZSadYa57eEs2U="


def test_tokens_of_the_official_package_verify_here() -> None:
    official = TLSSigAPIv2(APP, KEY)
    now = int(time.time())
    assert verify(official.gen_sig("alice", 3600), now=now).user_id == "alice"
    for version, room in ((0, room_number(77)), (1, room_string("77"))):
        userbuf = struct.pack(">BH", version, 5) + b"alice"
        userbuf += struct.pack(">IIIII", APP, 77 if version == 0 else 0, now + 300, 42, 0)
        userbuf += b"" if version == 0 else b"\x00\x0277"
        token = official.gen_sig_with_userbuf("alice", 300, userbuf)
        key = usersig.verify_private_map_key(
            token, secret_keys=[KEY], sdk_app_id=APP, user_id="alice", room=room, now=now
        )
        assert key.privileges == Privilege.ENTER | Privilege.RECEIVE_AUDIO | Privilege.RECEIVE_VIDEO


def test_our_tokens_verify_as_the_official_package_would_sign_them() -> None:
    official = TLSSigAPIv2(APP, KEY)
    document = unpack(sign(issued_at=NOW))
    assert str(document["TLS.sig"]).encode() == official._TLSSigAPIv2__hmacsha256("alice", NOW, 86400)


@given(
    USERS,
    st.integers(1, 2**32 - 1),
    st.integers(1, MAX_USER_SIG_LIFE_SECONDS),
    st.text(min_size=1, max_size=64),
)
def test_what_is_signed_verifies_and_under_no_other_name(user: str, app: int, expire: int, key: str) -> None:
    token = sign(user_id=user, sdk_app_id=app, expire=expire, secret_key=key)
    assert verify(token, key=key, user=user, app=app, now=NOW + expire).expires_at == NOW + expire
    assert refused(token, key=key, user=user, app=app, now=NOW + expire + 1) is ErrorCode.USER_SIG_EXPIRED
    assert refused(token, key=key + "x", user=user, app=app) is ErrorCode.USER_SIG_BAD_SIGNATURE
    assert (
        refused(token, key=key, user=user, app=app % (2**32 - 1) + 1) is ErrorCode.USER_SIG_WRONG_APPLICATION
    )
    other = "bob" if user != "bob" else "eve"
    assert refused(token, key=key, user=other, app=app) is ErrorCode.USER_SIG_WRONG_USER


@given(USERS, ROOMS, st.integers(0, 255))
def test_a_private_map_key_holds_for_its_room_only(user: str, room: RoomId, privileges: int) -> None:
    token = usersig.sign_private_map_key(
        secret_key=KEY,
        sdk_app_id=APP,
        user_id=user,
        room=room,
        privileges=Privilege(privileges),
        issued_at=NOW,
        expire=300,
    )

    def check(**change: object) -> usersig.VerifiedPrivateMapKey:
        arguments = {"secret_keys": [KEY], "sdk_app_id": APP, "user_id": user, "room": room, "now": NOW}
        return usersig.verify_private_map_key(token, **(arguments | change))  # type: ignore[arg-type]

    assert check().privileges == Privilege(privileges)
    twin = RoomId(RoomKind.STRING, room.id) if room.kind is RoomKind.NUMBER else room_number(7)
    for change, code in (
        ({"room": twin}, ErrorCode.PRIVATE_MAP_KEY_WRONG_ROOM),
        ({"now": NOW + 301}, ErrorCode.PRIVATE_MAP_KEY_EXPIRED),
        ({"secret_keys": ["other"]}, ErrorCode.PRIVATE_MAP_KEY_BAD_SIGNATURE),
        ({"sdk_app_id": APP + 1}, ErrorCode.PRIVATE_MAP_KEY_WRONG_APPLICATION),
    ):
        with pytest.raises(Refusal) as caught:
            check(**change)
        assert caught.value.code is code


def test_a_user_sig_is_no_private_map_key_and_the_reverse() -> None:
    with pytest.raises(Refusal) as caught:
        usersig.verify_private_map_key(
            sign(), secret_keys=[KEY], sdk_app_id=APP, user_id="alice", room=room_number(1), now=NOW
        )
    assert caught.value.code is ErrorCode.PRIVATE_MAP_KEY_MALFORMED
    assert refused(sign(userbuf=b"anything")) is ErrorCode.USER_SIG_MALFORMED


def test_two_keys_are_active_during_a_rotation() -> None:
    keys = ["new-key", KEY]
    verified = usersig.verify_user_sig(TOKEN, secret_keys=keys, sdk_app_id=APP, user_id="alice", now=NOW)
    assert verified.key_index == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"TLS.ver": "1.0"}, ErrorCode.USER_SIG_MALFORMED),
        ({"TLS.time": NOW + 301}, ErrorCode.USER_SIG_FROM_THE_FUTURE),
        ({"TLS.time": "1700000000"}, ErrorCode.USER_SIG_MALFORMED),
        ({"TLS.time": 1.7e9 + 0.5}, ErrorCode.USER_SIG_MALFORMED),
        ({"TLS.time": True}, ErrorCode.USER_SIG_MALFORMED),
        ({"TLS.time": -1}, ErrorCode.USER_SIG_MALFORMED),
        ({"TLS.expire": MAX_USER_SIG_LIFE_SECONDS + 1}, ErrorCode.USER_SIG_LIFE_TOO_LONG),
        ({"TLS.expire": 10**30}, ErrorCode.USER_SIG_MALFORMED),
        ({"TLS.sdkappid": str(APP)}, ErrorCode.USER_SIG_MALFORMED),
        ({"TLS.identifier": "alice\nTLS.sdkappid:1"}, ErrorCode.USER_SIG_WRONG_USER),
        ({"TLS.sig": ""}, ErrorCode.USER_SIG_BAD_SIGNATURE),
        ({"TLS.sig": "ä" * 44}, ErrorCode.USER_SIG_BAD_SIGNATURE),
        ({"TLS.expire": 86401}, ErrorCode.USER_SIG_BAD_SIGNATURE),
    ],
)
def test_a_changed_document_is_refused(change: dict[str, object], code: ErrorCode) -> None:
    assert refused(pack(unpack(TOKEN) | change)) is code


def test_a_user_id_with_a_line_break_never_reaches_the_signed_text() -> None:
    with pytest.raises(Refusal) as caught:
        sign(user_id="alice\nTLS.sdkappid:1")
    assert caught.value.code is ErrorCode.USER_ID_INVALID
    forged = pack(unpack(TOKEN) | {"TLS.identifier": "alice\n"})
    assert refused(forged, user="alice\n") is ErrorCode.USER_ID_INVALID


def test_a_bomb_and_an_oversized_token_are_refused_unread() -> None:
    bomb = pack(b'{"TLS.ver":"' + b"a" * 10_000_000 + b'"}')[: MAX_USER_SIG_BYTES * 8]
    assert refused(bomb) is ErrorCode.USER_SIG_MALFORMED
    small_bomb = pack(b" " * 400_000)
    assert len(small_bomb) < MAX_USER_SIG_BYTES
    assert refused(small_bomb) is ErrorCode.USER_SIG_MALFORMED
    assert refused("A" * (MAX_USER_SIG_BYTES + 4)) is ErrorCode.USER_SIG_MALFORMED


def test_bytes_behind_the_document_and_the_other_alphabet_are_refused() -> None:
    packed = zlib.compress(msgspec.json.encode(unpack(TOKEN))) + b"tail"
    token = base64.b64encode(packed).decode().replace("+", "*").replace("/", "-").replace("=", "_")
    assert refused(token) is ErrorCode.USER_SIG_MALFORMED
    assert refused(TOKEN.replace("_", "=")) is ErrorCode.USER_SIG_MALFORMED


def test_a_trailing_line_break_as_go_writes_it_is_taken() -> None:
    assert verify(pack(msgspec.json.encode(unpack(TOKEN)) + b"\n")).user_id == "alice"


@pytest.mark.parametrize(
    "userbuf",
    [
        b"",
        b"\x00",
        b"\x00\xff\xffalice",
        b"\x00\x00\x05alice" + struct.pack(">IIIII", APP, 10, NOW + 300, 255, 0) + b"x",
        b"\x01\x00\x05alice" + struct.pack(">IIIII", APP, 0, NOW + 300, 255, 0) + b"\x00\x09short",
        b"\x01\x00\x05alice" + struct.pack(">IIIII", APP, 5, NOW + 300, 255, 0) + b"\x00\x01a",
        b"\x02\x00\x05alice" + struct.pack(">IIIII", APP, 10, NOW + 300, 255, 0),
        b"\x00\x00\x05\xff\xfflic" + struct.pack(">IIIII", APP, 10, NOW + 300, 255, 0),
        b"\x00\x00\x05alice" + struct.pack(">IIIII", APP, 0, NOW + 300, 255, 0),
    ],
)
def test_a_userbuf_that_is_not_exact_is_refused(userbuf: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        usersig.verify_private_map_key(
            sign(userbuf=userbuf),
            secret_keys=[KEY],
            sdk_app_id=APP,
            user_id="alice",
            room=room_number(10),
            now=NOW,
        )
    assert caught.value.code is ErrorCode.PRIVATE_MAP_KEY_MALFORMED


def test_no_input_raises_anything_but_a_refusal() -> None:
    """A seeded storm: mutated tokens, mutated documents, random text."""
    random_source = random.Random(20261123)
    document = msgspec.json.encode(unpack(TOKEN))
    accepted = 0
    for _ in range(30_000):
        choice = random_source.random()
        if choice < 0.4:
            token = _mutated(random_source, TOKEN.encode()).decode("latin-1")
        elif choice < 0.9:
            token = pack(_mutated(random_source, document))
        else:
            token = "".join(
                chr(random_source.randrange(0x20, 0x3000)) for _ in range(random_source.randrange(200))
            )
        try:
            verify(token)
            accepted += 1
        except Refusal:
            pass
    assert accepted < 3_000


def _mutated(source: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(source.randrange(1, 4)):
        place = source.randrange(len(changed))
        match source.randrange(3):
            case 0:
                changed[place] ^= 1 << source.randrange(8)
            case 1:
                del changed[place : place + source.randrange(1, 9)]
            case _:
                changed[place:place] = source.randbytes(source.randrange(1, 9))
        if not changed:
            changed = bytearray(b"x")
    return bytes(changed)
