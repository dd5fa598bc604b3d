# SPDX-License-Identifier: Apache-2.0
"""The operator's webhooks (TRTC's callbacks), over HTTP: **they make keys change sooner, and do nothing else**.

An exit (104) or a dismissal (102) is a hint about members whose lines to us are broken (`hints`). Every other event is taken and means
nothing here. Whoever knows the key, or shows an old request again, can say nothing that the operator could not have made up: a hint about
somebody who is here, is gone, or has no key of now changes nothing, and others are bounded for each room. So requests carry no nonce and
are not remembered.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Collection
from enum import StrEnum
from typing import Any, TypeAlias

import msgspec
from litestar import Request, post
from litestar.handlers import HTTPRouteHandler

from sealroom_customer.authority.api import LINE_PATH
from sealroom_customer.authority.service import Authority
from sealroom_customer.http.callers import Caller
from sealroom_customer.logging import get_logger
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.ids import RoomId, check_user_id, room_number, room_string

WEBHOOK_PATH = LINE_PATH + "/webhook"
"""Where the operator sends events of rooms."""
_ROOM_EVENTS = 1
_DISMISSED, _LEFT = 102, 104

# User, credential and state of a request are not used here, so their types do not matter.
_Request: TypeAlias = Request[Any, Any, Any]


class Outcome(StrEnum):
    """What came of a webhook."""

    SOONER = "sooner"
    """A room's keys change sooner."""
    NOTHING = "nothing"
    """It said nothing that concerns us."""
    REFUSED = "refused"
    """It was not signed with the key, or was none."""


class _Info(msgspec.Struct, frozen=True, rename="pascal"):
    """TRTC's `EventInfo`, as far as it is read here."""

    room_id: int | str
    user_id: str = ""


class _Event(msgspec.Struct, frozen=True, rename="pascal"):
    """TRTC's body, as far as it is read here; more may stand in it."""

    event_group_id: int
    event_type: int
    event_info: msgspec.Raw


class Taken(msgspec.Struct, frozen=True):
    """What TRTC's receivers answer."""

    code: int = 0


_event = msgspec.json.Decoder(_Event)
_info = msgspec.json.Decoder(_Info)


class Hook:
    """Reads requests of one operator."""

    def __init__(
        self,
        authority: Authority,
        key: str,
        applications: Collection[int],
        told: Callable[[Outcome], None] = lambda _outcome: None,
    ) -> None:
        """`applications`: those that the authority speaks for. `told` is told what came of each request, to count it."""
        if not key:
            raise ValueError("webhooks without a key would be anybody's")
        self._authority, self._key = authority, key.encode()
        self._applications = {str(one): one for one in applications}
        self._told = told

    def take(self, application: str, sign: str, body: bytes) -> Outcome:
        """Does what a request may do: its headers `SdkAppId` and `Sign`, and its body as it came.

        Raises:
            Refusal: `credential_invalid`, `application_unknown`, `malformed_message`, or a room or user that is none.
        """
        try:
            outcome = self._read(application, sign, body)
        except Refusal as refusal:
            get_logger().info("webhook_refused", code=refusal.code.value)
            self._told(Outcome.REFUSED)
            raise
        self._told(outcome)
        return outcome

    def _read(self, application: str, sign: str, body: bytes) -> Outcome:
        expected = base64.b64encode(hmac.digest(self._key, body, hashlib.sha256))
        if not hmac.compare_digest(sign.encode("utf-8", "surrogateescape"), expected):
            raise Refusal(ErrorCode.CREDENTIAL_INVALID)
        own = self._applications.get(application)
        if own is None:
            raise Refusal(ErrorCode.APPLICATION_UNKNOWN)
        try:
            event = _event.decode(body)
            if event.event_group_id != _ROOM_EVENTS or event.event_type not in (_DISMISSED, _LEFT):
                return Outcome.NOTHING
            info = _info.decode(event.event_info)
        except (ValueError, RecursionError):
            # RecursionError: nesting deeper than the parser goes.
            raise Refusal(ErrorCode.MALFORMED_MESSAGE) from None
        user = check_user_id(info.user_id) if event.event_type == _LEFT else None
        sooner = self._authority.hint(own, _room(info.room_id), user)
        return Outcome.SOONER if sooner else Outcome.NOTHING


def _room(told: int | str) -> RoomId:
    """TRTC tells numbers as numbers."""
    return room_number(told) if isinstance(told, int) else room_string(told)


def routes(hook: Hook) -> list[HTTPRouteHandler]:
    """`POST /authority/v1/webhook`. Answers 200 to whatever is signed and can be read, as TRTC's callbacks want it."""

    @post(WEBHOOK_PATH, opt={"caller": Caller.OPERATOR}, status_code=200)
    async def take_webhook(request: _Request) -> Taken:
        body = await request.body()
        hook.take(request.headers.get("sdkappid", ""), request.headers.get("sign", ""), body)
        return Taken()

    return [take_webhook]
