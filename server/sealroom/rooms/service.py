# SPDX-License-Identifier: Apache-2.0
"""Entering, leaving, publishing and binding: the rules of rooms, and the only writer of their state.

State changes are made without waiting, so that no two requests interleave within one; the engine is told, and where it
refuses the change is taken back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from msgspec import structs

from sealroom.apps.models import Admission
from sealroom.core.clock import Clock
from sealroom.core.config.schema import RoomSettings
from sealroom.core.errands import Errands
from sealroom.core.ids import Ids
from sealroom.core.logging import get_logger
from sealroom.core.metrics import Metrics
from sealroom.media import control
from sealroom.media.port import Engine, EngineFailure
from sealroom.media.sdp.answer import Agreement, Server, answer_again, answer_first
from sealroom.media.session import ALL_CODECS, SEALABLE_CODECS, Codec, Session
from sealroom.rooms.announcer import Announcer
from sealroom.rooms.bans import BanCheck, NoBans
from sealroom.rooms.custom import check_custom, pass_on
from sealroom.rooms.directory import Directory, Place, alone
from sealroom.rooms.events import CloseReason, EnterReason, RoomListener
from sealroom.rooms.record import Records
from sealroom.rooms.rights import effective, passed_on
from sealroom.rooms.slots import Slots
from sealroom.rooms.state import NOT_BLOCKED, Blocked, Line, Origin, Participant, Room, engine_refused
from sealroom.rooms.tracks import Tracks
from sealroom_wire import signalling
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.ids import RoomId
from sealroom_wire.signalling import KickReason, LeaveReason, Role, Scene, Sealing, Track

_log = get_logger()


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody wants who enters. `tracks` says which m-section carries which of his tracks."""

    admission: Admission
    room: RoomId
    scene: Scene
    role: Role
    sdp: str
    tracks: Mapping[str, Track]
    origin: Origin


class RoomService:
    """The rooms of this process."""

    def __init__(
        self,
        engine: Engine,
        server: Server,
        *,
        clock: Clock,
        ids: Ids,
        settings: RoomSettings,
        errands: Errands,
        metrics: Metrics,
        listeners: Sequence[RoomListener] = (),
        bans: BanCheck | None = None,
        place: Place = alone,
    ) -> None:
        self._engine = engine
        self._server = server
        self._clock = clock
        self._ids = ids
        self._settings = settings
        self._errands = errands
        self._metrics = metrics
        self._records = Records(engine, clock)
        self._bans = bans or NoBans()
        self._announcer = Announcer(clock, ids, listeners)
        self._tracks = Tracks(engine, self._announcer)
        self._slots = Slots(engine)
        self._directory = Directory(engine, clock, settings, errands, metrics, self._announcer, place)
        self._peers: dict[int, Participant] = {}
        self._numbers = 0

    # entering

    async def enter(
        self, request: Request, line: Line
    ) -> tuple[Participant, tuple[signalling.Participant, ...]]:
        """Lets somebody in; returns him and those whom he sees. An earlier entry of the same user is put out.

        **The caller sends `entered` before it waits for anything else, then `welcome` what came meanwhile.**

        Raises:
            Refusal: rights, limits, the scene, the offer, or the engine.
        """
        admission = request.admission
        application = admission.identity.application
        self._bans.check(admission, request.room)
        self._directory.check_entry(admission, request.room, request.scene)
        role = request.role if request.scene is Scene.LIVE else Role.ANCHOR
        rights = effective(admission.rights, request.scene, role)
        agreement = answer_first(
            request.sdp,
            request.tracks,
            rights=int(rights),
            codecs=_codecs(application.sealing),
            server=self._server,
            ids=self._ids,
        )
        room, is_new = self._directory.find_or_make(
            application.sdk_app_id, request.room, request.scene, application.sealing
        )
        self._numbers += 1
        since = int(self._clock.unix() * 1000)
        participant = Participant(
            self._numbers, admission, role, rights, room, agreement, line, request.origin, since
        )
        self._take_place(participant)
        try:
            await self._tell_engine_of(participant, is_new=is_new)
            return participant, self._appear(participant)
        except BaseException:
            self._remove(participant, LeaveReason.LEFT)
            raise

    def _take_place(self, participant: Participant) -> None:
        room = participant.room
        earlier = room.participants.get(participant.user_id)
        room.participants[participant.user_id] = participant
        self._peers[participant.peer] = participant
        self._metrics.participants.inc()
        if earlier is not None:
            if earlier.line is None and earlier.entered:
                same = earlier.origin.address == participant.origin.address
                participant.entry = EnterReason.RETRIED if same else EnterReason.NETWORK_CHANGED
            reason = LeaveReason.TIMEOUT if earlier.line is None else LeaveReason.KICKED
            if earlier.line is not None:
                earlier.line.kick(KickReason.KICK, ErrorCode.REPLACED_BY_NEW_ENTRY)
            self._remove(earlier, reason)

    async def _tell_engine_of(self, participant: Participant, *, is_new: bool) -> None:
        room = participant.room
        try:
            if is_new:
                sealed = room.sealing is Sealing.REQUIRED
                await self._engine.add_room(room.number, sealing_required=sealed)
            session = _held(participant, participant.agreement)
            # Nothing of a track is forwarded before it is published: the limits on publishers hold on media too.
            tracks = [send.track for send in session.sends]
            await self._engine.add_peer(room.number, participant.peer, session, muted=tracks)
        except EngineFailure as failure:
            # Put out meanwhile, the peer is one that the engine does not know any more.
            if not participant.gone:
                raise engine_refused(failure) from failure
        if participant.gone:
            raise Refusal(participant.put_out)

    def _appear(self, participant: Participant) -> tuple[signalling.Participant, ...]:
        participant.entered = True
        participant.since = int(self._clock.unix() * 1000)
        room = participant.room
        if participant.is_audible:
            room.tell_others(participant, signalling.ParticipantEntered(participant.card()))
        _log.info(
            "participant_entered", application=room.sdk_app_id, room=room.id, user=participant.user_id, role=participant.role.value
        )  # fmt: skip
        self._announcer.entered(participant, participant.entry)
        return tuple(other.card() for other in room.others(participant) if other.is_audible)

    def welcome(self, participant: Participant) -> None:
        """Tells a participant, after `entered`, whom he hears already, and what a moderator took from him before."""
        blocked = participant.blocked
        if blocked != NOT_BLOCKED:
            participant.tell(signalling.Blocked(blocked.audio, blocked.video))
        if participant.heard:
            participant.tell(signalling.AudioSlots(participant.heard))

    # leaving

    def leave(self, participant: Participant) -> None:
        """Somebody left, or his device closed its line in order."""
        participant.line = None
        self._remove(participant, LeaveReason.LEFT)

    def line_lost(self, participant: Participant, line: Line) -> None:
        """The line of somebody broke: he stays for the grace, and is removed unless he entered anew."""
        if participant.gone or participant.line is not line:
            return
        participant.line = None
        participant.grace = self._clock.call_later(
            self._settings.disconnect_grace, lambda: self._remove(participant, LeaveReason.TIMEOUT)
        )

    def _remove(self, participant: Participant, reason: LeaveReason) -> None:
        """Takes somebody out of the room and the engine. Twice is once."""
        if participant.gone:
            return
        participant.gone = True
        if participant.grace is not None:
            participant.grace.cancel()
        room = participant.room
        self._peers.pop(participant.peer, None)
        self._metrics.participants.dec()
        if participant.is_audible:
            room.tell_others(participant, signalling.ParticipantLeft(participant.user_id, reason))
        if room.participants.get(participant.user_id) is participant:
            del room.participants[participant.user_id]
        if participant.engine_has_it:
            self._errands.start(self._remove_from_engine(participant.peer))
        if participant.entered:
            _log.info(
                "participant_left", application=room.sdk_app_id, room=room.id, user=participant.user_id, reason=reason.value
            )  # fmt: skip
            self._announcer.left(participant, reason)
        self._directory.left(room, participant)

    def find(self, sdk_app_id: int, room: RoomId) -> Room:
        """The open room, for moderators. Raises `Refusal(room_unknown)`."""
        return self._directory.find(sdk_app_id, room)

    def everybody(self) -> list[Participant]:
        """All participants of this process, also those on their way in."""
        return list(self._peers.values())

    def put_out(self, participant: Participant, reason: KickReason, code: ErrorCode) -> None:
        """Ends somebody's entry, also one that is on its way in. He may enter again."""
        participant.put_out = code
        line, participant.line = participant.line, None
        if line is not None:
            line.kick(reason, code)
        self._remove(participant, LeaveReason.KICKED)

    def dismiss(self, room: Room) -> None:
        """Ends a call. The same room may be entered again: that is another call."""
        room.ending = CloseReason.DISMISSED
        for participant in list(room.participants.values()):
            self.put_out(participant, KickReason.ROOM_DISBAND, ErrorCode.ROOM_DISMISSED)
        self._directory.close(room, CloseReason.DISMISSED)

    async def block(self, room: Room, user_id: str, wanted: Blocked) -> None:
        """Takes from a user what he may send, or gives it back, for this call. Raises `Refusal(engine_failed)`."""
        await self._tracks.block(room, user_id, wanted)

    async def _remove_from_engine(self, peer: int) -> None:
        try:
            await self._engine.remove_peer(peer)
        except EngineFailure as failure:
            # It closed by itself a moment ago, or its room did.
            _log.debug("engine_refused", code=failure.code, kind="remove_peer")

    def drain(self) -> None:
        """Takes no new rooms from now on. Open ones go on, and may be entered."""
        self._directory.accepts_new_rooms = False

    def close(self, code: ErrorCode) -> None:
        """Ends every line with `code` and empties every room: the process is about to end, or the engine is gone."""
        self._directory.accepts_new_rooms = False
        for room in self._directory.all():
            room.ending = CloseReason.ENDED
        for participant in list(self._peers.values()):
            if participant.line is not None:
                participant.line.fail(code)
                participant.line = None
            self._remove(participant, LeaveReason.TIMEOUT)
        for room in self._directory.all():
            self._directory.close(room, CloseReason.ENDED)

    # tracks

    async def publish(self, participant: Participant, track: Track, *, muted: bool) -> None:
        """A track flows from now on. Raises `Refusal` for a missing right, or a limit of the room."""
        await self._tracks.publish(participant, track, muted=muted)

    async def unpublish(self, participant: Participant, track: Track) -> None:
        """A track has ended. Raises `Refusal(not_published)`."""
        await self._tracks.unpublish(participant, track)

    async def mute(self, participant: Participant, track: Track, *, muted: bool) -> None:
        """A published track falls silent, or is heard again. Raises `Refusal(not_published)`."""
        await self._tracks.mute(participant, track, muted=muted)

    async def bind(self, participant: Participant, bindings: tuple[signalling.Binding, ...]) -> None:
        """Binds video slots, all or none. Raises `Refusal`."""
        await self._slots.bind(participant, bindings)

    async def key_frame(self, participant: Participant, slot: int) -> None:
        """Asks the publisher shown in a slot for a key frame. Raises `Refusal(slot_unknown)`."""
        await self._slots.key_frame(participant, slot)

    def check_custom(self, participant: Participant, data: str) -> int:
        """Bytes of data in a custom message, for who counts them; raises `Refusal` for what is not passed on."""
        return check_custom(participant, data)

    def send_custom(self, participant: Participant, data: str, size: int) -> None:
        """Passes a message that was checked on to everybody else."""
        pass_on(participant, data, size)

    async def record(self, participant: Participant, request: int) -> signalling.Record:
        """What the operator has of the participant's call."""
        try:
            return await self._records.of(participant, request)
        except EngineFailure as failure:
            raise engine_refused(failure) from failure

    async def offer(self, participant: Participant, sdp: str) -> Agreement:
        """Answers a later offer: more slots, or an ICE restart. Where it is refused, everything stays as it was."""
        agreement = answer_again(
            sdp,
            participant.agreement,
            codecs=_codecs(participant.room.sealing),
            server=self._server,
            ids=self._ids,
        )
        try:
            await self._engine.update_peer(participant.peer, _held(participant, agreement))
        except EngineFailure as failure:
            raise engine_refused(failure) from failure
        participant.agreement = agreement
        return agreement

    # what the engine says

    def on_engine_event(self, event: control.Event) -> None:
        """Takes an event of the engine; never raises, never waits."""
        match event:
            case control.AudioSlots():
                self._heard(event)
            case control.Closed():
                self._closed(event)
            case control.Connected():
                self._metrics.connected.labels(event.dtls, event.profile).inc()
            case control.ShardFailed():
                _log.error("shard_failed", shard=event.shard)
                self.close(ErrorCode.ENGINE_FAILED)
            case _:
                pass

    def _heard(self, event: control.AudioSlots) -> None:
        participant = self._peers.get(event.peer)
        if participant is None:
            return
        sources = {
            slot.slot: self._peers.get(slot.source) if slot.source is not None else None
            for slot in event.slots
        }
        participant.heard = tuple(
            signalling.AudioSlot(slot, None if source is None else source.user_id)
            for slot, source in sources.items()
        )
        participant.tell(signalling.AudioSlots(participant.heard))

    def _closed(self, event: control.Closed) -> None:
        """The engine gave a peer up. With a live line he is told to enter again; without one the grace goes on."""
        self._metrics.peers_closed.labels(event.reason).inc()
        participant = self._peers.get(event.peer)
        if participant is None:
            return
        participant.engine_has_it = False
        _log.info("peer_closed", user=participant.user_id, room=participant.room.id, reason=event.reason)
        line, participant.line = participant.line, None
        if line is not None:
            line.fail(ErrorCode.ENGINE_FAILED)
        if line is not None or event.reason == "closed_by_peer":
            self._remove(participant, LeaveReason.TIMEOUT)


def _held(participant: Participant, agreement: Agreement) -> Session:
    """The session as the engine gets it: with the rights that hold now."""
    return structs.replace(agreement.session, rights=int(passed_on(participant)))


def _codecs(sealing: Sealing) -> frozenset[Codec]:
    """In a sealed room no codec is agreed on that could not be sealed."""
    return SEALABLE_CODECS if sealing is Sealing.REQUIRED else ALL_CODECS
