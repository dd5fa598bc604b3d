# SPDX-License-Identifier: Apache-2.0
"""The HTTP face at `/`, as a plain ASGI application: who calls, what for, how often; then the action, and TRTC's form of answer.

The status is 200 whatever happened, and the content type exactly `application/json`: the official SDKs look for errors nowhere else.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
from prometheus_client import Counter, Histogram

from sealroom.accounts.once import Kept
from sealroom.core.callers import Caller as RouteCaller
from sealroom.core.clock import Clock
from sealroom.core.db import AWAY
from sealroom.core.errands import place_of
from sealroom.core.http.body import Body, BodyIncompleteError, BodyTooLargeError, respond
from sealroom.core.http.connection import client_address
from sealroom.core.http.proxy import Receive, Scope, Send
from sealroom.core.logging import get_logger
from sealroom.core.metrics import Metrics
from sealroom.core.records import RecordsUnavailable
from sealroom.core.traces import OFF, SpanName, Traces, parent_of
from sealroom.regions.directory import Directory, Place
from sealroom.trtc_api import calls, dashboard, history, moderation, usage
from sealroom.trtc_api.accounts import ApiKey, ApiKeys, Applications
from sealroom.trtc_api.actions import ACTIONS, VERSION, Action
from sealroom.trtc_api.errors import ApiError, Code
from sealroom.trtc_api.limits import Limits, Once
from sealroom.trtc_api.operations import Answer, Caller, Operation
from sealroom.trtc_api.parameters import (
    OfAccount,
    OfApplication,
    Parameters,
    check_application,
    from_json,
    from_query,
    read,
)
from sealroom.trtc_api.signature import Claim, Headers, Signed, read_claim, verify

PATH = "/"
CALLER = RouteCaller.API_KEY
MAX_BODY_BYTES = 128 * 1024
"""The largest request of an action that is served has some 4 kB. TRTC takes 10 MB, for pictures and voices."""
BODY_SECONDS = 10.0
"""How long a body may take to come."""
MAX_QUERY_BYTES = 32 * 1024
HEADERS = ((b"content-type", b"application/json"), (b"cache-control", b"no-store"))
NO_ACTION = "none"
"""The metric's label where no action of the list was named."""

_log = get_logger()


class ApiMetrics:
    """What is counted of the API."""

    def __init__(self, metrics: Metrics) -> None:
        registry = metrics.registry
        self.requests = Counter(
            "sealroom_api_requests_total", "Requests of TRTC's API, by action.", ["action"], registry=registry
        )
        self.answers = Counter(
            "sealroom_api_answers_total",
            "Answers of TRTC's API, by code; `ok` for no error.",
            ["code"],
            registry=registry,
        )
        self.seconds = Histogram(
            "sealroom_api_seconds",
            "From a request of TRTC's API to its answer.",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0),
            registry=registry,
        )


@dataclass(slots=True)
class _Exchange:
    """What is known of a request so far, for the log and the metrics."""

    action: str = NO_ACTION
    application: int = 0


class ErrorBody(msgspec.Struct, frozen=True, rename="pascal"):
    """An error in an answer."""

    code: str
    message: str


class TrtcApi:
    """Serves the API."""

    def __init__(
        self, keys: ApiKeys, applications: Applications, signatures: Kept, operations: Iterable[Operation], clock: Clock, metrics: Metrics,
        traces: Traces = OFF,
        directory: Directory | None = None,
    ) -> None:  # fmt: skip
        """Raises ValueError unless there is an operation for each action that `ACTIONS` calls served, and no other."""
        self._keys, self._applications, self._clock = keys, applications, clock
        self._directory = directory
        self._operations = {operation.action: operation for operation in operations}
        if set(self._operations) != {action.name for action in ACTIONS.values() if action.served}:
            raise ValueError("the operations are not those that the table of actions calls served")
        self._limits, self._once = Limits(clock), Once(clock, signatures)
        self._metrics = ApiMetrics(metrics)
        self._traces = traces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        exchange = _Exchange()
        with self._traces.span(SpanName.API_REQUEST, parent_of(scope["headers"])) as span:
            span.set("code", await self._exchange(scope, receive, send, exchange))
            span.set("action", exchange.action)
            if exchange.application:
                span.set("application", exchange.application)

    async def _exchange(self, scope: Scope, receive: Receive, send: Send, exchange: _Exchange) -> str:
        """Answers; returns the code, `ok` for no error."""
        began = self._clock.monotonic()
        request_id = str(uuid.uuid4())
        code = "ok"
        body = Body(receive, BODY_SECONDS)
        try:
            answer = await self._answer(scope, body, exchange)
            content = msgspec.to_builtins(answer)
        except ApiError as error:
            code = error.code.value
            content = {"Error": msgspec.to_builtins(ErrorBody(code, error.message))}
        except RecordsUnavailable as error:
            code, content = self._away(Code.ES_QUERY_ERROR, error, exchange, request_id)
        except AWAY as error:
            code, content = self._away(Code.DB_ERROR, error, exchange, request_id)
        except Exception as error:
            # Nothing of it goes to the caller; the id leads from his report to this line.
            _log.error(
                "api_failed", action=exchange.action, request=request_id, error=type(error).__name__, place=place_of(error)
            )  # fmt: skip
            code = Code.INTERNAL_ERROR.value
            message = (
                "The server failed to do this. Try again; tell the operator the RequestId if it stays so."
            )
            content = {"Error": msgspec.to_builtins(ErrorBody(code, message))}
        seconds = self._clock.monotonic() - began
        self._count(exchange, code, seconds, request_id)
        octets = msgspec.json.encode({"Response": {**content, "RequestId": request_id}})
        await respond(send, body, 200, HEADERS, octets)
        return code

    def _away(
        self, code: Code, error: Exception, exchange: _Exchange, request_id: str
    ) -> tuple[str, dict[str, object]]:
        """A store that does not answer now."""
        _log.warning(
            "api_store_away", action=exchange.action, request=request_id, error=type(error).__name__, place=place_of(error)
        )  # fmt: skip
        body = ErrorBody(code.value, "The store does not answer now. Try again later.")
        return code.value, {"Error": msgspec.to_builtins(body)}

    def _count(self, exchange: _Exchange, code: str, seconds: float, request_id: str) -> None:
        self._metrics.requests.labels(exchange.action).inc()
        self._metrics.answers.labels(code).inc()
        self._metrics.seconds.observe(seconds)
        _log.info(
            "api_answered", action=exchange.action, application=exchange.application, code=code,
            milliseconds=round(seconds * 1000), request=request_id,
        )  # fmt: skip

    async def _answer(self, scope: Scope, incoming: Body, exchange: _Exchange) -> Answer:
        address = client_address(scope)
        query = scope["query_string"].decode("latin-1")
        try:
            self._limits.check_address(address)
            headers, method = Headers(scope["headers"]), _method(scope, query)
            exchange.action = _named(headers.get("x-tc-action"))
            claim = read_claim(headers, self._clock.unix())
            key = await self._key(claim, headers)
        except ApiError as error:
            if error.code.value.startswith("AuthFailure."):
                self._limits.count_failure(address)
            await incoming.drop()
            raise
        body = await _read(incoming, headers)
        try:
            signed = verify(
                claim, key.secret_key, method=method, query=query, headers=headers, body=body, action=exchange.action
            )  # fmt: skip
        except ApiError:
            self._limits.count_failure(address)
            raise
        caller = Caller(key.uin, claim.secret_id)
        await self._keys.used(caller.secret_id)
        action = self._action(headers)
        if not action.changes:
            self._once.note(caller.secret_id, signed)
        self._limits.take_call(caller.uin, action)
        operation = self._operation(action)
        given = from_query(query) if method == "GET" else from_json(body)
        parameters = read(operation.parameters, given, texts=method == "GET")
        await self._check_owner(caller, parameters, exchange)
        await self._check_once(caller, action, signed)
        return await operation.run(caller, parameters)

    async def _key(self, claim: Claim, headers: Headers) -> ApiKey:
        if headers.get("x-tc-token"):
            raise ApiError(
                Code.TOKEN_FAILURE, "Temporary keys are not issued here. Sign with a key of the account."
            )
        key = await self._keys.secret_of(claim.secret_id)
        if key is None and self._directory is not None:
            _send_elsewhere(await self._directory.of_secret_id(claim.secret_id), "account")
        if key is None or key.disabled:
            raise ApiError(
                Code.SECRET_ID_NOT_FOUND,
                "There is no such SecretId, or it is switched off. Check the key, without spaces around it.",
            )
        return key

    def _action(self, headers: Headers) -> Action:
        name, version = headers.get("x-tc-action"), headers.get("x-tc-version")
        if not name:
            raise ApiError(Code.MISSING_PARAMETER, "The request is missing a required parameter `Action`.")
        if not version:
            raise ApiError(Code.MISSING_PARAMETER, "The request is missing a required parameter `Version`.")
        if version != VERSION:
            raise ApiError(Code.NO_SUCH_VERSION, f"This server speaks version {VERSION} of the API.")
        action = ACTIONS.get(name)
        if action is None:
            raise ApiError(Code.INVALID_ACTION, f"There is no such action in version {VERSION}.")
        return action

    def _operation(self, action: Action) -> Operation:
        operation = self._operations.get(action.name)
        if operation is None:
            raise ApiError(Code.UNSUPPORTED_OPERATION, f"`{action.name}` is not served here: {action.note}.")
        return operation

    async def _check_owner(self, caller: Caller, parameters: Parameters, exchange: _Exchange) -> None:
        """Whether there is no such application, or it is somebody else's, is not told apart."""
        if not isinstance(parameters, OfApplication | OfAccount) or parameters.sdk_app_id is None:
            return
        number = check_application(parameters.sdk_app_id)
        owner = await self._applications.owner_of(number)
        if owner is None and self._directory is not None:
            _send_elsewhere(await self._directory.of_application(number), "application")
        if owner != caller.uin:
            raise ApiError(
                Code.SDK_APP_ID_NOT_UNDER_APP_ID,
                "Your account has no application of that SdkAppId. Check the number, and whose key signs.",
            )
        exchange.application = number

    async def _check_once(self, caller: Caller, action: Action, signed: Signed) -> None:
        if action.changes:
            await self._once.check(caller.secret_id, signed)


def application(
    *,
    keys: ApiKeys,
    applications: Applications,
    signatures: Kept,
    rooms: moderation.Moderation,
    past: history.History,
    numbers: dashboard.Dashboard,
    meters: usage.Usage,
    clock: Clock,
    metrics: Metrics,
    traces: Traces = OFF,
    directory: Directory | None = None,
) -> TrtcApi:
    """The API with everything behind it, to be mounted at `PATH` for `CALLER`."""
    operations = (
        *moderation.operations(rooms),
        *calls.operations(past, clock),
        *dashboard.operations(numbers, clock),
        *usage.operations(meters, applications, clock),
    )
    return TrtcApi(keys, applications, signatures, operations, clock, metrics, traces, directory)


def _send_elsewhere(place: Place | None, what: str) -> None:
    """Raises `ApiError` with the address of the site where it is served. Nothing of the request is kept at this one."""
    if place is not None:
        raise ApiError(
            Code.UNSUPPORTED_REGION,
            f"This {what} is served at the site {place.site}, not here. Send the request to {place.api}.",
        )


def _method(scope: Scope, query: str) -> str:
    """GET, or POST with JSON."""
    method = str(scope["method"])
    if method not in {"GET", "POST"}:
        raise ApiError(Code.UNSUPPORTED_PROTOCOL, "Use POST or GET.")
    if len(query) > MAX_QUERY_BYTES:
        raise ApiError(Code.REQUEST_SIZE_LIMIT_EXCEEDED, f"A query has at most {MAX_QUERY_BYTES // 1024} kB.")
    return method


def _named(action: str) -> str:
    return action if action in ACTIONS else NO_ACTION


async def _read(incoming: Body, headers: Headers) -> bytes:
    """The body, which must be JSON where there is one; raises `ApiError`."""
    kind = headers.get("content-type").partition(";")[0].strip().lower()
    try:
        body = await incoming.read(MAX_BODY_BYTES)
    except BodyTooLargeError as error:
        raise ApiError(
            Code.REQUEST_SIZE_LIMIT_EXCEEDED, f"A body has at most {MAX_BODY_BYTES // 1024} kB here."
        ) from error
    except BodyIncompleteError as error:
        raise ApiError(Code.INVALID_BODY, "The body did not come whole, or not in time.") from error
    if body and kind != "application/json":
        raise ApiError(Code.UNSUPPORTED_PROTOCOL, "Send parameters as application/json.")
    return body
