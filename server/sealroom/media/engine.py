# SPDX-License-Identifier: Apache-2.0
"""The asyncio face of the native media engine: commands awaited, events handed to one listener.

Only plumbing: what a command means is said in `control.py`, what happens in `engine/shard`.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, cast

import msgspec

from sealroom.media import _engine, control
from sealroom.media.measures import RoomMeasures
from sealroom.media.port import EngineFailure
from sealroom.media.session import Session
from sealroom_wire.signalling import Track

FACE = 7
"""The version of the native boundary this file is written for."""
ANSWER_SECONDS = 10.0
"""How long a command may take. The engine answers within one turn of its loop; more means that it hangs."""

_EVENTS = msgspec.json.Decoder(control.Event)
Listener = Callable[[control.Event], None]


class Load(NamedTuple):
    """What the engine's thread costs, and what the kernel did not take from it or for it, since it began."""

    cpu_seconds: float
    unsent_full: int
    """Datagrams: the socket's buffer was full."""
    unsent_failed: int
    """Datagrams: too long for the path, no route."""
    unread: int
    """Datagrams that came faster than they were read: the thread is at its limit, or flooded."""


class EngineConfig(msgspec.Struct, frozen=True):
    """Settings of an engine. `bind`: `ip:port` or `[ip6]:port`, port 0 for a free one shared by all addresses."""

    bind: tuple[str, ...]
    socket_buffer: int = 4 << 20
    max_peers: int = 10_000
    max_rooms: int = 5_000
    sink_dump: str | None = None
    force_portable: bool = False


class MediaEngine:
    """One native engine on the running event loop.

    **Must be started and used on one event loop, and closed.**
    """

    def __init__(self, native: _engine.Engine, listener: Listener) -> None:
        self._native = native
        self._listener = listener
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._token = 0
        self._closed = False
        self._loop = asyncio.get_running_loop()
        self._fd = native.fileno()
        self._loop.add_reader(self._fd, self._drain)

    @classmethod
    def start(cls, config: EngineConfig, listener: Listener) -> "MediaEngine":
        """Binds the sockets and starts the engine's thread. `listener` is called for every event but answers.

        Raises:
            EngineFailure: the native module is of another build, or an address could not be bound.
        """
        if not is_current():
            raise EngineFailure("engine_stale", "The native module is of another version. Build it again.")
        try:
            return cls(_engine.Engine(msgspec.json.encode(config)), listener)
        except _engine.EngineError as error:
            raise _failure(error) from error

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """The addresses that media is taken on."""
        return self._native.addresses()

    @property
    def fingerprint(self) -> str:
        """SHA-256 fingerprint of the certificate, as SDP writes it."""
        return self._native.fingerprint

    def load(self) -> Load:
        """What the thread costs and what the kernel did not take; at most a tenth of a second old."""
        return Load(*self._native.load())

    async def add_room(self, room: int, *, sealing_required: bool) -> None:
        """Opens a room."""
        await self._answer(control.AddRoom(self._next(), room, sealing_required))

    async def close_room(self, room: int) -> None:
        """Closes a room and every peer in it."""
        await self._answer(control.CloseRoom(self._next(), room))

    async def add_peer(self, room: int, peer: int, session: Session, *, muted: Iterable[Track] = ()) -> None:
        """Lets a peer into a room; its datagrams are taken when this returns. Nothing is forwarded of what begins `muted`."""
        command = control.AddPeer(self._next(), room, peer, session.encoded())
        muting = [control.SetMuted(self._next(), peer, track, muted=True) for track in muted]
        await self._answer(command, *muting)

    async def update_peer(self, peer: int, session: Session) -> None:
        """Gives a peer its new session: more slots, or new ICE credentials."""
        await self._answer(control.UpdatePeer(self._next(), peer, session.encoded()))

    async def remove_peer(self, peer: int) -> None:
        """Ends a peer."""
        await self._answer(control.RemovePeer(self._next(), peer))

    async def bind(self, peer: int, bindings: tuple[control.SlotBinding, ...]) -> None:
        """Binds video slots of a subscriber."""
        await self._answer(control.Bind(self._next(), peer, bindings))

    async def set_rights(self, peer: int, rights: int) -> None:
        """Changes what a peer may do, from the next packet on."""
        await self._answer(control.SetRights(self._next(), peer, rights))

    async def set_muted(self, peer: int, track: Track, *, muted: bool) -> None:
        """Stops or resumes the forwarding of a track."""
        await self._answer(control.SetMuted(self._next(), peer, track, muted))

    async def request_key_frame(self, peer: int, slot: int) -> None:
        """Asks the publisher shown in a slot for a key frame."""
        await self._answer(control.RequestKeyFrame(self._next(), peer, slot))

    async def record(self, room: int) -> control.RoomRecord:
        """What was counted and seen of one room."""
        taken: control.RoomRecord = await self._answer(control.GetRecord(self._next(), room))
        return taken

    async def measures(self, room: int) -> RoomMeasures:
        """What is measured of the peers of one room, taken at one moment."""
        (taken,) = await self._answer(control.GetMeasures(self._next(), room))
        return cast(RoomMeasures, taken)

    async def all_measures(self) -> tuple[RoomMeasures, ...]:
        """The same of every room. Cheap enough to ask every 2 s."""
        taken: tuple[RoomMeasures, ...] = await self._answer(control.GetAllMeasures(self._next()))
        return taken

    async def stats(self) -> control.Stats:
        """All counters."""
        taken: control.Stats = await self._answer(control.GetStats(self._next()))
        return taken

    async def close(self) -> None:
        """Stops the engine; waiting commands fail with `engine_closed`. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._fd)
        await asyncio.to_thread(self._native.close)
        self._fail_waiting(_closed())

    def _next(self) -> int:
        self._token += 1
        return self._token

    async def _answer(self, command: control.Command, *then: control.Command) -> Any:
        """The answer to a command. Others are sent right behind it; nobody waits for theirs."""
        if self._closed:
            # Nobody collects answers any more.
            raise _closed()
        future: asyncio.Future[Any] = self._loop.create_future()
        self._waiting[command.token] = future
        try:
            for one in (command, *then):
                self._native.send(one.encode())
            async with asyncio.timeout(ANSWER_SECONDS):
                return await future
        except _engine.EngineError as error:
            raise _failure(error) from error
        except TimeoutError as error:
            raise EngineFailure("engine_hangs", "The engine did not answer. Restart the process.") from error
        finally:
            self._waiting.pop(command.token, None)

    def _drain(self) -> None:
        for encoded in self._native.drain():
            event = _EVENTS.decode(encoded)
            match event:
                case control.Result(token=token, error=error):
                    self._settle(token, None, error)
                case control.StatsTaken(token=token, stats=stats):
                    self._settle(token, stats, None)
                case control.RecordTaken(token=token, record=record):
                    self._settle(token, record, None)
                case control.MeasuresTaken(token=token, rooms=rooms):
                    self._settle(token, rooms, None)
                case _:
                    self._hand_on(event)

    def _hand_on(self, event: control.Event) -> None:
        if isinstance(event, control.ShardFailed):
            # Nobody will answer any more: better told now than after the time-out.
            self._fail_waiting(EngineFailure("engine_closed", "The engine's thread failed."))
        try:
            self._listener(event)
        except Exception as error:  # the answers that wait behind this event must not be lost with it
            context = {"message": "a listener of the media engine failed", "exception": error}
            self._loop.call_exception_handler(context)

    def _fail_waiting(self, failure: EngineFailure) -> None:
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(failure)

    def _settle(
        self,
        token: int,
        value: control.Stats | control.RoomRecord | tuple[RoomMeasures, ...] | None,
        error: control.Failure | None,
    ) -> None:
        future = self._waiting.get(token)
        if future is None or future.done():
            return
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(EngineFailure(error.code, error.message))


def _closed() -> EngineFailure:
    return EngineFailure("engine_closed", "The engine was closed.")


def is_current() -> bool:
    """Whether the native module is of the build that this file is written for."""
    return _engine.FACE == FACE


def _failure(error: Exception) -> EngineFailure:
    code, _, message = str(error).partition(": ")
    return EngineFailure(code, message)
