# SPDX-License-Identifier: Apache-2.0
"""The line to the authority: joins, keeps alive, verifies before it parses, comes back when it breaks."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from sealroom_customer.client.events import ClientFault
from sealroom_customer.client.hearing import (
    BACKOFF_SECONDS,
    PING_SECONDS,
    SILENCE_SECONDS,
    Hearing,
    renewal_wait,
)
from sealroom_customer.client.membership import Membership
from sealroom_customer.client.own_grant import OwnGrant, fault_of, read_own_grant
from sealroom_customer.logging import get_logger
from sealroom_customer.sealing.schedule import SUITES
from sealroom_customer.sealing.signed import NotTrusted, verified_body
from sealroom_wire import PROTOCOL_VERSION
from sealroom_wire.authority import (
    Alive,
    AuthorityMessage,
    Join,
    Ping,
    Refused,
    Renew,
    Snapshot,
)
from sealroom_wire.base64url import from_b64u
from sealroom_wire.errors import ErrorCode
from sealroom_wire.ids import RoomId
from sealroom_wire.limits import MAX_AUTHORITY_MESSAGE_BYTES

_OPEN_SECONDS = 10.0
PASSING = frozenset(
    {
        ErrorCode.SERVER_BUSY,
        ErrorCode.ENTER_TIMEOUT,
        ErrorCode.TOO_MANY_MESSAGES,
        ErrorCode.GRANT_REPLAYED,
        ErrorCode.GRANT_EXPIRED,
        ErrorCode.AUTHORITY_KEY_RETIRED,
    }
)
"""Refusals after which it is tried again, with a new grant."""
_message = msgspec.json.Decoder(AuthorityMessage)


def _seconds() -> float:
    """Seconds of a clock that goes on while the machine sleeps, as `time.monotonic` does not everywhere: who wakes up must not take
    the keys of before for fresh."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class _NoGrant(Exception):  # noqa: N818 - it says what is so
    """The backend did not give one; it is asked again."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Who joins which room of which authority, and where grants come from."""

    url: str
    application: int
    room: RoomId
    user: str
    grant: Callable[[], Awaitable[str]]


class AuthorityLine:
    """Keeps one member in one room of an authority."""

    def __init__(self, subject: Subject, membership: Membership, changed: Callable[[], None]) -> None:
        self._subject = subject
        self._membership = membership
        self._changed = changed
        self._tries = 0
        self._hearing = Hearing()
        self.role: str | None = None
        self.key = b""
        """The authority's public key, as the grant in use names it; empty before the first."""

    @property
    def silent(self) -> bool:
        """Whether the authority has been silent for longer than the grant allows; a sender then stops."""
        return self._hearing.silent(_seconds())

    async def run(self) -> None:
        """Joins and stays joined until cancelled.

        Raises:
            ClientFault: it is over for good: refused, put out, or an authority that cannot be trusted.
        """
        while True:
            try:
                await self._one_line()
            except NotTrusted as distrust:
                raise ClientFault(
                    "authority_not_trusted",
                    f"The authority's word does not hold: {distrust}.",
                    "Do not go on; tell who runs the authority.",
                ) from None
            except (OSError, TimeoutError, WebSocketException, _NoGrant):
                # The line broke, or the backend is away. What we know stays in use for as long as the grant allows.
                pass
            await asyncio.sleep(BACKOFF_SECONDS[min(self._tries, len(BACKOFF_SECONDS) - 1)])
            self._tries += 1

    async def _one_line(self) -> None:
        grant = await self._fresh_grant()
        self.key = from_b64u(grant.authority_key, 32)
        resume = self._hearing.begin(_seconds())
        join = Join(
            version=PROTOCOL_VERSION,
            grant=grant.token,
            member_key=self._membership.begin(resume=resume),
            suites=tuple(SUITES),
        )
        async with connect(
            self._subject.url,
            max_size=MAX_AUTHORITY_MESSAGE_BYTES,
            open_timeout=_OPEN_SECONDS,
            close_timeout=1,
            ping_interval=None,
            compression=None,
            proxy=None,
        ) as socket:
            await socket.send(msgspec.json.encode(join).decode())
            await self._converse(socket, grant)

    async def _converse(self, socket: ClientConnection, grant: OwnGrant) -> None:
        """Until the line ends. Pings and renewals run beside the reader and end with it."""
        beside = [
            asyncio.create_task(self._keep_alive(socket)),
            asyncio.create_task(self._renew(socket, grant)),
        ]
        reader = asyncio.create_task(self._read(socket, grant))
        try:
            done, _ = await asyncio.wait([reader, *beside], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (reader, *beside):
                task.cancel()
            await asyncio.gather(reader, *beside, return_exceptions=True)

    async def _read(self, socket: ClientConnection, grant: OwnGrant) -> None:
        verifier = grant.verifier
        while True:
            async with asyncio.timeout(SILENCE_SECONDS):
                text = await socket.recv()
            try:
                message = _message.decode(text)
            except (ValueError, RecursionError):
                raise NotTrusted("a message that is none") from None
            if isinstance(message, Refused):
                if message.code in PASSING:
                    return
                raise fault_of(message.code)
            body = verified_body(message, verifier)
            self._membership.accept(body, message.body)
            self._hearing.take(body)
            if isinstance(body, Snapshot):
                self._hearing.allow(float(grant.max_key_silence))
                # Who waited for its place was not answered before.
                await self._ask(socket)
            self._tries = 0
            if not isinstance(body, Alive):
                self._changed()

    async def _keep_alive(self, socket: ClientConnection) -> None:
        while True:
            await asyncio.sleep(PING_SECONDS)
            await self._ask(socket)

    async def _ask(self, socket: ClientConnection) -> None:
        nonce = self._hearing.ask(_seconds())
        await socket.send(msgspec.json.encode(Ping(nonce)).decode())

    async def _renew(self, socket: ClientConnection, grant: OwnGrant) -> None:
        while True:
            await asyncio.sleep(renewal_wait(grant.expires - time.time()))
            try:
                before, grant = grant, await self._fresh_grant()
            except _NoGrant:
                # A backend that is away for a moment costs nobody his place while the grant lasts.
                if grant.expires <= time.time():
                    raise
                continue
            if grant.authority_key != before.authority_key:
                # The authority's key was changed: its members come again, with grants that name the new one.
                return
            await socket.send(msgspec.json.encode(Renew(grant=grant.token)).decode())
            self._hearing.allow(float(grant.max_key_silence))

    async def _fresh_grant(self) -> OwnGrant:
        """A grant that is ours. Raises ClientFault for one that is not, _NoGrant when there is none."""
        subject = self._subject
        try:
            token = await subject.grant()
        except ClientFault:
            raise
        except Exception as error:
            # Whatever the caller's function raises: it is his network, and no reason to end a call.
            get_logger().warning("grant_not_given", error=type(error).__name__)
            raise _NoGrant from error
        try:
            grant = read_own_grant(
                token,
                application=subject.application,
                room=subject.room,
                user=subject.user,
                now=time.time(),
            )
        except ClientFault as fault:
            if fault.code != ErrorCode.GRANT_EXPIRED.value:
                raise
            # The backend's clock may be behind, or the grant came late: the next may be good.
            raise _NoGrant from fault
        self.role = grant.role.value
        return grant
