# SPDX-License-Identifier: Apache-2.0
"""What participants send: published, muted, and what a moderator took from them.

A moderator's block and a participant's own mute are two things: whoever is blocked may publish and mute as he likes, and is
silent until he gets it back. On the packet path a block is a right that is gone.
"""

from sealroom.media.port import Engine, EngineFailure
from sealroom.rooms.announcer import Announcer
from sealroom.rooms.rights import check_may_send, passed_on
from sealroom.rooms.state import NOT_BLOCKED, Blocked, Participant, Room, engine_refused
from sealroom_wire import signalling
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.limits import MAX_PUBLISHERS
from sealroom_wire.signalling import Track


class Tracks:
    """Publishes, mutes and blocks."""

    def __init__(self, engine: Engine, announcer: Announcer) -> None:
        self._engine = engine
        self._announcer = announcer

    async def publish(self, participant: Participant, track: Track, *, muted: bool) -> None:
        """A track flows from now on. Raises `Refusal` for a missing right, or a limit of the room."""
        check_may_send(participant, track)
        room = participant.room
        if all(send.track is not track for send in participant.agreement.session.sends):
            raise Refusal(ErrorCode.SDP_NOT_SUPPORTED)
        if track in participant.tracks:
            await self.mute(participant, track, muted=muted)
            return
        if not participant.tracks and room.publishers() >= MAX_PUBLISHERS:
            raise Refusal(ErrorCode.TOO_MANY_PUBLISHERS)
        if track is Track.SCREEN and room.screen() is not None:
            raise Refusal(ErrorCode.SCREEN_TAKEN)
        participant.tracks[track] = muted
        try:
            await self._set_muted(participant, track, muted=muted)
        except BaseException:
            participant.tracks.pop(track, None)
            raise
        if not participant.gone:
            silent = participant.is_silent(track)
            room.tell_others(participant, signalling.TrackPublished(participant.user_id, track, silent))
            self._announcer.published(participant, track, muted=muted)

    async def unpublish(self, participant: Participant, track: Track) -> None:
        """A track has ended. Raises `Refusal(not_published)`."""
        if participant.tracks.pop(track, None) is None:
            raise Refusal(ErrorCode.NOT_PUBLISHED)
        participant.room.tell_others(participant, signalling.TrackUnpublished(participant.user_id, track))
        self._announcer.unpublished(participant, track)
        await self._set_muted(participant, track, muted=True)

    async def mute(self, participant: Participant, track: Track, *, muted: bool) -> None:
        """A published track falls silent, or is heard again. Raises `Refusal(not_published)`."""
        before = participant.tracks.get(track)
        if before is None:
            raise Refusal(ErrorCode.NOT_PUBLISHED)
        if before is muted:
            return
        silent = participant.is_silent(track)
        participant.tracks[track] = muted
        self._tell_if_changed(participant, track, silent)
        self._announcer.muted(participant, track, muted=muted)
        await self._set_muted(participant, track, muted=muted)

    async def block(self, room: Room, user_id: str, wanted: Blocked) -> None:
        """Takes from a user what he may send, or gives it back, for this call. Raises `Refusal` where the engine does not do it."""
        changed = wanted != room.blocked.get(user_id, NOT_BLOCKED)
        participant = room.participants.get(user_id)
        silent = (
            {} if participant is None else {one: participant.is_silent(one) for one in participant.tracks}
        )
        room.blocked[user_id] = wanted
        if participant is None:
            return
        if changed:
            participant.tell(signalling.Blocked(wanted.audio, wanted.video))
            for track, was_silent in silent.items():
                self._tell_if_changed(participant, track, was_silent)
            if participant.entered:
                self._announcer.blocked(participant)
        # Also where nothing changed: the engine may have failed to do it before.
        await self._set_rights(participant)

    def _tell_if_changed(self, participant: Participant, track: Track, before: bool) -> None:
        silent = participant.is_silent(track)
        if silent is not before:
            told = signalling.TrackMuted(participant.user_id, track, silent)
            participant.room.tell_others(participant, told)

    async def _set_rights(self, participant: Participant) -> None:
        """An entry that the engine does not know yet is told of with the rights that hold by then."""
        try:
            await self._engine.set_rights(participant.peer, int(passed_on(participant)))
        except EngineFailure as failure:
            if participant.entered and not participant.gone:
                raise engine_refused(failure) from failure

    async def _set_muted(self, participant: Participant, track: Track, *, muted: bool) -> None:
        try:
            await self._engine.set_muted(participant.peer, track, muted=muted)
        except EngineFailure as failure:
            raise engine_refused(failure) from failure
