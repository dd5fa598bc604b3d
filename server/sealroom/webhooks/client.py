# SPDX-License-Identifier: Apache-2.0
"""One POST to an endpoint that a customer named: to an address that was judged, and to no other.

The name is resolved once, the address it has then is judged and connected to; TLS still checks the name. Redirects are not
followed, no proxy is asked, and of an answer at most `MAX_ANSWER_BYTES` are read. A connection may be kept for the next event.
"""

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

import httptools

from sealroom.core.clock import Clock
from sealroom.webhooks.address import Address, Addresses, Resolve, read_addresses
from sealroom.webhooks.models import MAX_URL_CHARACTERS
from sealroom.webhooks.names import Names

MAX_ANSWER_BYTES = 2_000
"""Head and body of an answer (TRTC). What is longer is cut off; its status counts."""
ANSWER_SECONDS = 5.0
"""From asking for the name to the answer's head (TRTC)."""
BODY_SECONDS = 1.0
"""How long the rest of an answer is waited for, so that the connection can be used again."""
KEEP_SECONDS = 15.0
"""How long an idle connection is kept. Longer saves handshakes; its address is not judged again meanwhile."""
MAX_ADDRESSES = 4
"""Addresses of one name that are tried."""
KEEP_CONNECTIONS = 512
KEEP_PER_ENDPOINT = 32


class Problem(StrEnum):
    """Why an endpoint did not take an event."""

    URL = "url_invalid"
    UNRESOLVED = "name_not_resolved"
    ADDRESS = "address_refused"
    CONNECT = "not_connected"
    TLS = "tls_failed"
    TIMEOUT = "timed_out"
    CLOSED = "connection_closed"
    ANSWER = "answer_malformed"
    STATUS = "status_not_200"
    REMOVED = "endpoint_removed"
    DOWN = "endpoint_down"
    """It did not take an event a moment ago, and was not asked for this one."""
    LOST = "lease_lost"
    FAULT = "fault"
    """Something of ours failed; the log says where."""


class NotTaken(Exception):  # noqa: N818 - what it is
    """The endpoint did not take it. `status` is 0 where there was no answer."""

    def __init__(self, problem: Problem, status: int = 0) -> None:
        super().__init__(problem.value)
        self.problem = problem
        self.status = status


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint's URL, taken apart."""

    host: str
    port: int
    path: str
    tls: bool

    @property
    def authority(self) -> str:
        """What stands in `Host`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"


def read_url(url: str) -> Target:
    """Takes a URL apart. Raises `NotTaken(url_invalid)` for one that is no plain http or https address."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        host.encode("ascii")
    except (ValueError, UnicodeError):
        raise NotTaken(Problem.URL) from None
    plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= MAX_URL_CHARACTERS
    if (
        not plain
        or parts.scheme not in ("http", "https")
        or not host
        or "@" in parts.netloc
        or parts.fragment
    ):
        raise NotTaken(Problem.URL)
    tls = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(host, port if port is not None else 443 if tls else 80, path, tls)


@dataclass(eq=False, slots=True)
class _Connection:
    target: Target
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    until: float = 0.0

    def drop(self) -> None:
        """Cuts it, without a word to the other side."""
        with suppress(Exception):
            self.writer.transport.abort()


class _Answer:
    """What was read of an answer, and whether more may be."""

    def __init__(self) -> None:
        self.status = 0
        self.is_whole = False
        self.may_stay = False
        self.left = MAX_ANSWER_BYTES
        self.parser = httptools.HttpResponseParser(self)

    def on_headers_complete(self) -> None:
        """The head is there; one of 1xx is not the answer."""
        status = self.parser.get_status_code()
        self.status = status if status >= 200 else 0

    def on_message_complete(self) -> None:
        """The body is there too."""
        self.is_whole = self.status > 0
        # Asked later, the parser has forgotten.
        self.may_stay = self.parser.should_keep_alive()

    async def read(self, reader: asyncio.StreamReader) -> None:
        """Reads one piece. Raises `NotTaken` at the end of the connection, of patience, or of sense."""
        data = await reader.read(self.left)
        if not data:
            raise NotTaken(Problem.CLOSED if self.left == MAX_ANSWER_BYTES else Problem.ANSWER)
        self.left -= len(data)
        try:
            self.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            raise NotTaken(Problem.ANSWER) from None
        if self.left == 0 and self.status == 0:
            raise NotTaken(Problem.ANSWER)


class Client:
    """Posts events."""

    def __init__(
        self,
        clock: Clock,
        addresses: Addresses,
        *,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`resolve`: who is asked for names, the system's resolver unless a test says otherwise. `tls`: whose certificates are trusted; the system's unless a test says otherwise."""
        self._clock = clock
        self._addresses = addresses
        self._names = Names()
        self._resolve = resolve or self._names
        self._tls = tls or ssl.create_default_context()
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
        self._idle: dict[Target, list[_Connection]] = {}
        self._idle_count = 0

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """Returns once the endpoint answered 200.

        Raises:
            NotTaken: in every other case.
        """
        target = read_url(url)
        request = _request(target, headers, body)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                connection, answer = await self._exchange(target, request)
        except TimeoutError:
            raise NotTaken(Problem.TIMEOUT) from None
        await self._settle(connection, answer)
        if answer.status != 200:
            raise NotTaken(Problem.STATUS, answer.status)

    def close(self) -> None:
        """Closes what is idle, and looks up no more names."""
        self._names.close()
        for connections in self._idle.values():
            for connection in connections:
                connection.drop()
        self._idle.clear()
        self._idle_count = 0

    async def _exchange(self, target: Target, request: bytes) -> tuple[_Connection, _Answer]:
        kept = self._take_idle(target)
        if kept is not None:
            try:
                return kept, await _ask(kept, request)
            except NotTaken as gone:
                # It was closed while it lay idle: a new one gets the same event, under the same id.
                if gone.problem is not Problem.CLOSED:
                    raise
        connection = await self._connect(target)
        return connection, await _ask(connection, request)

    async def _connect(self, target: Target) -> _Connection:
        """A new connection to the first address that answers, of those that may be reached."""
        try:
            texts = await self._resolve(target.host, target.port)
        except (OSError, UnicodeError):
            raise NotTaken(Problem.UNRESOLVED) from None
        found = list(read_addresses(texts))
        good = [one for one in found if self._addresses.may_reach(one, in_clear=not target.tls)]
        if not good:
            raise NotTaken(Problem.ADDRESS if found else Problem.UNRESOLVED)
        problem = Problem.CONNECT
        for address in good[:MAX_ADDRESSES]:
            try:
                return await self._connect_to(target, address)
            except ssl.SSLError:
                problem = Problem.TLS
            except OSError:
                continue
        raise NotTaken(problem)

    async def _connect_to(self, target: Target, address: Address) -> _Connection:
        reader, writer = await asyncio.open_connection(
            str(address),
            target.port,
            limit=MAX_ANSWER_BYTES,
            ssl=self._tls if target.tls else None,
            server_hostname=target.host if target.tls else None,
        )
        return _Connection(target, reader, writer)

    async def _settle(self, connection: _Connection, answer: _Answer) -> None:
        """Keeps the connection for the next event once the answer is read to its end; else cuts it."""
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while not answer.is_whole and answer.left > 0:
                    await answer.read(connection.reader)
        except (TimeoutError, NotTaken, OSError):
            connection.drop()
            return
        except BaseException:
            connection.drop()
            raise
        if answer.is_whole and answer.may_stay:
            self._keep(connection)
        else:
            connection.drop()

    def _keep(self, connection: _Connection) -> None:
        kept = self._idle.setdefault(connection.target, [])
        if len(kept) >= KEEP_PER_ENDPOINT or self._idle_count >= KEEP_CONNECTIONS:
            connection.drop()
            return
        connection.until = self._clock.monotonic() + KEEP_SECONDS
        kept.append(connection)
        self._idle_count += 1

    def _take_idle(self, target: Target) -> _Connection | None:
        """The newest idle connection; all that lie for too long are closed meanwhile."""
        found = None
        kept = self._idle.get(target, [])
        while kept and found is None:
            connection = kept.pop()
            self._idle_count -= 1
            alive = connection.until > self._clock.monotonic() and not connection.reader.at_eof()
            found = connection if alive else None
            if found is None:
                connection.drop()
        if not kept:
            self._idle.pop(target, None)
        return found

    def sweep(self) -> None:
        """Closes connections that lay idle for too long."""
        now = self._clock.monotonic()
        for target in list(self._idle):
            fresh = [one for one in self._idle[target] if one.until > now]
            for one in self._idle[target]:
                if one.until <= now:
                    one.drop()
            self._idle_count -= len(self._idle[target]) - len(fresh)
            if fresh:
                self._idle[target] = fresh
            else:
                del self._idle[target]


async def _ask(connection: _Connection, request: bytes) -> _Answer:
    """Sends a request and reads the head of its answer. A connection that fails is cut."""
    answer = _Answer()
    try:
        connection.writer.write(request)
        while answer.status == 0:
            await answer.read(connection.reader)
    except OSError:
        connection.drop()
        raise NotTaken(Problem.CLOSED) from None
    except BaseException:
        connection.drop()
        raise
    return answer


def _request(target: Target, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [
        f"POST {target.path} HTTP/1.1", f"Host: {target.authority}", "User-Agent: sealroom", "Accept: */*",
        "Content-Type: application/json", f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]  # fmt: skip
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body
