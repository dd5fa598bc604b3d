# SPDX-License-Identifier: Apache-2.0
"""What the call page asks of the demo backend. Same origin only."""

from collections.abc import Callable

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody

from sealroom_customer.authority.api import LINE_PATH
from sealroom_customer.demo.backend import Ask, Backend, Config, GrantAnswer, Lines, Tokens
from sealroom_customer.http.api import AnyRequest
from sealroom_customer.http.callers import Caller, OwnPage
from sealroom_customer.http.pace import Pace
from sealroom_wire.errors import ErrorCode, Refusal

_NO_STORE = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


def line_url(origin: str, path: str = LINE_PATH) -> str:
    """A line's address at a page's origin (http becomes ws, https wss); the authority's unless another path is given."""
    return "ws" + origin.removeprefix("http") + path


def routes(
    backend: Backend, own_page: OwnPage, pace: Pace, lines: Callable[[str], Lines]
) -> list[HTTPRouteHandler]:
    """`GET /livez`, `GET /api/config`, `POST /api/tokens`, `POST /api/grants`."""

    def lines_for(request: AnyRequest) -> Lines:
        origin = own_page.origin_of(request.headers.get("host"))
        if origin is None:
            raise Refusal(ErrorCode.ORIGIN_NOT_ALLOWED)
        return lines(origin)

    def take_turn() -> None:
        if not pace.allows():
            raise Refusal(ErrorCode.TOO_MANY_MESSAGES)

    @get("/livez", opt={"caller": Caller.ANYONE}, media_type="text/plain")
    async def livez() -> str:
        return "ok"

    @get("/api/config", guards=[own_page], opt={"caller": Caller.OWN_PAGE})
    async def config(request: AnyRequest) -> Response[Config]:
        return Response(backend.config(lines_for(request)), headers=_NO_STORE)

    @post("/api/tokens", guards=[own_page], opt={"caller": Caller.OWN_PAGE}, status_code=200)
    async def tokens(request: AnyRequest, data: JSONBody[Ask]) -> Response[Tokens]:
        take_turn()
        return Response(backend.tokens(data, lines_for(request)), headers=_NO_STORE)

    @post("/api/grants", guards=[own_page], opt={"caller": Caller.OWN_PAGE}, status_code=200)
    async def grants(data: JSONBody[Ask]) -> Response[GrantAnswer]:
        take_turn()
        return Response(GrantAnswer(backend.grant(data)), headers=_NO_STORE)

    return [livez, config, tokens, grants]
