# SPDX-License-Identifier: Apache-2.0
"""In front of the routes, as a plain ASGI application: who calls, how often, with what body; and what every answer says.

**Nothing behind it sees a request whose signature was not verified**, but what explains the codes of problems.
"""

import math
import re
from dataclasses import dataclass
from typing import Any

from prometheus_client import Counter, Histogram

from sealroom.accounts.api_keys import ApiKeys
from sealroom.accounts.once import Kept, Once
from sealroom.accounts.signing import (
    Fault,
    Headers,
    Request,
    Scheme,
    Signed,
    SigningError,
    read_claim,
    verify,
)
from sealroom.api.calls import Call, fingerprint_of
from sealroom.api.homes import Homes
from sealroom.api.problems import DOCS, ApiProblem, problem_of
from sealroom.core.clock import Clock
from sealroom.core.http.address import neighbourhood_of
from sealroom.core.http.body import Body, BodyError, BodyTooLargeError, respond
from sealroom.core.http.connection import client_address
from sealroom.core.http.problem import CONTENT_TYPE
from sealroom.core.http.proxy import Application, Receive, Scope, Send
from sealroom.core.http.rates import Buckets, Rate
from sealroom.core.ids import Ids
from sealroom.core.logging import get_logger
from sealroom.core.metrics import Metrics
from sealroom.core.traces import OFF, Span, SpanName, Traces, parent_of

SCHEME = Scheme("sealroom")
MAX_BODY_BYTES = 64 * 1024
"""The largest request, an application with all its tags and origins, has some 40 kB."""
BODY_SECONDS = 10.0
"""How long a body may take to come."""
MAX_QUERY_BYTES = 4 * 1024
CALLS = Rate(20, 100)
"""Of one account. Lower slows a customer's console down before it slows an attacker."""
FAILURES = Rate(10, 100)
"""Requests that do not verify, per address (an IPv6 /64). Lower locks out a customer whose one job has a wrong key."""
EXPLANATIONS = Rate(10, 50)
"""Explanations of codes, per address."""
MUST_SIGN = ("if-match", "if-none-match", "idempotency-key")
"""Headers that change what a request does: signed where they are there."""
_READS = frozenset({"GET"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SECURITY = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox",
    ),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)

_log = get_logger()


class GateMetrics:
    """What is counted."""

    def __init__(self, metrics: Metrics) -> None:
        registry = metrics.registry
        self.answers = Counter(
            "sealroom_v1_answers_total",
            "Answers of the API /v1, by operation and code; `ok` for no problem.",
            ["action", "code"],
            registry=registry,
        )
        self.seconds = Histogram(
            "sealroom_v1_seconds",
            "From a request of the API /v1 to its answer.",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0),
            registry=registry,
        )


@dataclass(slots=True)
class _Exchange:
    """What is known of a request so far."""

    request_id: str
    uin: int | None = None


class Gate:
    """Lets signed requests through to `inner`."""

    def __init__(
        self, inner: Application, keys: ApiKeys, signatures: Kept, homes: Homes, clock: Clock, ids: Ids, metrics: Metrics, traces: Traces = OFF,
    ) -> None:  # fmt: skip
        self._inner, self._keys, self._clock, self._ids = inner, keys, clock, ids
        self._homes, self._traces = homes, traces
        self._once = Once(clock, signatures)
        self._calls, self._failures, self._explained = Buckets(clock), Buckets(clock), Buckets(clock)
        self._metrics = GateMetrics(metrics)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        with self._traces.span(SpanName.V1_REQUEST, parent_of(scope["headers"])) as span:
            await self._exchange(scope, receive, send, span)

    async def _exchange(self, scope: Scope, receive: Receive, send: Send, span: Span) -> None:
        began = self._clock.monotonic()
        exchange = _Exchange(self._request_id(scope))
        inside = {**scope, "sealroom.request": exchange.request_id}
        dressed = self._dressed(send, exchange)
        incoming = Body(receive, BODY_SECONDS)
        try:
            body = await self._admitted(inside, incoming, exchange)
            await self._inner(inside, _given(body, receive), dressed)
        except ApiProblem as problem:
            inside["sealroom.code"] = problem.code
            await _answer(problem, exchange.request_id, dressed, incoming)
        self._count(inside, exchange, self._clock.monotonic() - began, span)

    def _count(self, scope: Scope, exchange: _Exchange, seconds: float, span: Span) -> None:
        handler: Any = scope.get("route_handler")
        action = getattr(handler, "operation_id", None) or "none"
        code = str(scope.get("sealroom.code", "ok"))
        span.set("action", action)
        span.set("code", code)
        if code == "ok" and (number := scope.get("path_params", {}).get("sdk_app_id")):
            # The caller's own: of others nothing is ok.
            span.set("application", number)
        self._metrics.answers.labels(action, code).inc()
        self._metrics.seconds.observe(seconds)
        _log.info(
            "v1_answered", action=action, code=code, milliseconds=round(seconds * 1000), request=exchange.request_id
        )  # fmt: skip

    def _request_id(self, scope: Scope) -> str:
        """The caller's own where it is one, else a new one."""
        given = [value for name, value in scope["headers"] if name == b"x-request-id"]
        if len(given) == 1 and (match := _REQUEST_ID.fullmatch(given[0].decode("latin-1"))):
            return str(match[0])
        return f"req_{self._ids.alphanumeric(24)}"

    async def _admitted(self, scope: Scope, incoming: Body, exchange: _Exchange) -> bytes:
        """The body of a request that may go in. Raises ApiProblem."""
        neighbourhood = neighbourhood_of(client_address(scope))
        try:
            if scope["path"].startswith(DOCS):
                return await self._unsigned(incoming, neighbourhood)
            self._check_failures(neighbourhood)
            body = await _read(incoming)
            try:
                request = _request(scope, body)
                call, signed = await self._verified(request)
            except SigningError as error:
                self._failures.take(neighbourhood, FAILURES)
                raise ApiProblem(
                    401, error.fault.value, error.sentence, "See docs/api.md, Signing."
                ) from error
            except _UnknownKeyError:
                self._failures.take(neighbourhood, FAILURES)
                raise ApiProblem(
                    401, "api_key_rejected", "There is no such SecretId, or it is switched off.", "Check the key, without spaces around it."
                ) from None  # fmt: skip
            self._take(call.uin, exchange)
            await self._note(call, signed, request)
            await self._keys.used(call.secret_id)
        except ApiProblem:
            raise
        except Exception as error:
            raise problem_of(error) from error
        scope["sealroom.call"] = call
        return body

    async def _unsigned(self, incoming: Body, neighbourhood: object) -> bytes:
        await _read(incoming)
        if not self._explained.take(neighbourhood, EXPLANATIONS):
            raise _too_often()
        return b""

    def _check_failures(self, neighbourhood: Any) -> None:
        if self._failures.level(neighbourhood, FAILURES) < 1:
            raise ApiProblem(
                429, "address_blocked", "Too many requests from this address could not be verified.",
                "Check the key, wait, then try again.", retry_after=math.ceil(1 / FAILURES.per_second),
            )  # fmt: skip

    async def _verified(self, request: Request) -> tuple[Call, Signed]:
        headers = request.headers
        claim = read_claim(headers, self._clock.unix(), SCHEME)
        unsigned = [name for name in MUST_SIGN if headers.get(name) and name not in claim.signed]
        if unsigned:
            raise _must_sign(unsigned[0])
        key = await self._keys.secret_of(claim.secret_id)
        if key is None:
            await self._homes.check_key(claim.secret_id)
        if key is None or key.disabled:
            raise _UnknownKeyError
        signed = verify(claim, key.secret_key, request)
        print_ = fingerprint_of(request.method, request.path, request.query, request.body)
        return Call(key.uin, key.secret_id, print_), signed

    def _take(self, uin: int, exchange: _Exchange) -> None:
        exchange.uin = uin
        if not self._calls.take(uin, CALLS):
            raise _too_often()

    async def _note(self, call: Call, signed: Signed, request: Request) -> None:
        if request.method in _READS:
            self._once.note(call.secret_id, signed)
            return
        await self._homes.check_path(request.path)
        try:
            await self._once.check(call.secret_id, signed)
        except SigningError as error:
            raise ApiProblem(
                401, error.fault.value, "A request with this signature was carried out already.", "Sign again; sign X-Request-Id too."
            ) from error  # fmt: skip

    def _dressed(self, send: Send, exchange: _Exchange) -> Send:
        async def dressed(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = [
                    *message.get("headers", ()), *_SECURITY, (b"x-request-id", exchange.request_id.encode()),
                    *self._limits_of(exchange.uin),
                ]  # fmt: skip
                message = {**message, "headers": headers}
            await send(message)

        return dressed

    def _limits_of(self, uin: int | None) -> list[tuple[bytes, bytes]]:
        """draft-ietf-httpapi-ratelimit-headers: what the account has left, and in how many seconds all of it again."""
        if uin is None:
            return []
        level = self._calls.level(uin, CALLS)
        full = math.ceil((CALLS.burst - level) / CALLS.per_second)
        window = math.ceil(CALLS.burst / CALLS.per_second)
        return [
            (b"ratelimit-policy", f'"account";q={CALLS.burst};w={window}'.encode()),
            (b"ratelimit", f'"account";r={int(level)};t={full}'.encode()),
        ]


class _UnknownKeyError(Exception):
    """Nobody's key."""


def _must_sign(name: str) -> SigningError:
    return SigningError(Fault.AUTHORIZATION, f"The header `{name}` is there and must be signed.")


def _too_often() -> ApiProblem:
    return ApiProblem(
        429, "rate_limited", "Too many requests.", "Wait, then go on more slowly.", retry_after=math.ceil(1 / CALLS.per_second)
    )  # fmt: skip


def _request(scope: Scope, body: bytes) -> Request:
    """As it stood on the wire, which is what was signed."""
    query = scope["query_string"].decode("latin-1")
    if len(query) > MAX_QUERY_BYTES:
        raise ApiProblem(
            400, "request_invalid", f"A query has at most {MAX_QUERY_BYTES // 1024} kB.", "Ask for less."
        )
    raw = scope.get("raw_path") or scope["path"].encode()
    path = raw.partition(b"?")[0].decode("latin-1")
    return Request(str(scope["method"]), path, query, Headers(scope["headers"]), body)


async def _read(incoming: Body) -> bytes:
    try:
        return await incoming.read(MAX_BODY_BYTES)
    except BodyTooLargeError:
        raise ApiProblem(
            413,
            "body_too_large",
            f"A body has at most {MAX_BODY_BYTES // 1024} kB here.",
            "Send less at once.",
        ) from None
    except BodyError:
        raise ApiProblem(
            400, "body_incomplete", "The body did not come whole, or not in time.", "Send it again."
        ) from None


def _given(body: bytes, receive: Receive) -> Receive:
    """What was read already, then whatever comes: the end of the connection."""
    waiting = [body]

    async def given() -> Any:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return given


async def _answer(problem: ApiProblem, request_id: str, send: Send, incoming: Body) -> None:
    told = ((name.lower().encode(), value.encode()) for name, value in problem.headers().items())
    headers = [(b"content-type", CONTENT_TYPE.encode()), *told]
    await respond(send, incoming, problem.status, headers, problem.body(request_id))
