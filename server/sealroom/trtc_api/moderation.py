# SPDX-License-Identifier: Apache-2.0
"""Room management: dismiss a room, remove users, block what a user sends."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from sealroom.audit.events import Actor
from sealroom.trtc_api.errors import ApiError, Code
from sealroom.trtc_api.operations import Caller, Done, Operation
from sealroom.trtc_api.parameters import OfApplication, check_users, invalid, missing
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.ids import RoomId, room_number, room_string

MAX_REMOVED = 10
_BLOCKED: dict[int, tuple[bool | None, bool | None]] = {
    0: (False, False),
    1: (True, True),
    2: (True, None),
    3: (None, True),
}
"""IsMute: audio and video. "Audio only" and "video only" leave the other as it is: a request to block must not unblock."""


_REFUSED = {
    ErrorCode.ROOM_UNKNOWN: Code.ROOM_NOT_EXIST,
    ErrorCode.USER_NOT_IN_ROOM: Code.USER_NOT_EXIST,
}


class Moderation(Protocol):
    """What the rooms do at a customer's word; each act is written down with its actor."""

    async def dismiss(self, sdk_app_id: int, room: RoomId, *, actor: Actor) -> None:
        """Puts everybody out and ends the call. Raises `Refusal(room_unknown)`."""

    async def remove(
        self, sdk_app_id: int, room: RoomId, user_ids: Sequence[str], *, actor: Actor
    ) -> tuple[str, ...]:
        """Puts users out, and says who was there; the others are passed over. Raises `Refusal(room_unknown)`."""

    async def block(
        self, sdk_app_id: int, room: RoomId, user_id: str, *, audio: bool | None, video: bool | None, actor: Actor
    ) -> None:  # fmt: skip
        """Blocks what a user sends, or lets it through again; None leaves it. Raises `Refusal`: `room_unknown`, `user_not_in_room`."""


class DismissRoom(OfApplication, frozen=True, kw_only=True):
    """Parameters of `DismissRoom`."""

    room_id: int


class DismissRoomByStrRoomId(OfApplication, frozen=True, kw_only=True):
    """Parameters of `DismissRoomByStrRoomId`."""

    room_id: str


class RemoveUser(OfApplication, frozen=True, kw_only=True):
    """Parameters of `RemoveUser`."""

    room_id: int
    user_ids: tuple[str, ...]


class RemoveUserByStrRoomId(OfApplication, frozen=True, kw_only=True):
    """Parameters of `RemoveUserByStrRoomId`."""

    room_id: str
    user_ids: tuple[str, ...]


class SetUserBlocked(OfApplication, frozen=True, kw_only=True):
    """Parameters of `SetUserBlocked`."""

    room_id: int
    user_id: str
    is_mute: int


class SetUserBlockedByStrRoomId(OfApplication, frozen=True, kw_only=True):
    """Parameters of `SetUserBlockedByStrRoomId`, which alone calls the room so."""

    str_room_id: str
    user_id: str
    is_mute: int


class _Actions:
    def __init__(self, moderation: Moderation) -> None:
        self._moderation = moderation

    async def dismiss(self, caller: Caller, given: DismissRoom | DismissRoomByStrRoomId) -> Done:
        room = _room(given.room_id)
        with _refusals():
            await self._moderation.dismiss(given.sdk_app_id, room, actor=_actor(caller))
        return Done()

    async def remove(self, caller: Caller, given: RemoveUser | RemoveUserByStrRoomId) -> Done:
        room = _room(given.room_id)
        if not given.user_ids:
            raise missing("UserIds")
        users = check_users(given.user_ids, most=MAX_REMOVED)
        with _refusals():
            await self._moderation.remove(given.sdk_app_id, room, users, actor=_actor(caller))
        return Done()

    async def block(self, caller: Caller, given: SetUserBlocked | SetUserBlockedByStrRoomId) -> Done:
        room = (
            _room(given.room_id)
            if isinstance(given, SetUserBlocked)
            else _room(given.str_room_id, "StrRoomId")
        )
        (user,) = check_users((given.user_id,), most=1, name="UserId")
        if given.is_mute not in _BLOCKED:
            raise ApiError(Code.INVALID_OUT_OF_RANGE, "IsMute is 0, 1, 2 or 3.")
        audio, video = _BLOCKED[given.is_mute]
        with _refusals():
            await self._moderation.block(
                given.sdk_app_id, room, user, audio=audio, video=video, actor=_actor(caller)
            )
        return Done()


def operations(moderation: Moderation) -> tuple[Operation, ...]:
    """The six actions."""
    actions = _Actions(moderation)
    return (
        Operation.of("DismissRoom", DismissRoom, actions.dismiss),
        Operation.of("DismissRoomByStrRoomId", DismissRoomByStrRoomId, actions.dismiss),
        Operation.of("RemoveUser", RemoveUser, actions.remove),
        Operation.of("RemoveUserByStrRoomId", RemoveUserByStrRoomId, actions.remove),
        Operation.of("SetUserBlocked", SetUserBlocked, actions.block),
        Operation.of("SetUserBlockedByStrRoomId", SetUserBlockedByStrRoomId, actions.block),
    )


def _actor(caller: Caller) -> Actor:
    """The public half of the key, which is no secret and names no person."""
    return Actor("api_key", caller.secret_id)


def _room(value: int | str, name: str = "RoomId") -> RoomId:
    """`123` and `"123"` are two rooms, so each action takes its own kind."""
    try:
        return room_number(value) if isinstance(value, int) else room_string(value)
    except Refusal as refusal:
        raise invalid(
            name, "use a number from 1 to 4294967294, or 1 to 64 of the characters that TRTC allows"
        ) from refusal


@contextmanager
def _refusals() -> Iterator[None]:
    """What the rooms refuse, in TRTC's codes and our own words."""
    try:
        yield
    except Refusal as refusal:
        code = _REFUSED.get(refusal.code, Code.FAILED_OPERATION)
        raise ApiError(code, f"{refusal.text.sentence} {refusal.text.action}") from refusal
