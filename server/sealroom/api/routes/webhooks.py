# SPDX-License-Identifier: Apache-2.0
"""Where events go, and those that were not taken."""

from enum import StrEnum
from typing import Annotated, TypeAlias

import msgspec
from litestar import Response, delete, get, post, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, PathParameter, QueryParameter
from msgspec import Meta

from sealroom.api.conditions import ETAG, IfMatch, IfNoneMatch, etag, expected_tag
from sealroom.api.paging import USUAL, Number, Page, PageSize, PageToken, page, place
from sealroom.api.problems import missing, problems
from sealroom.api.routes.given import REPLAYED, Asked, Behind, IdempotencyKey, SdkAppId, replayed
from sealroom.core.callers import Caller
from sealroom.webhooks import models
from sealroom.webhooks.endpoints import EndpointStatus
from sealroom.webhooks.letters import Letter
from sealroom.webhooks.models import MAX_URL_CHARACTERS, State, Subscriber


class Group(StrEnum):
    """Which events: TRTC's groups 1 and 2."""

    ROOM = "room"
    MEDIA = "media"

    @property
    def number(self) -> models.Group:
        """TRTC's number of it."""
        return models.Group[self.name]


OfGroup: TypeAlias = Annotated[Group, PathParameter(description="Which events.")]


OfSubscriber: TypeAlias = Annotated[
    Subscriber, QueryParameter(name="subscriber", description="Who takes them: the customer's backend or its key authority.")
]  # fmt: skip


class WebhookView(msgspec.Struct, frozen=True):
    """Where a group of events goes."""

    group: Group
    subscriber: Subscriber
    url: str
    signed: bool
    """Whether there is a key, which is never shown."""
    enabled: bool
    changed_at: int
    """Unix milliseconds."""


class WebhookSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a group of events shall go."""

    url: Annotated[str, Meta(min_length=1, max_length=MAX_URL_CHARACTERS)]
    key: Annotated[str, Meta(max_length=32)]
    """What events are signed with: at most 32 letters and digits; empty for no signature. A change says it again."""
    enabled: bool = True


class WebhookList(msgspec.Struct, frozen=True):
    """All endpoints of an application: at most one for each group and subscriber."""

    items: list[WebhookView]


class DeliveryView(msgspec.Struct, frozen=True):
    """An event that its endpoint has not taken. Times in Unix milliseconds."""

    id: int
    event_id: str
    group: Group
    subscriber: Subscriber
    event_type: int
    """TRTC's number."""
    event: msgspec.Raw
    """TRTC's `EventInfo`."""
    state: State
    created_at: int
    next_at: int
    attempts: int
    problem: str
    """Why it was not taken the last time; empty before."""


class ReplaySpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be sent again."""

    delivery: Annotated[int, Meta(ge=1, le=2**62)] | None = None
    """One dead delivery. Left out: every dead one of the application."""


class ReplayView(msgspec.Struct, frozen=True):
    """How many go out again."""

    count: int


@get(
    "/applications/{sdk_app_id:int}/webhooks", operation_id="listWebhooks", opt={"caller": Caller.API_KEY}, responses=problems(404),
    summary="List webhooks", tags=["webhooks"],
)  # fmt: skip
async def list_webhooks(call: Asked, services: Behind, sdk_app_id: SdkAppId) -> WebhookList:
    """Where an application's events go."""
    await services.own(call, sdk_app_id)
    return WebhookList([_view(one) for one in await services.endpoints.shown(sdk_app_id)])


@get(
    "/applications/{sdk_app_id:int}/webhooks/{group:str}", operation_id="getWebhook", opt={"caller": Caller.API_KEY},
    responses=problems(404), response_headers=[ETAG], summary="Get a webhook", tags=["webhooks"],
)  # fmt: skip
async def get_webhook(
    call: Asked,
    services: Behind,
    sdk_app_id: SdkAppId,
    group: OfGroup,
    subscriber: OfSubscriber = Subscriber.BACKEND,
) -> Response[WebhookView]:
    """Where one group of events goes."""
    await services.own(call, sdk_app_id)
    return _shown(await services.endpoints.find(sdk_app_id, group.number, subscriber))


@put(
    "/applications/{sdk_app_id:int}/webhooks/{group:str}", operation_id="putWebhook", opt={"caller": Caller.API_KEY},
    responses=problems(404, 412, 422, 428), response_headers=[ETAG], summary="Set a webhook", tags=["webhooks"],
)  # fmt: skip
async def put_webhook(
    call: Asked,
    services: Behind,
    sdk_app_id: SdkAppId,
    group: OfGroup,
    data: JSONBody[WebhookSpec],
    subscriber: OfSubscriber = Subscriber.BACKEND,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> Response[WebhookView]:
    """Says where a group of events goes, from the next event on."""
    expected = expected_tag(if_match, if_none_match)
    await services.own(call, sdk_app_id)
    await services.endpoints.set(
        sdk_app_id, group.number, data.url, data.key, actor=call.actor, subscriber=subscriber, enabled=data.enabled,
        expected=expected,
    )  # fmt: skip
    return _shown(await services.endpoints.find(sdk_app_id, group.number, subscriber))


@delete(
    "/applications/{sdk_app_id:int}/webhooks/{group:str}", operation_id="deleteWebhook", opt={"caller": Caller.API_KEY},
    responses={**problems(404, 412, 428), 204: ResponseSpec(None, description="It is gone.")}, summary="Delete a webhook",
    tags=["webhooks"],
)  # fmt: skip
async def delete_webhook(
    call: Asked,
    services: Behind,
    sdk_app_id: SdkAppId,
    group: OfGroup,
    subscriber: OfSubscriber = Subscriber.BACKEND,
    if_match: IfMatch = None,
) -> None:
    """Sends no more of a group to a subscriber. What waits for it becomes a dead delivery."""
    expected = expected_tag(if_match)
    await services.own(call, sdk_app_id)
    gone = await services.endpoints.remove(
        sdk_app_id, group.number, actor=call.actor, subscriber=subscriber, expected=expected
    )
    if not gone:
        raise missing("webhook_unknown", "No endpoint is set for that group.")


@get(
    "/applications/{sdk_app_id:int}/deliveries", operation_id="listDeliveries", opt={"caller": Caller.API_KEY},
    responses=problems(404), summary="List deliveries", tags=["webhooks"],
)  # fmt: skip
async def list_deliveries(
    call: Asked,
    services: Behind,
    sdk_app_id: SdkAppId,
    status: Annotated[State, QueryParameter(name="state", description="Where they stand.")] = State.DEAD,
    page_size: PageSize = USUAL,
    page_token: PageToken = None,
) -> Page[DeliveryView]:
    """Events that were not taken, in the order in which they happened."""
    name = f"deliveries {status.value}"
    after = place(page_token, name, Number, 0)
    await services.own(call, sdk_app_id)
    found = await services.letters.page(status, sdk_app_id, after=after, limit=page_size + 1)
    return page(found, page_size, name, _delivery, lambda one: one.id)


@post(
    "/applications/{sdk_app_id:int}/replays", operation_id="createReplay", opt={"caller": Caller.API_KEY},
    responses=problems(404, 422), response_headers=[REPLAYED], summary="Send dead deliveries again", tags=["webhooks"],
)  # fmt: skip
async def create_replay(
    call: Asked,
    services: Behind,
    sdk_app_id: SdkAppId,
    data: JSONBody[ReplaySpec],
    idempotency_key: IdempotencyKey,
) -> Response[ReplayView]:
    """Has dead deliveries sent again, one or all, for another day. Time and id of the events stay theirs."""
    await services.own(call, sdk_app_id)
    view, again = await services.answers.once(
        call, idempotency_key,
        lambda also: services.letters.replay(sdk_app_id, data.delivery, actor=call.actor, also=also), ReplayView, ReplayView,
    )  # fmt: skip
    if data.delivery is not None and view.count == 0:
        raise missing("delivery_unknown", "The application has no dead delivery of that number.")
    return Response(view, headers=replayed(again))


def _shown(status: EndpointStatus | None) -> Response[WebhookView]:
    if status is None:
        raise missing("webhook_unknown", "No endpoint is set for that group.")
    return Response(_view(status), headers=etag(status.tag))


def _view(one: EndpointStatus) -> WebhookView:
    return WebhookView(
        Group[one.group.name], one.subscriber, one.url, one.signed, one.enabled, one.changed_at
    )


def _delivery(one: Letter) -> DeliveryView:
    return DeliveryView(
        one.id, one.event_id, Group[models.Group(one.group).name], one.subscriber, one.event_type, msgspec.Raw(one.info.encode()),
        one.state, one.created_at, one.next_at, one.attempts, one.problem,
    )  # fmt: skip


ROUTES = (
    list_webhooks,
    get_webhook,
    put_webhook,
    delete_webhook,
    list_deliveries,
    create_replay,
)
