# SPDX-License-Identifier: Apache-2.0
"""What goes wrong, as problem+json (RFC 9457): a code of the table, a sentence, what to do next, and a link to the table's line."""

from typing import Any, TypeAlias

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from msgspec import UNSET, UnsetType

from sealroom.core.db import AWAY
from sealroom.core.errands import place_of
from sealroom.core.errors import ConflictError, MissingError, NotAllowedError, OperatorError
from sealroom.core.http.problem import CONTENT_TYPE
from sealroom.core.keys import EnvelopeError
from sealroom.core.logging import get_logger
from sealroom.webhooks.endpoints import WebhookError
from sealroom_wire.errors import Refusal

DOCS = "/v1/problems/"

CODES: dict[str, str] = {
    # the request as such
    "authorization_invalid": "The Authorization header is not one of TC3-HMAC-SHA256 for the service `sealroom`, or does not sign what it must.",
    "timestamp_missing": "X-TC-Timestamp is missing.",
    "timestamp_invalid": "X-TC-Timestamp is no number of Unix seconds.",
    "signature_expired": "The clock of the machine that signs is off by more than five minutes, or the request was kept too long.",
    "signature_invalid": "The signature does not fit the request: a wrong key, or something on the way changed host, path, query or body.",
    "signature_used": "A request with this signature was carried out already. Sign again; sign X-Request-Id too, and no two are equal.",
    "api_key_rejected": "There is no such SecretId, or it is switched off.",
    "account_at_another_site": "The account of that SecretId is served at another site: send the request to `endpoint`, signed for its host.",
    "application_at_another_site": "The application is served at another site: send the request to `endpoint`, signed for its host.",
    "address_blocked": "Too many requests from the address could not be verified.",
    "rate_limited": "The account asked too often. Retry-After says when to go on.",
    "body_too_large": "The body is larger than 64 kB.",
    "body_incomplete": "The body did not come whole, or not in time.",
    "request_invalid": "A parameter, a header or the body does not fit what the OpenAPI document says.",
    "page_token_invalid": "The page_token is none, or one of another list. Begin with the first page.",
    "not_found": "There is no such path.",
    "method_not_allowed": "The path has other methods; the header Allow names them.",
    # conditions and repetition
    "precondition_required": "A change says what it was made from: send If-Match with the ETag, or If-None-Match: * for what shall be new.",
    "condition_invalid": "If-Match takes one ETag or *, If-None-Match only *, and not both at once.",
    "revision_conflict": "Somebody else changed it since it was read. Read it again, and decide again.",
    "idempotency_key_used": "The Idempotency-Key stood on another request within the last day. Take a new one for each thing that is to be done.",
    # what is asked for
    "application_unknown": "The account has no application of that number.",
    "application_invalid": "A value of the application does not fit.",
    "application_terminated": "The application has ended, for good.",
    "account_terminated": "The account has ended, for good.",
    "application_key_unknown": "The application has no key of that number.",
    "application_key_last": "It is the application's only key: add another first.",
    "application_keys_too_many": "The application has two keys: retire one first.",
    "api_key_unknown": "The account has no key of that SecretId.",
    "api_key_disabled": "The key is off already, and does not come back.",
    "api_key_in_use": "The key signs this very request. Sign with another one of the account.",
    "api_keys_too_many": "The account has two keys that are switched on: disable one first.",
    "ban_unknown": "There is no such ban.",
    "room_id_invalid": "The room is none: number:1 .. number:4294967294, or string: and 1 to 64 bytes of TRTC's characters.",
    "user_id_invalid": "The user id is none: 1 to 32 letters, digits, _ and -.",
    "sdk_app_id_invalid": "The SdkAppId is none.",
    "webhook_unknown": "No endpoint is set for that group.",
    "webhook_key_invalid": "A key has 1 to 32 letters and digits.",
    "webhook_in_clear": "Events name users and rooms: the endpoint must be https.",
    "url_invalid": "The URL is not one that events can be sent to.",
    "address_refused": "The endpoint's address is not a public one, and the operator does not allow its network.",
    "delivery_unknown": "The application has no dead delivery of that number.",
    "receipt_unknown": "There is no receipt of that call: the application has no such call, or it was more than 400 days ago.",
    "receipt_not_made": "The call is not over. Its receipt is made at its end.",
    "checkpoint_missing": "The log has no checkpoint yet.",
    "proof_impossible": "There is no such proof: a leaf is below the size, an old size at most the new one, and no size beyond the checkpoint's.",
    # the server
    "store_away": "The database or the key service does not answer now. Try again later.",
    "internal_error": "The server failed to do this. Tell the operator the request's id if it stays so.",
}
"""Every code there is, and what it means."""

_VALUES = frozenset({"application_invalid"})
"""Codes of rules that are about a value which was sent, and not about how things stand."""

_log = get_logger()


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong."""

    status: int
    code: str
    """One of `CODES`."""
    title: str
    """A sentence."""
    detail: str
    """What to do next."""
    docs: str
    """Where the code is explained: a path of this server."""
    request: str
    """The id of the request, as in X-Request-Id."""
    endpoint: str | UnsetType = UNSET
    """With 421: where the site answers that serves what was asked for."""


class ApiProblem(Exception):  # noqa: N818 - what it is
    """A request that is not done."""

    def __init__(
        self, status: int, code: str, title: str, detail: str, *, retry_after: int | None = None, endpoint: str | UnsetType = UNSET
    ) -> None:  # fmt: skip
        super().__init__(code)
        self.status, self.code, self.title, self.detail = status, code, title, detail
        self.retry_after, self.endpoint = retry_after, endpoint

    def headers(self) -> dict[str, str]:
        """What the answer says beside the body."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}

    def body(self, request_id: str) -> bytes:
        """As JSON."""
        problem = Problem(
            status=self.status, code=self.code, title=self.title, detail=self.detail, docs=DOCS + self.code, request=request_id,
            endpoint=self.endpoint,
        )  # fmt: skip
        return msgspec.json.encode(problem)


def missing(code: str, title: str) -> ApiProblem:
    """404."""
    return ApiProblem(404, code, title, "Look at the list.")


def problem_of(error: Exception) -> ApiProblem:
    """What is answered for an error. One that nobody foresaw is logged, without its text, and tells nothing."""
    if isinstance(error, ApiProblem):
        return error
    if isinstance(error, Refusal):
        return ApiProblem(422, error.code.value, error.text.sentence, error.text.action)
    if isinstance(error, (*AWAY, EnvelopeError)):
        _log.warning("api_store_away", error=type(error).__name__, place=place_of(error))
        return ApiProblem(
            503, "store_away", "The store does not answer now.", "Try again later.", retry_after=5
        )
    if isinstance(error, OperatorError) and (status := _status_of(error)):
        return ApiProblem(status, error.code, error.sentence, _action_of(error))
    if isinstance(error, HTTPException) and error.status_code < 500:
        return _of_framework(error)
    _log.error("api_failed", error=type(error).__name__, place=place_of(error))
    return ApiProblem(
        500, "internal_error", "The server failed to do this.", "Try again; tell the operator the request's id if it stays so."
    )  # fmt: skip


def _status_of(error: OperatorError) -> int | None:
    if isinstance(error, MissingError):
        return 404
    if isinstance(error, ConflictError):
        return 412
    if isinstance(error, NotAllowedError):
        return 422 if error.code in _VALUES else 409
    return 422 if isinstance(error, WebhookError) else None


def _action_of(error: OperatorError) -> str:
    """Without the command that an operator would call."""
    return "Look at the list." if "`sealroom " in error.action else error.action


def _of_framework(error: HTTPException) -> ApiProblem:
    if error.status_code == 404:
        return ApiProblem(404, "not_found", "There is nothing here.", "Look at the OpenAPI document.")
    if error.status_code == 405:
        return ApiProblem(
            405, "method_not_allowed", "This path has no such method.", "Look at the header Allow."
        )
    if error.status_code == 413:
        return ApiProblem(413, "body_too_large", "The body is too large.", "Send less at once.")
    return ApiProblem(
        400, "request_invalid", f"The request does not fit: {_first(error)}.", "Look at the OpenAPI document."
    )


def _first(error: HTTPException) -> str:
    """What does not fit first, in words that hold nothing of the value."""
    extra: Any = error.extra
    if isinstance(error, ValidationException) and isinstance(extra, list) and extra:
        told = extra[0]
        if isinstance(told, dict):
            return f"{told.get('key', 'the body')}: {str(told.get('message', 'it is not valid')).rstrip('.')}"
        return str(told).rstrip(".")
    return "a part of it cannot be read"


def answer_of(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The framework's handler of every exception."""
    problem = problem_of(error)
    request.scope["sealroom.code"] = problem.code  # type: ignore[typeddict-unknown-key]
    headers = problem.headers()
    if isinstance(error, HTTPException) and error.headers:
        headers |= {name: value for name, value in error.headers.items() if name.lower() == "allow"}
    request_id = request.scope.get("sealroom.request", "none")
    return Response(
        problem.body(str(request_id)), status_code=problem.status, media_type=CONTENT_TYPE, headers=headers
    )


Responses: TypeAlias = dict[int, ResponseSpec]
_MEANINGS = {
    400: "The request does not fit.",
    401: "The request is not signed as it must be.",
    404: "There is no such thing, or it is another account's.",
    409: "As things stand it cannot be done.",
    412: "It was changed since it was read.",
    413: "The body is too large.",
    421: "It is served at another site.",
    422: "A value cannot be used.",
    428: "A change must say what it was made from.",
    429: "Too many requests.",
    500: "The server failed.",
    503: "The store does not answer now.",
}
_ALWAYS = (400, 401, 413, 421, 429, 500, 503)


def problems(*statuses: int) -> Responses:
    """The problems of an operation, for its description: these, and those that every one may answer."""
    return {
        status: ResponseSpec(
            Problem, generate_examples=False, description=_MEANINGS[status], media_type=CONTENT_TYPE
        )
        for status in sorted({*_ALWAYS, *statuses})
    }
