# SPDX-License-Identifier: Apache-2.0
"""The documents of calls. Fields of section 2.3 of the paper stand here: back-end log, dashboard, fault diagnosis, SDK log."""

import hashlib
from enum import StrEnum
from typing import Annotated

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table

from sealroom.catalogue import (
    DataClass,
    Document,
    Durability,
    Field,
    LegalBasis,
    Purpose,
    Retention,
    Subject,
    dataset,
    document,
    field,
)
from sealroom.core.db import COUNTED, metadata
from sealroom.core.records.journal.what import KEPT_DAYS
from sealroom_wire.ids import RoomKind

_LOOKED_INTO = Retention.age(30, "complaints about a call come within weeks")
_DRAWN = Retention.age(14, "the dashboard goes back 14 days (TRTC)")
_COMPARED = Retention.age(
    400, "this month is compared with that of a year ago; nothing in it tells of a person"
)

_Application = Annotated[
    int, Field("The application.", subject=Subject.APPLICATION, data_class=DataClass.SDK_APP_ID)
]
_Call = Annotated[
    str,
    Field(
        "The call: application, room, second of its opening (TRTC's CommId).",
        personal=True,
        sought=True,
        call=True,
    ),
]
_Room = Annotated[str, Field("The room.", personal=True)]
_RoomKind = Annotated[
    RoomKind | None,
    Field("Whether the room's id is a number or a string; unknown of what was kept before this was."),
]
_User = Annotated[str, Field("The user.", personal=True, subject=Subject.USER)]


def name_of(*parts: object) -> str:
    """A document's id from what makes it unique: the same fact told twice is one document."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:32]


@document(
    "calls",
    "Calls that began: one life of a room each.",
    DataClass.BACK_END_LOG,
    Purpose.PROVIDE,
    LegalBasis.CONTRACT,
    _LOOKED_INTO,
)
class CallBegun(Document, frozen=True, kw_only=True):
    """A call began. What is written stays as it was: the end is a document of its own, under the same id."""

    sdk_app_id: _Application
    call_id: _Call
    room: _Room
    room_is_number: Annotated[bool, Field("Whether the room's id is a number.")]
    creator: Annotated[str, Field("Who entered first.", personal=True, subject=Subject.USER)]


@document(
    "call_ends",
    "Calls that ended.",
    DataClass.BACK_END_LOG,
    Purpose.PROVIDE,
    LegalBasis.CONTRACT,
    _LOOKED_INTO,
)
class CallEnded(Document, frozen=True, kw_only=True):
    """A call ended. `id` is that of its beginning."""

    sdk_app_id: _Application
    call_id: _Call
    begun_at: Annotated[int, Field("When it began, Unix milliseconds.")]
    reason: Annotated[str, Field("Why it ended.")]


@document(
    "stays", "The back-end log: every participant of every call, as he entered.", DataClass.BACK_END_LOG, Purpose.DIAGNOSE,
    LegalBasis.CONTRACT, _LOOKED_INTO,
)  # fmt: skip
class Stay(Document, frozen=True, kw_only=True):
    """Somebody entered."""

    sdk_app_id: _Application
    call_id: _Call
    room: _Room
    user_id: _User
    role: Annotated[str, Field("Role in the room.")]
    client_ip: Annotated[str, Field("Address that the device came from.", personal=True)]
    sdk_name: Annotated[str, Field("Name of the SDK.")]
    sdk_version: Annotated[str, Field("Version of the SDK.")]
    os_type: Annotated[str, Field("System of the device, as it says.")]
    terminal: Annotated[int, Field("TRTC's TerminalType.")]
    reason: Annotated[int, Field("TRTC's reason for entering.")]
    room_kind: _RoomKind = None


@document(
    "departures", "The back-end log: every participant of every call, as he left.", DataClass.BACK_END_LOG, Purpose.DIAGNOSE,
    LegalBasis.CONTRACT, _LOOKED_INTO,
)  # fmt: skip
class Departure(Document, frozen=True, kw_only=True):
    """Somebody left. `id` is that of his stay."""

    sdk_app_id: _Application
    call_id: _Call
    user_id: _User
    entered_at: Annotated[int, Field("When he had entered, Unix milliseconds.")]
    reason: Annotated[int, Field("TRTC's reason for leaving.")]


class EventKind(StrEnum):
    """What may happen in a call."""

    ENTER = "enter"
    LEAVE = "leave"
    PUBLISH = "publish"
    UNPUBLISH = "unpublish"
    MUTE = "mute"
    UNMUTE = "unmute"
    BLOCKED = "blocked"
    LAYER = "layer"
    CONNECTED = "connected"
    RECONNECT = "reconnect"
    DEVICE = "device"
    NETWORK = "network"
    KEY_CHANGE = "key_change"
    FRAMES_REFUSED = "frames_refused"
    REFUSED = "refused"
    FIRST_FRAME = "first_frame"
    FOREGROUND = "foreground"
    BACKGROUND = "background"


@document(
    "call_events", "What happened in calls, event by event.", DataClass.FAULT_DIAGNOSIS, Purpose.DIAGNOSE, LegalBasis.CONTRACT,
    _LOOKED_INTO,
)  # fmt: skip
class CallEvent(Document, frozen=True, kw_only=True):
    """One event of one participant."""

    sdk_app_id: _Application
    call_id: _Call
    room: _Room
    user_id: _User
    kind: Annotated[EventKind, Field("What happened.")]
    peer_id: Annotated[str, Field("Whose track it is about; empty: his own.", personal=True)] = ""
    track: Annotated[str | None, Field("Which track: audio, main or screen.")] = None
    detail: Annotated[str | None, Field("One of a closed set that belongs to the kind.")] = None
    number: Annotated[int | None, Field("A count, or milliseconds, as the kind says.")] = None
    room_kind: _RoomKind = None


@document(
    "entries", "Attempts to enter a room, and what came of them.", DataClass.DASHBOARD, Purpose.DIAGNOSE, LegalBasis.CONTRACT, _DRAWN
)  # fmt: skip
class Entry(Document, frozen=True, kw_only=True):
    """One `enter`, answered."""

    sdk_app_id: _Application
    room: _Room
    user_id: _User
    code: Annotated[str, Field("Error code; empty: he was let in.")]
    milliseconds: Annotated[int, Field("From the receipt of `enter` to its answer.")]
    room_kind: _RoomKind = None


@document(
    "quality_samples", "How each track of each participant went, every 2 s.", DataClass.DASHBOARD, Purpose.DIAGNOSE,
    LegalBasis.CONTRACT, _DRAWN, durability=Durability.SAMPLED,
)  # fmt: skip
class Sample(Document, frozen=True, kw_only=True):
    """One participant, one track, 2 s. What the server measured, and beside it what the device told; None where nobody knows.

    With `peer_id` empty it is a track that he sends, else one of that publisher which he receives.
    """

    sdk_app_id: _Application
    call_id: _Call
    room: _Room
    user_id: _User
    peer_id: Annotated[str, Field("Whose track he receives; empty: he sends it.", personal=True)]
    track: Annotated[str, Field("Which track: audio, main or screen.")]
    span: Annotated[int, Field("Milliseconds that the sample covers.")]
    on: Annotated[bool, Field("Whether the track is switched on, that is published and not muted.")]
    layer: Annotated[int | None, Field("Layer of simulcast that is received, 0 the smallest.")] = None
    bit_rate: Annotated[int | None, Field("Bits a second of payload, as the server counted.")] = None
    packets: Annotated[int | None, Field("Packets in the span.")] = None
    loss: Annotated[float | None, Field("Share of packets that were missing before repair, 0 to 1.")] = None
    jitter: Annotated[float | None, Field("Jitter of arrival, milliseconds (RFC 3550).")] = None
    rtt: Annotated[float | None, Field("Round trip between device and server, milliseconds.")] = None
    frame_rate: Annotated[float | None, Field("Frames a second.")] = None
    width: Annotated[int | None, Field("Width of the picture, pixels.")] = None
    height: Annotated[int | None, Field("Height of the picture, pixels.")] = None
    volume: Annotated[int | None, Field("Loudness, 0 to 100.")] = None
    frozen: Annotated[
        int | None, Field("Milliseconds in which picture or sound stood still, as the device told.")
    ] = None
    played: Annotated[int | None, Field("Milliseconds in which there was something to play.")] = None
    delay: Annotated[float | None, Field("Milliseconds that the device buffers before it plays.")] = None
    limited_by: Annotated[str | None, Field("What holds the encoder back: cpu, bandwidth, other.")] = None
    capture_rate: Annotated[float | None, Field("Pictures a second that the camera gave.")] = None
    cpu: Annotated[
        int | None, Field("How busy the device is, percent; browsers tell four states: 25, 50, 75, 95.")
    ] = None
    memory: Annotated[int | None, Field("Memory of the page or program, megabytes.")] = None
    available: Annotated[int | None, Field("Bits a second that the device could send.")] = None
    room_kind: _RoomKind = None


@document(
    "quality_minutes", "What a room's minute was like, without persons.", DataClass.DASHBOARD, Purpose.DIAGNOSE, LegalBasis.CONTRACT,
    _COMPARED,
)  # fmt: skip
class Minute(Document, frozen=True, kw_only=True):
    """Sums over one room and one minute of UTC, from which every rate of the dashboard is a quotient. `time` is the minute's beginning."""

    sdk_app_id: _Application
    room_key: Annotated[
        str, Field("The room, hashed with a key of the installation: rooms are counted, not named.")
    ]
    users: Annotated[int, Field("Participants who were there.")]
    streams: Annotated[int, Field("Tracks that flowed.")]
    audio_played: Annotated[int, Field("Milliseconds of sound that were to be played.")]
    audio_frozen: Annotated[int, Field("Of them, milliseconds in which it stood still.")]
    video_played: Annotated[int, Field("Milliseconds of picture that were to be played.")]
    video_frozen: Annotated[int, Field("Of them, milliseconds in which it stood still.")]
    delays: Annotated[int, Field("Round trips that were measured.")]
    delay_sum: Annotated[float, Field("Their sum, milliseconds.")]
    lost: Annotated[float, Field("Shares of loss, summed over its samples.")]
    losses: Annotated[int, Field("Samples with a share of loss.")]
    late: Annotated[
        int | None,
        Field("Of the round trips, those of 200 ms or more; unknown of what was kept before this was."),
    ] = None


@document(
    "quality_joins", "Who asked to enter an application's rooms in a minute, counted.", DataClass.DASHBOARD, Purpose.DIAGNOSE,
    LegalBasis.CONTRACT, _COMPARED,
)  # fmt: skip
class Joins(Document, frozen=True, kw_only=True):
    """The answered entries of one application in one minute of UTC. `time` is the minute's beginning."""

    sdk_app_id: _Application
    asked: Annotated[int, Field("Entries that were answered.")]
    let_in: Annotated[int, Field("Of them, those that were let in.")]
    in_time: Annotated[int, Field("Of those, the ones that took 5 s or less.")]


class Span(StrEnum):
    """How long a total is of. Both begin in UTC."""

    HOUR = "hour"
    DAY = "day"


@document(
    "quality_totals", "Users and calls of an application in an hour or a day, counted when it was over.", DataClass.DASHBOARD,
    Purpose.DIAGNOSE, LegalBasis.CONTRACT, _COMPARED,
)  # fmt: skip
class Total(Document, frozen=True, kw_only=True):
    """One hour or day of one application. `time` is its beginning."""

    sdk_app_id: _Application
    span: Annotated[Span, Field("An hour or a day.")]
    users: Annotated[int, Field("Distinct users who entered.")]
    calls: Annotated[int, Field("Calls that began.")]


@document(
    "sdk_log", "What the SDK noted on the device, where the customer has not switched it off.", DataClass.SDK_LOG, Purpose.DIAGNOSE,
    LegalBasis.CONTRACT, _LOOKED_INTO,
)  # fmt: skip
class SdkLogEntry(Document, frozen=True, kw_only=True):
    """One entry. `time` is when the server got it, less the age that the device told."""

    sdk_app_id: _Application
    room: _Room
    user_id: _User
    sdk_version: Annotated[str, Field("Version of the SDK.")]
    os_type: Annotated[str, Field("System of the device.")]
    level: Annotated[str, Field("How important.")]
    event: Annotated[str, Field("What happened, of the SDK's closed set.")]
    text: Annotated[str, Field("Its fields, as text.", text=True)] = ""
    room_kind: _RoomKind = None


DOCUMENTS: tuple[type[Document], ...] = (
    CallBegun, CallEnded, Stay, Departure, CallEvent, Entry, Sample, Minute, Joins, Total, SdkLogEntry
)  # fmt: skip
"""What this feature keeps in `records`."""

history_outbox = Table(
    "history_outbox",
    metadata,
    Column("id", COUNTED, primary_key=True, autoincrement=True, info=field("A number; its order is that of the batches.")),
    Column("node", String(64), nullable=False, info=field("Which server wrote it, and takes it to its journal.")),
    Column(
        "documents", LargeBinary, nullable=False,
        info=field("What history says of a batch of room events: rooms, users, addresses.", personal=True),
    ),
    Column("count", Integer, nullable=False, info=field("How many documents they are.")),
    Column("made_at", BigInteger, nullable=False, info=field("Unix milliseconds.", dates=True)),
    Index("ix_history_outbox_node_id", "node", "id"),
    info=dataset(
        "History of calls on its way to the journal; a row goes within seconds of its batch.", DataClass.BACK_END_LOG,
        Purpose.DIAGNOSE, LegalBasis.CONTRACT, Retention.age(KEPT_DAYS, "the journal takes it at once; what it never takes is given up"),
    ),
)  # fmt: skip
