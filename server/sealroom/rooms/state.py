# SPDX-License-Identifier: Apache-2.0
"""What is known of a room and of those in it. Changed by `service` and its neighbours in this folder only."""

from dataclasses import dataclass, field
from typing import Protocol

from sealroom.apps.models import Admission
from sealroom.core.clock import Timer
from sealroom.core.logging import get_logger
from sealroom.media import control
from sealroom.media.port import EngineFailure
from sealroom.media.sdp.answer import Agreement
from sealroom.rooms.events import Call, CloseReason, EnterReason
from sealroom_wire import signalling
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.ids import RoomId
from sealroom_wire.signalling import KickReason, Role, Scene, ServerMessage, SlotKind, Track
from sealroom_wire.usersig import Privilege

_log = get_logger()


class Line(Protocol):
    """The way to a participant's device. Nothing here waits: what cannot be delivered ends the line."""

    def tell(self, message: ServerMessage) -> None:
        """Sends a message, in order."""

    def pass_on(self, message: ServerMessage) -> None:
        """Sends a message that may be lost: left out where the device is slow, so that nobody's chatter ends its line."""

    def kick(self, reason: KickReason, code: ErrorCode) -> None:
        """Says that the participant was put out, and ends the line."""

    def fail(self, code: ErrorCode) -> None:
        """Says what went wrong, and ends the line."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where somebody speaks from, and with what, as far as the connection and he himself tell."""

    address: str = field(repr=False)
    client: signalling.ClientInfo


@dataclass(frozen=True, slots=True)
class Blocked:
    """What a moderator took from somebody for the rest of the call. A screen counts as video."""

    audio: bool = False
    video: bool = False

    def covers(self, track: Track) -> bool:
        """Whether the track is not passed on."""
        return self.audio if track is Track.AUDIO else self.video


NOT_BLOCKED = Blocked()


@dataclass(frozen=True, slots=True)
class Sample:
    """The engine's record of a room at one time, and the rate of each layer (peer, track, layer) since the one before."""

    monotonic: float
    taken_at: int
    """Unix milliseconds."""
    engine: control.RoomRecord
    rates: dict[tuple[int, Track, int], int]


@dataclass(eq=False, slots=True)
class Participant:
    """Somebody in a room, or on the way in while `entered` is false."""

    peer: int
    admission: Admission
    role: Role
    rights: Privilege
    room: "Room"
    agreement: Agreement
    line: Line | None
    origin: Origin
    since: int
    """When he entered, in Unix milliseconds."""
    tracks: dict[Track, bool] = field(default_factory=dict)
    """Published tracks, and whether each is muted."""
    generations: dict[int, int] = field(default_factory=dict)
    """Newest generation that each slot was bound with."""
    heard: tuple[signalling.AudioSlot, ...] = ()
    entered: bool = False
    gone: bool = False
    engine_has_it: bool = True
    put_out: ErrorCode = ErrorCode.REPLACED_BY_NEW_ENTRY
    """Why, where he is gone although he did not leave."""
    grace: Timer | None = None
    entry: EnterReason = EnterReason.VOLUNTARY

    @property
    def user_id(self) -> str:
        """The user."""
        return self.admission.identity.user_id

    @property
    def is_audible(self) -> bool:
        """Whether the others are told of it: in a live room the audience is silent (TRTC)."""
        return self.entered and (self.room.scene is Scene.RTC or self.role is Role.ANCHOR)

    @property
    def blocked(self) -> Blocked:
        """What a moderator took from this user in this call."""
        return self.room.blocked.get(self.user_id, NOT_BLOCKED)

    def is_silent(self, track: Track) -> bool:
        """Whether a published track is muted, by himself or by a moderator."""
        return self.tracks[track] or self.blocked.covers(track)

    def tell(self, message: ServerMessage) -> None:
        """Sends a message, if there is a line and the answer to `enter` went before."""
        if self.line is not None and self.entered:
            self.line.tell(message)

    def pass_on(self, message: ServerMessage) -> None:
        """Sends what another participant says; it may be lost."""
        if self.line is not None and self.entered:
            self.line.pass_on(message)

    def card(self) -> signalling.Participant:
        """What the others see of it."""
        tracks = tuple(signalling.PublishedTrack(track, self.is_silent(track)) for track in self.tracks)
        return signalling.Participant(self.user_id, self.role, tracks)

    def slots(self) -> tuple[signalling.ReceiveSlot, ...]:
        """Its receive slots, as it is told of them."""
        return tuple(
            signalling.ReceiveSlot(number, slot.kind, slot.mid)
            for number, slot in enumerate(self.agreement.session.slots)
        )

    def has_video_slot(self, slot: int) -> bool:
        """Whether the slot exists and is one that the client binds."""
        slots = self.agreement.session.slots
        return slot < len(slots) and slots[slot].kind is SlotKind.VIDEO


@dataclass(eq=False, slots=True)
class Room:
    """A room of one application. `number` is its name in the engine."""

    number: int
    sdk_app_id: int
    id: RoomId
    scene: Scene
    sealing: signalling.Sealing
    call: Call
    announced: bool = False
    """Whether anybody ever entered: before that nobody outside knows of the room."""
    custom_messages: int = 0
    custom_bytes: int = 0
    sample: Sample | None = None
    participants: dict[str, Participant] = field(default_factory=dict)
    linger: Timer | None = None
    ending: CloseReason = CloseReason.EMPTY
    """What its end will be called."""
    blocked: dict[str, Blocked] = field(default_factory=dict)
    """By user; outlasts his entry, so that he does not get it back by entering again."""

    @property
    def since(self) -> int:
        """When it opened, in Unix milliseconds."""
        return self.call.opened_at

    def others(self, participant: Participant) -> list[Participant]:
        """Everybody but one."""
        return [other for other in self.participants.values() if other is not participant]

    def tell_others(self, participant: Participant, message: ServerMessage) -> None:
        """Tells everybody but one."""
        for other in self.others(participant):
            other.tell(message)

    def publishers(self) -> int:
        """How many publish at least one track; a muted one counts (TRTC)."""
        return sum(1 for participant in self.participants.values() if participant.tracks)

    def screen(self) -> Participant | None:
        """Who shares a screen."""
        return next((one for one in self.participants.values() if Track.SCREEN in one.tracks), None)


def engine_refused(failure: EngineFailure) -> Refusal:
    """What a client is told where the engine did not do it."""
    _log.warning("engine_refused", code=failure.code)
    return Refusal(ErrorCode.ENGINE_FAILED)
