# SPDX-License-Identifier: Apache-2.0
"""The words of the signalling protocol: its numbers, names and closed sets."""

from enum import StrEnum
from typing import Annotated, TypeAlias

from msgspec import Meta

from sealroom_wire.limits import (
    MAX_CUSTOM_FRAME_BYTES,
    MAX_SDP_BYTES,
    MAX_SLOTS,
    MAX_USER_ID_BYTES,
    MAX_USER_SIG_BYTES,
)

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
    KEPT = "kept"
    """`entered.kept`, and the message `kept`."""


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
