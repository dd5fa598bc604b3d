# SPDX-License-Identifier: Apache-2.0
"""What the server answers to a request."""

import msgspec
from msgspec import UNSET, UnsetType

from sealroom_wire.errors import ErrorCode
from sealroom_wire.kept import KeptClass, KeptDataset
from sealroom_wire.participant import Role, Track
from sealroom_wire.record import ParticipantRecord, RoomCounts
from sealroom_wire.reports import Reports
from sealroom_wire.signalling.words import Sealing, SlotKind


class Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", tag_field="type"):
    """Whatever the server says."""


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


class Entered(Said, tag="entered", frozen=True, omit_defaults=True):
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
    kept: bool = False
    """Whether the server answers `kept`. Only for a client that takes it."""


class Answered(Said, tag="answered", frozen=True):
    """The answer to `offer`."""

    id: int
    sdp: str
    slots: tuple[ReceiveSlot, ...]


class Done(Said, tag="done", frozen=True):
    """The request was carried out."""

    id: int


class Refused(Said, tag="refused", frozen=True):
    """The request was not carried out. `id` is 0 where it could not be read. `trtc` is TRTC's number, or 0."""

    id: int
    code: ErrorCode
    message: str
    action: str
    trtc: int = 0
    endpoint: str | UnsetType = UNSET
    """Where the application is served: beside `application_at_another_site`, and only for a client that takes `sites`."""


class Record(Said, tag="record", frozen=True):
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


class Kept(Said, tag="kept", frozen=True):
    """The answer to `kept`: every dataset that holds something of this call."""

    id: int
    taken_at: int
    """Unix milliseconds."""
    classes: tuple[KeptClass, ...]
    datasets: tuple[KeptDataset, ...]
    others: int
    """Datasets of the catalogue in which nothing of this call was noted."""


class Pong(Said, tag="pong", frozen=True):
    """The answer to `ping`."""

    id: int
