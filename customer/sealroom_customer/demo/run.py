# SPDX-License-Identifier: Apache-2.0
"""Runs the demo: waits for the operator, serves, and ends on SIGINT or SIGTERM, or when the check is over."""

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TypeVar

from sealroom_customer.bots import available
from sealroom_customer.clock import Clock, SystemClock
from sealroom_customer.demo import guests
from sealroom_customer.demo.app import make
from sealroom_customer.demo.check import check
from sealroom_customer.demo.operator import wait_for_operator
from sealroom_customer.errors import StartError
from sealroom_customer.http.listen import Listening
from sealroom_customer.http.server import MAX_WEBSOCKET_BYTES, bound, serving
from sealroom_customer.lan import Place, introducing
from sealroom_customer.lan.passing import MAX_MESSAGE_BYTES
from sealroom_customer.page.files import STATIC
from sealroom_customer.stopping import told_to_stop

ROOM = "demo"
_OPERATOR_SECONDS = 60
"""How long a check waits for the operator. A demo for people waits for ever."""
T = TypeVar("T")


def say(line: str) -> None:
    """Progress for the person at the terminal."""
    print(line, flush=True)


async def run(
    operator_file: Path,
    state: Path,
    listening: Listening,
    check_seconds: int | None,
    bots: int,
    place: Place | None = None,
) -> int:
    """Runs until told to stop, with so many bots in the room; returns the exit code: of the check, if there is one, else 0.

    `place`: where `listening` is for devices of the network.

    Raises:
        CustomerError: it cannot start.
    """
    with told_to_stop() as stopped:
        return await _run(stopped, operator_file, state, listening, check_seconds, bots, place)


async def _run(
    stopped: asyncio.Event,
    operator_file: Path,
    state: Path,
    listening: Listening,
    check_seconds: int | None,
    bots: int,
    place: Place | None,
) -> int:
    # The port is taken first: a demo that could not be served should not wait for anybody.
    sockets, port = bound(listening)
    try:
        limit = _OPERATOR_SECONDS if check_seconds is not None else None
        operator = await _unless(stopped, _within(limit, wait_for_operator(operator_file, say)))
        if operator is None:
            return 0
        clock = SystemClock()
        demo = make(operator, state, listening.origins(port), clock, place=place)
        most = MAX_WEBSOCKET_BYTES if place is None else MAX_MESSAGE_BYTES
        async with serving(demo.app, listening, sockets, max_message=most):
            _introduce(demo.origins[0], operator.endpoint)
            if place is not None:
                for line in introducing.lines(place, port, f"{demo.origins[0]}/?room={ROOM}"):
                    say(line)
            if check_seconds is None:
                await _unless(stopped, _host(demo.origins[0], bots, place, clock))
                return 0
            code = await _unless(stopped, check(demo, ROOM, check_seconds, say))
            return 1 if code is None else code
    finally:
        for listener in sockets:
            listener.close()


async def _host(page: str, bots: int, place: Place | None, clock: Clock) -> None:
    """For ever, with bots in the room if they are wanted and can be had."""
    if place is None:
        await _invite(page, bots, None)
        return
    keeping = asyncio.create_task(place.keep(clock.unix, say))
    try:
        await _invite(page, bots, place.issued.authority_file)
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


async def _invite(page: str, bots: int, authority_file: Path | None) -> None:
    if bots and available():

        def write(text: str) -> None:
            print(text, end="", flush=True)

        await guests.keep(page, ROOM, bots, guests.LiveLine(write, sys.stdout.isatty()), authority_file)
    elif bots:
        say("bots       not installed: `pip install sealroom-customer[bots]` puts two into the room")
    await asyncio.Event().wait()


def _introduce(origin: str, operator: str) -> None:
    if not (STATIC / "index.html").is_file():
        say("the call page is not built: run `make web`")
    say(f"operator   {operator}")
    if origin.startswith("http:"):
        say("listening  on loopback only, in plain http and ws, which browsers treat as secure there")
    say(f"open       {origin}/?room={ROOM}")


async def _within(seconds: float | None, work: Coroutine[object, object, T]) -> T:
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        raise StartError(
            "operator_missing", "The operator's side did not start in time.", "Look at its own lines."
        ) from None


async def _unless(stopped: asyncio.Event, work: Coroutine[object, object, T]) -> T | None:
    """What `work` returns; None when told to stop before it is done."""
    task = asyncio.ensure_future(work)
    stop = asyncio.ensure_future(stopped.wait())
    try:
        await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        for one in (task, stop):
            one.cancel()
        await asyncio.gather(task, stop, return_exceptions=True)
