# SPDX-License-Identifier: Apache-2.0
"""What the customer's backend may tell the authority, over HTTP."""

from typing import Annotated

import msgspec
from litestar import post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from sealroom_customer.authority.records import FileRecords
from sealroom_customer.authority.service import Authority
from sealroom_customer.http.callers import BackendCredential, Caller
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.ids import RoomId, RoomKind, check_room, check_user_id

LINE_PATH = "/authority/v1"
"""Where devices connect."""


class Removal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a removal: which application the room belongs to."""

    app: Annotated[int, Meta(ge=1, le=2**32 - 1)]


class Removed(msgspec.Struct, frozen=True):
    """The member is out; a new epoch has begun without it. `recorded`: the removal is on disk, where records are kept."""

    removed: bool = True
    recorded: bool = True


def routes(
    authority: Authority, credential: BackendCredential, records: FileRecords | None = None
) -> list[HTTPRouteHandler]:
    """`POST /authority/v1/rooms/{kind}/{room}/members/{user}/remove` with the application in the body.

    Path segments are percent-encoded. Answers 404 `member_unknown` when nobody of that name is in the room; either way the
    user's grants for the room that were issued up to now are refused from then on.
    """

    @post(
        LINE_PATH + "/rooms/{kind:str}/{room:str}/members/{user:str}/remove",
        guards=[credential],
        opt={"caller": Caller.BACKEND},
        status_code=200,
    )
    async def remove_member(
        kind: FromPath[str], room: FromPath[str], user: FromPath[str], data: JSONBody[Removal]
    ) -> Removed:
        if kind not in tuple(RoomKind):
            raise Refusal(ErrorCode.ROOM_ID_INVALID)
        where = check_room(RoomId(RoomKind(kind), room))
        lost = 0 if records is None else records.lost
        if not authority.remove(data.app, where, check_user_id(user)):
            raise Refusal(ErrorCode.MEMBER_UNKNOWN)
        return Removed(recorded=records is None or await records.settled(lost))

    return [remove_member]
