# SPDX-License-Identifier: Apache-2.0
"""The session that requests go to, over every one that follows another."""

import asyncio
from collections.abc import Callable

from sealroom_customer.client.events import ClientFault
from sealroom_customer.client.room.session import PASSING, Session
from sealroom_wire import signalling


class Sessions:
    """**Whoever asks while there is no session waits for the next one.** `check` raises ClientFault once there will be none."""

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self.now: Session | None = None
        """The one that requests go to: what the one before had has been taken up in it."""
        self._moved = asyncio.Event()
        """Set, and replaced, whenever a session begins or ends."""

    def move(self, session: Session | None) -> None:
        """This is the session from now on; None: there is none, or never will be again."""
        self.now = session
        self._moved.set()
        self._moved = asyncio.Event()

    async def next(self, before: Session | None = None) -> Session:
        """The session there is, or the first that comes after `before`."""
        while True:
            self._check()
            if self.now is not None and self.now is not before:
                return self.now
            await self._moved.wait()

    async def ask(self, request: Callable[[int], signalling.ClientMessage]) -> None:
        """Asks the operator. A session that breaks meanwhile is waited for: the next takes up what this one was asked for."""
        session = await self.next()
        try:
            await session.ask(request, signalling.Done)
        except ClientFault as fault:
            if fault.code not in PASSING:
                raise
            await self.next(session)
