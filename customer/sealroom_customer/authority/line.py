# SPDX-License-Identifier: Apache-2.0
"""One device's WebSocket, as a raw ASGI handler so that every limit is exact.

Before it has joined, a line may say nothing but `join` and `ping`, has 5 s, and counts against its address (IPv6: its /64). Browsers send no
credential of their own here: what admits is the grant in `join`, so the page's origin is not asked for.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

import msgspec

from sealroom_customer.authority.exchange import refused_text
from sealroom_customer.authority.service import Authority
from sealroom_customer.clock import Clock
from sealroom_customer.http.addresses import neighbourhood
from sealroom_customer.http.asgi import Message, Receive, Scope, Send
from sealroom_customer.http.pace import Pace
from sealroom_customer.logging import get_logger
from sealroom_wire.authority import DeviceMessage, Join, Ping, Renew
from sealroom_wire.errors import ErrorCode, Refusal

MAX_DEVICE_MESSAGE_BYTES = 8 * 1024
"""A `join` with the largest grant takes 4.4 kB."""
JOIN_SECONDS = 5.0
"""From connecting to a good `join`. Lower frees idle lines sooner; slow phones need some."""
_MESSAGES_PER_SECOND, _BURST = 5.0, 20.0
_MAX_UNSENT = 4096
"""Messages that wait for a slow device; beyond this its line is dropped."""
_MAX_UNSENT_BYTES = 8 * 1024 * 1024
_FLUSH_SECONDS = 5.0
"""How long a line that is over may take to send what was posted."""
_DEVICE_CLOSED = frozenset({1000, 1001, 1005})
"""Close codes of a closing handshake by which a device says that it goes (RFC 6455 section 7.4.1)."""
_TRY_LATER = 1013

_Unsent: TypeAlias = str | None
_message = msgspec.json.Decoder(DeviceMessage)


def decode(text: str) -> DeviceMessage:
    """Reads a device's message. Raises Refusal: `message_too_large`, `malformed_message`."""
    octets = text.encode("utf-8", "surrogatepass")
    if len(octets) > MAX_DEVICE_MESSAGE_BYTES:
        raise Refusal(ErrorCode.MESSAGE_TOO_LARGE)
    try:
        message: DeviceMessage = _message.decode(octets)
    except (ValueError, RecursionError):
        # RecursionError: nesting deeper than the parser goes.
        raise Refusal(ErrorCode.MALFORMED_MESSAGE) from None
    return message


class Door:
    """Takes lines in, as an ASGI application for the scope `websocket`."""

    def __init__(
        self,
        authority: Authority,
        clock: Clock,
        *,
        max_lines: int = 20_000,
        max_waiting_per_address: int = 128,
        refused: Callable[[ErrorCode], None] = lambda _code: None,
    ) -> None:
        """`refused` is told each refusal, to count it."""
        self._authority = authority
        self._clock = clock
        self._max_lines = max_lines
        self._max_waiting = max_waiting_per_address
        self.refused = refused
        self._waiting: Counter[str] = Counter()
        self._lines = 0
        self._last_id = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one line until it ends."""
        address = neighbourhood(str((scope.get("client") or ("",))[0]))
        await receive()
        if self._lines >= self._max_lines or self._waiting[address] >= self._max_waiting:
            await send({"type": "websocket.close", "code": _TRY_LATER})
            return
        await send({"type": "websocket.accept"})
        self._last_id += 1
        self._lines += 1
        self._waiting[address] += 1
        line = _Line(self._last_id, self, address)
        try:
            await line.serve(receive, send)
        finally:
            self._lines -= 1
            line.stop_waiting()

    def no_longer_waiting(self, address: str) -> None:
        """A line of `address` has joined, or is gone."""
        self._waiting[address] -= 1
        if self._waiting[address] <= 0:
            del self._waiting[address]

    @property
    def lines(self) -> int:
        """Lines that are open."""
        return self._lines

    @property
    def authority(self) -> Authority:
        """Where lines join."""
        return self._authority

    @property
    def clock(self) -> Clock:
        """The time."""
        return self._clock


class _Line:
    """One line: a reader that talks to the authority and a writer that empties the queue."""

    def __init__(self, number: int, door: Door, address: str) -> None:
        self._id = number
        self._door = door
        self._authority = door.authority
        self._address: str | None = address
        self._unsent: asyncio.Queue[_Unsent] = asyncio.Queue()
        self._unsent_bytes = 0
        self._hung_up = asyncio.Event()
        self._joined = self._gone = False
        self._code = 1000

    def post(self, text: str) -> None:
        """Sends, in order, without waiting. A device that is too slow to take it loses its line."""
        if self._hung_up.is_set():
            return
        self._unsent_bytes += len(text)
        if self._unsent.qsize() >= _MAX_UNSENT or self._unsent_bytes > _MAX_UNSENT_BYTES:
            get_logger().warning("line_too_slow")
            self._code = _TRY_LATER
            self.hang_up()
            return
        self._unsent.put_nowait(text)

    def hang_up(self) -> None:
        """Closes after what was posted."""
        if not self._hung_up.is_set():
            self._hung_up.set()
            self._unsent.put_nowait(None)

    def stop_waiting(self) -> None:
        """Gives the address its place back."""
        if self._address is not None:
            self._door.no_longer_waiting(self._address)
            self._address = None

    async def serve(self, receive: Receive, send: Send) -> None:
        """Until both halves have ended."""
        try:
            async with asyncio.TaskGroup() as halves:
                reader = halves.create_task(self._read(receive))
                writer = halves.create_task(self._write(send))
                await self._hung_up.wait()
                reader.cancel()
                _, late = await asyncio.wait([writer], timeout=_FLUSH_SECONDS)
                for half in late:
                    half.cancel()
        finally:
            self._authority.broke(self._id)

    async def _write(self, send: Send) -> None:
        # OSError and RuntimeError: the device is gone, which is the reader's to notice.
        with suppress(OSError, RuntimeError):
            while (text := await self._unsent.get()) is not None:
                self._unsent_bytes -= len(text)
                await send({"type": "websocket.send", "text": text})
            if not self._gone:
                await send({"type": "websocket.close", "code": self._code})

    async def _read(self, receive: Receive) -> None:
        pace = Pace(_MESSAGES_PER_SECOND, _BURST, self._door.clock.monotonic)
        try:
            async with asyncio.timeout(JOIN_SECONDS) as limit:
                while (event := await receive())["type"] == "websocket.receive":
                    self._take(event, pace)
                    if self._joined:
                        limit.reschedule(None)
                self._ended(event)
        except TimeoutError:
            self._refuse(ErrorCode.ENTER_TIMEOUT)
        except Refusal as refusal:
            self._refuse(refusal.code)
        finally:
            self.hang_up()

    def _take(self, event: Message, pace: Pace) -> None:
        if not pace.allows():
            raise Refusal(ErrorCode.TOO_MANY_MESSAGES)
        text = event.get("text")
        if not isinstance(text, str):
            raise Refusal(ErrorCode.MALFORMED_MESSAGE)
        message = decode(text)
        if isinstance(message, Join):
            self._join(message)
        elif isinstance(message, Renew):
            self._authority.renew(self._id, message)
        elif isinstance(message, Ping):
            self._authority.heard(self._id, message.nonce)

    def _join(self, message: Join) -> None:
        if self._joined:
            raise Refusal(ErrorCode.ALREADY_ENTERED)
        self._authority.join(self._id, self, message)
        self._joined = True
        self.stop_waiting()

    def _ended(self, event: Message) -> None:
        self._gone = True
        # The server reports a line that just broke as 1005 too, but without a reason: there was no closing handshake.
        if event.get("code") in _DEVICE_CLOSED and "reason" in event:
            self._authority.left(self._id)
        else:
            self._authority.broke(self._id)

    def _refuse(self, code: ErrorCode) -> None:
        get_logger().info("line_refused", code=code.value)
        self._door.refused(code)
        self.post(refused_text(code))
        self._code = 1008
        self._authority.left(self._id)
