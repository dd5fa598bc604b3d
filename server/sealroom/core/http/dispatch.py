# SPDX-License-Identifier: Apache-2.0
"""The public listener's paths: each has a kind (HTTP or WebSocket) and says who may call it. Everything else is refused."""

from dataclasses import dataclass
from typing import Literal

from sealroom.core.callers import Caller
from sealroom.core.http.problem import NOT_FOUND, UPGRADE_REQUIRED, answer
from sealroom.core.http.proxy import Application, Receive, Scope, Send


@dataclass(frozen=True, slots=True)
class Route:
    """One path of the public listener."""

    path: str
    kind: Literal["http", "websocket"]
    caller: Caller
    application: Application
    below: bool = False
    """Whether every path below it is this route's too, whose application knows them."""


class Dispatcher:
    """Finds the route of a request by its exact path, or by the one that it lies below."""

    def __init__(self, routes: tuple[Route, ...]) -> None:
        self.routes = routes
        self._by_path = {route.path: route for route in routes}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request to its route, or says why there is none."""
        route = self._by_path.get(scope["path"]) or self._above(scope["path"])
        if route is None:
            await answer(NOT_FOUND, scope, receive, send)
        elif route.kind != scope["type"]:
            await answer(UPGRADE_REQUIRED if route.kind == "websocket" else NOT_FOUND, scope, receive, send)
        else:
            await route.application(scope, receive, send)

    def _above(self, path: str) -> Route | None:
        return next((one for one in self.routes if one.below and path.startswith(f"{one.path}/")), None)
