# SPDX-License-Identifier: Apache-2.0
"""The demo customer's site as one ASGI application: page, backend, authority, liveness."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec

from sealroom_customer.authority.front import AuthorityFront
from sealroom_customer.demo.backend import Backend
from sealroom_customer.page import files
from sealroom_wire.errors import ErrorCode, Refusal

MAX_BODY = 4096

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Site:
    """Routes by hand: four routes and the files. `origin` is the page's own, the only one that may ask for tokens."""

    def __init__(self, backend: Backend, front: AuthorityFront, origin: str) -> None:
        self._backend, self._front = backend, front
        self._origins = {origin, origin.replace("//localhost", "//127.0.0.1")}
        parts = urlsplit(backend.operator.endpoint)
        authority = urlsplit(backend.authority_url)
        connect = tuple(dict.fromkeys(f"{part.scheme}://{part.netloc}" for part in (parts, authority)))
        self._headers = files.security_headers(connect)
        self._files = files.load()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request or line."""
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        elif scope["type"] == "http":
            try:
                await self._http(scope, receive, send)
            except Refusal as refusal:
                await self._problem(send, refusal.code)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        origin = _header(scope, b"origin")
        if scope["path"] != "/authority/v1" or (origin and origin not in self._origins):
            await receive()
            await send({"type": "websocket.close", "code": 4003})
            return
        await self._front.websocket(receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        if method == "POST" and path in {"/api/tokens", "/api/grants"}:
            self._same_origin(scope)
            body = await _body(receive)
            answer = self._backend.tokens(body) if path == "/api/tokens" else self._backend.grant(body)
            await self._send(
                send, 200, "application/json", msgspec.json.encode(answer), {"Cache-Control": "no-store"}
            )
        elif method == "POST" and path.startswith("/authority/v1/apps/"):
            self._remove(scope)
            await self._send(send, 204, "application/json", b"", {})
        elif method in {"GET", "HEAD"} and path == "/livez":
            await self._send(send, 200, "text/plain", b"ok\n", {"Cache-Control": "no-store"})
        elif method in {"GET", "HEAD"} and (file := self._files.get(path)):
            await self._file(scope, send, file)
        else:
            await self._send(send, 404, "text/plain; charset=utf-8", b"There is nothing here.\n", {})

    def _same_origin(self, scope: Scope) -> None:
        """Tokens are for our own page: a browser says in one of these headers who asks; who sends none is refused too."""
        site = _header(scope, b"sec-fetch-site")
        if site != "same-origin" and _header(scope, b"origin") not in self._origins:
            raise Refusal(ErrorCode.ORIGIN_NOT_ALLOWED)

    def _remove(self, scope: Scope) -> None:
        """`POST /authority/v1/apps/{app}/rooms/{kind}/{room}/members/{user}/remove`."""
        parts = scope["path"].split("/")[1:]
        if (
            len(parts) != 10
            or (parts[4], parts[7], parts[9]) != ("rooms", "members", "remove")
            or not parts[3].isdecimal()
        ):
            raise Refusal(ErrorCode.MALFORMED_MESSAGE)
        self._front.remove(_header(scope, b"authorization"), int(parts[3]), parts[5], parts[6], parts[8])

    async def _file(self, scope: Scope, send: Send, file: files.File) -> None:
        cache = "public, max-age=31536000, immutable" if file.immutable else "no-cache"
        headers = {"ETag": file.etag, "Cache-Control": cache, "Vary": "Accept-Encoding"}
        if _header(scope, b"if-none-match") == file.etag:
            await self._send(send, 304, file.media_type, b"", headers)
            return
        coding, body = files.choose(file, _header(scope, b"accept-encoding"))
        if coding != "identity":
            headers["Content-Encoding"] = coding
        await self._send(send, 200, file.media_type, body if scope["method"] == "GET" else b"", headers)

    async def _problem(self, send: Send, code: ErrorCode) -> None:
        text = Refusal(code).text
        status = {
            ErrorCode.ORIGIN_NOT_ALLOWED: 403,
            ErrorCode.CREDENTIAL_INVALID: 401,
            ErrorCode.MEMBER_UNKNOWN: 404,
        }.get(code, 400)
        problem = {
            "type": "about:blank",
            "title": text.sentence,
            "status": status,
            "code": code.value,
            "detail": text.action,
        }
        await self._send(
            send,
            status,
            "application/problem+json",
            msgspec.json.encode(problem),
            {"Cache-Control": "no-store"},
        )

    async def _send(
        self, send: Send, status: int, media_type: str, body: bytes, headers: dict[str, str]
    ) -> None:
        every = self._headers | headers | {"Content-Type": media_type, "Content-Length": str(len(body))}
        pairs = [(name.lower().encode(), value.encode()) for name, value in every.items()]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": body})


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


async def _body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            raise Refusal(ErrorCode.MESSAGE_TOO_LARGE)
        if not message.get("more_body", False):
            return body
