# SPDX-License-Identifier: Apache-2.0
"""Custom messages as the operator sees them: who may send, what it takes for sealed, who is told."""

from pathlib import Path

import msgspec
import pytest

from sealroom.rooms.service import RoomService
from sealroom.rooms.state import Participant
from sealroom_wire.base64url import b64u
from sealroom_wire.custom import CustomBody, write_custom
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.signalling import CustomMessage, Role, Scene
from sealroom_wire.usersig import Privilege
from server.tests.conftest import House

VECTORS = Path(__file__).resolve().parents[3] / "protocol" / "vectors"
SEALED = [
    bytes.fromhex(case["sealed"])
    for case in msgspec.json.decode((VECTORS / "custom.json").read_bytes())["good"]
]
BODY = write_custom(CustomBody(1, 1, b"hello"))
LISTENER = Privilege.ALL & ~(Privilege.SEND_AUDIO | Privilege.SEND_VIDEO | Privilege.SEND_SCREEN)


def code_of(rooms: RoomService, sender: Participant, data: str) -> ErrorCode | None:
    try:
        rooms.check_custom(sender, data)
    except Refusal as refusal:
        return refusal.code
    return None


async def test_a_sealed_message_reaches_everybody_else_as_it_came(rooms: RoomService, house: House) -> None:
    alice, to_alice, _ = await house.enter("alice")
    _, to_bob, _ = await house.enter("bob")
    _, to_carol, _ = await house.enter("carol", rights=LISTENER)
    for line in (to_alice, to_bob, to_carol):
        line.take()
    for frame in SEALED:
        data = b64u(frame)
        rooms.send_custom(alice, data, rooms.check_custom(alice, data))
        assert to_bob.take() == to_carol.take() == [CustomMessage("alice", data)]
    assert to_alice.take() == []
    assert (alice.room.custom_messages, alice.room.custom_bytes) == (8, 2 * (5 + 0 + 1024 + 7))


@pytest.mark.parametrize(
    ("name", "frame"),
    [
        ("a body in clear", BODY),
        ("nothing", b""),
        ("another track", b"\xb1\x01\x00\x00\x31" + bytes(40)),
        ("a key id of more than 30 bits", b"\xb1\x41\x00\x00\x34" + bytes(40)),
        ("a header that is longer than need be", b"\xc1\x00\x01\x00\x00\x34" + bytes(40)),
        ("a counter that no sender reaches", b"\xbd\x01\x00\x00\x34\x01\x00\x00\x00\x00\x01" + bytes(40)),
        ("no room for tag and body", b"\xb1\x01\x00\x00\x34" + bytes(21)),
        ("a header cut off", b"\xb1\x01\x00"),
    ],
)
async def test_in_a_sealed_room_nothing_else_is_passed_on(
    rooms: RoomService, house: House, name: str, frame: bytes
) -> None:
    alice, *_ = await house.enter("alice")
    assert code_of(rooms, alice, b64u(frame)) is ErrorCode.CUSTOM_MESSAGE_NOT_SEALED, name


async def test_what_is_too_large_or_not_written_in_base64url_is_refused(
    rooms: RoomService, house: House
) -> None:
    alice, *_ = await house.enter("alice")
    header = b"\xb1\x01\x00\x00\x34"
    assert code_of(rooms, alice, b64u(header + bytes(16 + 6 + 1024))) is None
    assert code_of(rooms, alice, b64u(header + bytes(16 + 6 + 1025))) is ErrorCode.CUSTOM_MESSAGE_TOO_LARGE
    for text in ("a", b64u(SEALED[0]) + "=", b64u(SEALED[0])[:-1] + "*"):
        assert code_of(rooms, alice, text) is ErrorCode.CUSTOM_MESSAGE_MALFORMED


async def test_without_sealing_a_body_passes_and_a_sealed_message_of_a_sealed_call_too(
    rooms: RoomService, house: House
) -> None:
    alice, *_ = await house.enter("alice", sealing="optional")
    assert rooms.check_custom(alice, b64u(BODY)) == 5
    assert rooms.check_custom(alice, b64u(SEALED[0])) == 5
    assert code_of(rooms, alice, b64u(b"\x00\x0b" + bytes(4))) is ErrorCode.CUSTOM_MESSAGE_MALFORMED
    assert code_of(rooms, alice, b64u(BODY[:6] + bytes(1025))) is ErrorCode.CUSTOM_MESSAGE_TOO_LARGE


async def test_who_may_publish_nothing_may_send_nothing_and_is_told(rooms: RoomService, house: House) -> None:
    carol, *_ = await house.enter("carol", rights=LISTENER)
    data = b64u(SEALED[0])
    assert code_of(rooms, carol, data) is ErrorCode.NO_RIGHT_TO_SEND_CUSTOM
    for right in (Privilege.SEND_AUDIO, Privilege.SEND_VIDEO, Privilege.SEND_SCREEN):
        other, *_ = await house.enter(f"user{int(right)}", rights=LISTENER | right)
        assert code_of(rooms, other, data) is None


async def test_the_audience_of_a_live_room_is_silent_and_hears(rooms: RoomService, house: House) -> None:
    anchor, *_ = await house.enter("anchor", scene=Scene.LIVE)
    listener, to_listener, _ = await house.enter("listener", scene=Scene.LIVE, role=Role.AUDIENCE)
    data = b64u(SEALED[0])
    assert code_of(rooms, listener, data) is ErrorCode.AUDIENCE_CANNOT_PUBLISH
    to_listener.take()
    rooms.send_custom(anchor, data, rooms.check_custom(anchor, data))
    assert to_listener.take() == [CustomMessage("anchor", data)]
