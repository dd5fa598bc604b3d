# SPDX-License-Identifier: Apache-2.0
"""Follows a bucket of NATS through lost connections and lost watchers, by looking at all of it again."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeout
from nats.js.kv import KeyValue

from sealroom.core.bus.connection import RETRY_SECONDS
from sealroom.core.bus.handling import Watching

TICK_SECONDS = 1.0
"""How soon a new connection is noticed."""
LOOK_AGAIN_SECONDS = 60.0
"""A watcher that the server lost without a word is replaced after that time at the latest."""


async def follow(
    bucket: Callable[[], Awaitable[KeyValue]], connections: Callable[[], int], watching: Watching[Any]
) -> None:
    """Tells a watcher for ever. `connections` counts the times that the client was connected."""
    while True:
        with contextlib.suppress(NatsError, OSError):
            seen = connections()
            watcher = await (await bucket()).watchall()
            try:
                await _follow_one(watcher, lambda seen=seen: connections() == seen, watching)  # type: ignore[misc]
            finally:
                with contextlib.suppress(NatsError):
                    await watcher.stop()  # type: ignore[no-untyped-call]
        await asyncio.sleep(RETRY_SECONDS)


async def _follow_one(
    watcher: KeyValue.KeyWatcher, same_connection: Callable[[], bool], watching: Watching[Any]
) -> None:
    entries: dict[str, bytes] = {}
    while (entry := await watcher.updates(TICK_SECONDS * 5)) is not None:  # type: ignore[no-untyped-call]
        if entry.operation is None and entry.value:
            entries[entry.key] = entry.value
    watching.replace(entries)
    loop = asyncio.get_running_loop()
    end = loop.time() + LOOK_AGAIN_SECONDS
    while same_connection() and loop.time() < end:
        with contextlib.suppress(NatsTimeout):
            entry = await watcher.updates(TICK_SECONDS)  # type: ignore[no-untyped-call]
            if entry is not None:
                watching.change(entry.key, entry.value if entry.operation is None and entry.value else None)
