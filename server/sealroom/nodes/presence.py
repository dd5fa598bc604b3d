# SPDX-License-Identifier: Apache-2.0
"""Says on the bus that this server is there, and what it has to carry; reads what the others say."""

import asyncio
from collections.abc import Callable

from sealroom.core.bus import Bus, BusError
from sealroom.core.logging import get_logger
from sealroom.nodes.models import NODES, PRESENT_SECONDS, Node

SAY_SECONDS = PRESENT_SECONDS / 3
"""Two may be lost before others think it dead."""
END_SECONDS = 2.0
"""How long the end of the process waits for the bus."""

_log = get_logger()


class Presence:
    """Of one server."""

    def __init__(self, bus: Bus, name: str, says: Callable[[], Node]) -> None:
        self._bus, self._name, self._says = bus, name, says
        self._over = False

    async def run(self) -> None:
        """Says it until `stop`; where the bus is away, when it is back."""
        while not self._over:
            try:
                await self.say()
            except BusError as error:
                _log.debug("node_not_present", code=error.code)
            await asyncio.sleep(SAY_SECONDS)

    async def say(self) -> None:
        """Says it once. Raises `BusUnavailable`."""
        await self._bus.keep(NODES, self._name, self._says())

    def stop(self) -> None:
        """Says no more, and not that it goes: the name is another's, and what is said under it."""
        self._over = True

    async def end(self) -> None:
        """Says that it goes. Where the bus is away nobody is waited for: what is not said again goes by itself."""
        if self._over:
            return
        try:
            async with asyncio.timeout(END_SECONDS):
                await self._bus.forget(NODES, self._name)
        except TimeoutError:
            _log.debug("node_not_present", code="timeout")
        except BusError as error:
            _log.debug("node_not_present", code=error.code)
