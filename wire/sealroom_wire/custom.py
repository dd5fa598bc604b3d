# SPDX-License-Identifier: Apache-2.0
"""The body of a custom message (`protocol/sealing.md` section 10): what is sealed, or sent as it is in a call without sealing."""

import struct
from dataclasses import dataclass, field

from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.limits import MAX_CUSTOM_BYTES, MAX_CUSTOM_COMMAND

_HEAD = struct.Struct(">HI")
HEAD_BYTES = _HEAD.size
"""Command and sequence, in front of the data."""


@dataclass(frozen=True, slots=True)
class CustomBody:
    """`sequence` counts the sender's messages of this command, from 1, modulo 2^32."""

    command: int
    sequence: int
    data: bytes = field(repr=False)


def write_custom(body: CustomBody) -> bytes:
    """The bytes of a body; raises `Refusal` (`custom_message_malformed`, `custom_message_too_large`) for what may not be sent."""
    _check(body)
    return _HEAD.pack(body.command, body.sequence) + body.data


def read_custom(octets: bytes) -> CustomBody:
    """Reads a body; raises `Refusal` as `write_custom` does."""
    if len(octets) < HEAD_BYTES:
        raise Refusal(ErrorCode.CUSTOM_MESSAGE_MALFORMED)
    command, sequence = _HEAD.unpack_from(octets)
    body = CustomBody(command, sequence, octets[HEAD_BYTES:])
    _check(body)
    return body


def _check(body: CustomBody) -> None:
    if not 1 <= body.command <= MAX_CUSTOM_COMMAND or not 0 <= body.sequence < 2**32:
        raise Refusal(ErrorCode.CUSTOM_MESSAGE_MALFORMED)
    if len(body.data) > MAX_CUSTOM_BYTES:
        raise Refusal(ErrorCode.CUSTOM_MESSAGE_TOO_LARGE)
