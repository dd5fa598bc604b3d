# SPDX-License-Identifier: Apache-2.0
"""The way out to one device: a bounded queue, one writer, and one orderly end."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from sealroom.core.http.connection import Direct
from sealroom.signalling.closing import CloseCode, close_code, refused
from sealroom_wire import signalling
from sealroom_wire.errors import ErrorCode
from sealroom_wire.signalling import KickReason, ServerMessage

MAX_WAITING = 512
"""Messages that wait for a slow device. A room of 300 in which all enter at once sends each 300."""
MAX_PASSED_ON = 256
"""Beyond so many that wait, what other participants say is left out: the rest is for what the server has to say."""

Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Line:
    """The outbound half of a signalling line. Nothing here waits but `write`, which ends with the line.

    `takes` is what of the protocol the device knows beyond its version: what it does not know it is not told. Where there is a `direct` way,
    messages wait here only while the connection has much to send: waking `write` for each of them costs more than sending it.
    """

    def __init__(self, takes: frozenset[str] = frozenset(), direct: Direct | None = None) -> None:
        self._takes = takes
        self._direct = direct
        self._full = False
        self._waiting: deque[str] = deque()
        self._wake = asyncio.Event()
        self._end: CloseCode | None = None
        self._reason = ""
        self._dropped = self._hung_up = False

    @property
    def close_code(self) -> CloseCode | None:
        """How we ended it; None while it is open or when the device did."""
        return self._end

    @property
    def is_dropped(self) -> bool:
        """Whether the device was too slow, so that the connection is to be cut."""
        return self._dropped

    def tell(self, message: ServerMessage) -> None:
        """Sends a message, in order; drops the line when too many wait."""
        if self._end is not None or self._dropped or not self._is_known(message):
            return
        if len(self._waiting) >= MAX_WAITING:
            self.drop()
            return
        text = msgspec.json.encode(message).decode()
        if self._direct is not None and not (self._full or self._waiting or self._hung_up):
            self._full = self._direct.send(text)
        else:
            self._waiting.append(text)
        if self._full or self._waiting:
            self._wake.set()

    def pass_on(self, message: ServerMessage) -> None:
        """Sends a message that may be lost, in order; leaves it out when many wait."""
        if len(self._waiting) < MAX_PASSED_ON:
            self.tell(message)

    def refuse(self, request: int, code: ErrorCode) -> None:
        """Refuses one request; the line stays."""
        self.tell(refused(request, code))

    def fail(self, code: ErrorCode, request: int = 0, endpoint: str | UnsetType = UNSET) -> None:
        """Refuses and ends the line. `endpoint`: where the device finds what it asked for."""
        self.tell(refused(request, code, endpoint))
        self.end(close_code(code), code.value)

    def kick(self, reason: KickReason, code: ErrorCode) -> None:
        """Says that the participant was put out, and ends the line."""
        self.tell(signalling.KickedOut(reason))
        self.end(CloseCode.KICKED, code.value)

    def end(self, code: CloseCode, reason: str = "") -> None:
        """Ends the line once all that waits is sent. A second end changes nothing."""
        if self._end is None:
            self._end, self._reason = code, reason
            self._wake.set()

    def drop(self) -> None:
        """Ends the line without sending what waits."""
        self._dropped = True
        self._wake.set()

    def hang_up(self) -> None:
        """The device is gone: there is nobody to write to."""
        self._hung_up = True
        self._wake.set()

    async def write(self, send: Send) -> None:
        """Sends until the line ends. Returns when it did, in order or not. `send` raises OSError for a device that takes nothing."""
        try:
            while not self._is_over:
                if self._full and self._direct is not None:
                    await self._direct.drained()
                    self._full = False
                elif self._waiting:
                    await send({"type": "websocket.send", "text": self._waiting.popleft()})
                elif self._end is not None:
                    await send({"type": "websocket.close", "code": int(self._end), "reason": self._reason})
                    return
                else:
                    self._wake.clear()
                    await self._wake.wait()
        except OSError:
            self._dropped = True

    @property
    def _is_over(self) -> bool:
        return self._dropped or self._hung_up

    def _is_known(self, message: ServerMessage) -> bool:
        needed = signalling.TAKEN_BY.get(type(message))
        return needed is None or needed in self._takes
