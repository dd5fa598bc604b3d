# SPDX-License-Identifier: Apache-2.0
"""Time as a port: the system's clock here, a virtual one in tests."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """Something that will happen."""

    def cancel(self) -> None:
        """Lets it not happen. Harmless when it happened already."""


class Clock(Protocol):
    """What may be asked of time."""

    def unix(self) -> float:
        """Seconds since 1970; may jump."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""

    def call_later(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Calls once, `seconds` from now."""


class SystemClock:
    """The system's clock and the running loop's timers."""

    def unix(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    def call_later(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Calls once from the running loop."""
        return asyncio.get_running_loop().call_later(seconds, call)


async def wait_at_most(clock: Clock, event: asyncio.Event, seconds: float) -> None:
    """Waits for an event, at most so long: then it is set."""
    timer = clock.call_later(seconds, event.set)
    try:
        await event.wait()
    finally:
        timer.cancel()


async def pause(clock: Clock, seconds: float) -> None:
    """Lets time pass."""
    await wait_at_most(clock, asyncio.Event(), seconds)
