# SPDX-License-Identifier: Apache-2.0
"""The remote videos that were asked for: which slot shows whom, in this session and in those that follow."""

import asyncio
from collections.abc import Callable

from sealroom_customer.client import _native
from sealroom_customer.client.events import ClientFault, TrackName
from sealroom_customer.client.room.session import PASSING, Session
from sealroom_customer.client.room.sessions import Sessions
from sealroom_customer.client.room.slots import Slot, SlotTable
from sealroom_wire import signalling
from sealroom_wire.limits import MAX_SLOTS, SLOT_GROWTH


class Pictures:
    """**A slot is bound here before the operator is asked for what it is to show**: `bind` says whose frames open in it."""

    def __init__(self, slots: SlotTable, sessions: Sessions, bind: Callable[[Slot], None]) -> None:
        self._slots, self._sessions, self._bind = slots, sessions, bind
        self._growing = asyncio.Lock()

    async def watch(self, user: str, track: TrackName, layer: int) -> None:
        """See `Client.watch`."""
        slot = self._slots.showing(user, track)
        is_new = slot is None
        if slot is None:
            slot = self._slots.free() or await self._another_slot()
        before = slot.layer
        slot.user, slot.track, slot.layer = user, track, layer
        try:
            await self._ask_for(slot)
        except ClientFault:
            slot.layer = before
            if is_new:
                self._give_up(slot)
            raise

    async def unwatch(self, user: str, track: TrackName) -> None:
        """See `Client.unwatch`."""
        slot = self._slots.showing(user, track)
        if slot is not None:
            slot.user = None
            await self._ask_for(slot)

    async def take_up_again(self, session: Session) -> None:
        """Binds in a new session what the one before had. Raises ClientFault when that breaks, too."""
        for slot in self._slots.bound():
            self._bind(slot)
            try:
                await session.ask(_bind_request(slot), signalling.Done)
            except ClientFault as fault:
                if fault.code in PASSING:
                    raise
                # Who was shown has left meanwhile, which was told.
                self._give_up(slot)

    def rebind(self) -> None:
        """The roster has changed: whose frames open where is decided anew."""
        for slot in self._slots.bound():
            self._bind(slot)

    async def _ask_for(self, slot: Slot) -> None:
        self._bind(slot)
        await self._sessions.ask(_bind_request(slot))

    def _give_up(self, slot: Slot) -> None:
        slot.user = None
        self._bind(slot)

    async def _another_slot(self) -> Slot:
        """A free slot, asked for once by all who want one at the same time."""
        async with self._growing:
            while (slot := self._slots.free()) is None:
                session = await self._sessions.next()
                try:
                    await self._grow(session)
                except ClientFault as fault:
                    if fault.code not in PASSING:
                        raise
                    # The next session offers them from the start.
                    await self._sessions.next(session)
            return slot

    async def _grow(self, session: Session) -> None:
        """Offers again with more slots. Raises ClientFault where there are no more, or the operator gives none."""
        before = self._slots.count
        more = min(SLOT_GROWTH, MAX_SLOTS - before)
        if more <= 0:
            raise ClientFault("slots_used_up", "There is no further video slot.", "Watch fewer at a time.")
        try:
            self._slots.learn(await session.add_slots(more))
        except _native.ClientError as error:
            raise ClientFault("slots_used_up", f"No further slot could be had: {error}.") from None
        if self._slots.count <= before:
            raise ClientFault(
                "slots_used_up", "The operator gives no further slot.", "Watch fewer at a time."
            )


def _bind_request(slot: Slot) -> Callable[[int], signalling.ClientMessage]:
    binding = slot.binding()
    return lambda number: signalling.Bind(number, (binding,))
