# SPDX-License-Identifier: Apache-2.0
"""Work that nobody waits for, owned by one task group: nothing is left running when the process ends."""

import asyncio
from collections.abc import Coroutine
from types import TracebackType

from sealroom.core.logging import get_logger

_log = get_logger()


class Errands:
    """Runs coroutines beside everything else; their failures are logged, never lost and never fatal."""

    def __init__(self) -> None:
        self._group = asyncio.TaskGroup()

    async def __aenter__(self) -> "Errands":
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._group.__aexit__(kind, error, trace)

    def start(self, errand: Coroutine[object, object, None]) -> asyncio.Task[None]:
        """Starts one."""
        return self._group.create_task(_guarded(errand))


async def _guarded(errand: Coroutine[object, object, None]) -> None:
    try:
        await errand
    except Exception as error:
        _log.error("errand_failed", error=type(error).__name__, place=place_of(error))


def place_of(error: BaseException) -> str:
    """Where it was raised, without its text, which may hold what is personal."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "unknown"
    return f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
