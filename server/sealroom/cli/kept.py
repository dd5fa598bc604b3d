# SPDX-License-Identifier: Apache-2.0
"""Runs a command on what is kept, beside a running server or without one."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sealroom.cli.flags import loaded, state_flag
from sealroom.core.errors import StartError

if TYPE_CHECKING:
    from sealroom.audit.copies import Copies
    from sealroom.core.records import Records
    from sealroom.kept import Kept

T = TypeVar("T")


def with_kept(config: Path | None, state: Path | None, work: "Callable[[Kept], Awaitable[T]]") -> T:
    """Opens everything, does the work, closes everything; returns what the work returned."""
    from sealroom.kept import kept

    async def run() -> T:
        async with kept(loaded(config, state_flag(state)).configuration, _untold) as everything:
            return await work(everything)

    return asyncio.run(run())


def _untold(why: str) -> None:
    """What was asked for is done; only that it is known a moment later."""
    print(f"note: running servers were not told, and see it within two seconds. {why}", file=sys.stderr)


def with_copies(config: Path | None, state: Path | None, work: "Callable[[Kept, Copies], Awaitable[T]]") -> T:
    """The same, with the copies of the audit log's checkpoints."""
    from sealroom.app import catalogue
    from sealroom.audit.copies import Copies
    from sealroom.core.objects.opening import objects_of
    from sealroom.core.state import StateDirectory, state_directory

    settings = loaded(config, state_flag(state)).configuration

    async def run(kept: "Kept") -> T:
        folder = StateDirectory(state_directory(settings.state.directory, os.environ))
        objects = objects_of(settings.objects, folder, catalogue(), settings.site.name)
        try:
            return await work(kept, Copies(objects, kept.audit, kept.keys))
        finally:
            await objects.close()

    return with_kept(config, state, run)


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
