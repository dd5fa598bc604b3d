# SPDX-License-Identifier: Apache-2.0
"""The signalling protocol: JSON text messages over a WebSocket, between a client and the operator.

A client's request carries an `id` of its choice; the answer (`entered`, `answered`, `record`, `done`, `refused`, `pong`) carries it
back. Everything else the server says on its own. Unknown types and unknown fields are refused.

What was added within one version is spoken only between two who both know it. A client names what it knows in the address of
its line, `/rtc/v1?takes=reports&takes=blocked`: a server that does not know it passes over the query. A server adds fields and messages
only for a line that takes them, and the client sends only what those fields ask for. So either side may be older.

**A client says `enter` first; nothing else but `ping` is taken before `entered`.**
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from sealroom_wire.errors import ErrorCode
from sealroom_wire.limits import (
    MAX_BINDINGS_PER_MESSAGE,
    MAX_CUSTOM_FRAME_BYTES,
    MAX_LOG_ENTRIES,
    MAX_REPORTED_EVENTS,
    MAX_ROOM_NUMBER,
    MAX_ROOM_STRING_BYTES,
    MAX_SDP_BYTES,
    MAX_SLOTS,
    MAX_USER_ID_BYTES,
    MAX_USER_SIG_BYTES,
)
from sealroom_wire.participant import ClientInfo as ClientInfo
from sealroom_wire.participant import Role as Role
from sealroom_wire.participant import Track as Track
from sealroom_wire.record import ParticipantRecord, RoomCounts
from sealroom_wire.reports import LogEntry, ReportedEvent, Reports, Sample

RequestId: TypeAlias = Annotated[int, Meta(ge=1, le=2**53 - 1)]
UserId: TypeAlias = Annotated[str, Meta(min_length=1, max_length=MAX_USER_ID_BYTES)]
Slot: TypeAlias = Annotated[int, Meta(ge=0, lt=MAX_SLOTS)]
Generation: TypeAlias = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Layer: TypeAlias = Annotated[int, Meta(ge=0, le=2)]
Mid: TypeAlias = Annotated[str, Meta(min_length=1, max_length=16)]
Sdp: TypeAlias = Annotated[str, Meta(max_length=MAX_SDP_BYTES)]
CustomFrame: TypeAlias = Annotated[str, Meta(max_length=-(-MAX_CUSTOM_FRAME_BYTES * 4 // 3))]
"""base64url of a sealed frame of the track `data`, or in a room without sealing of the body itself."""
Token: TypeAlias = Annotated[str, Meta(max_length=MAX_USER_SIG_BYTES)]


class Takes(StrEnum):
    """What was added to the protocol and a client may say that it knows."""

    REPORTS = "reports"
    """`entered.reports`, and the messages `quality`, `event` and `log`."""
    BLOCKED = "blocked"
    """The message `blocked`."""
    SITES = "sites"
    """`refused.endpoint` and the code `application_at_another_site`. Others are told `application_unknown`."""


class Scene(StrEnum):
    """`rtc` is a call: everybody publishes and is seen. `live` has anchors and a silent audience."""

    RTC = "rtc"
    LIVE = "live"


class SlotKind(StrEnum):
    """What a receive slot carries."""

    AUDIO = "audio"
    VIDEO = "video"


class Sealing(StrEnum):
    """Whether the application takes unsealed media. Only a statement of the operator's second line of defence."""

    REQUIRED = "required"
    OPTIONAL = "optional"


class LeaveReason(StrEnum):
    """Why a participant left, as TRTC's web event reasons 0 to 3."""

    LEFT = "left"
    TIMEOUT = "timeout"
    KICKED = "kicked"
    ROLE_CHANGED = "role_changed"


class KickReason(StrEnum):
    """TRTC's `kicked-out` reasons."""

    KICK = "kick"
    BANNED = "banned"
    ROOM_DISBAND = "room_disband"


class SendSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Says which m-section of the offer carries which of the sender's tracks."""

    mid: Mid
    track: Track


class _Client(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="type",
    omit_defaults=True,
):
    id: RequestId


class Enter(_Client, tag="enter", frozen=True):
    """Enters a room. Exactly one of `room_id` and `str_room_id`; `123` and `"123"` are two rooms."""

    version: Annotated[int, Meta(ge=1, le=2**16)]
    sdk_app_id: Annotated[int, Meta(ge=1, le=2**32 - 1)]
    user_id: UserId
    user_sig: Token
    sdp: Sdp
    sends: Annotated[tuple[SendSection, ...], Meta(max_length=3)]
    room_id: Annotated[int, Meta(ge=1, le=MAX_ROOM_NUMBER)] | None = None
    str_room_id: Annotated[str, Meta(min_length=1, max_length=MAX_ROOM_STRING_BYTES)] | None = None
    private_map_key: Token | None = None
    scene: Scene = Scene.RTC
    role: Role = Role.ANCHOR
    client: ClientInfo = ClientInfo()


class Offer(_Client, tag="offer", frozen=True):
    """Offers again: more slots at the end, or an ICE restart. Sections already there keep their place and mid."""

    sdp: Sdp


class Publish(_Client, tag="publish", frozen=True):
    """The track now flows; `muted` says that it is silent or black for the time being."""

    track: Track
    muted: bool = False


class Unpublish(_Client, tag="unpublish", frozen=True):
    """The track has ended."""

    track: Track


class Mute(_Client, tag="mute", frozen=True):
    """Mute state of a published track, for the others to show."""

    track: Track
    muted: bool


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Whose video a slot shall carry. `layer` 0 is the smallest of a simulcast."""

    user_id: UserId
    track: Track
    layer: Layer = 2


class Binding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One video slot and what it shall carry (None: nothing). `generation` rises with every change of the slot."""

    slot: Slot
    generation: Generation
    source: Source | None


class Bind(_Client, tag="bind", frozen=True):
    """Binds video slots. Audio slots are assigned by the server."""

    bindings: Annotated[tuple[Binding, ...], Meta(min_length=1, max_length=MAX_BINDINGS_PER_MESSAGE)]


class KeyFrame(_Client, tag="key-frame", frozen=True):
    """Asks the publisher bound to the slot for a key frame."""

    slot: Slot


class SendCustom(_Client, tag="send-custom", frozen=True):
    """A custom message for everybody else in the room: `protocol/sealing.md` section 10."""

    data: CustomFrame


class AskRecord(_Client, tag="record", frozen=True):
    """Asks what the operator has of this call; at most once a second."""


class ReportQuality(_Client, tag="quality", frozen=True):
    """What the device measured, as often as `entered.reports` says."""

    sample: Sample


class ReportEvents(_Client, tag="event", frozen=True):
    """What happened on the device, in the order it did."""

    events: Annotated[tuple[ReportedEvent, ...], Meta(min_length=1, max_length=MAX_REPORTED_EVENTS)]


class ReportLog(_Client, tag="log", frozen=True):
    """Entries of the device's log, in the order they were made."""

    entries: Annotated[tuple[LogEntry, ...], Meta(min_length=1, max_length=MAX_LOG_ENTRIES)]


class Leave(_Client, tag="leave", frozen=True):
    """Leaves the room; the server answers `done` and closes."""


class Ping(_Client, tag="ping", frozen=True):
    """Liveness; every 10 s. A line silent for 30 s is closed."""


Report: TypeAlias = ReportQuality | ReportEvents | ReportLog
ClientMessage: TypeAlias = (
    Enter
    | Offer
    | Publish
    | Unpublish
    | Mute
    | Bind
    | KeyFrame
    | SendCustom
    | AskRecord
    | ReportQuality
    | ReportEvents
    | ReportLog
    | Leave
    | Ping
)


class _Server(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", tag_field="type"):
    pass


class PublishedTrack(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """One track of a participant."""

    track: Track
    muted: bool


class Participant(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Somebody in the room, as the operator sees it. In a sealed call names come from the roster, not from here."""

    user_id: str
    role: Role
    tracks: tuple[PublishedTrack, ...]


class ReceiveSlot(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """One receive slot: its number, what it carries, and the m-section it arrives in."""

    slot: int
    kind: SlotKind
    mid: str


class AudioSlot(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Whose audio the server put into an audio slot (None: nobody's). A hint; in a sealed call the key id tells."""

    slot: int
    user_id: str | None


class Entered(_Server, tag="entered", frozen=True, omit_defaults=True):
    """The answer to `enter`."""

    id: int
    version: int
    sdp: str
    slots: tuple[ReceiveSlot, ...]
    participants: tuple[Participant, ...]
    sealing: Sealing
    server_time: int
    """Unix milliseconds."""
    reports: Reports | None = None
    """What the server wants to hear of the call. Only for a client that takes `reports`."""


class Answered(_Server, tag="answered", frozen=True):
    """The answer to `offer`."""

    id: int
    sdp: str
    slots: tuple[ReceiveSlot, ...]


class Done(_Server, tag="done", frozen=True):
    """The request was carried out."""

    id: int


class Refused(_Server, tag="refused", frozen=True):
    """The request was not carried out. `id` is 0 where it could not be read. `trtc` is TRTC's number, or 0."""

    id: int
    code: ErrorCode
    message: str
    action: str
    trtc: int = 0
    endpoint: str | UnsetType = UNSET
    """Where the application is served: beside `application_at_another_site`, and only for a client that takes `sites`."""


class Record(_Server, tag="record", frozen=True):
    """The answer to `record`: the operator's own record of this call, whoever asks first.

    Those whom he is not told of (the audience of a live room, and all beyond `MAX_RECORDED_PARTICIPANTS`) are only counted.
    """

    id: int
    taken_at: int
    """Unix milliseconds; a record is taken at most once a second and then the same for all who ask."""
    since: int
    """When the room opened, in Unix milliseconds."""
    counts: RoomCounts
    participants: tuple[ParticipantRecord, ...]
    more: int
    """Participants that are not listed."""


class Pong(_Server, tag="pong", frozen=True):
    """The answer to `ping`."""

    id: int


class ParticipantEntered(_Server, tag="participant-entered", frozen=True):
    """Somebody entered (in `live`: an anchor)."""

    participant: Participant


class ParticipantLeft(_Server, tag="participant-left", frozen=True):
    """Somebody left."""

    user_id: str
    reason: LeaveReason


class TrackPublished(_Server, tag="track-published", frozen=True):
    """A participant's track flows from now on."""

    user_id: str
    track: Track
    muted: bool


class TrackUnpublished(_Server, tag="track-unpublished", frozen=True):
    """A participant's track ended."""

    user_id: str
    track: Track


class TrackMuted(_Server, tag="track-muted", frozen=True):
    """A participant muted or unmuted a track."""

    user_id: str
    track: Track
    muted: bool


class CustomMessage(_Server, tag="custom-message", frozen=True):
    """A custom message of somebody. In a sealed call the key id tells whose it is; a difference to `user_id` is refused."""

    user_id: str
    data: CustomFrame


class AudioSlots(_Server, tag="audio-slots", frozen=True):
    """The server changed who is in which audio slot."""

    slots: tuple[AudioSlot, ...]


class Blocked(_Server, tag="blocked", frozen=True):
    """A moderator took from you what you may send, or gave it back: `video` means camera and screen. It holds for this call, also
    for what you publish later; the others are shown your tracks as muted."""

    audio: bool
    video: bool


TAKEN_BY: Mapping[type[_Server], Takes] = {Blocked: Takes.BLOCKED}
"""What the server says on its own, and only to those who take it: others would close the line on it."""


class KickedOut(_Server, tag="kicked-out", frozen=True):
    """You were put out; the line is closed after it."""

    reason: KickReason


ServerMessage: TypeAlias = (
    Entered
    | Answered
    | Done
    | Refused
    | Record
    | Pong
    | ParticipantEntered
    | ParticipantLeft
    | TrackPublished
    | TrackUnpublished
    | TrackMuted
    | CustomMessage
    | AudioSlots
    | Blocked
    | KickedOut
)
