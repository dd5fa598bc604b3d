# SPDX-License-Identifier: Apache-2.0
"""The line to the authority: joins, keeps alive, verifies before it parses, comes back when it breaks."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from sealroom_customer.client.events import ClientFault
from sealroom_customer.client.membership import Membership
from sealroom_customer.client.own_grant import OwnGrant, fault_of, read_own_grant
from sealroom_customer.logging import get_logger
from sealroom_customer.sealing.encoding import b64u, from_b64u
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
    Secret,
    SignedBody,
    Snapshot,
)
from sealroom_wire.errors import ErrorCode
from sealroom_wire.ids import RoomId
from sealroom_wire.limits import MAX_AUTHORITY_MESSAGE_BYTES

_PING_SECONDS = 2.0
_SILENCE_SECONDS = 10.0
_RENEW_BEFORE_SECONDS = 30.0
_BACKOFF_SECONDS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Waits between tries; the last one repeats. Shorter comes back sooner and presses an authority that is starting."""
_OPEN_SECONDS = 10.0
_PASSING = frozenset(
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
_NONCE_BYTES = 16
_MAX_PINGS = 8
"""Pings whose answers may still come."""
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
        self._heard_at = float("-inf")
        """When the authority was surely there: what was asked then was answered with its signature."""
        self._pings: dict[str, float] = {}
        self._silence_allowed = 0.0
        self.role: str | None = None
        self.key = b""
        """The authority's public key, as the grant in use names it; empty before the first."""

    @property
    def _resumable(self) -> bool:
        """Whether the authority may still have us as absent; after that a new member key is made."""
        return _seconds() - self._heard_at < _SILENCE_SECONDS

    @property
    def silent(self) -> bool:
        """Whether the authority has been silent for longer than the grant allows; a sender then stops."""
        return _seconds() - self._heard_at > self._silence_allowed

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
            await asyncio.sleep(_BACKOFF_SECONDS[min(self._tries, len(_BACKOFF_SECONDS) - 1)])
            self._tries += 1

    async def _one_line(self) -> None:
        grant = await self._fresh_grant()
        self.key = from_b64u(grant.authority_key, 32)
        resume, self._pings = self._resumable, {}
        # A secret for a key that was made just now cannot be an old one.
        asked_at = float("-inf") if resume else _seconds()
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
            await self._converse(socket, grant, asked_at)

    async def _converse(self, socket: ClientConnection, grant: OwnGrant, asked_at: float) -> None:
        """Until the line ends. Pings and renewals run beside the reader and end with it."""
        beside = [
            asyncio.create_task(self._keep_alive(socket)),
            asyncio.create_task(self._renew(socket, grant)),
        ]
        reader = asyncio.create_task(self._read(socket, grant, asked_at))
        try:
            done, _ = await asyncio.wait([reader, *beside], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (reader, *beside):
                task.cancel()
            await asyncio.gather(reader, *beside, return_exceptions=True)

    async def _read(self, socket: ClientConnection, grant: OwnGrant, asked_at: float) -> None:
        verifier = grant.verifier
        while True:
            async with asyncio.timeout(_SILENCE_SECONDS):
                text = await socket.recv()
            try:
                message = _message.decode(text)
            except (ValueError, RecursionError):
                raise NotTrusted("a message that is none") from None
            if isinstance(message, Refused):
                if message.code in _PASSING:
                    return
                raise fault_of(message.code)
            body = verified_body(message, verifier)
            self._membership.accept(body, message.body)
            self._heard(body, asked_at)
            if isinstance(body, Snapshot):
                # Who waited for its place was not answered before.
                await self._ask(socket)
                self._silence_allowed = float(grant.max_key_silence)
            self._tries = 0
            if not isinstance(body, Alive):
                self._changed()

    def _heard(self, body: SignedBody, asked_at: float) -> None:
        """Only an answer says that the authority was there, and when; the rest may have been held back on the way."""
        if isinstance(body, Secret):
            # Not the snapshot before it: with that alone we would go on with a secret that somebody gone may have.
            self._heard_at = max(self._heard_at, asked_at)
        elif isinstance(body, Alive):
            sent_at = self._pings.pop(body.nonce, None)
            if sent_at is None:
                raise NotTrusted("an answer to what was not asked")
            self._heard_at = max(self._heard_at, sent_at)

    async def _keep_alive(self, socket: ClientConnection) -> None:
        while True:
            await asyncio.sleep(_PING_SECONDS)
            await self._ask(socket)

    async def _ask(self, socket: ClientConnection) -> None:
        nonce = b64u(secrets.token_bytes(_NONCE_BYTES))
        while len(self._pings) >= _MAX_PINGS:
            del self._pings[next(iter(self._pings))]
        self._pings[nonce] = _seconds()
        await socket.send(msgspec.json.encode(Ping(nonce)).decode())

    async def _renew(self, socket: ClientConnection, grant: OwnGrant) -> None:
        while True:
            left = grant.expires - time.time()
            await asyncio.sleep(max(left - _RENEW_BEFORE_SECONDS, left / 2, 1.0))
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
            self._silence_allowed = float(grant.max_key_silence)

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
        grant = read_own_grant(
            token,
            application=subject.application,
            room=subject.room,
            user=subject.user,
            now=time.time(),
        )
        self.role = grant.role.value
        return grant
