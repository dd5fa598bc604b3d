# SPDX-License-Identifier: Apache-2.0
"""What goes into a room, and what comes out of it."""

from dataclasses import dataclass, field
from typing import TypeAlias

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from sealroom_customer.sealing.schedule import SUITES
from sealroom_wire.authority import LeftReason, Member, MemberRole, Refused, SecretReason, Snapshot
from sealroom_wire.errors import ErrorCode, Refusal

LineId: TypeAlias = int


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody whose grant was verified. `expires` is monotonic seconds, `since` Unix seconds. `again`: the grant was shown before by
    this key, and only resumes. `suites` as they stood in `join`."""

    line: LineId
    user: str
    role: MemberRole
    key: str
    public_key: ec.EllipticCurvePublicKey = field(repr=False)
    expires: float
    since: int
    again: bool = False
    suites: tuple[int, ...] = SUITES


@dataclass(frozen=True, slots=True)
class Post:
    """A message for one line."""

    line: LineId
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Hang:
    """The line is over; close it after what was posted."""

    line: LineId


@dataclass(frozen=True, slots=True)
class Greeting:
    """A roster for a newcomer's line, not signed yet."""

    line: LineId
    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class Sealing:
    """A secret for one member's line, not sealed yet; `head` is that of the change it goes with."""

    line: LineId
    to: int
    public_key: ec.EllipticCurvePublicKey = field(repr=False)
    epoch: int
    step: int
    secret: bytes = field(repr=False)
    reason: SecretReason
    head: str


Letter: TypeAlias = Greeting | Sealing
"""A message that takes a while to write: `Room.write`."""
Output: TypeAlias = Post | Letter | Hang


@dataclass(frozen=True, slots=True)
class Admitted:
    """A member stands on the roster from this epoch and step on."""

    member: Member
    epoch: int
    step: int


@dataclass(frozen=True, slots=True)
class Departed:
    """A member is off the roster; from this epoch on it has no key."""

    member: Member
    reason: LeftReason
    epoch: int


@dataclass(frozen=True, slots=True)
class Began:
    """A new epoch began with so many members."""

    epoch: int
    reason: SecretReason
    members: int


Happening: TypeAlias = Admitted | Departed | Began
"""What is recorded on the customer's side."""


def refused_text(code: ErrorCode) -> str:
    """A `refused` message."""
    text = Refusal(code).text
    return msgspec.json.encode(Refused(code=code, message=text.sentence, action=text.action)).decode()
