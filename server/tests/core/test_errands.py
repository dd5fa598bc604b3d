# SPDX-License-Identifier: Apache-2.0
"""What nobody waits for does not fail unseen, fails nothing else, and is over when its owner ends."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from structlog.testing import capture_logs

from sealroom.core.errands import Errands, goes_on


async def _fails() -> None:
    raise ValueError("alice@example.com")


async def _as_errand() -> None:
    async with Errands() as errands:
        errands.start(_fails())


async def _as_work() -> None:
    async with AsyncExitStack() as parts:
        goes_on(parts, _fails())
        await asyncio.sleep(0)


@pytest.mark.parametrize(("run", "kind"), [(_as_errand, "errand"), (_as_work, "lasting")])
async def test_what_fails_is_told_without_its_text(run: Callable[[], Awaitable[None]], kind: str) -> None:
    with capture_logs() as logs:
        await run()
    (told,) = logs
    place = f"{__name__}:{_fails.__code__.co_firstlineno + 1}"
    assert told == {
        "event": "work_failed", "log_level": "error", "kind": kind, "error": "ValueError", "place": place
    }  # fmt: skip


async def test_the_end_waits_for_errands_and_cancels_what_goes_on() -> None:
    ended: list[str] = []

    async def errand() -> None:
        await asyncio.sleep(0)
        ended.append("errand")

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("work")

    with capture_logs() as logs:
        async with AsyncExitStack() as parts, Errands() as errands:
            goes_on(parts, work())
            errands.start(errand())
    assert ended == ["errand", "work"]
    assert logs == []
