# SPDX-License-Identifier: Apache-2.0
"""Errors over HTTP as `application/problem+json` (RFC 9457) with our stable code."""

import msgspec

from sealroom.core.http.proxy import Receive, Scope, Send

CONTENT_TYPE = "application/problem+json"


class Problem(msgspec.Struct, frozen=True):
    """What went wrong: `title` a sentence, `detail` what to do next."""

    status: int
    code: str
    title: str
    detail: str

    def body(self) -> bytes:
        """As JSON."""
        return msgspec.json.encode(self)


NOT_FOUND = Problem(404, "not_found", "There is nothing here.", "Connect to /rtc/v1 with a WebSocket.")
UPGRADE_REQUIRED = Problem(
    426, "upgrade_required", "This address speaks WebSocket only.", "Connect to it with a WebSocket client."
)
NOT_ENCRYPTED = Problem(
    403,
    "not_encrypted",
    "This request did not come through TLS.",
    "Use https or wss, through the operator's proxy.",
)


async def answer(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    """Answers a request, or a WebSocket handshake, with a problem."""
    prefix = "websocket.http.response" if scope["type"] == "websocket" else "http.response"
    headers = [
        (b"content-type", CONTENT_TYPE.encode()),
        (b"content-length", str(len(problem.body())).encode()),
        (b"connection", b"close"),
    ]
    if problem.status == UPGRADE_REQUIRED.status:
        headers += [(b"upgrade", b"websocket"), (b"sec-websocket-version", b"13")]
    if scope["type"] == "websocket":
        await receive()
    await send({"type": f"{prefix}.start", "status": problem.status, "headers": headers})
    await send({"type": f"{prefix}.body", "body": problem.body()})
