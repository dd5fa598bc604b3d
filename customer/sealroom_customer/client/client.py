# SPDX-License-Identifier: Apache-2.0
"""`Client`: one member in one sealed room."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from sealroom_customer.client import _native
from sealroom_customer.client.authority_line import AuthorityLine, Subject
from sealroom_customer.client.custom import CustomMessages
from sealroom_customer.client.events import (
    ClientFault,
    Closed,
    CodecName,
    CustomMessage,
    Event,
    Frame,
    FrameRefused,
    KeyFrameWanted,
    RosterChanged,
    SealedFrame,
    TrackAppeared,
    TrackGone,
    TrackName,
)
from sealroom_customer.client.membership import Membership
from sealroom_customer.client.signalling_line import SignallingLine, line_lost
from sealroom_wire import PROTOCOL_VERSION, signalling
from sealroom_wire.authority import MemberRole
from sealroom_wire.errors import Refusal
from sealroom_wire.ids import RoomId, RoomKind
from sealroom_wire.limits import MAX_SIGNALLING_MESSAGE_BYTES

_MAX_EVENTS = 4096
"""Events that wait to be taken. Beyond this frames are dropped and counted (`frames_not_taken`)."""
_LEAVE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Entry:
    """What it takes to enter. `grant` is called for each line to the authority and before a grant expires."""

    operator: str
    sdk_app_id: int
    user_id: str
    user_sig: str = field(repr=False)
    room: RoomId
    authority: str
    grant: Callable[[], Awaitable[str]] = field(repr=False)
    private_map_key: str | None = field(default=None, repr=False)
    scene: signalling.Scene = signalling.Scene.RTC
    role: signalling.Role = signalling.Role.ANCHOR
    keep_sealed: bool = False
    """Tell video frames as the operator handed them over, too (`SealedFrame`)."""


@dataclass(slots=True)
class _Slot:
    """A video slot and whom it is bound to."""

    number: int
    generation: int = 0
    user: str | None = None
    track: TrackName = "main"


class Client:
    """One member. Made by `Client.enter`, which leaves the room when its block ends."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self._core = _native.Client(keep_sealed=entry.keep_sealed)
        self._membership = Membership(entry.sdk_app_id, entry.room, entry.user_id, self._core)
        subject = Subject(entry.authority, entry.sdk_app_id, entry.room, entry.user_id, entry.grant)
        self._authority = AuthorityLine(subject, self._membership, self._roster_changed)
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._custom = CustomMessages(entry.user_id, self._core, self._membership, self._tell)
        self._slots: list[_Slot] = []
        self._published: dict[str, set[TrackName]] = {}
        self._line: SignallingLine | None = None
        self._connected = asyncio.Event()
        self._not_taken = 0
        self._fault: ClientFault | None = None
        self._over = False
        self._last: dict[str, int] = {}

    @classmethod
    @asynccontextmanager
    async def enter(cls, entry: Entry) -> AsyncIterator["Client"]:
        """Enters, yields the client, and leaves.

        The lines to the operator and to the authority are opened side by side; frames flow once both are there. What ends the
        client later is the last event (`Closed`) and raised by every further call.

        Raises:
            ClientFault: the operator did not let us in.
        """
        client = cls(entry)
        tasks: list[asyncio.Task[None]] = []
        try:
            async with connect(
                entry.operator,
                max_size=MAX_SIGNALLING_MESSAGE_BYTES,
                ping_interval=None,
                close_timeout=1,
                compression=None,
                proxy=None,
            ) as socket:
                client._line = SignallingLine(socket, client._said)
                for work in (client._line.run(), client._authority.run()):
                    tasks.append(asyncio.create_task(client._guarded(work)))
                try:
                    await client._begin(client._line)
                    yield client
                    await client._leave(client._line)
                finally:
                    client._end(None)
                    await _finish(tasks)
        except (OSError, TimeoutError, WebSocketException):
            raise line_lost() from None
        finally:
            client._end(None)
            await _finish(tasks)

    # what a member does

    async def connected(self) -> None:
        """Waits until media may flow. Raises ClientFault when the client ends before."""
        await self._connected.wait()
        self._check()

    async def publish(self, track: TrackName) -> None:
        """Says that a track flows from now on. Raises ClientFault when the right is missing."""
        line = self._check()
        request = signalling.Publish(id=line.next_id(), track=signalling.Track(track))
        await line.ask(request, signalling.Done)

    async def watch(self, user: str, track: TrackName = "main") -> None:
        """Binds a free video slot to somebody's track. Frames come once the user is on the authority's roster.

        Raises:
            ClientFault: no slot is free, or there is no such user.
        """
        slot = next((one for one in self._slots if one.user is None), None)
        if slot is None:
            self._check()
            raise ClientFault("slot_unknown", "No video slot is free.", "Watch fewer at a time.")
        slot.user, slot.track = user, track
        try:
            await self._ask_for(slot)
        except ClientFault:
            slot.user = None
            self._bind(slot)
            raise

    async def unwatch(self, user: str, track: TrackName = "main") -> None:
        """Frees the slot that shows somebody's track; nothing happens when none does. Raises ClientFault when the room was left."""
        for slot in self._slots:
            if slot.user == user and slot.track == track:
                slot.user = None
                await self._ask_for(slot)

    async def _ask_for(self, slot: _Slot) -> None:
        """Binds the slot here first, then asks the operator for what it is to show."""
        line = self._check()
        slot.generation += 1
        self._bind(slot)
        source = slot.user and signalling.Source(user_id=slot.user, track=signalling.Track(slot.track))
        binding = signalling.Binding(slot=slot.number, generation=slot.generation, source=source or None)
        await line.ask(signalling.Bind(id=line.next_id(), bindings=(binding,)), signalling.Done)

    def send(self, track: TrackName, codec: CodecName, frame: bytes, timestamp: int) -> bool:
        """Seals and sends one encoded frame; False when it was dropped: no secret yet, not connected, no right to publish, or
        the authority has been silent for too long."""
        self._check()
        if not self._may_send:
            return False
        return self._core.send(track, codec, frame, timestamp)

    async def send_custom(self, command: int, data: bytes) -> None:
        """Seals a message (command 1 to 10, at most 1 KB) and sends it to everybody else in the room.

        Raises:
            ClientFault: it may not be sent, there is no secret yet, the authority has been silent for too long, or the
                operator refused it (30 messages and 8 KB a second).
        """
        line = self._check()
        try:
            sealed = self._custom.seal(command, data) if self._may_send else None
        except Refusal as refusal:
            raise ClientFault(refusal.code.value, refusal.text.sentence, refusal.text.action) from None
        if sealed is None:
            raise ClientFault("no_key", "Nothing can be sealed now.", "Wait until the room has its keys.")
        await line.ask(signalling.SendCustom(id=line.next_id(), data=sealed), signalling.Done)

    async def record(self) -> signalling.Record:
        """What the operator has of this call, by its own word. Raises ClientFault, also when asked too often."""
        line = self._check()
        return await line.ask(signalling.AskRecord(id=line.next_id()), signalling.Record)

    @property
    def _may_send(self) -> bool:
        return self._authority.role == MemberRole.PUBLISH.value and not self._authority.silent

    async def events(self) -> AsyncIterator[Event]:
        """Everything that happens, until and including `Closed`. For one consumer."""
        while True:
            event = await self._events.get()
            yield event
            if isinstance(event, Closed):
                return

    def stats(self) -> dict[str, int]:
        """The native core's counters (those of its end, once over), and `frames_not_taken`, `members`, `epoch`, `step`."""
        epoch, step = self._membership.version
        core = self._last or self._core.stats()
        mine = {
            "frames_not_taken": self._not_taken + core["frames_not_taken"],
            "members": len(self._membership.members),
            "epoch": epoch,
            "step": step,
        }
        found = core | mine
        for reason, count in self._custom.refused.items():
            found[f"refused_{reason}"] += count
        return found

    # what happens to it

    async def _begin(self, line: SignallingLine) -> None:
        entered = await line.ask(self._introduction(line), signalling.Entered)
        if entered.version != PROTOCOL_VERSION:
            raise ClientFault(
                "version_not_supported", "The operator speaks another version.", "Update this side."
            )
        asyncio.get_running_loop().add_reader(self._core.fileno(), self._drain)
        self._slots = [_Slot(slot.slot) for slot in entered.slots if slot.kind is signalling.SlotKind.VIDEO]
        self._core.accept(entered.sdp)
        for participant in entered.participants:
            self._appeared(participant)

    def _introduction(self, line: SignallingLine) -> signalling.Enter:
        entry = self._entry
        number = int(entry.room.id) if entry.room.kind is RoomKind.NUMBER else None
        return signalling.Enter(
            id=line.next_id(),
            version=PROTOCOL_VERSION,
            sdk_app_id=entry.sdk_app_id,
            user_id=entry.user_id,
            user_sig=entry.user_sig,
            sdp=self._core.offer(),
            sends=tuple(
                signalling.SendSection(mid, signalling.Track(track)) for mid, track in self._core.sends()
            ),
            room_id=number,
            str_room_id=entry.room.id if number is None else None,
            private_map_key=entry.private_map_key,
            scene=entry.scene,
            role=entry.role,
            client=signalling.ClientInfo(sdk="sealroom-customer"),
        )

    async def _leave(self, line: SignallingLine) -> None:
        if self._fault is not None:
            return
        with suppress(ClientFault, TimeoutError):
            async with asyncio.timeout(_LEAVE_SECONDS):
                await line.ask(signalling.Leave(id=line.next_id()), signalling.Done)

    async def _guarded(self, work: Awaitable[None]) -> None:
        """Runs a line; what ends it for good ends the client."""
        try:
            await work
        except ClientFault as fault:
            self._end(fault)
        except Exception as error:
            # Whatever it is: what cannot be explained must not go on sending.
            self._end(ClientFault("internal_error", f"The client failed ({type(error).__name__})."))
            raise

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
        self._events.put_nowait(Closed(fault))

    def _check(self) -> SignallingLine:
        if self._over or self._line is None:
            raise self._fault or ClientFault("left", "The room was left.")
        return self._line

    def _drain(self) -> None:
        for event in self._core.drain():
            if event[0] == "frame":
                self._opened(event[2], event[3], event[4], event[5], event[6])
            elif event[0] == "sealed":
                self._came(event[1], event[2], event[3])
            elif event[0] == "refused":
                self._tell(FrameRefused(event[2]))
            elif event[0] == "key_frame":
                self._tell(KeyFrameWanted(_track(event[1])))
            elif event[0] == "connected":
                self._connected.set()
            elif event[0] == "closed":
                self._end(ClientFault("engine_closed", f"The media connection ended: {event[1]}."))
                return

    def _came(self, number: int, timestamp: int, data: bytes) -> None:
        slot = next((one for one in self._slots if one.number == number), None)
        if slot is not None and slot.user is not None:
            self._tell(SealedFrame(slot.user, slot.track, timestamp, data))

    def _opened(self, index: int, track: str, codec: str, timestamp: int, data: bytes) -> None:
        """Hands on a frame under the name that the signed roster gives; a frame of nobody on it is nobody's, and one of our own does
        not come back."""
        member = self._membership.member_at(index)
        own = member is not None and member.user == self._entry.user_id
        if member is None or own or member.role is not MemberRole.PUBLISH:
            self._tell(FrameRefused("wrong_sender"))
            return
        self._tell(Frame(member.user, _track(track), "opus" if codec == "opus" else "vp8", timestamp, data))

    def _tell(self, event: Event) -> None:
        if self._events.qsize() >= _MAX_EVENTS and isinstance(
            event, Frame | SealedFrame | CustomMessage | FrameRefused
        ):
            self._not_taken += 1
            return
        self._events.put_nowait(event)

    @property
    def words(self) -> tuple[str, ...]:
        """The six words of the roster's authentication string, for members to compare; empty before there is a roster."""
        return self._membership.words(self._authority.key)

    def _roster_changed(self) -> None:
        for slot in self._slots:
            self._bind(slot)
        self._custom.retry()
        epoch, step = self._membership.version
        members = tuple((member.user, member.role) for member in self._membership.members)
        self._tell(RosterChanged(members, epoch, step, self.words))

    def _bind(self, slot: _Slot) -> None:
        """Only frames of the bound user open in the slot: nobody's while he is not on the roster."""
        index = None if slot.user is None else self._membership.index_of(slot.user)
        self._core.bind(slot.number, index, slot.track)

    def _said(self, message: signalling.ServerMessage) -> None:
        if isinstance(message, signalling.ParticipantEntered):
            self._appeared(message.participant)
        elif isinstance(message, signalling.TrackPublished):
            self._shown(message.user_id, _track(message.track.value))
        elif isinstance(message, signalling.TrackUnpublished):
            self._gone(message.user_id, _track(message.track.value))
        elif isinstance(message, signalling.ParticipantLeft):
            for track in tuple(self._published.pop(message.user_id, ())):
                self._tell(TrackGone(message.user_id, track))
        elif isinstance(message, signalling.CustomMessage):
            self._custom.take(message.user_id, message.data)
        elif isinstance(message, signalling.KickedOut):
            self._end(ClientFault("removed", "The operator put us out of the room."))

    def _appeared(self, participant: signalling.Participant) -> None:
        for published in participant.tracks:
            self._shown(participant.user_id, _track(published.track.value))

    def _shown(self, user: str, track: TrackName) -> None:
        self._published.setdefault(user, set()).add(track)
        self._tell(TrackAppeared(user, track))

    def _gone(self, user: str, track: TrackName) -> None:
        self._published.get(user, set()).discard(track)
        self._tell(TrackGone(user, track))


def _track(name: str) -> TrackName:
    return "audio" if name == "audio" else "screen" if name == "screen" else "main"


async def _finish(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    tasks.clear()
