# SPDX-License-Identifier: Apache-2.0
"""The demo customer's backend: signs for whoever asks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta

from sealroom_customer.demo.operator import Operator
from sealroom_customer.signing import GrantSigner, TicketSigner
from sealroom_wire.authority import MemberRole
from sealroom_wire.ids import check_user_id, room_string
from sealroom_wire.limits import MAX_ROOM_STRING_BYTES, MAX_USER_ID_BYTES

GRANT_SECONDS = 15 * 60
"""Life of a demo grant. Shorter makes renewals, which happen 30 s before the end, easier to watch."""
USER_SIG_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class Lines:
    """Where a device's two lines go, as the page it came with reaches them."""

    operator: str
    authority: str


class Config(msgspec.Struct, frozen=True, rename="camel"):
    """What a page may know before anybody asks to enter."""

    sdk_app_id: int
    operator: str
    authority: str
    sealing: str = "required"


class Ask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who wants to enter which room."""

    user: Annotated[str, Meta(min_length=1, max_length=MAX_USER_ID_BYTES)]
    room: Annotated[str, Meta(min_length=1, max_length=MAX_ROOM_STRING_BYTES)]


class Tokens(msgspec.Struct, frozen=True, rename="camel"):
    """Everything needed to enter: tickets for operator and authority, and where they are."""

    sdk_app_id: int
    user_id: str
    user_sig: str
    operator: str
    authority: str
    grant: str
    str_room_id: str


class GrantAnswer(msgspec.Struct, frozen=True):
    """A fresh grant."""

    grant: str


class Backend:
    """Signs UserSigs with the application's key and grants with the customer's own."""

    def __init__(self, operator: Operator, grants: GrantSigner, unix: Callable[[], float]) -> None:
        self._operator = operator
        self._tickets = TicketSigner(operator.sdk_app_id, operator.secret_key)
        self._grants = grants
        self._unix = unix

    def config(self, lines: Lines) -> Config:
        """For a page whose lines go there."""
        return Config(self._operator.sdk_app_id, lines.operator, lines.authority)

    def tokens(self, ask: Ask, lines: Lines) -> Tokens:
        """Raises `Refusal(user_id_invalid)` or `Refusal(room_id_invalid)`."""
        now = int(self._unix())
        return Tokens(
            sdk_app_id=self._operator.sdk_app_id,
            user_id=check_user_id(ask.user),
            user_sig=self._tickets.user_sig(ask.user, now=now, life=USER_SIG_SECONDS),
            operator=lines.operator,
            authority=lines.authority,
            grant=self.grant(ask),
            str_room_id=room_string(ask.room).id,
        )

    def grant(self, ask: Ask) -> str:
        """A fresh grant. Raises as `tokens` does."""
        return self._grants.sign(
            sdk_app_id=self._operator.sdk_app_id,
            room=room_string(ask.room),
            user_id=ask.user,
            role=MemberRole.PUBLISH,
            now=int(self._unix()),
            life=GRANT_SECONDS,
        )
