# SPDX-License-Identifier: Apache-2.0
"""A body that is not taken: little of it is read, and its sender reads the answer."""

import asyncio
import contextlib
from typing import Any

import pytest

from sealroom.core.clock import SystemClock
from sealroom.core.http.address import ListenAddress
from sealroom.core.http.body import DROP_BYTES, Body, BodyIncompleteError, BodyTooLargeError, respond
from sealroom.core.http.listener import Listener

PIECE = 16 * 1024
PATIENCE = 10.0


class Sender:
    """A client whose body has no end."""

    def __init__(self, *, stays: bool = True) -> None:
        self.read, self._stays = 0, stays

    async def receive(self) -> dict[str, Any]:
        if not self._stays and self.read >= DROP_BYTES // 2:
            return {"type": "http.disconnect"}
        self.read += PIECE
        return {"type": "http.request", "body": bytes(PIECE), "more_body": True}


async def answered(body: Body) -> list[Any]:
    told: list[Any] = []

    async def send(message: Any) -> None:
        told.append(message)

    await respond(send, body, 200, (), b"{}")
    return told


async def test_of_a_body_that_is_refused_a_bounded_part_is_read() -> None:
    sender = Sender()
    body = Body(sender.receive, PATIENCE)
    await body.drop()
    assert sender.read == DROP_BYTES
    told = await answered(body)
    assert sender.read == 2 * DROP_BYTES, "and as much again while the answer is read"
    assert (b"connection", b"close") in told[0]["headers"]
    assert [one.get("more_body", False) for one in told[1:]] == [True, False]


async def test_of_a_body_that_is_too_large_a_bounded_part_is_read() -> None:
    sender = Sender()
    with pytest.raises(BodyTooLargeError):
        await Body(sender.receive, PATIENCE).read(4 * PIECE)
    assert sender.read == 5 * PIECE + DROP_BYTES


async def test_who_is_gone_is_not_waited_for() -> None:
    sender = Sender(stays=False)
    body = Body(sender.receive, PATIENCE)
    with pytest.raises(BodyIncompleteError):
        await body.read(4 * DROP_BYTES)
    await answered(body)
    assert sender.read == DROP_BYTES // 2


async def test_a_body_that_was_read_leaves_the_connection_open() -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"x", "more_body": False}

    body = Body(receive, PATIENCE)
    assert await body.read(1) == b"x"
    told = await answered(body)
    assert told[0]["headers"] == [(b"content-length", b"2")]
    assert [one["more_body"] for one in told[1:]] == [False]


async def test_a_client_that_goes_on_sending_reads_why_it_was_refused() -> None:
    """Over a real connection: 100 MB are announced, and sent for as long as somebody takes them."""

    async def refusing(_scope: Any, receive: Any, send: Any) -> None:
        body = Body(receive, PATIENCE)
        await body.drop()
        await respond(send, body, 200, (), b"refused")

    listener = Listener(refusing, ListenAddress("127.0.0.1", 0), SystemClock())
    address = await listener.start()
    sent = 0
    async with asyncio.timeout(30):
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100000000\r\n\r\n")

        async def pour() -> None:
            nonlocal sent
            with contextlib.suppress(ConnectionError):
                while sent < 100_000_000:
                    writer.write(bytes(PIECE))
                    await writer.drain()
                    sent += PIECE

        pouring = asyncio.create_task(pour())
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"connection: close" in head
        assert await reader.readexactly(7) == b"refused"
        await pouring
        writer.close()
        await listener.stop()
    assert sent < 100_000_000
