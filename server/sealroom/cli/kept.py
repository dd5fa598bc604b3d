# SPDX-License-Identifier: Apache-2.0
"""Runs a command on what is kept, beside a running server or without one."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sealroom.cli.flags import loaded, state_flag

if TYPE_CHECKING:
    from sealroom.kept import Kept

T = TypeVar("T")


def with_kept(config: Path | None, state: Path | None, work: "Callable[[Kept], Awaitable[T]]") -> T:
    """Opens everything, does the work, closes everything; returns what the work returned."""
    from sealroom.kept import kept

    async def run() -> T:
        async with kept(loaded(config, state_flag(state)).configuration) as everything:
            return await work(everything)

    return asyncio.run(run())
