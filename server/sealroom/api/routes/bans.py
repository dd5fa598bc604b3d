# SPDX-License-Identifier: Apache-2.0
"""Who may not enter. A ban is of one user, in one room or in every room of the application."""

from typing import Annotated, TypeAlias

import msgspec
from litestar import Response, delete, get, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, PathParameter, QueryParameter
from msgspec import Meta

from sealroom.api.conditions import ETAG, IfMatch, IfNoneMatch, etag, expected_tag
from sealroom.api.paging import USUAL, Page, PageSize, PageToken, Text, page, place
from sealroom.api.problems import missing, problems
from sealroom.api.routes.given import Asked, Behind, SdkAppId
from sealroom.core.callers import Caller
from sealroom.core.db import NOTHING
from sealroom.rooms.bans import Ban
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.ids import RoomId, RoomKind, check_room, check_user_id

_LIST = "bans"
UserId: TypeAlias = Annotated[
    str, PathParameter(description="As the application's backend calls him.", max_length=64)
]
Room: TypeAlias = Annotated[
    str | None,
    QueryParameter(name="room", max_length=80, description="`number:123` or `string:abc`. Left out: every room of the application."),
]  # fmt: skip


class BanView(msgspec.Struct, frozen=True):
    """A ban."""

    user_id: str
    room: str | None
    """As in the query; null for every room."""
    issued_before: int
    """Unix seconds: tokens issued before open nothing."""
    made_at: int
    """Unix milliseconds."""


class BanSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is refused."""

    issued_before: Annotated[int, Meta(ge=0, le=2**40)] | None = None
    """Unix seconds: tokens issued before. Left out: all that there are by now. A ban is never moved back."""


@get(
    "/applications/{sdk_app_id:int}/bans", operation_id="listBans", opt={"caller": Caller.API_KEY}, responses=problems(404),
    summary="List bans", tags=["bans"],
)  # fmt: skip
async def list_bans(
    call: Asked,
    services: Behind,
    sdk_app_id: SdkAppId,
    page_size: PageSize = USUAL,
    page_token: PageToken = None,
) -> Page[BanView]:
    """The bans of an application, by user and room."""
    after = place(page_token, _LIST, tuple[Text, Text, Text], ("", "", ""))
    await services.own(call, sdk_app_id)
    found = await services.bans.page(sdk_app_id, after=after, limit=page_size + 1)
    return page(found, page_size, _LIST, _view, _place)


@get(
    "/applications/{sdk_app_id:int}/bans/{user_id:str}", operation_id="getBan", opt={"caller": Caller.API_KEY},
    responses=problems(404, 422), response_headers=[ETAG], summary="Get a ban", tags=["bans"],
)  # fmt: skip
async def get_ban(
    call: Asked, services: Behind, sdk_app_id: SdkAppId, user_id: UserId, room: Room = None
) -> Response[BanView]:
    """One ban."""
    await services.own(call, sdk_app_id)
    found = await services.bans.find(sdk_app_id, check_user_id(user_id), _room(room))
    if found is None:
        raise missing("ban_unknown", "There is no such ban.")
    return _shown(found)


@put(
    "/applications/{sdk_app_id:int}/bans/{user_id:str}", operation_id="putBan", opt={"caller": Caller.API_KEY},
    responses=problems(404, 412, 422, 428), response_headers=[ETAG], summary="Ban a user", tags=["bans"],
)  # fmt: skip
async def put_ban(
    call: Asked,
    services: Behind,
    sdk_app_id: SdkAppId,
    user_id: UserId,
    data: JSONBody[BanSpec],
    room: Room = None,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> Response[BanView]:
    """Refuses a user's tokens that were issued before a moment, and puts him out where he is in."""
    expected = expected_tag(if_match, if_none_match)
    await services.own(call, sdk_app_id)
    ban = await services.moderation.ban(
        sdk_app_id, check_user_id(user_id), _room(room), actor=call.actor, issued_before=data.issued_before, expected=expected
    )  # fmt: skip
    return _shown(ban)


@delete(
    "/applications/{sdk_app_id:int}/bans/{user_id:str}", operation_id="liftBan", opt={"caller": Caller.API_KEY},
    responses={**problems(404, 412, 422, 428), 204: ResponseSpec(None, description="He may enter again.")}, summary="Lift a ban",
    tags=["bans"],
)  # fmt: skip
async def lift_ban(
    call: Asked, services: Behind, sdk_app_id: SdkAppId, user_id: UserId, room: Room = None, if_match: IfMatch = None
) -> None:  # fmt: skip
    """Takes a ban back."""
    expected = expected_tag(if_match)
    await services.own(call, sdk_app_id)
    gone = await services.moderation.lift(
        sdk_app_id, check_user_id(user_id), _room(room), actor=call.actor, expected=expected
    )
    if not gone:
        raise missing("ban_unknown", "There is no such ban.")


def _room(text: str | None) -> RoomId | None:
    """Raises `Refusal` for what is no room."""
    if text is None:
        return None
    kind, _, name = text.partition(":")
    if kind not in list(RoomKind):
        raise Refusal(ErrorCode.ROOM_ID_INVALID)
    return check_room(RoomId(RoomKind(kind), name))


def _place(ban: Ban) -> tuple[str, str, str]:
    return (ban.user_id, *((NOTHING, NOTHING) if ban.room is None else (ban.room.kind.value, ban.room.id)))


def _shown(ban: Ban) -> Response[BanView]:
    return Response(_view(ban), headers=etag(ban.tag))


def _view(ban: Ban) -> BanView:
    return BanView(ban.user_id, None if ban.room is None else str(ban.room), ban.issued_before, ban.made_at)


ROUTES = (list_bans, get_ban, put_ban, lift_ban)
