# SPDX-License-Identifier: Apache-2.0
"""Which rooms are open: found, opened and closed by the rules of TRTC (call: with the last leaver; live: by who left last)."""

from collections.abc import Callable
from typing import TypeAlias

from sealroom.apps.models import Admission
from sealroom.core.clock import Clock
from sealroom.core.config.schema import RoomSettings
from sealroom.core.errands import Errands
from sealroom.core.logging import get_logger
from sealroom.core.metrics import Metrics
from sealroom.media.port import Engine, EngineFailure
from sealroom.rooms.announcer import Announcer
from sealroom.rooms.events import Call, CloseReason
from sealroom.rooms.state import Participant, Room
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.ids import RoomId
from sealroom_wire.signalling import Role, Scene, Sealing
from sealroom_wire.usersig import Privilege

MAX_IN_CALL = 300
"""Participants of a call (TRTC)."""
MAX_IN_LIVE = 100_000
"""Participants of a live room (TRTC)."""

Place: TypeAlias = Callable[[], tuple[int, int]]
"""Which of how many servers of one site this one is now, counted from 0: they share the seconds that calls are named by."""

_log = get_logger()


def alone() -> tuple[int, int]:
    """The place of a server that is the only one."""
    return 0, 1


class Directory:
    """All open rooms of this process."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        settings: RoomSettings,
        errands: Errands,
        metrics: Metrics,
        announcer: Announcer,
        place: Place = alone,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._settings = settings
        self._errands = errands
        self._metrics = metrics
        self._announcer = announcer
        self._place = place
        self._rooms: dict[tuple[int, RoomId], Room] = {}
        self._numbers = 0
        self._calls: dict[str, int] = {}
        self.accepts_new_rooms = True

    def all(self) -> list[Room]:
        """Every open room."""
        return list(self._rooms.values())

    def find(self, sdk_app_id: int, room_id: RoomId) -> Room:
        """The open room; raises `Refusal(room_unknown)`."""
        room = self._rooms.get((sdk_app_id, room_id))
        if room is None:
            raise Refusal(ErrorCode.ROOM_UNKNOWN)
        return room

    def check_entry(self, admission: Admission, room_id: RoomId, scene: Scene) -> None:
        """Raises `Refusal` if the room would not take this entry now. Changes nothing."""
        identity = admission.identity
        room = self._rooms.get((identity.application.sdk_app_id, room_id))
        if room is None:
            if not self.accepts_new_rooms:
                raise Refusal(ErrorCode.SERVER_BUSY)
            if Privilege.CREATE_ROOM not in admission.rights:
                raise Refusal(ErrorCode.NO_RIGHT_TO_CREATE_ROOM)
            return
        if room.scene is not scene:
            raise Refusal(ErrorCode.SCENE_DIFFERS)
        there = len(room.participants) - (identity.user_id in room.participants)
        if there >= (MAX_IN_CALL if scene is Scene.RTC else MAX_IN_LIVE):
            raise Refusal(ErrorCode.ROOM_FULL)

    def find_or_make(
        self, sdk_app_id: int, room_id: RoomId, scene: Scene, sealing: Sealing
    ) -> tuple[Room, bool]:
        """The room, and whether it is new: then the engine does not know it yet."""
        key = (sdk_app_id, room_id)
        room = self._rooms.get(key)
        if room is not None:
            if room.linger is not None:
                room.linger.cancel()
                room.linger = None
            return room, False
        self._numbers += 1
        call = self._new_call(sdk_app_id, room_id)
        room = self._rooms[key] = Room(self._numbers, sdk_app_id, room_id, scene, sealing, call)
        self._metrics.rooms.inc()
        _log.info("room_opened", application=sdk_app_id, room=room_id, scene=scene.value)
        return room, True

    def _new_call(self, sdk_app_id: int, room_id: RoomId) -> Call:
        """A call that begins now. Where the room (or the one of the other kind that reads the same) had one in this second already,
        its id counts on: two calls never share one. Nor do two servers of one site: each takes the next second that is its own, of
        two the even or the odd ones. TRTC's form has room for nothing else that would tell them apart.
        """
        opened_at = int(self._clock.unix() * 1000)
        second = opened_at // 1000
        self._calls = {name: last for name, last in self._calls.items() if last >= second}
        name = f"{sdk_app_id}_{room_id.id}"
        second = max(second, self._calls.get(name, 0) + 1)
        index, servers = self._place()
        second += (index - second) % servers
        self._calls[name] = second
        return Call(f"{name}_{second}", sdk_app_id, room_id, opened_at)

    def left(self, room: Room, leaver: Participant) -> None:
        """Closes the room if `leaver` was its last, at once or later."""
        if room.participants:
            return
        by_itself = room.ending is CloseReason.EMPTY
        if by_itself and room.scene is Scene.LIVE and leaver.role is Role.AUDIENCE:
            linger = self._settings.live_linger
            room.linger = self._clock.call_later(linger, lambda: self.close(room, CloseReason.EMPTY))
        else:
            self.close(room, room.ending)

    def close(self, room: Room, reason: CloseReason) -> None:
        """Closes a room that nobody is in."""
        if self._rooms.get((room.sdk_app_id, room.id)) is not room:
            return
        del self._rooms[room.sdk_app_id, room.id]
        if room.linger is not None:
            room.linger.cancel()
        self._metrics.rooms.dec()
        self._errands.start(self._close_in_engine(room.number))
        self._announcer.closed(room, reason)
        _log.info("room_closed", application=room.sdk_app_id, room=room.id, reason=reason.value)

    async def _close_in_engine(self, number: int) -> None:
        try:
            await self._engine.close_room(number)
        except EngineFailure as failure:
            # At the end the engine goes with all its rooms.
            tell = _log.debug if failure.code == "engine_closed" else _log.warning
            tell("engine_refused", code=failure.code, kind="close_room")
