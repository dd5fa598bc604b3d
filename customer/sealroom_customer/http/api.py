# SPDX-License-Identifier: Apache-2.0
"""Litestar as every listener of ours uses it: small bodies, one error shape, no generated pages."""

from collections.abc import Sequence
from typing import Any, TypeAlias, cast

from litestar import Litestar, MediaType, Request, Response
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler

from sealroom_customer.http.asgi import App, Problem
from sealroom_customer.logging import get_logger
from sealroom_wire.errors import ErrorCode, Refusal

# User, credential and state of a request are not used here, so their types do not matter.
AnyRequest: TypeAlias = Request[Any, Any, Any]

MAX_BODY_BYTES = 4096
"""Bodies here are a few names."""

_STATUS = {
    ErrorCode.MEMBER_UNKNOWN: 404,
    ErrorCode.CREDENTIAL_INVALID: 401,
    ErrorCode.ORIGIN_NOT_ALLOWED: 403,
    ErrorCode.MESSAGE_TOO_LARGE: 413,
    ErrorCode.TOO_MANY_MESSAGES: 429,
    ErrorCode.INTERNAL_ERROR: 500,
}
_BY_STATUS = {status: code for code, status in _STATUS.items() if code is not ErrorCode.MEMBER_UNKNOWN}
_PLAIN = {
    404: Problem("not_found", "There is nothing here.", "Check the address."),
    405: Problem("method_not_allowed", "This cannot be done here.", "Check the method."),
}


def api(handlers: Sequence[HTTPRouteHandler]) -> App:
    """An application of these routes."""
    application = Litestar(
        list(handlers),
        openapi_config=None,
        logging_config=None,
        request_max_body_size=MAX_BODY_BYTES,
        exception_handlers={
            Refusal: _refused,
            HTTPException: _http,
            RecursionError: _nested,
            Exception: _failed,
        },
    )
    # The library's ASGI types name each message; ours are the open mappings of the specification.
    return cast("App", application)


def refusal_answer(code: ErrorCode) -> Response[Problem]:
    """The answer to a refused request."""
    return _answer(Problem.of(Refusal(code)), _STATUS.get(code, 400))


def _answer(problem: Problem, status: int) -> Response[Problem]:
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    return Response(problem, status_code=status, media_type=MediaType.JSON, headers=headers)


def _refused(_: AnyRequest, refusal: Refusal) -> Response[Problem]:
    return refusal_answer(refusal.code)


def _http(_: AnyRequest, error: HTTPException) -> Response[Problem]:
    # The library's own texts may quote the request; they are not passed on.
    plain = _PLAIN.get(error.status_code)
    if plain is not None:
        return _answer(plain, error.status_code)
    return refusal_answer(_BY_STATUS.get(error.status_code, ErrorCode.MALFORMED_MESSAGE))


def _nested(_: AnyRequest, _error: RecursionError) -> Response[Problem]:
    # JSON nested deeper than the parser goes.
    return refusal_answer(ErrorCode.MALFORMED_MESSAGE)


def _failed(_: AnyRequest, error: Exception) -> Response[Problem]:
    get_logger().error("request_failed", error=type(error).__name__)
    return refusal_answer(ErrorCode.INTERNAL_ERROR)
