# SPDX-License-Identifier: Apache-2.0
"""Applications of the account, their switches and their secret keys. Making and ending one is the operator's."""

from typing import Annotated

import msgspec
from litestar import Response, delete, get, patch, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, PathParameter
from msgspec import UNSET, Meta, UnsetType

from sealroom.api.conditions import ETAG, IfMatch, etag, expected_revision
from sealroom.api.paging import USUAL, Number, Page, PageSize, PageToken, page, place
from sealroom.api.problems import problems
from sealroom.api.routes.given import REPLAYED, Asked, Behind, IdempotencyKey, SdkAppId, replayed
from sealroom.apps.models import ApplicationSpec, ApplicationStatus, BillingMode, NewKey, State, Tag
from sealroom.core.callers import Caller
from sealroom_wire.signalling import Sealing

_LIST = "applications"


class KeyView(msgspec.Struct, frozen=True):
    """A secret key, without the secret."""

    number: int
    created_at: int
    """Unix seconds."""


class ApplicationView(msgspec.Struct, frozen=True, kw_only=True):
    """An application."""

    sdk_app_id: int
    name: str
    enabled: bool
    """Switched off, nobody can enter."""
    sealing: Sealing
    advanced_permission: bool
    """Whether everybody must show a PrivateMapKey."""
    recording: bool
    relay: bool
    billing_mode: BillingMode
    tags: dict[str, str]
    origins: list[str]
    """Web pages that may use it."""
    site: str
    """Where all of its data lies."""
    state: State
    created_at: int
    """Unix seconds."""
    terminated_at: int | None
    """Unix seconds."""
    revision: int
    keys: list[KeyView]


class ApplicationChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be changed; what is left out stays."""

    name: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")] | UnsetType = (
        UNSET
    )
    enabled: bool | UnsetType = UNSET
    sealing: Sealing | UnsetType = UNSET
    advanced_permission: bool | UnsetType = UNSET
    recording: bool | UnsetType = UNSET
    relay: bool | UnsetType = UNSET
    tags: Annotated[dict[Tag, Annotated[str, Meta(max_length=255)]], Meta(max_length=50)] | UnsetType = UNSET
    origins: Annotated[list[Annotated[str, Meta(max_length=300)]], Meta(max_length=100)] | UnsetType = UNSET


class NewKeyView(msgspec.Struct, frozen=True):
    """A new secret key, in the one answer that shows it."""

    sdk_app_id: int
    number: int
    secret_key: str


@get(
    "/applications", operation_id="listApplications", opt={"caller": Caller.API_KEY}, responses=problems(), summary="List applications",
    tags=["applications"],
)  # fmt: skip
async def list_applications(
    call: Asked, services: Behind, page_size: PageSize = USUAL, page_token: PageToken = None
) -> Page[ApplicationView]:
    """Every application of the account, by its number; those that have ended too, until they are deleted."""
    after = place(page_token, _LIST, Number, 0)
    found = await services.applications.page(call.uin, after=after, limit=page_size + 1)
    return page(found, page_size, _LIST, _view, lambda one: one.sdk_app_id)


@get(
    "/applications/{sdk_app_id:int}", operation_id="getApplication", opt={"caller": Caller.API_KEY}, responses=problems(404),
    response_headers=[ETAG], summary="Get an application", tags=["applications"],
)  # fmt: skip
async def get_application(call: Asked, services: Behind, sdk_app_id: SdkAppId) -> Response[ApplicationView]:
    """One application. Its ETag is for changes of it, and of its keys."""
    return _shown(await services.own(call, sdk_app_id))


@patch(
    "/applications/{sdk_app_id:int}", operation_id="changeApplication", opt={"caller": Caller.API_KEY},
    responses=problems(404, 409, 412, 422, 428), response_headers=[ETAG], summary="Change an application", tags=["applications"],
)  # fmt: skip
async def change_application(
    call: Asked,
    services: Behind,
    sdk_app_id: SdkAppId,
    data: JSONBody[ApplicationChange],
    if_match: IfMatch = None,
) -> Response[ApplicationView]:
    """Changes switches, tags and origins. Holds for everybody who enters from then on."""
    expected = expected_revision(if_match)
    await services.own(call, sdk_app_id)
    changes: dict[str, object] = msgspec.to_builtins(data)
    changed = await services.applications.change(sdk_app_id, changes, call.actor, expected_revision=expected)
    return _shown(changed)


@post(
    "/applications/{sdk_app_id:int}/keys", operation_id="createApplicationKey", opt={"caller": Caller.API_KEY},
    responses=problems(404, 409, 422), response_headers=[REPLAYED], summary="Create a secret key", tags=["applications"],
)  # fmt: skip
async def create_application_key(
    call: Asked, services: Behind, sdk_app_id: SdkAppId, idempotency_key: IdempotencyKey
) -> Response[NewKeyView]:
    """A second secret key, to take the first one's place. **Only this answer shows it.** Both hold until one is retired."""
    await services.own(call, sdk_app_id)
    view, again = await services.answers.once(
        call, idempotency_key,
        lambda also: services.applications.add_key(sdk_app_id, call.actor, expected_revision=None, also=also),
        _new_key, NewKeyView,
    )  # fmt: skip
    return Response(view, headers=replayed(again))


@delete(
    "/applications/{sdk_app_id:int}/keys/{number:int}", operation_id="retireApplicationKey", opt={"caller": Caller.API_KEY},
    responses={**problems(404, 409, 412, 428), 204: ResponseSpec(None, description="It is gone.")}, summary="Retire a secret key",
    tags=["applications"],
)  # fmt: skip
async def retire_application_key(
    call: Asked,
    services: Behind,
    sdk_app_id: SdkAppId,
    number: Annotated[int, PathParameter(ge=1, le=2**31 - 1, description="Of the key.")],
    if_match: IfMatch = None,
) -> None:
    """Takes a key away for good. If-Match is the application's ETag."""
    expected = expected_revision(if_match)
    await services.own(call, sdk_app_id)
    await services.applications.retire_key(sdk_app_id, number, call.actor, expected_revision=expected)


def _shown(status: ApplicationStatus) -> Response[ApplicationView]:
    return Response(_view(status), headers=etag(status.revision))


def _view(one: ApplicationStatus) -> ApplicationView:
    spec: ApplicationSpec = one.spec
    return ApplicationView(
        sdk_app_id=one.sdk_app_id, name=spec.name, enabled=spec.enabled, sealing=spec.sealing,
        advanced_permission=spec.advanced_permission, recording=spec.recording, relay=spec.relay, billing_mode=spec.billing_mode,
        tags=spec.tags, origins=list(spec.origins), site=one.site, state=one.state, created_at=one.created_at,
        terminated_at=one.terminated_at, revision=one.revision, keys=[KeyView(key.number, key.created_at) for key in one.keys],
    )  # fmt: skip


def _new_key(made: NewKey) -> NewKeyView:
    return NewKeyView(made.sdk_app_id, made.number, made.secret_key)


ROUTES = (
    list_applications,
    get_application,
    change_application,
    create_application_key,
    retire_application_key,
)
