# SPDX-License-Identifier: Apache-2.0
"""Passes signalling lines through to the operator, so that a device needs one origin, one port and one certificate.

The customer's process then carries what the operator sees anyway; the authority's line never goes through the operator. Nothing that
is said on a line is looked at or logged. Rate, rights and silence are the operator's to judge: he is told each caller's address.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.frames import CloseCode

from sealroom_customer.http.asgi import Problem, Receive, Scope, Send, header, turn_away
from sealroom_customer.http.callers import OwnPage
from sealroom_customer.logging import get_logger
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.limits import MAX_SIGNALLING_MESSAGE_BYTES

MAX_MESSAGE_BYTES = 2 * MAX_SIGNALLING_MESSAGE_BYTES
"""As the operator's own listener: what is only somewhat too large is his to refuse, with a reason."""
_OPEN_SECONDS = 5.0
_SEND_SECONDS = 10.0
"""How long either end may take nothing before both lines are dropped."""
_CLOSE_SECONDS = 2.0
_MAX_QUERY_BYTES = 512
_WORD = re.compile(r"[a-z][a-z-]{0,31}")
_ENDED = frozenset({1000, 1001, 1005})
"""Close codes of an end that went in order (RFC 6455 section 7.4.1)."""
_REASONS: dict[int, str] = {
    CloseCode.TRY_AGAIN_LATER: "server_busy",
    CloseCode.BAD_GATEWAY: "operator_unreachable",
}


@dataclass(frozen=True, slots=True)
class _End:
    """How an end closed its line. `code` None: it broke."""

    code: int | None
    reason: str = ""


class PassThrough:
    """Joins each line of our own page to one line to the operator, as an ASGI application for the scope `websocket`."""

    def __init__(
        self, endpoint: str, own_page: OwnPage, *, max_lines: int = 256, max_lines_per_address: int = 64
    ) -> None:
        self._endpoint = endpoint
        self._own_page = own_page
        self._max_lines = max_lines
        self._max_lines_per_address = max_lines_per_address
        self._lines: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one line until it ends."""
        await receive()
        host, origin, site = (header(scope, name) for name in (b"host", b"origin", b"sec-fetch-site"))
        if not self._own_page.allows(host, origin, site):
            await turn_away(scope, send, 403, Problem.of(Refusal(ErrorCode.ORIGIN_NOT_ALLOWED)))
            return
        await send({"type": "websocket.accept"})
        address = str((scope.get("client") or ("",))[0])
        if self._lines.total() >= self._max_lines or self._lines[address] >= self._max_lines_per_address:
            await _close(send, CloseCode.TRY_AGAIN_LATER)
            return
        with self._place(address):
            await self._pass(address, origin, _takes(scope), receive, send)

    @contextmanager
    def _place(self, address: str) -> Iterator[None]:
        self._lines[address] += 1
        try:
            yield
        finally:
            self._lines[address] -= 1
            if not self._lines[address]:
                del self._lines[address]

    async def _pass(self, address: str, origin: str | None, takes: str, receive: Receive, send: Send) -> None:
        try:
            operator = await self._connected(address, origin, takes)
        except (OSError, TimeoutError, WebSocketException) as error:
            get_logger().warning("operator_unreachable", error=type(error).__name__)
            await _close(send, CloseCode.BAD_GATEWAY)
            return
        try:
            await carry(operator, receive, send)
        finally:
            # Closed in order already, or broken as the device's line was: the operator tells one from the other.
            operator.transport.abort()

    async def _connected(self, address: str, origin: str | None, takes: str) -> ClientConnection:
        forwarded = {"X-Forwarded-For": address, "X-Forwarded-Proto": "https"}
        # The page's origin goes along: which pages may use an application is the operator's to judge, too.
        headers = forwarded if origin is None else {**forwarded, "Origin": origin}
        return await connect(
            self._endpoint + (takes and f"{'&' if '?' in self._endpoint else '?'}{takes}"),
            additional_headers=headers,
            user_agent_header=None,
            max_size=MAX_MESSAGE_BYTES,
            open_timeout=_OPEN_SECONDS,
            close_timeout=_CLOSE_SECONDS,
            ping_interval=None,
            compression=None,
            proxy=None,
        )


def _takes(scope: Scope) -> str:
    """What of the address goes along: the words of what the page's SDK knows of the protocol, and nothing else."""
    query: bytes = scope.get("query_string") or b""
    pairs = (pair.partition("=") for pair in query[:_MAX_QUERY_BYTES].decode("latin-1").split("&"))
    words = [value for name, _, value in pairs if name == "takes" and _WORD.fullmatch(value)]
    return "&".join(f"takes={word}" for word in words)


async def carry(operator: ClientConnection, receive: Receive, send: Send) -> None:
    """Carries messages both ways, each end at its own pace, until one of them ends; then ends the other in the same way."""
    upwards = asyncio.create_task(_upwards(receive, operator))
    downwards = asyncio.create_task(_downwards(operator, send))
    both = (upwards, downwards)
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if downwards.done():
            end = downwards.result()
            await _close(send, CloseCode.BAD_GATEWAY if end.code is None else end.code, end.reason)
        elif (end := upwards.result()).code is not None:
            await operator.close(end.code)
        else:
            await _close(send, CloseCode.BAD_GATEWAY)
    finally:
        for task in both:
            task.cancel()
        await asyncio.gather(*both, return_exceptions=True)


async def _upwards(receive: Receive, operator: ClientConnection) -> _End:
    while (event := await receive())["type"] == "websocket.receive":
        text = event.get("text")
        try:
            async with asyncio.timeout(_SEND_SECONDS):
                await operator.send(text if text is not None else event["bytes"])
        except TimeoutError:
            return _End(None)
        except ConnectionClosed:
            # How the operator ended is the other half's to tell.
            await asyncio.Event().wait()
    code = event.get("code")
    # The server reports a line that just broke as 1005 too, but without a reason.
    if code not in _ENDED or "reason" not in event:
        return _End(None)
    return _End(1001 if code == 1001 else 1000)


async def _downwards(operator: ClientConnection, send: Send) -> _End:
    while True:
        try:
            message = await operator.recv()
        except ConnectionClosed as closed:
            return _end_of(closed)
        kind = "text" if isinstance(message, str) else "bytes"
        try:
            async with asyncio.timeout(_SEND_SECONDS):
                await send({"type": "websocket.send", kind: message})
        except (TimeoutError, OSError):
            return _End(None)


def _end_of(closed: ConnectionClosed) -> _End:
    if closed.rcvd is None:
        return _End(None)
    # A close without a code is received as 1005, which may not be sent.
    code = CloseCode.NORMAL_CLOSURE if closed.rcvd.code == CloseCode.NO_STATUS_RCVD else closed.rcvd.code
    return _End(code, closed.rcvd.reason)


async def _close(send: Send, code: int, reason: str = "") -> None:
    # A device that is gone needs no close.
    with suppress(OSError, RuntimeError, TimeoutError):
        async with asyncio.timeout(_CLOSE_SECONDS):
            await send({"type": "websocket.close", "code": code, "reason": reason or _REASONS.get(code, "")})
