# SPDX-License-Identifier: Apache-2.0
"""Custom messages: who may send them, and what the operator can say of one without being able to read it.

By TRTC's rules: only who may publish something sends (in a live room no audience), everybody else in the room receives.
"""

from sealroom.rooms.rights import SEND
from sealroom.rooms.state import Participant
from sealroom_wire.base64url import from_b64u
from sealroom_wire.custom import HEAD_BYTES, read_custom
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.frame_header import (
    DATA_TRACK,
    MAX_COUNTER,
    TAG_BYTES,
    read_frame_header,
    read_key_id,
)
from sealroom_wire.limits import MAX_CUSTOM_BYTES
from sealroom_wire.signalling import CustomMessage, Role, Scene, Sealing


def check_custom(participant: Participant, data: str) -> int:
    """How many bytes of data the message carries; raises `Refusal` for what is not passed on.

    In a sealed room it must be a frame of the track `data`: the second line, as on media. A device that wants to can fool it.
    """
    _check_right(participant)
    try:
        frame = from_b64u(data)
    except ValueError:
        raise Refusal(ErrorCode.CUSTOM_MESSAGE_MALFORMED) from None
    size = _sealed_size(frame)
    if size is None and participant.room.sealing is Sealing.REQUIRED:
        raise Refusal(ErrorCode.CUSTOM_MESSAGE_NOT_SEALED)
    if size is None:
        size = len(read_custom(frame).data)
    if size > MAX_CUSTOM_BYTES:
        raise Refusal(ErrorCode.CUSTOM_MESSAGE_TOO_LARGE)
    return size


def pass_on(participant: Participant, data: str, size: int) -> None:
    """Tells everybody else in the room, and counts it. To a device that is slow it is lost."""
    room = participant.room
    room.custom_messages += 1
    room.custom_bytes += size
    message = CustomMessage(participant.user_id, data)
    for other in room.others(participant):
        other.pass_on(message)


def _check_right(participant: Participant) -> None:
    if participant.room.scene is Scene.LIVE and participant.role is Role.AUDIENCE:
        raise Refusal(ErrorCode.AUDIENCE_CANNOT_PUBLISH)
    if not participant.rights & SEND:
        raise Refusal(ErrorCode.NO_RIGHT_TO_SEND_CUSTOM)


def _sealed_size(frame: bytes) -> int | None:
    """Bytes of data in a sealed message; None where the frame has not the form of one. A body in clear never has it."""
    try:
        header = read_frame_header(frame)
        key_id = read_key_id(header.key_id)
    except ValueError:
        return None
    size = len(frame) - header.length - TAG_BYTES - HEAD_BYTES
    fits = key_id.track == DATA_TRACK and header.counter <= MAX_COUNTER and size >= 0
    return size if fits else None
