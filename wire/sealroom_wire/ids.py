# SPDX-License-Identifier: Apache-2.0
"""Identities as TRTC writes them: user ids, room ids of two kinds, application ids."""

import re
from enum import StrEnum

import msgspec

from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.limits import MAX_ROOM_NUMBER, MAX_ROOM_STRING_BYTES, MAX_USER_ID_BYTES

_USER_ID = re.compile(rf"[a-zA-Z0-9_-]{{1,{MAX_USER_ID_BYTES}}}")
_ROOM_STRING = re.compile(rf"[a-zA-Z0-9 !#$%&()+\-:;<=.>?@\[\]^_{{}}|~,]{{1,{MAX_ROOM_STRING_BYTES}}}")


class RoomKind(StrEnum):
    """`123` and `"123"` are two rooms."""

    NUMBER = "number"
    STRING = "string"


class RoomId(msgspec.Struct, frozen=True, forbid_unknown_fields=True, order=True):
    """A room within one application. `id` is the number in decimal without leading zeros, or the string."""

    kind: RoomKind
    id: str

    def __str__(self) -> str:
        return f"{self.kind.value}:{self.id}"


def check_user_id(user_id: str) -> str:
    """Returns `user_id` if TRTC would take it; raises `Refusal(user_id_invalid)` otherwise."""
    if not _USER_ID.fullmatch(user_id):
        raise Refusal(ErrorCode.USER_ID_INVALID)
    return user_id


def room_number(number: int) -> RoomId:
    """The room of a number, 1 .. 4294967294; raises `Refusal(room_id_invalid)` otherwise."""
    if not 1 <= number <= MAX_ROOM_NUMBER:
        raise Refusal(ErrorCode.ROOM_ID_INVALID)
    return RoomId(RoomKind.NUMBER, str(number))


def room_string(text: str) -> RoomId:
    """The room of a string: 1 .. 64 bytes of TRTC's 89 characters; raises `Refusal(room_id_invalid)` otherwise."""
    if not _ROOM_STRING.fullmatch(text):
        raise Refusal(ErrorCode.ROOM_ID_INVALID)
    return RoomId(RoomKind.STRING, text)


def check_room(room: RoomId) -> RoomId:
    """Returns `room` if it is the canonical form of a room id; raises `Refusal(room_id_invalid)` otherwise."""
    if room.kind is RoomKind.STRING:
        return room_string(room.id)
    if not re.fullmatch(r"[1-9][0-9]{0,9}", room.id):
        raise Refusal(ErrorCode.ROOM_ID_INVALID)
    return room_number(int(room.id))


def check_sdk_app_id(sdk_app_id: int) -> int:
    """Returns `sdk_app_id` if it fits 32 bits and is not 0; raises `Refusal(sdk_app_id_invalid)` otherwise."""
    if not 1 <= sdk_app_id <= 0xFFFF_FFFF:
        raise Refusal(ErrorCode.SDK_APP_ID_INVALID)
    return sdk_app_id
