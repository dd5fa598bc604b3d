# SPDX-License-Identifier: Apache-2.0
"""Reads messages of clients. **Whatever comes, nothing but `Refusal` is raised**, and nothing of it is repeated."""

from dataclasses import dataclass

import msgspec

from sealroom.core.callers import Caller
from sealroom.signalling.limits import MAX_SMALL_MESSAGE_BYTES
from sealroom_wire import PROTOCOL_VERSION, signalling
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.limits import (
    MAX_EVENTS_BYTES,
    MAX_LOG_BYTES,
    MAX_SAMPLE_BYTES,
    MAX_SIGNALLING_MESSAGE_BYTES,
)
from sealroom_wire.signalling import ClientMessage

CALLERS: dict[type[ClientMessage], Caller] = {
    signalling.Enter: Caller.ANYONE,
    signalling.Ping: Caller.ANYONE,
    signalling.Offer: Caller.PARTICIPANT,
    signalling.Publish: Caller.PARTICIPANT,
    signalling.Unpublish: Caller.PARTICIPANT,
    signalling.Mute: Caller.PARTICIPANT,
    signalling.Bind: Caller.PARTICIPANT,
    signalling.KeyFrame: Caller.PARTICIPANT,
    signalling.SendCustom: Caller.PARTICIPANT,
    signalling.AskRecord: Caller.PARTICIPANT,
    signalling.AskKept: Caller.PARTICIPANT,
    signalling.ReportQuality: Caller.PARTICIPANT,
    signalling.ReportEvents: Caller.PARTICIPANT,
    signalling.ReportLog: Caller.PARTICIPANT,
    signalling.Leave: Caller.PARTICIPANT,
}
"""Who may send which message. One that is not listed is refused."""

_MOST_BYTES: dict[type[ClientMessage], int] = {
    signalling.Enter: MAX_SIGNALLING_MESSAGE_BYTES,
    signalling.Offer: MAX_SIGNALLING_MESSAGE_BYTES,
    signalling.ReportQuality: MAX_SAMPLE_BYTES,
    signalling.ReportEvents: MAX_EVENTS_BYTES,
    signalling.ReportLog: MAX_LOG_BYTES,
}
_REPORTS = (signalling.ReportQuality, signalling.ReportEvents, signalling.ReportLog)
_REPORT_TAGS = frozenset(str(report.__struct_config__.tag) for report in _REPORTS)
_DECODER: msgspec.json.Decoder[ClientMessage] = msgspec.json.Decoder(ClientMessage)


class _Envelope(msgspec.Struct, frozen=True):
    """What can be said of a message that is not one of ours."""

    type: str = ""
    id: int = 0
    version: int = PROTOCOL_VERSION


_ENVELOPES = msgspec.json.Decoder(_Envelope)


@dataclass(frozen=True, slots=True)
class Unreadable(Exception):  # noqa: N818 - it is what it is
    """A message that was refused before it was understood. `request` is its id, or 0 where that cannot be read."""

    request: int
    code: ErrorCode


def read(text: str | bytes | None) -> ClientMessage:
    """Reads one message.

    Raises:
        Unreadable: too large, binary, of another version, or not of the protocol.
    """
    if not isinstance(text, str):
        raise Unreadable(0, ErrorCode.MALFORMED_MESSAGE)
    data = text.encode("utf-8", "surrogatepass")
    if len(data) > MAX_SIGNALLING_MESSAGE_BYTES:
        raise Unreadable(0, ErrorCode.MESSAGE_TOO_LARGE)
    try:
        message = _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _unreadable(data) from None
    if isinstance(message, signalling.Enter) and message.version != PROTOCOL_VERSION:
        raise Unreadable(message.id, ErrorCode.VERSION_NOT_SUPPORTED)
    if len(data) > _MOST_BYTES.get(type(message), MAX_SMALL_MESSAGE_BYTES):
        report = isinstance(message, _REPORTS)
        raise Unreadable(message.id, ErrorCode.REPORT_MALFORMED if report else ErrorCode.MESSAGE_TOO_LARGE)
    return message


def check_caller(message: ClientMessage, *, entered: bool) -> None:
    """Raises `Refusal` unless whoever is at the line may send this."""
    caller = CALLERS.get(type(message))
    if caller is Caller.ANYONE or (caller is Caller.PARTICIPANT and entered):
        return
    raise Refusal(ErrorCode.ENTER_FIRST)


def _unreadable(data: bytes) -> Unreadable:
    try:
        envelope = _ENVELOPES.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Unreadable(0, ErrorCode.MALFORMED_MESSAGE)
    request = envelope.id if 1 <= envelope.id < 2**53 else 0
    if envelope.type == "enter" and envelope.version != PROTOCOL_VERSION:
        return Unreadable(request, ErrorCode.VERSION_NOT_SUPPORTED)
    if envelope.type in _REPORT_TAGS:
        # What a device measures wrong is no reason to end its call.
        return Unreadable(request, ErrorCode.REPORT_MALFORMED)
    return Unreadable(request, ErrorCode.MALFORMED_MESSAGE)
