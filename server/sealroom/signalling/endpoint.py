# SPDX-License-Identifier: Apache-2.0
"""The WebSocket endpoint `/rtc/v1` as a plain ASGI application, so that its limits are exactly those written here."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

from sealroom.core.callers import Caller
from sealroom.core.http.connection import ABORT, DIRECT, DISCONNECTED, SETTLE, client_address
from sealroom.signalling.closing import CloseCode
from sealroom.signalling.conversation import Conversation, Peer, Services
from sealroom.signalling.limits import Gate, Place
from sealroom.signalling.line import Line, Send
from sealroom_wire.errors import ErrorCode, Refusal

PATH = "/rtc/v1"
CALLER = Caller.ANYONE
"""Who may connect; what may be said then is in `messages.CALLERS`."""

MAX_QUERY_BYTES = 512
MAX_QUERY_FIELDS = 16

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]

_IN_ORDER = frozenset({1000, 1001, 1005})
"""Close codes of a client that ends, a page that is left, a close without a code. Else the network may have broken."""


class SignallingEndpoint:
    """Serves signalling lines, and ends them all when the process does."""

    def __init__(self, services: Services, gate: Gate) -> None:
        self._services = services
        self._gate = gate
        self._lines: set[Line] = set()
        self._closed = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection, from accept to close."""
        await receive()
        await send({"type": "websocket.accept"})
        takes = _takes(scope)
        line = Line(takes, scope["extensions"].get(DIRECT))
        metrics = self._services.metrics
        try:
            place = self._gate.admit(client_address(scope))
        except Refusal as refusal:
            metrics.refusals.labels(refusal.code.value).inc()
            line.fail(refusal.code)
            await line.write(send)
            return
        self._lines.add(line)
        if self._closed:
            _end(line)
        metrics.connections.inc()
        try:
            with place:
                peer = Peer(client_address(scope), _origin(scope), takes)
                await self._converse(scope, receive, send, line, place, peer)
        finally:
            self._lines.discard(line)
            metrics.connections.dec()
            ended = line.close_code
            metrics.closed_lines.labels("by_device" if ended is None else ended.name.lower()).inc()

    async def _converse(
        self, scope: Scope, receive: Receive, send: Send, line: Line, place: Place, peer: Peer
    ) -> None:
        conversation = Conversation(self._services, line, peer)
        reader = asyncio.get_running_loop().create_task(
            _read(receive, conversation, place, scope["extensions"].get(SETTLE, _nothing))
        )
        reader.add_done_callback(lambda _: line.hang_up())
        try:
            await line.write(send)
        finally:
            reader.cancel()
            await asyncio.wait({reader})
            in_order = not reader.cancelled() and reader.exception() is None and reader.result() in _IN_ORDER
            conversation.closed(by_the_device=in_order)
            if line.is_dropped:
                scope["extensions"].get(ABORT, _nothing)()

    def close(self) -> None:
        """Ends every line: the process is about to end."""
        self._closed = True
        for line in list(self._lines):
            _end(line)


def _end(line: Line) -> None:
    line.end(CloseCode.GOING_AWAY, ErrorCode.SERVER_BUSY.value)


async def _read(
    receive: Receive, conversation: Conversation, place: Place, settle: Callable[[], None]
) -> int:
    """Takes messages until the device is gone; returns its close code. `settle` is called once it has entered."""
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return int(message.get("code") or DISCONNECTED)
        text = message.get("text")
        await conversation.take(text if text is not None else message.get("bytes"))
        if conversation.has_entered and place.entered():
            settle()


def _origin(scope: Scope) -> str | None:
    """The page's origin; more than one header of that name is a page that lies."""
    found = [value for name, value in scope["headers"] if name == b"origin"]
    if not found:
        return None
    return found[0].decode("latin-1") if len(found) == 1 else "null"


def _takes(scope: Scope) -> frozenset[str]:
    """What the client says in its address that it knows of the protocol. A query that is none says nothing."""
    query: bytes = scope.get("query_string") or b""
    if len(query) > MAX_QUERY_BYTES:
        return frozenset()
    try:
        pairs = parse_qsl(query.decode("ascii"), max_num_fields=MAX_QUERY_FIELDS)
    except ValueError:
        return frozenset()
    return frozenset(value for name, value in pairs if name == "takes")


def _nothing() -> None:
    """There is nothing to cut."""
