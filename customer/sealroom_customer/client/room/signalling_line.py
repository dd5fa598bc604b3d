# SPDX-License-Identifier: Apache-2.0
"""The line to the operator: requests with ids, what the operator says on its own, liveness."""

import asyncio
from collections.abc import Callable
from typing import Annotated, TypeAlias, TypeVar

import msgspec
from msgspec import Meta
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, WebSocketException

from sealroom_customer.client.events import ClientFault
from sealroom_customer.client.own_grant import fault_of
from sealroom_wire.errors import ErrorCode
from sealroom_wire.signalling import (
    Answered,
    ClientMessage,
    Done,
    Entered,
    Kept,
    KickedOut,
    Ping,
    Pong,
    Record,
    Refused,
    ServerMessage,
)

_ANSWER_SECONDS = 15.0
_PING_SECONDS = 10.0
_SILENCE_SECONDS = 30.0
_NO_REQUEST = 0
"""Refused with this is the line. Another refusal that nobody waits for is of a request that was given up."""
_MAX_EARLY = 4096
"""Messages that wait until what `entered` says was taken. More come only from an operator who wants to fill the memory."""
_CODES = frozenset(code.value for code in ErrorCode)

Answer: TypeAlias = Entered | Answered | Record | Kept | Done
A = TypeVar("A", Entered, Answered, Record, Kept, Done)
_message: msgspec.json.Decoder[ServerMessage] = msgspec.json.Decoder(ServerMessage)


class _Refusal(msgspec.Struct, frozen=True, tag_field="type", tag="refused"):
    """A refusal whose code is one of a newer operator's: its text says what to do."""

    id: int
    code: Annotated[str, Meta(min_length=1, max_length=64)]
    message: Annotated[str, Meta(max_length=1024)]
    action: Annotated[str, Meta(max_length=1024)]


_refusal = msgspec.json.Decoder(_Refusal)


class SignallingLine:
    """One line to the operator; `run` reads it, `ask` may be called beside."""

    def __init__(self, socket: ClientConnection, said: Callable[[ServerMessage], None]) -> None:
        self._socket = socket
        self._said = said
        self._last_id = 0
        self._pending: dict[int, asyncio.Future[Answer]] = {}
        self._early: list[ServerMessage] | None = []
        """What the operator said on its own before `listen`; None from then on."""

    def listen(self) -> None:
        """Tells what the operator says, and first what it said meanwhile. **Call it when what `entered` says was taken**: what came
        right behind it goes on from there."""
        early, self._early = self._early or [], None
        for message in early:
            self._said(message)

    def next_id(self) -> int:
        """The id of the next request."""
        self._last_id += 1
        return self._last_id

    async def ask(self, request: ClientMessage, expected: type[A]) -> A:
        """Sends a request whose id came from `next_id`.

        Raises:
            ClientFault: refused (the operator's code), not answered in time, or the line broke.
        """
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._pending[request.id] = answer
        try:
            await self._socket.send(msgspec.json.encode(request).decode())
            async with asyncio.timeout(_ANSWER_SECONDS):
                got = await answer
        except (OSError, TimeoutError, WebSocketException):
            raise line_lost() from None
        finally:
            del self._pending[request.id]
        if not isinstance(got, expected):
            raise ClientFault(
                "protocol_violated", "The operator answered something else.", "Update this side."
            )
        return got

    async def run(self) -> None:
        """Reads until cancelled. Raises ClientFault when the line breaks or says what nobody knows."""
        beat = asyncio.create_task(self._beat())
        fault = line_lost()
        try:
            await self._read()
        except ClientFault as found:
            fault = found
            raise
        finally:
            beat.cancel()
            await asyncio.gather(beat, return_exceptions=True)
            for answer in self._pending.values():
                if not answer.done():
                    answer.set_exception(fault)

    async def _read(self) -> None:
        try:
            while True:
                async with asyncio.timeout(_SILENCE_SECONDS):
                    text = await self._socket.recv()
                self._hear(_read_message(text))
        except (ValueError, RecursionError):
            raise ClientFault(
                "protocol_violated", "The operator said something that nobody knows.", "Update this side."
            ) from None
        except ConnectionClosed as closed:
            raise _said_at_the_end(closed) or line_lost() from None
        except (OSError, TimeoutError, WebSocketException):
            raise line_lost() from None

    def _hear(self, message: ServerMessage | _Refusal) -> None:
        if isinstance(message, Refused | _Refusal):
            fault = _fault(message)
            answer = self._pending.get(message.id)
            if answer is not None and not answer.done():
                answer.set_exception(fault)
            elif message.id == _NO_REQUEST:
                raise fault
        elif isinstance(message, Answer):
            answer = self._pending.get(message.id)
            if answer is not None and not answer.done():
                answer.set_result(message)
        elif isinstance(message, Pong):
            return
        elif self._early is not None and not isinstance(message, KickedOut):
            if len(self._early) >= _MAX_EARLY:
                raise ClientFault(
                    "protocol_violated", "The operator says too much before we are in.", "Ask him why."
                )
            self._early.append(message)
        else:
            self._said(message)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(_PING_SECONDS)
            await self._socket.send(msgspec.json.encode(Ping(id=self.next_id())).decode())


def _read_message(text: str | bytes) -> ServerMessage | _Refusal:
    """Raises ValueError, or RecursionError, for what nobody knows."""
    try:
        return _message.decode(text)
    except msgspec.ValidationError:
        return _refusal.decode(text)


def _fault(refused: Refused | _Refusal) -> ClientFault:
    if isinstance(refused, _Refusal):
        return ClientFault(refused.code, refused.message, refused.action)
    endpoint = None if refused.endpoint is msgspec.UNSET else refused.endpoint
    return ClientFault(refused.code.value, refused.message, refused.action, endpoint)


def _said_at_the_end(closed: ConnectionClosed) -> ClientFault | None:
    """The code with which the operator closed the line, if it gave one."""
    reason = "" if closed.rcvd is None else closed.rcvd.reason
    return fault_of(ErrorCode(reason)) if reason in _CODES else None


def line_lost() -> ClientFault:
    """The line to the operator is gone."""
    return ClientFault("line_lost", "The line to the operator broke.", "Check the network, then enter again.")
