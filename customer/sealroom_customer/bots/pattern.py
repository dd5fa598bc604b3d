# SPDX-License-Identifier: Apache-2.0
"""What a bot shows and plays: a moving pattern with a barcode, a soft tone."""

import math

import numpy as np

from sealroom_customer.bots.barcode import Mark, Picture, draw

SAMPLE_RATE = 48_000
AUDIO_SAMPLES = 960
"""20 ms."""
_LOUDNESS = 0.05
_BEEP_SECONDS, _EVERY_SECONDS = 0.25, 2.0


class Pattern:
    """Stripes that drift behind a ball that circles; every sender in a colour of his own."""

    def __init__(self, sender: int, width: int, height: int) -> None:
        """Raises ValueError unless width and height are even and at least 64."""
        if width % 2 or height % 2 or min(width, height) < 64:
            raise ValueError("width and height are even and at least 64")
        self._sender, self._width, self._height = sender, width, height
        # A whole number of stripes: what drifts out at one edge fits what comes in at the other.
        waves = max(1, round(width / 96))
        across, down = np.arange(width), np.arange(height)[:, None]
        self._stripes = (96 + 56 * np.sin((across * waves / width + down / 48) * 2 * math.pi)).astype(
            np.uint8
        )
        hue = sender * 2.4
        self._planes = np.empty((height * 3 // 2, width), np.uint8)
        self._planes[height : height * 5 // 4] = int(128 + 70 * math.cos(hue))
        self._planes[height * 5 // 4 :] = int(128 + 70 * math.sin(hue))
        self._radius = height // 8
        ball = np.arange(-self._radius, self._radius)
        self._ball = ball**2 + ball[:, None] ** 2 < self._radius**2

    def picture(self, number: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
        """Picture `number` as planes of YUV 4:2:0, height * 3 / 2 x width. Valid until the next one is made."""
        bright: Picture = self._planes[: self._height]
        bright[:] = np.roll(self._stripes, number * 2, axis=1)
        turn = number * 2 * math.pi / 60
        x = int(self._width / 2 + self._width / 4 * math.cos(turn)) - self._radius
        y = int(self._height * 0.4 + self._height / 5 * math.sin(turn)) - self._radius
        bright[y : y + 2 * self._radius, x : x + 2 * self._radius][self._ball] = 235
        draw(bright, Mark(self._sender, number))
        return self._planes


class Tone:
    """A soft beep every two seconds, of another pitch and at another moment for every sender."""

    def __init__(self, sender: int) -> None:
        self._hertz = 330.0 * 2 ** ((sender * 5 % 12) / 12)
        self._shift = sender * 0.7

    def samples(self, number: int) -> np.ndarray[tuple[int, int], np.dtype[np.int16]]:
        """The 20 ms of block `number`: 1 x 960 samples at 48 kHz."""
        seconds = (np.arange(AUDIO_SAMPLES) + number * AUDIO_SAMPLES) / SAMPLE_RATE
        phase = (seconds + self._shift) % _EVERY_SECONDS
        # Fades in and out, for an edge would click.
        envelope = np.where(phase < _BEEP_SECONDS, np.sin(math.pi * phase / _BEEP_SECONDS) ** 2, 0.0)
        wave = np.sin(2 * math.pi * self._hertz * seconds) * envelope * _LOUDNESS
        return (wave * 32767).astype(np.int16)[None, :]
