# SPDX-License-Identifier: Apache-2.0
"""What a client tells, and why it ends."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from sealroom_wire.authority import MemberRole

TrackName: TypeAlias = Literal["audio", "main", "screen"]
CodecName: TypeAlias = Literal["opus", "vp8", "vp9", "h264"]
"""VP9 is of profile 0, H.264 in access units in Annex B form."""


class ClientFault(Exception):  # noqa: N818 - says what ended the client
    """The client is over. `code` is stable: one of `sealroom_wire.errors.ErrorCode`, or one of ours (`authority_not_trusted`,
    `removed`, `line_lost`, `engine_closed`, `protocol_violated`)."""

    def __init__(
        self, code: str, sentence: str, action: str = "Enter the room again.", endpoint: str | None = None
    ) -> None:
        """`endpoint`: the operator's address at the site that serves the application, where it is another one."""
        super().__init__(f"{code}: {sentence} {action}")
        self.endpoint = endpoint
        self.code = code
        self.sentence = sentence
        self.action = action


@dataclass(frozen=True, slots=True)
class Frame:
    """An encoded frame of somebody that opened. `user` comes from the signed roster; `timestamp` is RTP's. In a room without
    sealing `user` is whom the operator names."""

    user: str
    track: TrackName
    codec: CodecName
    timestamp: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SealedFrame:
    """A video frame as the operator handed it over, in the slot bound to `user`; its `Frame` or `FrameRefused` follows."""

    user: str
    track: TrackName
    timestamp: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CustomMessage:
    """A custom message that opened; `user` is who the roster says has sealed it. `sequence` counts his messages of this command."""

    user: str
    command: int
    sequence: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class FrameRefused:
    """A frame or message that was not handed on; `reason` as in `protocol/sealing.md` section 6."""

    reason: str


@dataclass(frozen=True, slots=True)
class KeyFrameWanted:
    """Somebody needs a key frame of a layer of our track."""

    track: TrackName
    layer: int = 0


@dataclass(frozen=True, slots=True)
class RosterChanged:
    """The authority's signed roster, and the version of the room's secret."""

    members: tuple[tuple[str, MemberRole], ...]
    epoch: int
    step: int
    words: tuple[str, ...]
    """The roster's authentication string (`protocol/sealing.md` section 9)."""


@dataclass(frozen=True, slots=True)
class TrackAppeared:
    """The operator says that somebody publishes a track. Nothing but a reason to watch it."""

    user: str
    track: TrackName


@dataclass(frozen=True, slots=True)
class Closed:
    """The last event: the client is over. `fault` is None after `leave`."""

    fault: ClientFault | None


@dataclass(frozen=True, slots=True)
class TrackGone:
    """The operator says that a track ended: it was unpublished, or its user left."""

    user: str
    track: TrackName


@dataclass(frozen=True, slots=True)
class Reconnecting:
    """The operator is not reached any more, for this reason; what is sent meanwhile is dropped. `Reconnected` or `Closed` follows."""

    fault: ClientFault


@dataclass(frozen=True, slots=True)
class Reconnected:
    """In the room again: our tracks are published and our slots bound as before, media connects anew."""


@dataclass(frozen=True, slots=True)
class Unpublished:
    """The operator did not take one of our tracks again after we came back."""

    track: TrackName
    fault: ClientFault


Event: TypeAlias = (
    Frame
    | SealedFrame
    | CustomMessage
    | FrameRefused
    | KeyFrameWanted
    | RosterChanged
    | TrackAppeared
    | TrackGone
    | Reconnecting
    | Reconnected
    | Unpublished
    | Closed
)
