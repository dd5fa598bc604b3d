# SPDX-License-Identifier: Apache-2.0
"""Events of rooms as TRTC tells them (groups 1 and 2), and their signature.

What TRTC has no event for is not told: a mute, a moderator's block. Who leaves ends his tracks without a word of each.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from sealroom.rooms.events import (
    ParticipantEntered,
    ParticipantLeft,
    RoomClosed,
    RoomEvent,
    RoomOpened,
    TrackPublished,
    TrackUnpublished,
)
from sealroom.webhooks.models import Group
from sealroom_wire.ids import RoomId, RoomKind
from sealroom_wire.participant import ClientInfo, Role, Track

Info: TypeAlias = dict[str, int | str]

ROLES = {Role.ANCHOR: 20, Role.AUDIENCE: 21}
_STARTED = {Track.MAIN: 201, Track.AUDIO: 203, Track.SCREEN: 205}
_STOPPED = {Track.MAIN: 202, Track.AUDIO: 204, Track.SCREEN: 206}
_WEB, _NATIVE = 1, 3
"""TRTC's `UserType`; 2 is its mini program."""
_WEB_SDKS = frozenset({"sealroom-web"})


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of one event."""

    group: Group
    event_type: int
    info: Info
    user_id: str | None


def told_of(event: RoomEvent) -> Told | None:
    """What TRTC tells of an event; None for what it does not."""
    match event:
        case RoomOpened(user_id=user):
            return Told(Group.ROOM, 101, _info(event, user), user)
        case RoomClosed():
            return Told(Group.ROOM, 102, _info(event, None), None)
        case ParticipantEntered(user_id=user):
            more: Info = {
                "Role": ROLES[event.role], "TerminalType": int(event.terminal), "UserType": _user_type(event.client),
                "Reason": int(event.reason),
            }  # fmt: skip
            return Told(Group.ROOM, 103, _info(event, user) | more, user)
        case ParticipantLeft(user_id=user):
            more = {"Role": ROLES[event.role], "Reason": int(event.reason)}
            return Told(Group.ROOM, 104, _info(event, user) | more, user)
        case TrackPublished(user_id=user):
            return Told(Group.MEDIA, _STARTED[event.track], _info(event, user), user)
        case TrackUnpublished(user_id=user):
            return Told(Group.MEDIA, _STOPPED[event.track], _info(event, user) | {"Reason": 0}, user)
        case _:
            return None


def _info(event: RoomEvent, user_id: str | None) -> Info:
    info: Info = {"RoomId": _room(event.call.room), "EventTs": event.at // 1000, "EventMsTs": event.at}
    return info if user_id is None else info | {"UserId": user_id}


def _room(room: RoomId) -> int | str:
    return int(room.id) if room.kind is RoomKind.NUMBER else room.id


def _user_type(client: ClientInfo) -> int:
    return _WEB if client.sdk in _WEB_SDKS else _NATIVE


def body(group: int, event_type: int, info: str, now_ms: int) -> bytes:
    """The request's body. `info` is the event's JSON as it was written when it happened; `now_ms` is when it is sent."""
    return msgspec.json.encode(
        {
            "EventGroupId": group,
            "EventType": event_type,
            "CallbackTs": now_ms,
            "EventInfo": msgspec.Raw(info.encode()),
        }
    )


def sign(key: bytes, content: bytes) -> str:
    """TRTC's `Sign` header: HMAC-SHA-256 of the body as sent, in base64."""
    return base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
