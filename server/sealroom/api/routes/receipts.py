# SPDX-License-Identifier: Apache-2.0
"""Where the data of a call was written and where its media ran, signed."""

from typing import Annotated, TypeAlias

import msgspec
from litestar import get
from litestar.params import PathParameter

from sealroom.api.problems import problems
from sealroom.api.routes.given import Asked, Behind, SdkAppId
from sealroom.core.callers import Caller

CallId: TypeAlias = Annotated[
    str,
    PathParameter(
        max_length=100,
        description="TRTC's CommId, percent-encoded, as `DescribeRoomInfo` tells it; or its hash as in receipts.",
    ),
]


class ReceiptView(msgspec.Struct, frozen=True):
    """A receipt."""

    receipt: str
    """A signed note (C2SP signed-note) over one line of canonical JSON: docs/operate/sites.md, Receipts."""
    keys: list[str]
    """The public keys that receipts of this site were ever signed with, as C2SP writes them, the newest first."""


@get(
    "/applications/{sdk_app_id:int}/receipts/{call_id:str}", operation_id="getReceipt", opt={"caller": Caller.API_KEY},
    responses=problems(404), summary="Get the receipt of a call", tags=["receipts"],
)  # fmt: skip
async def get_receipt(call: Asked, services: Behind, sdk_app_id: SdkAppId, call_id: CallId) -> ReceiptView:
    """What the site signed of a call that is over. Kept for 400 days."""
    await services.own(call, sdk_app_id)
    return ReceiptView(await services.receipts.note(sdk_app_id, call_id), services.receipts.verifiers())


ROUTES = (get_receipt,)
