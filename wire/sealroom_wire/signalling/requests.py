# SPDX-License-Identifier: Apache-2.0
"""What a client asks. Every request carries an `id`, which its answer carries back."""

from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from sealroom_wire.limits import (
    MAX_BINDINGS_PER_MESSAGE,
    MAX_LOG_ENTRIES,
    MAX_REPORTED_EVENTS,
    MAX_ROOM_NUMBER,
    MAX_ROOM_STRING_BYTES,
)
from sealroom_wire.participant import ClientInfo, Role, Track
from sealroom_wire.reports import LogEntry, ReportedEvent, Sample
from sealroom_wire.signalling.words import (
    CustomFrame,
    Generation,
    Layer,
    Mid,
    RequestId,
    Scene,
    Sdp,
    Slot,
    Token,
    UserId,
)


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


class AskKept(_Client, tag="kept", frozen=True):
    """Asks what the operator keeps of this call and of who asks, by his data catalogue; at most every five seconds. Only where
    `entered.kept` says so."""


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
    | AskKept
    | ReportQuality
    | ReportEvents
    | ReportLog
    | Leave
    | Ping
)
