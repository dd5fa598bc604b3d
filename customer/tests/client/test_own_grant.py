# SPDX-License-Identifier: Apache-2.0
"""A device takes a grant only if it is its own."""

import pytest

from customer.tests.desk import APP, NOW, ROOM, Desk
from sealroom_customer.authority.identity import public_text
from sealroom_customer.client.events import ClientFault
from sealroom_customer.client.own_grant import OwnGrant, read_own_grant
from sealroom_wire.ids import RoomId, room_number


def read(
    token: str, *, app: int = APP, room: RoomId = ROOM, user: str = "alice", now: float = NOW
) -> OwnGrant:
    return read_own_grant(token, application=app, room=room, user=user, now=now)


def test_the_own_grant_names_the_authority_to_trust() -> None:
    desk = Desk()
    grant = read(desk.grant())
    assert grant.authority_key == public_text(desk.authority_key)
    assert grant.verifier == desk.authority_key.public_key()
    assert (grant.expires, grant.max_key_silence) == (NOW + 900, 30)
    assert grant.token not in repr(grant)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"app": APP + 1}, "grant_not_for_us"),
        ({"room": room_number(1)}, "grant_not_for_us"),
        ({"user": "bob"}, "grant_not_for_us"),
        ({"now": NOW + 900}, "grant_expired"),
    ],
    ids=repr,
)
def test_another_user_application_room_or_time_is_refused(change: dict[str, object], code: str) -> None:
    with pytest.raises(ClientFault) as caught:
        read(Desk().grant(), **change)  # type: ignore[arg-type]
    assert caught.value.code == code
    assert caught.value.action


def test_what_is_no_grant_is_malformed() -> None:
    with pytest.raises(ClientFault) as caught:
        read("a.b.c")
    assert caught.value.code == "grant_malformed"
