# SPDX-License-Identifier: Apache-2.0
"""What it takes to enter a room, and how one wants to be in it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, TypeAlias

from sealroom_customer.client import _native
from sealroom_customer.client.events import ClientFault, CodecName
from sealroom_wire import signalling
from sealroom_wire.ids import RoomId
from sealroom_wire.limits import FIRST_AUDIO_SLOTS, FIRST_VIDEO_SLOTS, MAX_SLOTS

DtlsVersion: TypeAlias = Literal["1.2", "1.3"]


class Sealing(StrEnum):
    """Whether frames are sealed. **Never follows from what the operator says.**"""

    REQUIRED = "required"
    OFF = "off"
    """Frames leave in clear. For comparison under load, in an application whose sealing is optional."""


@dataclass(frozen=True, slots=True)
class Slots:
    """Receive slots of the first offer; `Client.watch` asks for more video slots when it needs them."""

    audio: int = FIRST_AUDIO_SLOTS
    video: int = FIRST_VIDEO_SLOTS

    def __post_init__(self) -> None:
        if self.audio < 0 or self.video < 0 or self.audio + self.video > MAX_SLOTS:
            raise ClientFault(
                "slots_invalid", f"A client has 0 to {MAX_SLOTS} slots in all.", "Ask for fewer slots."
            )


@dataclass(frozen=True, slots=True)
class Entry:
    """What it takes to enter. `grant` is called for each line to the authority and before a grant expires."""

    operator: str
    sdk_app_id: int
    user_id: str
    user_sig: str = field(repr=False)
    room: RoomId
    authority: str
    grant: Callable[[], Awaitable[str]] = field(repr=False)
    private_map_key: str | None = field(default=None, repr=False)
    scene: signalling.Scene = signalling.Scene.RTC
    role: signalling.Role = signalling.Role.ANCHOR
    keep_sealed: bool = False
    """Tell video frames as the operator handed them over, too (`SealedFrame`)."""
    slots: Slots = Slots()
    dtls: DtlsVersion = "1.2"
    """What we speak. The operator has to take it: by default that is 1.2 alone."""
    payload_types: Mapping[CodecName, int] = field(default_factory=dict)
    """RTP payload types that differ from the usual ones: 35 to 63 or 96 to 127, each for one codec."""
    sealing: Sealing = Sealing.REQUIRED
    """With `Sealing.OFF` neither `authority` nor `grant` is used."""
    other_sites: tuple[str, ...] = ()
    """The operator's addresses at other sites. Told that the application is served at one of these, we go there; to no other address."""

    def core(self) -> _native.Client:
        """The native client that is wanted. Raises ClientFault for payload types that cannot be used."""
        try:
            return _native.Client(
                self.slots.audio,
                self.slots.video,
                self.dtls,
                self.keep_sealed,
                list(self.payload_types.items()),
                self.sealing.value,
            )
        except (_native.ClientError, ValueError, OverflowError) as error:
            raise ClientFault(
                "entry_invalid", f"No client can be made like that: {error}.", "Change the entry's options."
            ) from None
