# SPDX-License-Identifier: Apache-2.0
"""`Client`: one member in one sealed room."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TypeGuard

from sealroom_customer.client import _native
from sealroom_customer.client.authority_line import AuthorityLine, Subject
from sealroom_customer.client.custom import CustomMessages
from sealroom_customer.client.entry import Entry, Sealing
from sealroom_customer.client.events import (
    ClientFault,
    Closed,
    CodecName,
    Event,
    Reconnected,
    Reconnecting,
    RosterChanged,
    TrackName,
    Unpublished,
)
from sealroom_customer.client.inbox import Inbox
from sealroom_customer.client.measured import Measured, tell
from sealroom_customer.client.membership import Membership
from sealroom_customer.client.participants import Participants
from sealroom_customer.client.published import Published
from sealroom_customer.client.reentry import Pauses
from sealroom_customer.client.session import PASSING, Session
from sealroom_customer.client.slots import Slot, SlotTable
from sealroom_wire import signalling
from sealroom_wire.authority import MemberRole
from sealroom_wire.errors import Refusal
from sealroom_wire.limits import MAX_SLOTS, SLOT_GROWTH


class Client:
    """One member. Made by `Client.enter`, which leaves the room when its block ends."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self._core = entry.core()
        self._membership = Membership(entry.sdk_app_id, entry.room, entry.user_id, self._core)
        subject = Subject(entry.authority, entry.sdk_app_id, entry.room, entry.user_id, entry.grant)
        self._authority = AuthorityLine(subject, self._membership, self._roster_changed)
        self._measured = Measured(time.monotonic, self._counters, sealed=entry.sealing is Sealing.REQUIRED)
        self._slots = SlotTable()
        self._growing = asyncio.Lock()
        self._inbox = Inbox(entry.user_id, self._slots, self._membership)
        self._custom = CustomMessages(entry.user_id, self._core, self._membership, self._inbox.tell)
        self._participants = Participants(self._inbox.tell)
        self._published = Published()
        self._session: Session | None = None
        """The one that requests go to: what the one before had has been taken up in it."""
        self._open: Session | None = None
        """The one whose media flows."""
        self._moved = asyncio.Event()
        """Set, and replaced, whenever a session begins or ends."""
        self._connected = asyncio.Event()
        self._fault: ClientFault | None = None
        self._put_out = False
        self._over = False
        self._last: dict[str, int] = {}

    @classmethod
    @asynccontextmanager
    async def enter(cls, entry: Entry) -> AsyncIterator["Client"]:
        """Enters, yields the client, and leaves.

        The lines to the operator and to the authority are opened side by side; frames flow once both are there. Either comes back
        when it breaks. What ends the client later is the last event (`Closed`) and raised by every further call.

        Raises:
            ClientFault: the operator did not let us in.
        """
        client = cls(entry)
        entered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        works = [client._attend(entered)]
        if entry.sealing is Sealing.REQUIRED:
            works.append(client._authority.run())
        tasks = [asyncio.create_task(client._guarded(work, entered)) for work in works]
        try:
            await entered
            yield client
            if client._session is not None and not client._over:
                await client._session.leave()
        finally:
            client._end(None)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # what a member does

    async def connected(self) -> None:
        """Waits until media may flow. Raises ClientFault when the client ends before."""
        await self._connected.wait()
        self._check()

    async def publish(self, track: TrackName, layers: int = 1) -> None:
        """Says that a track flows from now on; the camera (`main`) in up to three simulcast layers.

        Raises:
            ClientFault: the right is missing, or the track does not have so many layers.
        """
        with self._published.asking(track, layers):
            await self._ask(lambda number: signalling.Publish(number, signalling.Track(track)))

    async def unpublish(self, track: TrackName) -> None:
        """Says that a track has ended; nothing happens when it does not flow. Raises ClientFault when the client is over."""
        if self._published.end(track):
            await self._ask(lambda number: signalling.Unpublish(number, signalling.Track(track)))

    async def watch(self, user: str, track: TrackName = "main", layer: int = 2) -> None:
        """Binds a video slot to somebody's track, or the slot that has it to another layer (0 the smallest; the nearest that
        flows is shown). Frames come once the user is on the authority's roster.

        Raises:
            ClientFault: there is no such user or track, or no further slot.
        """
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
                slot.user = None
                self._bind(slot)
            raise

    async def unwatch(self, user: str, track: TrackName = "main") -> None:
        """Frees the slot that shows somebody's track; nothing happens when none does. Raises ClientFault when the room was left."""
        slot = self._slots.showing(user, track)
        if slot is not None:
            slot.user = None
            await self._ask_for(slot)

    def send(
        self, track: TrackName, codec: CodecName, frame: bytes, timestamp: int, *, layer: int = 0
    ) -> bool:
        """Seals and sends one encoded frame of a layer (0 the smallest); False when it was dropped: no secret yet, not
        connected, not one of its codec, no right to publish, or the authority has been silent for too long.

        Raises:
            ClientFault: the client is over, or the track was not published with this layer.
        """
        self._check()
        self._published.check(track, layer)
        if self._entry.sealing is Sealing.REQUIRED and not self._may_seal():
            return False
        went = self._core.send(track, codec, frame, timestamp, layer)
        if went:
            self._measured.sent(track, layer, len(frame))
        return went

    async def send_custom(self, command: int, data: bytes) -> None:
        """Seals a message (command 1 to 10, at most 1 KB) and sends it to everybody else in the room.

        Raises:
            ClientFault: it may not be sent, there is no secret (yet, or ever in a room without sealing), the authority has been
                silent for too long, or the operator refused it (30 messages and 8 KB a second).
        """
        session = await self._next_session()
        try:
            sealed = self._custom.seal(command, data) if self._may_seal() else None
        except Refusal as refusal:
            raise ClientFault(refusal.code.value, refusal.text.sentence, refusal.text.action) from None
        if sealed is None:
            raise ClientFault("no_key", "Nothing can be sealed now.", "Wait until the room has its keys.")
        await session.ask(lambda number: signalling.SendCustom(number, sealed), signalling.Done)

    async def record(self) -> signalling.Record:
        """What the operator has of this call, by its own word. Raises ClientFault, also when asked too often."""
        session = await self._next_session()
        return await session.ask(signalling.AskRecord, signalling.Record)

    async def events(self) -> AsyncIterator[Event]:
        """Everything that happens, until and including `Closed`. For one consumer."""
        async for event in self._inbox.events():
            yield event

    def stats(self) -> dict[str, int]:
        """The native core's counters (those of its end, once over), and `frames_not_taken`, `members`, `epoch`, `step`."""
        epoch, step = self._membership.version
        core = self._counters()
        mine = {
            "frames_not_taken": self._inbox.not_taken + core["frames_not_taken"],
            "members": len(self._membership.members),
            "epoch": epoch,
            "step": step,
        }
        found = core | mine
        for reason, count in self._custom.refused.items():
            found[f"refused_{reason}"] += count
        return found

    def _counters(self) -> dict[str, int]:
        return self._last or self._core.stats()

    @property
    def words(self) -> tuple[str, ...]:
        """The six words of the roster's authentication string, for members to compare; empty before there is a roster."""
        return self._membership.words(self._authority.key)

    # the operator's room, and coming back to it

    async def _attend(self, entered: asyncio.Future[None]) -> None:
        """Enters and stays: a session that ends for a reason that may pass is followed by another."""
        pauses = Pauses()
        asyncio.get_running_loop().add_reader(self._core.fileno(), self._drain)
        while True:
            try:
                async with Session.open(self._entry, self._core, self._said) as (session, answer):
                    await self._begin(session, answer)
                    if entered.done():
                        self._inbox.tell(Reconnected())
                    else:
                        entered.set_result(None)
                    pauses = Pauses()
                    await session.over()
            except ClientFault as fault:
                if not entered.done() and self._may_go_to(fault.endpoint):
                    self._entry = replace(self._entry, operator=fault.endpoint, other_sites=())
                    await asyncio.to_thread(self._core.renew)
                    continue
                if self._put_out and fault.code in PASSING:
                    raise ClientFault("removed", "The operator put us out of the room.") from None
                if not entered.done() or fault.code not in PASSING:
                    raise
                self._lost(fault)
                await pauses.take(fault)
            await asyncio.to_thread(self._core.renew)

    def _may_go_to(self, endpoint: str | None) -> TypeGuard[str]:
        """Whether the site that serves the application is one that we were told of: our signature is shown to no other."""
        return endpoint is not None and endpoint in self._entry.other_sites

    async def _begin(self, session: Session, entered: signalling.Entered) -> None:
        self._open = session
        self._slots.learn(entered.slots)
        self._participants.begin(entered.participants)
        session.listen()
        await self._take_up_again(session)
        self._session = session
        self._move()
        if entered.reports is not None:
            session.run_beside(tell(session, self._measured, entered.reports, self._connected.is_set))

    async def _take_up_again(self, session: Session) -> None:
        """Publishes and binds in a new session what the one before had."""
        for track in self._published.tracks:
            try:
                publish = signalling.Track(track)
                await session.ask(lambda number, of=publish: signalling.Publish(number, of), signalling.Done)  # type: ignore[misc]
            except ClientFault as fault:
                if fault.code in PASSING:
                    raise
                self._published.end(track)
                self._inbox.tell(Unpublished(track, fault))
        for slot in self._slots.bound():
            self._bind(slot)
            try:
                await session.ask(self._bind_request(slot), signalling.Done)
            except ClientFault as fault:
                if fault.code in PASSING:
                    raise
                # Who was shown has left meanwhile, which was told.
                slot.user = None
                self._bind(slot)

    def _lost(self, fault: ClientFault) -> None:
        self._connected.clear()
        self._open = None
        if self._session is not None:
            self._session = None
            self._inbox.tell(Reconnecting(fault))
        self._move()

    def _move(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    async def _next_session(self, before: Session | None = None) -> Session:
        """The session there is, or the first that comes after `before`."""
        while True:
            self._check()
            if self._session is not None and self._session is not before:
                return self._session
            await self._moved.wait()

    async def _ask(self, request: Callable[[int], signalling.ClientMessage]) -> None:
        """Asks the operator. A session that breaks meanwhile is waited for: the next takes up what this one was asked for."""
        session = await self._next_session()
        try:
            await session.ask(request, signalling.Done)
        except ClientFault as fault:
            if fault.code not in PASSING:
                raise
            await self._next_session(session)

    async def _ask_for(self, slot: Slot) -> None:
        """Binds the slot here first, then asks the operator for what it is to show."""
        self._check()
        self._bind(slot)
        await self._ask(self._bind_request(slot))

    def _bind_request(self, slot: Slot) -> Callable[[int], signalling.ClientMessage]:
        binding = slot.binding()
        return lambda number: signalling.Bind(number, (binding,))

    async def _another_slot(self) -> Slot:
        """A free slot, asked for once by all who want one at the same time."""
        async with self._growing:
            while (slot := self._slots.free()) is None:
                more = min(SLOT_GROWTH, MAX_SLOTS - self._slots.count)
                session = await self._next_session()
                if more <= 0:
                    raise ClientFault(
                        "slots_used_up", "There is no further video slot.", "Watch fewer at a time."
                    )
                try:
                    self._slots.learn(await session.add_slots(more))
                except _native.ClientError as error:
                    raise ClientFault("slots_used_up", f"No further slot could be had: {error}.") from None
                except ClientFault as fault:
                    if fault.code not in PASSING:
                        raise
                    # The next session offers them from the start.
                    await self._next_session(session)
            return slot

    # the end

    async def _guarded(self, work: Awaitable[None], entered: asyncio.Future[None]) -> None:
        """Runs a line; what ends it for good ends the client."""
        try:
            await work
        except ClientFault as fault:
            self._end(fault)
        except Exception as error:
            # Whatever it is: what cannot be explained must not go on sending.
            self._end(ClientFault("internal_error", f"The client failed ({type(error).__name__})."))
            raise
        finally:
            if not entered.done():
                entered.set_exception(self._fault or ClientFault("left", "The room was left."))

    def _end(self, fault: ClientFault | None) -> None:
        """Fails closed: nothing is sent or opened from here on."""
        if self._over:
            return
        self._over = True
        self._fault = fault
        # A loop on which the descriptor was never registered says so by returning False.
        asyncio.get_running_loop().remove_reader(self._core.fileno())
        self._custom.close()
        self._last = self._core.stats()
        self._core.close()
        self._connected.set()
        self._move()
        self._inbox.tell(Closed(fault))

    def _check(self) -> None:
        if self._over:
            raise self._fault or ClientFault("left", "The room was left.")

    def _may_seal(self) -> bool:
        return self._authority.role == MemberRole.PUBLISH.value and not self._authority.silent

    # what happens to it

    def _drain(self) -> None:
        for event in self._core.drain():
            if event[0] == "connected":
                self._connected.set()
            elif event[0] == "closed":
                if self._open is not None:
                    self._open.lose_media(event[1])
            else:
                self._measured.took(event)
                self._inbox.take(event)

    def _roster_changed(self) -> None:
        for slot in self._slots.bound():
            self._bind(slot)
        self._custom.retry()
        epoch, step = self._membership.version
        members = tuple((member.user, member.role) for member in self._membership.members)
        self._inbox.tell(RosterChanged(members, epoch, step, self.words))

    def _bind(self, slot: Slot) -> None:
        """Only frames of the bound user open in the slot: nobody's while he is not on the roster."""
        if self._over:
            return
        index = None if slot.user is None else self._membership.index_of(slot.user)
        self._core.bind(slot.number, index, slot.track)

    def _said(self, message: signalling.ServerMessage) -> None:
        if isinstance(message, signalling.KickedOut):
            self._put_out = True
        elif isinstance(message, signalling.AudioSlots):
            self._slots.heard(message.slots)
        elif isinstance(message, signalling.CustomMessage):
            self._custom.take(message.user_id, message.data)
        else:
            self._participants.said(message)
