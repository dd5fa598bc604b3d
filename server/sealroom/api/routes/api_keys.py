# SPDX-License-Identifier: Apache-2.0
"""The account's API keys, of which one signs the very request."""

import datetime as dt
from typing import Annotated, Literal

import msgspec
from litestar import Response, get, patch, post
from litestar.params import JSONBody, PathParameter

from sealroom.accounts.models import ApiKeyStatus, NewApiKey
from sealroom.api.conditions import ETAG, IfMatch, etag, expected_revision
from sealroom.api.paging import USUAL, Number, Page, PageSize, PageToken, Text, page, place
from sealroom.api.problems import ApiProblem, problems
from sealroom.api.routes.given import REPLAYED, Asked, Behind, IdempotencyKey, replayed
from sealroom.core.callers import Caller

_LIST = "api-keys"
SecretId = Annotated[str, PathParameter(pattern=r"^[A-Za-z0-9]{1,64}$", description="The SecretId.")]


class ApiKeyView(msgspec.Struct, frozen=True):
    """A key pair, without its secret half."""

    secret_id: str
    enabled: bool
    created_at: int
    """Unix seconds."""
    disabled_at: int | None
    """Unix seconds."""
    last_used_day: dt.date | None
    """The day (UTC) of its last call."""
    revision: int


class ApiKeyChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key that is off stays off."""

    enabled: Literal[False]


class NewApiKeyView(msgspec.Struct, frozen=True):
    """A new key pair, in the one answer that shows its secret half."""

    secret_id: str
    secret_key: str


@get(
    "/api-keys", operation_id="listApiKeys", opt={"caller": Caller.API_KEY}, responses=problems(), summary="List API keys",
    tags=["api keys"],
)  # fmt: skip
async def list_api_keys(
    call: Asked, services: Behind, page_size: PageSize = USUAL, page_token: PageToken = None
) -> Page[ApiKeyView]:
    """Every key pair of the account, the oldest first; those that are off too."""
    after = place(page_token, _LIST, tuple[Number, Text], (0, ""))
    found = await services.api_keys.page(call.uin, after=after, limit=page_size + 1)
    return page(found, page_size, _LIST, _view, lambda one: (one.created_at, one.secret_id))


@get(
    "/api-keys/{secret_id:str}", operation_id="getApiKey", opt={"caller": Caller.API_KEY}, responses=problems(404),
    response_headers=[ETAG], summary="Get an API key", tags=["api keys"],
)  # fmt: skip
async def get_api_key(call: Asked, services: Behind, secret_id: SecretId) -> Response[ApiKeyView]:
    """One key pair."""
    return _shown(await services.api_keys.find(call.uin, secret_id))


@post(
    "/api-keys", operation_id="createApiKey", opt={"caller": Caller.API_KEY}, responses=problems(409, 422), response_headers=[REPLAYED],
    summary="Create an API key", tags=["api keys"],
)  # fmt: skip
async def create_api_key(
    call: Asked, services: Behind, idempotency_key: IdempotencyKey
) -> Response[NewApiKeyView]:
    """A second key pair, to take the first one's place. **Only this answer shows its secret half.**"""
    view, again = await services.answers.once(
        call, idempotency_key, lambda also: services.api_keys.create(call.uin, call.actor, also=also), _new, NewApiKeyView
    )  # fmt: skip
    return Response(view, headers=replayed(again))


@patch(
    "/api-keys/{secret_id:str}", operation_id="disableApiKey", opt={"caller": Caller.API_KEY},
    responses=problems(404, 409, 412, 428), response_headers=[ETAG], summary="Disable an API key", tags=["api keys"],
)  # fmt: skip
async def disable_api_key(
    call: Asked,
    services: Behind,
    secret_id: SecretId,
    data: JSONBody[ApiKeyChange],  # noqa: ARG001 - it can say one thing only
    if_match: IfMatch = None,
) -> Response[ApiKeyView]:
    """Switches a key pair off, for good; within a second it opens nothing. Not the one that signs this request: nobody locks himself out."""
    expected = expected_revision(if_match)
    await services.api_keys.find(call.uin, secret_id)
    if secret_id == call.secret_id:
        raise ApiProblem(
            409, "api_key_in_use", "This key signs the request that would switch it off.", "Sign with another key of the account."
        )  # fmt: skip
    await services.api_keys.disable(secret_id, call.actor, expected_revision=expected)
    return _shown(await services.api_keys.find(call.uin, secret_id))


def _shown(status: ApiKeyStatus) -> Response[ApiKeyView]:
    return Response(_view(status), headers=etag(status.revision))


def _view(one: ApiKeyStatus) -> ApiKeyView:
    return ApiKeyView(
        one.secret_id, one.enabled, one.created_at, one.disabled_at, one.last_used_day, one.revision
    )


def _new(made: NewApiKey) -> NewApiKeyView:
    return NewApiKeyView(made.secret_id, made.secret_key)


ROUTES = (list_api_keys, get_api_key, create_api_key, disable_api_key)
