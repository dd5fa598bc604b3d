# SPDX-License-Identifier: Apache-2.0
"""`Client`: one member in one sealed room."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TypeGuard

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
from sealroom_customer.client.room.participants import Participants
from sealroom_customer.client.room.pictures import Pictures
from sealroom_customer.client.room.published import Published
from sealroom_customer.client.room.reentry import Pauses
from sealroom_customer.client.room.session import PASSING, Session
from sealroom_customer.client.room.sessions import Sessions
from sealroom_customer.client.room.slots import Slot, SlotTable
from sealroom_wire import signalling
from sealroom_wire.authority import MemberRole
from sealroom_wire.errors import Refusal


class Client:
    """One member. Made by `Client.enter`, which leaves the room when its block ends."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self._core = entry.core()
        self._membership = Membership(entry.sdk_app_id, entry.room, entry.user_id, self._core)
        subject = Subject(entry.authority, entry.sdk_app_id, entry.room, entry.user_id, entry.grant)
        self._authority = AuthorityLine(subject, self._membership, self._roster_changed)
        self._measured = Measured(time.monotonic, self._counters, sealed=entry.sealing is Sealing.REQUIRED)
        self._sessions = Sessions(self._check)
        self._slots = SlotTable()
        self._pictures = Pictures(self._slots, self._sessions, self._bind)
        self._inbox = Inbox(entry.user_id, self._slots, self._membership)
        self._custom = CustomMessages(entry.user_id, self._core, self._membership, self._inbox.tell)
        self._participants = Participants(self._inbox.tell)
        self._published = Published()
        self._open: Session | None = None
        """The one whose media flows."""
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
            if client._sessions.now is not None and not client._over:
                await client._sessions.now.leave()
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
            await self._sessions.ask(lambda number: signalling.Publish(number, signalling.Track(track)))

    async def unpublish(self, track: TrackName) -> None:
        """Says that a track has ended; nothing happens when it does not flow. Raises ClientFault when the client is over."""
        if self._published.end(track):
            await self._sessions.ask(lambda number: signalling.Unpublish(number, signalling.Track(track)))

    async def watch(self, user: str, track: TrackName = "main", layer: int = 2) -> None:
        """Binds a video slot to somebody's track, or the slot that has it to another layer (0 the smallest; the nearest that
        flows is shown). Frames come once the user is on the authority's roster.

        Raises:
            ClientFault: there is no such user or track, or no further slot.
        """
        self._check()
        await self._pictures.watch(user, track, layer)

    async def unwatch(self, user: str, track: TrackName = "main") -> None:
        """Frees the slot that shows somebody's track; nothing happens when none does. Raises ClientFault when the room was left."""
        self._check()
        await self._pictures.unwatch(user, track)

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
        session = await self._sessions.next()
        try:
            sealed = self._custom.seal(command, data) if self._may_seal() else None
        except Refusal as refusal:
            raise ClientFault(refusal.code.value, refusal.text.sentence, refusal.text.action) from None
        if sealed is None:
            raise ClientFault("no_key", "Nothing can be sealed now.", "Wait until the room has its keys.")
        await session.ask(lambda number: signalling.SendCustom(number, sealed), signalling.Done)

    async def record(self) -> signalling.Record:
        """What the operator has of this call, by its own word. Raises ClientFault, also when asked too often."""
        session = await self._sessions.next()
        return await session.ask(signalling.AskRecord, signalling.Record)

    async def kept(self) -> signalling.Kept | None:
        """What the operator keeps of this call and of us by his data catalogue, in his own word; None where he does not tell. May be
        asked every five seconds. Raises ClientFault, also when asked too often."""
        session = await self._sessions.next()
        return await session.kept()

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
        self._sessions.move(session)
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
        await self._pictures.take_up_again(session)

    def _lost(self, fault: ClientFault) -> None:
        self._connected.clear()
        self._open = None
        if self._sessions.now is not None:
            self._inbox.tell(Reconnecting(fault))
        self._sessions.move(None)

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
        self._sessions.move(None)
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
        self._pictures.rebind()
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
