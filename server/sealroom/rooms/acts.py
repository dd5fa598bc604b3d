# SPDX-License-Identifier: Apache-2.0
"""What moderators do to rooms, as something that can be said to the server that has the room, and done there."""

from enum import StrEnum
from typing import Annotated

from sealroom.audit.events import Actor, AuditEvent, Record
from sealroom.catalogue import Field, Subject
from sealroom.core.bus import Message, Question
from sealroom.rooms.service import RoomService
from sealroom.rooms.state import NOT_BLOCKED, Blocked
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.ids import RoomId, RoomKind
from sealroom_wire.signalling import KickReason


class ActKind(StrEnum):
    """What is done."""

    DISMISS = "dismiss"
    REMOVE = "remove"
    BLOCK = "block"


class Act(Message, frozen=True, kw_only=True):
    """Something that is to be done to a room. **Who asks for it has written it down, and says where.**"""

    kind: Annotated[ActKind, Field("What is done.")]
    sdk_app_id: Annotated[int, Field("The application.", subject=Subject.APPLICATION)]
    room_kind: Annotated[RoomKind, Field("Whether the room is a number or a string.")]
    room: Annotated[str, Field("The room.", personal=True)]
    users: Annotated[tuple[str, ...], Field("To whom.", personal=True, subject=Subject.USER)] = ()
    audio: Annotated[bool | None, Field("Whether sound is taken, given back, or left.")] = None
    video: Annotated[bool | None, Field("The same of pictures.")] = None

    written: Annotated[
        tuple[int, ...], Field("Numbers of the entries of the audit log that tell of it.")
    ] = ()

    @property
    def place(self) -> RoomId:
        """The room."""
        return RoomId(self.room_kind, self.room)


_EVENTS = {
    ActKind.DISMISS: AuditEvent.ROOM_DISMISSED,
    ActKind.REMOVE: AuditEvent.USER_REMOVED,
    ActKind.BLOCK: AuditEvent.USER_BLOCKED,
}


def records_of(act: Act, actor: Actor) -> list[Record]:
    """What the audit log says of an act: an entry for each user whom it is about, or one."""
    told: dict[str, str | int] = {"room": str(act.place)}
    told |= {name: int(on) for name, on in (("audio", act.audio), ("video", act.video)) if on is not None}
    event, target = _EVENTS[act.kind], f"application {act.sdk_app_id}"
    if act.kind is ActKind.DISMISS:
        return [Record(event, actor, target, told, f"{act.sdk_app_id}")]
    return [
        Record(event, actor, target, {**told, "user": user}, f"{act.sdk_app_id}/{user}") for user in act.users
    ]


class Outcome(Message, frozen=True, kw_only=True):
    """What came of it."""

    refused: Annotated[str, Field("Why it was not done, a stable code; empty where it was.")] = ""
    found: Annotated[tuple[str, ...], Field("Whom it was done to.", personal=True, subject=Subject.USER)] = ()


MODERATE = Question("moderate", Act, Outcome)
"""Asked of one server, whose name is the key."""


class Acts:
    """Does them to the rooms of this process."""

    def __init__(self, rooms: RoomService) -> None:
        self._rooms = rooms

    def check(self, act: Act) -> None:
        """Raises `Refusal` where there is no such room here, or not the user whom it is about."""
        room = self._rooms.find(act.sdk_app_id, act.place)
        if act.kind is ActKind.BLOCK and not any(
            user in room.participants or user in room.blocked for user in act.users
        ):
            raise Refusal(ErrorCode.USER_NOT_IN_ROOM)

    async def do(self, act: Act) -> Outcome:
        """Does it, or says why not; what the engine refuses too."""
        try:
            self.check(act)
            if act.kind is ActKind.DISMISS:
                self._rooms.dismiss(self._rooms.find(act.sdk_app_id, act.place))
                return Outcome()
            return self._remove(act) if act.kind is ActKind.REMOVE else await self._block(act)
        except Refusal as refusal:
            return Outcome(refused=refusal.code.value)

    def _remove(self, act: Act) -> Outcome:
        participants = self._rooms.find(act.sdk_app_id, act.place).participants
        # A copy, for the room empties while they go.
        found = [participants[user] for user in dict.fromkeys(act.users) if user in participants]
        for participant in found:
            self._rooms.put_out(participant, KickReason.BANNED, ErrorCode.REMOVED_FROM_ROOM)
        return Outcome(found=tuple(participant.user_id for participant in found))

    async def _block(self, act: Act) -> Outcome:
        room = self._rooms.find(act.sdk_app_id, act.place)
        for user in act.users:
            before = room.blocked.get(user, NOT_BLOCKED)
            audio = before.audio if act.audio is None else act.audio
            video = before.video if act.video is None else act.video
            await self._rooms.block(room, user, Blocked(audio, video))
        return Outcome(found=act.users)
