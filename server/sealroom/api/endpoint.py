# SPDX-License-Identifier: Apache-2.0
"""The API `/v1`, to be mounted at `PREFIX`: the gate, and behind it the routes."""

from typing import Any, cast

import msgspec
from litestar import Litestar, Request, Router
from litestar.connection import ASGIConnection
from litestar.di import Provide
from litestar.exceptions import ValidationException
from litestar.handlers import BaseRouteHandler
from litestar.openapi.config import OpenAPIConfig

from sealroom.api.calls import Call
from sealroom.api.gate import Gate
from sealroom.api.problems import ApiProblem, answer_of
from sealroom.api.routes import api_keys, applications, audit, bans, catalogue, receipts, usage, webhooks
from sealroom.api.services import Services
from sealroom.core.callers import Caller
from sealroom.core.clock import Clock
from sealroom.core.http.proxy import Application
from sealroom.core.ids import Ids
from sealroom.core.metrics import Metrics
from sealroom.core.traces import OFF, Traces

PREFIX = "/v1"
CALLER = Caller.API_KEY
ROUTES = (
    *applications.ROUTES,
    *api_keys.ROUTES,
    *bans.ROUTES,
    *webhooks.ROUTES,
    *receipts.ROUTES,
    *usage.ROUTES,
    *audit.ROUTES,
    *catalogue.ROUTES,
)
"""Every route, each with its caller."""


class StrictRequest(Request[Any, Any, Any]):
    """A request whose body is what its schema says: the framework alone would take 1 for true, and "5" for 5."""

    async def json(self) -> Any:
        """The body as what its route takes. Raises ValidationException."""
        wanted = self.route_handler.parsed_data_field
        try:
            return msgspec.json.decode(await self.body(), type=Any if wanted is None else wanted.annotation)
        except msgspec.DecodeError as error:
            raise ValidationException(extra=[{"key": "the body", "message": str(error)}]) from error


def application(services: Services, clock: Clock, ids: Ids, metrics: Metrics, traces: Traces = OFF) -> Gate:
    """The API with everything behind it."""
    inner = cast("Application", routed(services))
    return Gate(inner, services.api_keys, services.signatures, services.homes, clock, ids, metrics, traces)


def routed(services: Services | None, openapi: OpenAPIConfig | None = None) -> Litestar:
    """The routes without the gate. Without services they can be described, and not asked."""

    def provide_services() -> Any:
        return services

    dependencies = {
        "services": Provide(provide_services, sync_to_thread=False),
        "call": Provide(_call, sync_to_thread=False),
    }
    return Litestar(
        [Router(PREFIX, route_handlers=ROUTES, dependencies=dependencies)],
        openapi_config=openapi,
        logging_config=None,
        exception_handlers={Exception: answer_of},
        guards=[_verified],
        request_class=StrictRequest,
    )


def _verified(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """That only what is for anyone is reached around the gate; of a route that does not say for whom it is, nothing."""
    caller = handler.opt.get("caller")
    if caller is not Caller.ANYONE and not (caller is CALLER and "sealroom.call" in connection.scope):
        raise ApiProblem(
            401, "authorization_invalid", "The request is not signed.", "See docs/api.md, Signing."
        )


def _call(request: Request[Any, Any, Any]) -> Call:
    """What the gate verified. Raises KeyError where a request came around it."""
    return cast("Call", request.scope["sealroom.call"])  # type: ignore[typeddict-item]
