# SPDX-License-Identifier: Apache-2.0
"""The ASGI shapes that raw handlers use, and plain answers."""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, TypeAlias

import msgspec

from sealroom_wire.errors import Refusal

# ASGI messages are open mappings by specification; what is read from them is checked where it is read.
Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers: TypeAlias = Iterable[tuple[str, str]]


class Problem(msgspec.Struct, frozen=True):
    """The body of every refused request."""

    code: str
    message: str
    action: str

    @classmethod
    def of(cls, refusal: Refusal) -> "Problem":
        """What a refusal says."""
        return cls(refusal.code.value, refusal.text.sentence, refusal.text.action)


def header(scope: Scope, name: bytes) -> str | None:
    """A header's value; None when it is missing. One that comes twice counts as its values joined by a comma."""
    values = [value.decode("latin-1") for key, value in scope["headers"] if key == name]
    return ", ".join(values) if values else None


async def answer(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """A whole HTTP answer."""
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    encoded.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})


async def turn_away(scope: Scope, send: Send, status: int, problem: Problem) -> None:
    """Refuses a request or a WebSocket that was not accepted yet."""
    if scope["type"] == "websocket":
        # Without an accept before it, the server answers 403.
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = (("content-type", "application/json"), ("cache-control", "no-store"))
    await answer(send, status, headers, msgspec.json.encode(problem))
