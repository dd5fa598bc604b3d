# SPDX-License-Identifier: Apache-2.0
"""Runs a command on what is kept, beside a running server or without one."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sealroom.cli.flags import loaded, state_flag
from sealroom.core.errors import StartError

if TYPE_CHECKING:
    from sealroom.core.records import Records
    from sealroom.kept import Kept

T = TypeVar("T")


def with_kept(config: Path | None, state: Path | None, work: "Callable[[Kept], Awaitable[T]]") -> T:
    """Opens everything, does the work, closes everything; returns what the work returned."""
    from sealroom.kept import kept

    async def run() -> T:
        async with kept(loaded(config, state_flag(state)).configuration) as everything:
            return await work(everything)

    return asyncio.run(run())


def with_records(config: Path | None, state: Path | None, work: "Callable[[Records], Awaitable[T]]") -> T:
    """Opens the store, beside a running server or without one, asks, closes it."""
    from sealroom.app import catalogue
    from sealroom.core.clock import SystemClock
    from sealroom.core.records import RecordsUnavailable
    from sealroom.core.records.opening import store_of
    from sealroom.core.state import StateDirectory, state_directory

    settings = loaded(config, state_flag(state)).configuration

    async def run() -> T:
        folder = StateDirectory(state_directory(settings.state.directory, os.environ))
        records = store_of(settings.records, folder, catalogue(), settings.site.name, SystemClock())
        try:
            await records.prepare()
            return await work(records)
        except RecordsUnavailable as error:
            raise StartError(
                "records_unavailable", f"The store does not answer ({error.code}).", "Try again when it does."
            ) from error
        finally:
            await records.close()

    return asyncio.run(run())
