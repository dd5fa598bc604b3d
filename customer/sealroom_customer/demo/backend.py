# SPDX-License-Identifier: Apache-2.0
"""The demo customer's backend: UserSigs and grants for the page it serves."""

import time
from dataclasses import dataclass, field

import msgspec

from sealroom_customer.signing import GrantSigner, sign_user_sig
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.ids import RoomId, check_room, check_user_id, room_string

TOKEN_LIFE = 3600


class OperatorHandOver(msgspec.Struct, frozen=True):
    """What the operator hands to a customer: where its signalling is, the application and its secret key."""

    endpoint: str
    sdk_app_id: int
    secret_key: str

    def __repr__(self) -> str:
        return f"OperatorHandOver({self.endpoint}, {self.sdk_app_id})"


class TokenRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who wants to enter which room."""

    user: str
    room: str


class Tokens(msgspec.Struct, frozen=True, rename="camel"):
    """Everything that a page needs to enter."""

    sdk_app_id: int
    user_id: str
    user_sig: str
    operator: str
    authority: str
    grant: str
    str_room_id: str


class Grant(msgspec.Struct, frozen=True):
    """A further grant."""

    grant: str


@dataclass(frozen=True, slots=True)
class Backend:
    """Signs for the demo application. `authority_url`: where devices find the authority."""

    operator: OperatorHandOver
    authority_url: str
    grants: GrantSigner = field(repr=False)

    def tokens(self, body: bytes) -> Tokens:
        """A UserSig and a grant. Raises `Refusal` if the request cannot be read or names nobody."""
        user, room = self._read(body)
        now = int(time.time())
        user_sig = sign_user_sig(
            secret_key=self.operator.secret_key,
            sdk_app_id=self.operator.sdk_app_id,
            user_id=user,
            issued_at=now,
            expire=TOKEN_LIFE,
        )
        return Tokens(
            sdk_app_id=self.operator.sdk_app_id,
            user_id=user,
            user_sig=user_sig,
            operator=self.operator.endpoint,
            authority=self.authority_url,
            grant=self._grant(user, room, now),
            str_room_id=room.id,
        )

    def grant(self, body: bytes) -> Grant:
        """A further grant for a member whose grant is about to end."""
        user, room = self._read(body)
        return Grant(self._grant(user, room, int(time.time())))

    def _grant(self, user: str, room: RoomId, now: int) -> str:
        return self.grants.sign(sdk_app_id=self.operator.sdk_app_id, room=room, user_id=user, now=now)

    def _read(self, body: bytes) -> tuple[str, RoomId]:
        try:
            request = msgspec.json.decode(body, type=TokenRequest)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise Refusal(ErrorCode.MALFORMED_MESSAGE) from error
        return check_user_id(request.user), check_room(room_string(request.room))
