# SPDX-License-Identifier: Apache-2.0
"""A server that is slow, or ends in the middle, costs a bounded time and is named."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlsplit

import pytest

from sealroom_customer.page.browsers import CHROMIUM, FIREFOX, Asking
from sealroom_customer.page.faults import Fault, NotServed
from sealroom_customer.page.fetching import Answer, Fetcher

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
Say = Callable[[asyncio.StreamWriter], Awaitable[None]]


def asking(browser: str = "Chromium") -> Asking:
    return Asking("/", CHROMIUM if browser == "Chromium" else FIREFOX, "gzip", "document", "navigate", "*/*")


@contextlib.asynccontextmanager
async def server(say: Say) -> AsyncIterator[Fetcher]:
    serving: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError), contextlib.closing(writer):
            while not writer.is_closing():
                await reader.readuntil(b"\r\n\r\n")
                await say(writer)
                await writer.drain()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.create_task(serve(reader, writer)))

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        fetcher = Fetcher(urlsplit(f"http://127.0.0.1:{port}/"), None)
        try:
            yield fetcher
        finally:
            fetcher.close()
            await asyncio.gather(*serving)


async def refused(fetcher: Fetcher) -> Fault:
    with pytest.raises(NotServed) as caught:
        await asyncio.to_thread(fetcher.fetch, asking(), 100)
    return caught.value.fault


async def test_a_server_that_falls_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sealroom_customer.page.fetching._SILENCE_SECONDS", 0.2)

    async def half(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"x" * 50)

    async with server(half) as fetcher:
        assert await refused(fetcher) is Fault.TOO_SLOW


async def test_a_server_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sealroom_customer.page.fetching._ANSWER_SECONDS", 0.05)

    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        for _ in range(100):
            await asyncio.sleep(0.005)
            writer.write(b"x")
            await writer.drain()

    async with server(drip) as fetcher:
        assert await refused(fetcher) is Fault.TOO_SLOW


async def test_an_answer_that_ends_in_the_middle_is_none() -> None:
    async def half(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"x" * 50)
        writer.close()

    async with server(half) as fetcher:
        assert await refused(fetcher) is Fault.UNREACHABLE


async def test_a_server_that_speaks_something_else_is_none() -> None:
    async def nonsense(writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH\r\n")
        writer.close()

    async with server(nonsense) as fetcher:
        assert await refused(fetcher) is Fault.UNREACHABLE


async def test_a_kept_connection_that_the_server_closed_is_opened_again() -> None:
    async def once(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        writer.close()

    async with server(once) as fetcher:
        for browser in ("Chromium", "Chromium", "Firefox"):
            answer: Answer = await asyncio.to_thread(fetcher.fetch, asking(browser), 100)
            assert answer.body == b"ok"
