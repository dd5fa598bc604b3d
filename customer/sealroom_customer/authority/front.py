# SPDX-License-Identifier: Apache-2.0
"""The authority's WebSocket and its one HTTP route, as ASGI. Limits first: size, rate, time to join, queued messages."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from sealroom_customer.authority.service import AuthorityService, Line
from sealroom_wire import authority as wire
from sealroom_wire.errors import TEXTS, ErrorCode, Refusal
from sealroom_wire.ids import RoomId, RoomKind, check_room, check_user_id

JOIN_SECONDS = 5.0
"""A line that is no member by then is closed; until then it costs one small task."""
SILENCE_SECONDS = 10.0
"""A line that says nothing for this long is lost. Devices ping every 2 s."""
MESSAGES_PER_SECOND = 20
BURST = 60
MAX_MESSAGE_CHARACTERS = 8192
"""A join with the largest grant is below 5,000."""
MAX_QUEUED = 1024
"""Messages waiting for a device that does not read; beyond it the line is closed."""

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class AuthorityFront:
    """Serves lines for one `AuthorityService`. **`run` must be running while lines are served**: it turns the timers."""

    def __init__(self, service: AuthorityService, backend_credential: str) -> None:
        self._service = service
        self._credential = backend_credential
        self._moved = asyncio.Event()

    async def run(self) -> None:
        """Runs the timers until it is cancelled."""
        while True:
            self._moved.clear()
            due = self._service.deadline()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if due is None else max(0.0, due - time.monotonic())):
                    await self._moved.wait()
            self._service.on_deadline(time.monotonic())

    async def websocket(self, receive: Receive, send: Send) -> None:
        """One device's line, from its handshake to its end."""
        await receive()
        await send({"type": "websocket.accept"})
        await _LineTask(self._service, self._moved, receive, send).serve()

    def remove(self, authorization: str, app: int, kind: str, room: str, user: str) -> None:
        """The backend ends a membership. Raises `Refusal` for a wrong credential or an unknown member."""
        given = authorization.removeprefix("Bearer ")
        if not secrets.compare_digest(given.encode(), self._credential.encode()):
            raise Refusal(ErrorCode.CREDENTIAL_INVALID)
        if kind not in set(RoomKind):
            raise Refusal(ErrorCode.ROOM_ID_INVALID)
        self._service.remove(
            app, check_room(RoomId(RoomKind(kind), room)), check_user_id(user), time.monotonic()
        )
        self._moved.set()


class _LineTask:
    """Reads one line and writes to it."""

    def __init__(self, service: AuthorityService, moved: asyncio.Event, receive: Receive, send: Send) -> None:
        self._service, self._moved = service, moved
        self._receive, self._send = receive, send
        self._queue: asyncio.Queue[str | ErrorCode] = asyncio.Queue(MAX_QUEUED)
        self._line = Line(self._enqueue, self._enqueue)
        self._reason = wire.LeftReason.LOST
        self._overrun = False

    def _enqueue(self, item: str | ErrorCode) -> None:
        try:
            self._queue.put_nowait(item)
        except asyncio.QueueFull:
            self._overrun = True

    async def serve(self) -> None:
        """Until the device, a limit or the authority ends it."""
        writer = asyncio.create_task(self._write())
        reader = asyncio.create_task(self._read())
        try:
            await asyncio.wait({writer, reader}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._service.gone(self._line, time.monotonic(), self._reason)
            self._moved.set()
            for task in (reader, writer):
                task.cancel()
            await asyncio.gather(reader, writer, return_exceptions=True)

    async def _read(self) -> None:
        began, tokens, filled = time.monotonic(), float(BURST), time.monotonic()
        try:
            while True:
                patience = SILENCE_SECONDS if self._line.room else began + JOIN_SECONDS - time.monotonic()
                async with asyncio.timeout(max(0.0, patience)):
                    text = await self._next_text()
                now = time.monotonic()
                tokens, filled = min(BURST, tokens + (now - filled) * MESSAGES_PER_SECOND) - 1, now
                if text is None:
                    self._reason = wire.LeftReason.LEFT
                    return
                if tokens < 0:
                    raise Refusal(ErrorCode.TOO_MANY_MESSAGES)
                self._service.receive(self._line, text, now, time.time())
                self._moved.set()
        except Refusal as refusal:
            await self._refuse(refusal.code)
        except TimeoutError:
            await self._refuse(ErrorCode.ENTER_TIMEOUT)

    async def _next_text(self) -> str | None:
        """The next text message; None when the device has closed the line."""
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            return None
        text = message.get("text")
        if not isinstance(text, str):
            raise Refusal(ErrorCode.MALFORMED_MESSAGE)
        if len(text) > MAX_MESSAGE_CHARACTERS:
            raise Refusal(ErrorCode.MESSAGE_TOO_LARGE)
        return text

    async def _write(self) -> None:
        while not self._overrun:
            item = await self._queue.get()
            if isinstance(item, ErrorCode):
                return await self._refuse(item)
            await self._send({"type": "websocket.send", "text": item})
        return await self._refuse(ErrorCode.TOO_MANY_MESSAGES)

    async def _refuse(self, code: ErrorCode) -> None:
        text = TEXTS[code]
        refused = wire.Refused(code, text.sentence, text.action)
        with contextlib.suppress(Exception):  # the line may be gone already
            await self._send({"type": "websocket.send", "text": msgspec.json.encode(refused).decode()})
            await self._send({"type": "websocket.close", "code": 4000, "reason": code.value})
