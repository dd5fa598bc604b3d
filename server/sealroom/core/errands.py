# SPDX-License-Identifier: Apache-2.0
"""Work that nobody waits for, with an owner: nothing is left running when its block ends.

A task group would do, but for one thing: it wraps what ends the block into a group, and the operator's one sentence with it.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from types import TracebackType

from sealroom.core.logging import get_logger

_log = get_logger()


class Errands:
    """Runs coroutines beside everything else; their failures are logged, never lost and never fatal."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Errands":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._running:
            await asyncio.wait(self._running)

    @property
    def running(self) -> frozenset[asyncio.Task[None]]:
        """What has not ended."""
        return frozenset(self._running)

    def start(self, errand: Coroutine[object, object, None]) -> asyncio.Task[None]:
        """Starts one."""
        task = asyncio.get_running_loop().create_task(_watched(errand, "errand"))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task


def goes_on(parts: AsyncExitStack, work: Coroutine[object, object, None]) -> None:
    """Starts what goes on until it is cancelled, which the end of `parts` does. Whatever else ends it is a fault of the program."""
    task = asyncio.get_running_loop().create_task(_watched(work, "lasting"))
    parts.push_async_callback(_ended, task)


async def _watched(work: Coroutine[object, object, None], kind: str) -> None:
    """Logs what nobody waits to catch."""
    try:
        await work
    except Exception as error:
        _log.error("work_failed", kind=kind, error=type(error).__name__, place=place_of(error))


async def _ended(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait({task})


def place_of(error: BaseException) -> str:
    """Where it was raised, without its text, which may hold what is personal."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "unknown"
    return f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
