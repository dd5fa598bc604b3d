# SPDX-License-Identifier: Apache-2.0
"""What a device tells of its call: a sample of its measurements every two seconds, events, entries of its log.

None of it names a person: received streams go by slot, and who is in a slot the server knows. A number that the browser does
not give is None, never 0. Times are milliseconds of the device's monotonic clock since it read `entered`: they tell the order
and the gaps of one device, and are never taken for the time of day.
"""

from enum import StrEnum
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from sealroom_wire.limits import MAX_RECEIVED_STREAMS, MAX_SENT_STREAMS, MAX_SLOTS
from sealroom_wire.participant import Track

Offset: TypeAlias = Annotated[int, Meta(ge=0, le=2**40)]
"""Milliseconds since `entered`."""
Milliseconds: TypeAlias = Annotated[int, Meta(ge=0, le=3_600_000)]
BitRate: TypeAlias = Annotated[int, Meta(ge=0, le=10_000_000_000)]
"""Bits a second."""
Count: TypeAlias = Annotated[int, Meta(ge=0, le=2**32 - 1)]
PerMille: TypeAlias = Annotated[int, Meta(ge=0, le=1000)]
Pixels: TypeAlias = Annotated[int, Meta(ge=0, le=2**15)]
FrameRate: TypeAlias = Annotated[int, Meta(ge=0, le=1000)]
"""Pictures a second."""
Volume: TypeAlias = Annotated[int, Meta(ge=0, le=100)]
ReportedSlot: TypeAlias = Annotated[int, Meta(ge=0, lt=MAX_SLOTS)]
Word: TypeAlias = Annotated[str, Meta(max_length=48, pattern=r"^([a-zA-Z][a-zA-Z0-9_]*)?$(?!\n)")]
"""A word of the SDK's own, or none. No address, key, SDP or sentence has this form."""


class Network(StrEnum):
    """The kind of network that a device is on, as far as its browser tells."""

    NONE = "none"
    WIRED = "wired"
    WIFI = "wifi"
    CELLULAR = "cellular"
    VPN = "vpn"
    OTHER = "other"


class Pressure(StrEnum):
    """How busy the device's processor is, in the states of the Compute Pressure API (W3C)."""

    NOMINAL = "nominal"
    FAIR = "fair"
    SERIOUS = "serious"
    CRITICAL = "critical"


class LimitedBy(StrEnum):
    """What keeps an encoder below what was asked of it: `qualityLimitationReason` of W3C webrtc-stats."""

    NONE = "none"
    CPU = "cpu"
    BANDWIDTH = "bandwidth"
    OTHER = "other"


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", omit_defaults=True):
    pass


class SentStream(_Part, frozen=True):
    """One layer of a track that the device sends, or the whole of one without layers. Counts are of this interval."""

    track: Track
    layer: Annotated[int, Meta(ge=0, le=2)] = 0
    bit_rate: BitRate = 0
    packets: Count = 0
    resent: Count = 0
    """Packets sent again, and probes that repeat one."""
    loss: PerMille | None = None
    """As the server last told the device (RTCP receiver report)."""
    rtt: Milliseconds | None = None
    jitter: Milliseconds | None = None
    capture_rate: FrameRate | None = None
    frame_rate: FrameRate | None = None
    """Encoded."""
    width: Pixels | None = None
    height: Pixels | None = None
    encode_time: Milliseconds | None = None
    """Of one picture, on average."""
    limited_by: LimitedBy | None = None
    volume: Volume | None = None
    """Of the microphone, before it is encoded."""


class ReceivedStream(_Part, frozen=True):
    """What arrived in one slot. Counts are of this interval; after the decoder, so that only what opened is in pictures and sound."""

    slot: ReportedSlot
    bit_rate: BitRate = 0
    packets: Count = 0
    lost: Count = 0
    jitter: Milliseconds | None = None
    jitter_buffer: Milliseconds | None = None
    """What a packet or picture waited there, on average."""
    frame_rate: FrameRate | None = None
    """Decoded."""
    width: Pixels | None = None
    height: Pixels | None = None
    dropped: Count | None = None
    """Pictures decoded too late to be shown."""
    freezes: Count | None = None
    frozen: Milliseconds | None = None
    """How long the picture stood, or the sound was filled with silence, within this interval: `docs/quality-device.md` says when."""
    concealed: PerMille | None = None
    """Share of the sound that was made up for what had not arrived."""
    volume: Volume | None = None


class SealedFrames(_Part, frozen=True):
    """Frames in this interval, as the sealing worker counted them."""

    sealed: Count = 0
    opened: Count = 0
    unsent: Count = 0
    refused: Count = 0


class Sample(_Part, frozen=True):
    """What a device measured in one interval. An interval in which it slept has no sample: a gap is a gap."""

    at: Offset
    """The interval's end."""
    span: Annotated[int, Meta(ge=100, le=60_000)]
    """Its length in milliseconds."""
    hidden: bool = False
    """The page was not in front during it; the browser may have shown less than arrived."""
    connected: bool = True
    """Whether media could flow at its end."""
    rtt: Milliseconds | None = None
    """To the server, on average."""
    up_loss: PerMille | None = None
    down_loss: PerMille | None = None
    up_rate: BitRate | None = None
    down_rate: BitRate | None = None
    """All that went over the line, with headers and probes."""
    available_up: BitRate | None = None
    """What the browser believes the way up can take."""
    cpu: Pressure | None = None
    memory: Annotated[int, Meta(ge=0, le=2**20)] | None = None
    """MiB on the page's heap."""
    network: Network | None = None
    sealing: SealedFrames | None = None
    """None in a call that is not sealed."""
    sent: Annotated[tuple[SentStream, ...], Meta(max_length=MAX_SENT_STREAMS)] = ()
    received: Annotated[tuple[ReceivedStream, ...], Meta(max_length=MAX_RECEIVED_STREAMS)] = ()


class Device(StrEnum):
    """What sound and pictures come from, and where sound goes."""

    CAMERA = "camera"
    MICROPHONE = "microphone"
    SPEAKER = "speaker"
    SCREEN = "screen"


class DeviceAction(StrEnum):
    """What became of a device; `active` is the one that is used now."""

    ADD = "add"
    REMOVE = "remove"
    ACTIVE = "active"


class CaptureFault(StrEnum):
    """Why a device gave nothing (the exceptions of `getUserMedia`); `ended` is one that stopped by itself."""

    NOT_FOUND = "not_found"
    DENIED = "denied"
    BUSY = "busy"
    OVERCONSTRAINED = "overconstrained"
    ENDED = "ended"
    OTHER = "other"


class FrameRefusal(StrEnum):
    """Why a received frame was not shown: `protocol/sealing.md` section 6."""

    NO_KEY = "no_key"
    BAD_TAG = "bad_tag"
    REPLAY = "replay"
    CLEAR = "clear"
    WRONG_SENDER = "wrong_sender"
    OLD_EPOCH = "old_epoch"
    MALFORMED = "malformed"


class KeyState(StrEnum):
    """How the device stands with the customer's authority."""

    JOINING = "joining"
    SEALED = "sealed"
    UNREACHABLE = "unreachable"
    PAUSED = "paused"
    FAILED = "failed"


class LostBy(StrEnum):
    """What broke before a device entered again."""

    LINE = "line"
    MEDIA = "media"
    SERVER = "server"


class _Event(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    rename="camel",
    omit_defaults=True,
    tag_field="what",
):
    at: Offset


class DeviceChanged(_Event, tag="device-changed", frozen=True):
    """A device came, went, or is used now."""

    device: Device
    action: DeviceAction


class CaptureFailed(_Event, tag="capture-failed", frozen=True):
    """A device gave nothing."""

    device: Device
    reason: CaptureFault


class NetworkChanged(_Event, tag="network-changed", frozen=True):
    """The device is on another network, or on none."""

    network: Network


class VisibilityChanged(_Event, tag="visibility-changed", frozen=True):
    """The page went to the back, or came to the front."""

    hidden: bool


class FirstFrame(_Event, tag="first-frame", frozen=True):
    """A slot showed its first picture, or was heard for the first time. Its `at` is how long after entry."""

    slot: ReportedSlot


class Reconnected(_Event, tag="reconnected", frozen=True):
    """This entry is one after another that broke."""

    lost: LostBy
    took: Milliseconds
    tries: Annotated[int, Meta(ge=1, le=100)]


class MediaRestarted(_Event, tag="media-restarted", frozen=True):
    """The media path broke and was tried anew within this entry."""


class KeyWaited(_Event, tag="key-waited", frozen=True):
    """The longest that a frame which then opened had to wait for its key, or with `first` how long the call had none."""

    waited: Milliseconds
    first: bool = False


class KeyStateChanged(_Event, tag="key-state-changed", frozen=True):
    """The device stands otherwise with the authority."""

    state: KeyState


class FramesRefused(_Event, tag="frames-refused", frozen=True):
    """Frames that were not shown. `slot` is None for custom messages."""

    reason: FrameRefusal
    count: Annotated[int, Meta(ge=1, le=2**32 - 1)]
    slot: ReportedSlot | None = None


ReportedEvent: TypeAlias = (
    DeviceChanged
    | CaptureFailed
    | NetworkChanged
    | VisibilityChanged
    | FirstFrame
    | Reconnected
    | MediaRestarted
    | KeyWaited
    | KeyStateChanged
    | FramesRefused
)


class LogLevel(StrEnum):
    """How important an entry is."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogEntry(_Part, frozen=True):
    """One line of the SDK's log. It has no field that could hold a sentence, a name, an address or a key."""

    at: Offset
    level: LogLevel
    event: Annotated[str, Meta(min_length=1, max_length=48, pattern=r"^[a-z][a-z0-9_]*$(?!\n)")]
    code: Annotated[int, Meta(ge=0, le=999_999)] = 0
    """The number of an error without its sign: TRTC's, or the SDK's own; or 0."""
    reason: Word = ""
    """A stable word: an error code of the wire, or the name of the browser's exception."""
    place: Word = ""
    """Which of the SDK's functions."""
    track: Track | None = None
    count: Annotated[int, Meta(ge=1, le=2**32 - 1)] = 1
    """How often, where entries that say the same were put together."""


class Reports(_Part, frozen=True):
    """What the server wants to hear of the call; where it says nothing, it is told nothing."""

    sample_every: Annotated[int, Meta(ge=0, le=60_000)]
    """Milliseconds between samples, or 0 for none."""
    log: bool = False
    """Whether it takes entries of the log."""
