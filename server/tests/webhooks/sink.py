# SPDX-License-Identifier: Apache-2.0
"""An endpoint on loopback, that answers as a test wants: in order, not at all, too much, nonsense."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

from sealroom.webhooks.client import NotTaken

OK = b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"code":0}'
CLOSING = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
ERROR = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
HANG = b"hang"
CUT = b"cut"


@dataclass
class Request:
    """A request as it came."""

    line: str
    headers: dict[str, str]
    body: bytes
    connection: int
    address: str
    """At which of this machine's it came."""


@dataclass
class Sink:
    """The endpoint. `answer` says what each request gets."""

    answer: Callable[[Request], bytes] = lambda _: OK
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    sent: int = 0
    port: int = 0

    async def __aenter__(self) -> "Sink":
        return await self.start()

    async def start(self, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> "Sink":
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._serve, host, 0, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        number = self.connections
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                line, *lines = head.decode().split("\r\n")
                headers = dict(one.split(": ", 1) for one in lines if one)
                body = await reader.readexactly(int(headers["Content-Length"]))
                request = Request(line, headers, body, number, writer.get_extra_info("sockname")[0])
                self.requests.append(request)
                answer = self.answer(request)
                if answer == HANG:
                    await asyncio.Event().wait()
                if answer == CUT:
                    return
                for at in range(0, len(answer), 65536):
                    writer.write(answer[at : at + 65536])
                    await writer.drain()
                    self.sent += len(answer[at : at + 65536])
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()


class FakeClient:
    """Endpoints without a network: takes an event, or says why not, as `refuses` has it by then."""

    def __init__(self) -> None:
        self.got: list[tuple[float, str, dict[str, str], bytes]] = []
        self.refuses: Callable[[str, bytes], NotTaken | None] = lambda url, body: None
        self.now: Callable[[], float] = lambda: 0.0
        self.hold: asyncio.Event | None = None
        self.at_once = self.most_at_once = 0

    async def post(self, url: str, headers: dict[str, str], body: bytes) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            self.got.append((self.now(), url, headers, body))
            if self.hold is not None:
                await self.hold.wait()
            await asyncio.sleep(0)
            if (wrong := self.refuses(url, body)) is not None:
                raise wrong
        finally:
            self.at_once -= 1

    def sweep(self) -> None:
        """There is nothing idle."""

    def close(self) -> None:
        """There is nothing to close."""
