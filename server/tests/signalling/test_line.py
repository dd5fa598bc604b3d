# SPDX-License-Identifier: Apache-2.0
"""The way out: in order, bounded, with one end."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import msgspec
import pytest

from sealroom.core.http.connection import Direct
from sealroom.signalling import line as module
from sealroom.signalling.closing import CloseCode, close_code
from sealroom.signalling.line import Line
from sealroom_wire import signalling
from sealroom_wire.errors import ErrorCode


async def test_what_was_told_goes_out_in_order_and_then_the_end() -> None:
    line, sent = Line(), []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    for number in (1, 2):
        line.tell(signalling.Pong(number))
    line.fail(ErrorCode.ENGINE_FAILED)
    line.end(CloseCode.DONE)
    line.tell(signalling.Pong(3))
    await line.write(send)
    assert [message["type"] for message in sent] == ["websocket.send"] * 3 + ["websocket.close"]
    assert sent[-1]["code"] == CloseCode.INTERNAL_ERROR
    assert sent[-1]["reason"] == "engine_failed"
    assert '"code":"engine_failed"' in sent[2]["text"]


async def test_a_device_that_takes_nothing_is_dropped_and_costs_no_more() -> None:
    line = Line()
    for number in range(module.MAX_WAITING + 10):
        line.tell(signalling.Pong(number + 1))
    assert line.is_dropped
    assert len(line._waiting) == module.MAX_WAITING

    async def send(_message: MutableMapping[str, Any]) -> None:
        pytest.fail("nothing is sent any more")

    await line.write(send)


def test_a_device_is_told_nothing_that_it_does_not_know() -> None:
    blocked, pong = signalling.Blocked(audio=True, video=False), signalling.Pong(1)
    older, current = Line(frozenset({"reports"})), Line(frozenset(signalling.Takes))
    for line in (older, current):
        line.tell(blocked)
        line.tell(pong)
    assert len(older._waiting) == 1
    assert "pong" in older._waiting[0]
    assert len(current._waiting) == 2


def test_what_others_say_is_left_out_of_a_line_that_is_slow_and_never_ends_it() -> None:
    line = Line()
    for number in range(2 * module.MAX_WAITING):
        line.pass_on(signalling.CustomMessage("bob", str(number)))
    assert not line.is_dropped
    assert len(line._waiting) == module.MAX_PASSED_ON
    line.tell(signalling.Pong(1))
    assert len(line._waiting) == module.MAX_PASSED_ON + 1


async def test_a_device_that_takes_nothing_for_too_long_is_dropped() -> None:
    line = Line()
    line.tell(signalling.Pong(1))

    async def give_up(_message: MutableMapping[str, Any]) -> None:
        raise TimeoutError

    await line.write(give_up)
    assert line.is_dropped


async def test_a_device_that_is_gone_is_written_to_no_more_and_was_not_dropped() -> None:
    line, sent = Line(), []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)
        line.hang_up()

    for number in (1, 2):
        line.tell(signalling.Pong(number))
    line.end(CloseCode.DONE)
    await line.write(send)
    assert len(sent) == 1
    assert not line.is_dropped


class Way:
    """A direct way that is full after so many messages, until `let_go`."""

    def __init__(self, takes: int) -> None:
        self.takes, self.sent = takes, list[str]()
        self.room = asyncio.Event()

    def send(self, text: str) -> bool:
        self.sent.append(text)
        return len(self.sent) >= self.takes

    async def drained(self) -> None:
        await self.room.wait()

    def let_go(self, takes: int) -> None:
        self.takes = takes
        self.room.set()


def ids_in(texts: list[str]) -> list[int]:
    return [msgspec.json.decode(text)["id"] for text in texts]


async def test_what_is_told_goes_out_at_once_until_the_connection_is_full_and_then_in_order() -> None:
    way = Way(takes=3)
    line, later = Line(direct=Direct(way.send, way.drained)), list[MutableMapping[str, Any]]()

    async def send(message: MutableMapping[str, Any]) -> None:
        later.append(message)

    for number in range(1, 7):
        line.tell(signalling.Pong(number))
    assert ids_in(way.sent) == [1, 2, 3]
    writing = asyncio.get_running_loop().create_task(line.write(send))
    await asyncio.sleep(0)
    assert later == [], "nothing is sent to a connection that is full"
    way.let_go(takes=100)
    for _ in range(20):
        await asyncio.sleep(0)
    assert ids_in([message["text"] for message in later]) == [4, 5, 6]
    line.tell(signalling.Pong(7))
    assert ids_in(way.sent) == [1, 2, 3, 7]
    line.end(CloseCode.DONE)
    await writing
    assert later[-1]["type"] == "websocket.close"


async def test_a_full_connection_of_which_nobody_takes_anything_drops_its_line() -> None:
    async def give_up() -> None:
        raise TimeoutError

    line = Line(direct=Direct(lambda _: True, give_up))
    line.tell(signalling.Pong(1))

    async def send(_message: MutableMapping[str, Any]) -> None:
        pytest.fail("it is full")

    await line.write(send)
    assert line.is_dropped


def test_a_full_connection_is_bounded_like_a_slow_one() -> None:
    line = Line(direct=Direct(lambda _: True, lambda: asyncio.sleep(0)))
    for number in range(module.MAX_WAITING + 2):
        line.tell(signalling.Pong(number + 1))
    assert line.is_dropped


def test_every_refusal_has_a_close_code_that_may_be_sent() -> None:
    for code in ErrorCode:
        assert close_code(code) in CloseCode
        assert 1000 <= close_code(code) <= 4999
