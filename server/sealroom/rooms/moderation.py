# SPDX-License-Identifier: Apache-2.0
"""What moderators do: end a call, put users out of it, take what they send, keep them out.

**An act is in the audit log before it is done**: what cannot be written down is not done. The log names the user, the room and who
asked; it may hold an act that found nobody any more.
"""

import asyncio
from collections.abc import Sequence

from msgspec import structs

from sealroom.audit.events import Actor
from sealroom.audit.service import AuditLog
from sealroom.core.clock import Clock, Timer
from sealroom.core.db import Database
from sealroom.core.errands import Errands
from sealroom.core.logging import get_logger
from sealroom.rooms.acts import Act, ActKind, Acts, records_of
from sealroom.rooms.bans import TOPIC, Ban, Bans
from sealroom.rooms.elsewhere import Elsewhere, combined
from sealroom.rooms.service import RoomService
from sealroom.rooms.state import Participant
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.ids import RoomId, check_user_id
from sealroom_wire.limits import MAX_REMOVED_AT_ONCE
from sealroom_wire.signalling import KickReason

LOOK_SECONDS = 1.0
"""How often bans of other processes are looked for. Sooner costs one small query each time."""

_log = get_logger()


class Moderation:
    """Moderates the rooms of this process, and has other servers moderate theirs."""

    def __init__(
        self, rooms: RoomService, bans: Bans, database: Database, audit: AuditLog, clock: Clock, errands: Errands,
        elsewhere: Elsewhere | None = None,
    ) -> None:  # fmt: skip
        self._rooms, self._bans = rooms, bans
        self._database, self._audit = database, audit
        self._clock, self._errands = clock, errands
        self._acts, self._elsewhere = Acts(rooms), elsewhere
        self._timer: Timer | None = None
        self._over = self._heard = False
        self._hearing = asyncio.Lock()
        database.changes.listen(TOPIC, self._hear)

    async def dismiss(self, sdk_app_id: int, room: RoomId, *, actor: Actor) -> None:
        """Puts everybody out (`room_disband`) and ends the call. Raises `Refusal(room_unknown)`."""
        await self._do(_act(ActKind.DISMISS, sdk_app_id, room), actor)

    async def remove(
        self, sdk_app_id: int, room: RoomId, user_ids: Sequence[str], *, actor: Actor
    ) -> tuple[str, ...]:
        """Puts users out (`banned`, as TRTC says it); they may enter again. Returns who was there; the others are passed over.

        Raises:
            Refusal: `room_unknown`, `too_many_users` beyond `MAX_REMOVED_AT_ONCE`, `user_id_invalid`.
        """
        if not 1 <= len(user_ids) <= MAX_REMOVED_AT_ONCE:
            raise Refusal(ErrorCode.TOO_MANY_USERS)
        for user_id in user_ids:
            check_user_id(user_id)
        return await self._do(_act(ActKind.REMOVE, sdk_app_id, room, user_ids), actor)

    async def block(
        self,
        sdk_app_id: int,
        room: RoomId,
        user_id: str,
        *,
        audio: bool | None = None,
        video: bool | None = None,
        actor: Actor,
    ) -> None:
        """Takes what a user sends (True), gives it back (False), or leaves it (None), for this call; screens count as video.

        Raises:
            Refusal: `room_unknown`; `user_not_in_room`, unless he was blocked when he left; `engine_failed`: it is asked again by
                the same request.
        """
        await self._do(_act(ActKind.BLOCK, sdk_app_id, room, [user_id], audio, video), actor)

    async def _do(self, act: Act, actor: Actor) -> tuple[str, ...]:
        """Writes an act down and has it done wherever the room is. Returns whom it was done to.

        Raises:
            Refusal: nobody has the room, or the user; `server_busy`: a server that has it did not answer.
        """
        elsewhere = self._elsewhere
        others = await elsewhere.having(act.sdk_app_id, act.place) if elsewhere else []
        if not others:
            self._acts.check(act)
        written = await asyncio.gather(*(self._audit.record(record) for record in records_of(act, actor)))
        told = structs.replace(act, written=tuple(written))
        asked = [elsewhere.ask(node, told) for node in others] if elsewhere else []
        return combined(await asyncio.gather(self._acts.do(act), *asked))

    # bans

    async def ban(
        self,
        sdk_app_id: int,
        user_id: str,
        room: RoomId | None,
        *,
        actor: Actor,
        issued_before: int | None = None,
        expected: str | None = None,
    ) -> Ban:
        """Keeps a user out of a room, or of the application, and puts him out.

        Raises:
            Refusal, ConflictError: see `Bans.add`.
        """
        ban = await self._bans.add(
            sdk_app_id, user_id, room, actor=actor, issued_before=issued_before, expected=expected
        )
        self._enforce()
        return ban

    async def lift(
        self, sdk_app_id: int, user_id: str, room: RoomId | None, *, actor: Actor, expected: str | None = None
    ) -> bool:
        """Takes a ban back; says whether there was one. Raises ConflictError: see `Bans.lift`."""
        return await self._bans.lift(sdk_app_id, user_id, room, actor=actor, expected=expected)

    async def start(self) -> None:
        """Reads the bans, and from now on what other processes change of them. **Before anybody enters.**"""
        await self._bans.refresh()
        self._look_again()

    def close(self) -> None:
        """Looks no more."""
        self._over = True
        if self._timer is not None:
            self._timer.cancel()

    def _look_again(self) -> None:
        if not self._over:
            self._timer = self._clock.call_later(LOOK_SECONDS, self._start_to_look)

    def _start_to_look(self) -> None:
        self._errands.start(self._look())

    async def _look(self) -> None:
        try:
            await self._refresh()
        finally:
            self._look_again()

    def _hear(self) -> None:
        """Somebody changed a ban: no need to wait for the next look. What is heard before one begins needs no other."""
        if not self._over and not self._heard:
            self._heard = True
            self._errands.start(self._look_at_once())

    async def _look_at_once(self) -> None:
        # What was changed while another looked may have been missed by it: that one is let end, and then it is looked again.
        async with self._hearing:
            self._heard = False
            await self._refresh()

    async def _refresh(self) -> None:
        if await self._bans.refresh():
            self._enforce()

    def _enforce(self) -> None:
        """Puts out whoever would not be let in now."""
        for participant in self._rooms.everybody():
            if self._is_banned(participant):
                self._rooms.put_out(participant, KickReason.BANNED, ErrorCode.BANNED)
                _log.info("banned_put_out", application=participant.room.sdk_app_id, user=participant.user_id)

    def _is_banned(self, participant: Participant) -> bool:
        try:
            self._bans.check(participant.admission, participant.room.id)
        except Refusal:
            return True
        return False


def _act(
    kind: ActKind,
    sdk_app_id: int,
    room: RoomId,
    users: Sequence[str] = (),
    audio: bool | None = None,
    video: bool | None = None,
) -> Act:
    return Act(
        kind=kind, sdk_app_id=sdk_app_id, room_kind=room.kind, room=room.id, users=tuple(users), audio=audio, video=video
    )  # fmt: skip
