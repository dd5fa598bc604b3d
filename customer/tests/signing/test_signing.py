# SPDX-License-Identifier: Apache-2.0
"""What a backend signs verifies where it should, and its keys stay its own."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from customer.tests.desk import NOW, Desk
from sealroom_customer.signing import GrantSigner, TicketSigner
from sealroom_customer.signing.grants import read_grant
from sealroom_wire.errors import Refusal
from sealroom_wire.ids import RoomId, RoomKind, room_string
from sealroom_wire.limits import MAX_GRANT_BYTES
from sealroom_wire.usersig import Privilege, verify_private_map_key, verify_user_sig

SECRET = "0123456789abcdef" * 4


def test_tickets_verify_for_their_user_room_and_time() -> None:
    signer = TicketSigner(7, SECRET)
    keys = [SECRET]
    token = signer.user_sig("alice", now=NOW, life=60)
    assert (
        verify_user_sig(token, secret_keys=keys, sdk_app_id=7, user_id="alice", now=NOW + 59).expires_at
        == NOW + 60
    )
    with pytest.raises(Refusal):
        verify_user_sig(token, secret_keys=keys, sdk_app_id=7, user_id="alice", now=NOW + 61)
    room = room_string("r")
    token = signer.private_map_key("alice", room, Privilege.ENTER, now=NOW)
    verified = verify_private_map_key(
        token, secret_keys=keys, sdk_app_id=7, user_id="alice", room=room, now=NOW
    )
    assert verified.privileges == Privilege.ENTER


def test_no_secret_shows_in_a_repr() -> None:
    assert SECRET not in repr(TicketSigner(7, SECRET))
    assert "PrivateKey" not in repr(Desk().signer)


def test_an_invalid_user_room_application_life_or_key_is_not_signed() -> None:
    desk = Desk()
    for bad in ({"user": "a b"}, {"room": RoomId(RoomKind.NUMBER, "007")}, {"app": 0}):
        with pytest.raises(Refusal):
            desk.grant(**bad)
    for life in (0, -1, 86401):
        with pytest.raises(ValueError, match="grant"):
            desk.grant(life=life)
    with pytest.raises(ValueError, match="keys"):
        GrantSigner("shop", "keys", "A" * 43, ec.generate_private_key(ec.SECP384R1()))
    with pytest.raises(ValueError, match=r".+"):
        GrantSigner("shop", "keys", "short", desk.key)


def test_the_largest_grant_fits_its_limit() -> None:
    desk = Desk()
    desk.signer = GrantSigner("i" * 256, "a" * 256, desk.signer.authority_key, desk.key)
    token = desk.grant("u" * 32, room=room_string("r" * 64))
    assert len(token) < MAX_GRANT_BYTES
    assert read_grant(token).claims.iss == "i" * 256
