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


class Dispatcher:
    """Finds the route of a request by its exact path."""

    def __init__(self, routes: tuple[Route, ...]) -> None:
        self.routes = routes
        self._by_path = {route.path: route for route in routes}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request to its route, or says why there is none."""
        route = self._by_path.get(scope["path"])
        if route is None:
            await answer(NOT_FOUND, scope, receive, send)
        elif route.kind != scope["type"]:
            await answer(UPGRADE_REQUIRED if route.kind == "websocket" else NOT_FOUND, scope, receive, send)
        else:
            await route.application(scope, receive, send)
