# SPDX-License-Identifier: Apache-2.0
"""What a load test shall do. Sizes that one process cannot carry are refused before anybody enters."""

from dataclasses import dataclass

from sealroom_customer.client import Sealing, Slots
from sealroom_customer.client.entry import DtlsVersion
from sealroom_customer.errors import ConfigurationError

MOST_MEMBERS = 400
"""In all rooms. Each has a thread, a socket and two lines."""
MOST_PUBLISHERS = 30
"""In one room: a subscriber needs an audio and a video slot for each."""
MOST_DELIVERIES = 30_000
"""Frames that arrive in a second, over all subscribers: what one process can verify. More would measure the tester."""
MOST_SECONDS = 3_600
MOST_RATE, MOST_BITRATE = 60, 20_000_000
AUDIO_RATE = 50
"""Frames of 20 ms."""
AUDIO_BYTES = 90


@dataclass(frozen=True, slots=True)
class Plan:
    """Rooms, each with so many publishers and subscribers. Publishers only send and subscribers only receive, all of
    everybody. `video_bitrate` in bit a second, `video_rate` and `ramp` (members that enter) in 1 a second."""

    rooms: int = 1
    publishers: int = 2
    subscribers: int = 10
    seconds: float = 30.0
    video_rate: int = 15
    video_bitrate: int = 400_000
    audio: bool = True
    ramp: float = 10.0
    sealing: Sealing = Sealing.REQUIRED
    dtls: DtlsVersion = "1.2"

    def __post_init__(self) -> None:
        """Raises ConfigurationError for what cannot be carried out."""
        for name, value, least, most in (
            ("rooms", self.rooms, 1, MOST_MEMBERS),
            ("publishers", self.publishers, 1, MOST_PUBLISHERS),
            ("subscribers", self.subscribers, 1, MOST_MEMBERS),
            ("seconds", self.seconds, 1, MOST_SECONDS),
            ("video-rate", self.video_rate, 0, MOST_RATE),
            ("video-bitrate", self.video_bitrate, 8_000, MOST_BITRATE),
            ("ramp", self.ramp, 0.1, 200),
        ):
            if not least <= value <= most:
                raise _too_much(f"{name} is {value:g}, and may be {least:g} to {most:g}.")
        if not self.video_rate and not self.audio:
            raise _too_much("Without pictures and sound there is nothing to send.")
        if self.members > MOST_MEMBERS:
            raise _too_much(
                f"{self.members} members are more than the {MOST_MEMBERS} that one process holds."
            )
        if self.deliveries > MOST_DELIVERIES:
            raise _too_much(
                f"{self.deliveries:,} frames would arrive each second; one process verifies {MOST_DELIVERIES:,}."
            )

    @property
    def members(self) -> int:
        """In all rooms."""
        return self.rooms * (self.publishers + self.subscribers)

    @property
    def deliveries(self) -> int:
        """Frames that arrive in a second."""
        rate = self.video_rate + (AUDIO_RATE if self.audio else 0)
        return self.rooms * self.publishers * self.subscribers * rate

    @property
    def video_bytes(self) -> int:
        """Of one frame that is no key frame."""
        return max(64, self.video_bitrate // 8 // max(1, self.video_rate))

    @property
    def slots(self) -> Slots:
        """What a subscriber offers: everybody is heard and seen."""
        return Slots(self.publishers if self.audio else 0, self.publishers if self.video_rate else 0)


def _too_much(sentence: str) -> ConfigurationError:
    return ConfigurationError(
        "loadtest_size", sentence, "Change it, or start several load tests beside each other."
    )
