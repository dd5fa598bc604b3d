# SPDX-License-Identifier: Apache-2.0
"""What the eight rights of a PrivateMapKey and the roles of a live room let somebody do. The engine checks them again on media."""

from sealroom.rooms.state import Participant
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.signalling import Role, Scene, Track
from sealroom_wire.usersig import Privilege

SEND = Privilege.SEND_AUDIO | Privilege.SEND_VIDEO | Privilege.SEND_SCREEN

_TO_SEND = {
    Track.AUDIO: (Privilege.SEND_AUDIO, ErrorCode.NO_RIGHT_TO_SEND_AUDIO),
    Track.MAIN: (Privilege.SEND_VIDEO, ErrorCode.NO_RIGHT_TO_SEND_VIDEO),
    Track.SCREEN: (Privilege.SEND_SCREEN, ErrorCode.NO_RIGHT_TO_SEND_SCREEN),
}
_TO_RECEIVE = {
    Track.AUDIO: (Privilege.RECEIVE_AUDIO, ErrorCode.NO_RIGHT_TO_RECEIVE_AUDIO),
    Track.MAIN: (Privilege.RECEIVE_VIDEO, ErrorCode.NO_RIGHT_TO_RECEIVE_VIDEO),
    Track.SCREEN: (Privilege.RECEIVE_SCREEN, ErrorCode.NO_RIGHT_TO_RECEIVE_SCREEN),
}


def effective(rights: Privilege, scene: Scene, role: Role) -> Privilege:
    """The rights that hold in a room: the audience of a live room sends nothing, whatever its key says."""
    return rights & ~SEND if scene is Scene.LIVE and role is Role.AUDIENCE else rights


def passed_on(participant: Participant) -> Privilege:
    """The rights that the engine holds him to: without what a moderator took."""
    blocked, rights = participant.blocked, participant.rights
    if blocked.audio:
        rights &= ~Privilege.SEND_AUDIO
    if blocked.video:
        rights &= ~(Privilege.SEND_VIDEO | Privilege.SEND_SCREEN)
    return rights


def check_may_send(participant: Participant, track: Track) -> None:
    """Raises `Refusal` with the code of the missing right."""
    if participant.room.scene is Scene.LIVE and participant.role is Role.AUDIENCE:
        raise Refusal(ErrorCode.AUDIENCE_CANNOT_PUBLISH)
    right, code = _TO_SEND[track]
    if right not in participant.rights:
        raise Refusal(code)


def check_may_receive(participant: Participant, track: Track) -> None:
    """Raises `Refusal` with the code of the missing right."""
    right, code = _TO_RECEIVE[track]
    if right not in participant.rights:
        raise Refusal(code)
