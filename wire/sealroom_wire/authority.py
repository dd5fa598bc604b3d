# SPDX-License-Identifier: Apache-2.0
"""Messages on the line between a device and the customer's authority: `protocol/sealing.md` section 8.

A signed message travels as `Signed`: the receiver verifies the bytes of `body` as they stand, then parses them.
"""

from enum import StrEnum
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from sealroom_wire.errors import ErrorCode
from sealroom_wire.ids import RoomKind
from sealroom_wire.limits import MAX_GRANT_BYTES

SIGNATURE_PREFIX = b"sealroom authority 1\n"
"""Goes before the body's bytes into the signature, so that it can mean nothing else."""

ZERO_HEAD = "A" * 43
"""`head` before the first change: 32 zero bytes in base64url."""


class MemberRole(StrEnum):
    """What a member may do with keys."""

    PUBLISH = "publish"
    RECEIVE = "receive"
    RECORDER = "recorder"


class LeftReason(StrEnum):
    """Why a member is no longer on the roster."""

    LEFT = "left"
    LOST = "lost"
    REMOVED = "removed"
    EXPIRED = "expired"
    REPLACED = "replaced"


class SecretReason(StrEnum):
    """Why a secret was sent; decides how long the old one is still accepted."""

    JOIN = "join"
    LEAVE = "leave"
    REMOVAL = "removal"
    TIMER = "timer"


class GrantRoom(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The room inside a grant."""

    kind: RoomKind
    id: str


class GrantClaims(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The claims of a grant: `protocol/sealing.md` section 7."""

    iss: str
    aud: str
    app: int
    room: GrantRoom
    sub: str
    role: MemberRole
    iat: int
    exp: int
    jti: str
    mks: int
    auk: str


class _Device(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", tag_field="type"):
    pass


class Join(_Device, tag="join", frozen=True):
    """Asks to be a member."""

    version: int
    grant: Annotated[str, Meta(max_length=MAX_GRANT_BYTES)]
    member_key: Annotated[str, Meta(min_length=87, max_length=87)]
    """base64url of the 65 bytes of an uncompressed P-256 point."""
    suites: Annotated[tuple[int, ...], Meta(min_length=1, max_length=8)]


class Renew(_Device, tag="renew", frozen=True):
    """A grant that takes the place of the one shown before."""

    grant: Annotated[str, Meta(max_length=MAX_GRANT_BYTES)]


class Ping(_Device, tag="ping", frozen=True):
    """Liveness, every 2 s. `nonce` is drawn for this one, so that no answer can be an old one."""

    nonce: Annotated[str, Meta(min_length=22, max_length=22)]
    """base64url of 16 bytes."""


DeviceMessage: TypeAlias = Join | Renew | Ping


class _Authority(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", tag_field="type"):
    pass


class Refused(_Authority, tag="refused", frozen=True):
    """The line is closed after it."""

    code: ErrorCode
    message: str
    action: str


class Signed(_Authority, tag="signed", frozen=True):
    """A body and the authority's signature over `SIGNATURE_PREFIX | body`."""

    body: str
    signature: str


AuthorityMessage: TypeAlias = Refused | Signed


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which room of which application, in which life of the authority, a body speaks of."""

    app: int
    kind: RoomKind
    room: str
    instance: str


class Member(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of the roster. `since` in Unix seconds."""

    index: int
    user: str
    role: MemberRole
    key: str
    since: int


class Departure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry that is gone."""

    index: int
    reason: LeftReason


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", tag_field="kind"):
    place: Place
    epoch: int
    step: int


class Snapshot(_Body, tag="snapshot", frozen=True):
    """The roster as it stands, to a newcomer. `offered`: the suites in the newcomer's `join`, as they came."""

    suite: int
    offered: Annotated[tuple[int, ...], Meta(min_length=1, max_length=8)]
    you: int
    members: tuple[Member, ...]
    head: str


class Change(_Body, tag="change", frozen=True):
    """Joins and departures since the last change, to everyone."""

    joined: tuple[Member, ...]
    left: tuple[Departure, ...]
    previous: str


class Secret(_Body, tag="secret", frozen=True):
    """`s_k`, HPKE-sealed to the member at `to`."""

    to: int
    reason: SecretReason
    enc: str
    ciphertext: str
    head: str


class Alive(_Body, tag="alive", frozen=True):
    """The answer to a member's `ping`: the authority was there after it, and this is where the room stood."""

    nonce: str
    head: str


SignedBody: TypeAlias = Snapshot | Change | Secret | Alive
