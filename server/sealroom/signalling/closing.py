# SPDX-License-Identifier: Apache-2.0
"""How a line ends: WebSocket close codes (RFC 6455 section 7.4), each with a reason that is the error code."""

from enum import IntEnum

from msgspec import UNSET, UnsetType

from sealroom_wire import signalling
from sealroom_wire.errors import TEXTS, ErrorCode


class CloseCode(IntEnum):
    """Close codes of the signalling line. Those from 4000 on are ours; a `refused` or `kicked-out` went before them."""

    DONE = 1000
    """After `leave`."""
    GOING_AWAY = 1001
    """The server ends; connect again, perhaps elsewhere."""
    TOO_LARGE = 1009
    """A message was larger than any of the protocol."""
    INTERNAL_ERROR = 1011
    """The server failed."""
    TRY_AGAIN_LATER = 1013
    """Too many connections."""
    MALFORMED = 4400
    """A message that the protocol does not know."""
    REFUSED = 4401
    """`enter` was refused."""
    TIMEOUT = 4408
    """No room entered in time, or the line was silent for too long."""
    KICKED = 4409
    """The participant was put out."""
    TOO_MANY_MESSAGES = 4429
    """Messages came faster, or were taken slower, than the protocol allows."""


_ENDING = {
    ErrorCode.MALFORMED_MESSAGE: CloseCode.MALFORMED,
    ErrorCode.MESSAGE_TOO_LARGE: CloseCode.TOO_LARGE,
    ErrorCode.TOO_MANY_MESSAGES: CloseCode.TOO_MANY_MESSAGES,
    ErrorCode.INTERNAL_ERROR: CloseCode.INTERNAL_ERROR,
    ErrorCode.ENTER_TIMEOUT: CloseCode.TIMEOUT,
    ErrorCode.SERVER_BUSY: CloseCode.TRY_AGAIN_LATER,
    ErrorCode.ENGINE_FAILED: CloseCode.INTERNAL_ERROR,
    ErrorCode.REPLACED_BY_NEW_ENTRY: CloseCode.KICKED,
    ErrorCode.REMOVED_FROM_ROOM: CloseCode.KICKED,
    ErrorCode.ROOM_DISMISSED: CloseCode.KICKED,
}

ENDS_A_CALL = frozenset(
    {
        ErrorCode.MALFORMED_MESSAGE,
        ErrorCode.MESSAGE_TOO_LARGE,
        ErrorCode.TOO_MANY_MESSAGES,
        ErrorCode.INTERNAL_ERROR,
    }
)
"""Refusals that end the line of a participant too. All others leave the call as it is."""


def close_code(code: ErrorCode) -> CloseCode:
    """The close code that follows a refusal which ends the line."""
    return _ENDING.get(code, CloseCode.REFUSED)


def refused(request: int, code: ErrorCode, endpoint: str | UnsetType = UNSET) -> signalling.Refused:
    """The refusal as the client reads it: code, sentence, what to do, TRTC's number, where else to go. Nothing of what it sent."""
    text = TEXTS[code]
    return signalling.Refused(request, code, text.sentence, text.action, text.trtc, endpoint)
