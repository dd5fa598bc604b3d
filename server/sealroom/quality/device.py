# SPDX-License-Identifier: Apache-2.0
"""What a device told in one message, in the feature's own words. It is what it says: never a reason to let somebody do something."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sealroom_wire.signalling import Track


@dataclass(frozen=True, slots=True)
class DeviceTrack:
    """One track that it sends, or one slot that it receives in. None: it does not know."""

    frame_rate: float | None = None
    width: int | None = None
    height: int | None = None
    volume: int | None = None
    frozen: int | None = None
    played: int | None = None
    delay: float | None = None
    limited_by: str | None = None
    capture_rate: float | None = None


@dataclass(frozen=True, slots=True)
class DeviceSample:
    """All of it. `received` by slot: who is in it, the server knows better."""

    rtt: float | None = None
    cpu: int | None = None
    memory: int | None = None
    available: int | None = None
    sent: Mapping[Track, DeviceTrack] = field(default_factory=dict)
    received: Mapping[int, DeviceTrack] = field(default_factory=dict)
