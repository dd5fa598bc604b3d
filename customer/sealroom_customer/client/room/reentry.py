# SPDX-License-Identifier: Apache-2.0
"""How long to wait before entering again, and when to give up."""

import asyncio
import random

from sealroom_customer.client.events import ClientFault

_PAUSES = (0.3, 1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds before each try, as the web SDK waits. Longer in all comes back after longer failures of the operator."""
_SPREAD = 0.2
"""By how much a pause differs, so that a full room does not come back in one moment."""


class Pauses:
    """The pauses of one row of tries."""

    def __init__(self) -> None:
        self._left = list(_PAUSES)

    async def take(self, fault: ClientFault) -> None:
        """Waits for the next try; raises `fault` when there was the last."""
        if not self._left:
            raise fault
        pause = self._left.pop(0)
        # Not for secrecy: only that not everybody comes at once.
        await asyncio.sleep(pause * random.uniform(1 - _SPREAD, 1 + _SPREAD))
