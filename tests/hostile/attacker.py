# SPDX-License-Identifier: Apache-2.0
"""Somebody with a member's exported keys and a capture of everything the operator forwarded. Opens with the independent model only."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from protocol.model import sframe
from protocol.model.sealing import CODECS, TRACKS, Room, metadata, prefix_length
from tests.browser import dump

STEPS = 16
CODEC_NAMES = {number: name for name, number in CODECS.items()}
TRACK_NAMES = {number: name for name, number in TRACKS.items()}


@dataclass
class Attacker:
    """Tries every key that follows from the secrets, whatever version a frame says it is of."""

    room: Room
    secrets: dict[tuple[int, int], bytes]
    """By epoch and step, as the authority gave them."""
    _keys: dict[int, list[tuple[AESGCM, bytes]]] = field(default_factory=dict)

    def opened(self, frames: Iterable[dump.Frame]) -> list[bytes]:
        """Those of the frames that open, as their encoder put them out."""
        return [clear for frame in frames if (clear := self._open(frame)) is not None]

    def _open(self, frame: dump.Frame) -> bytes | None:
        codec = CODEC_NAMES[frame.codec]
        length = prefix_length(codec, frame.body)
        prefix, sealed = frame.body[:length], frame.body[length:]
        kid, counter, header = sframe.decode_header(sealed)
        aad = sealed[:header] + metadata(frame.track, codec, prefix)
        for cipher, salt in self._keys_of(kid):
            try:
                return prefix + cipher.decrypt(sframe.nonce(salt, counter), sealed[header:], aad)
            except InvalidTag:
                continue
        return None

    def _keys_of(self, kid: int) -> list[tuple[AESGCM, bytes]]:
        """Every cipher that the sender and track of a key id could have, once for each secret within reach and version it may be for."""
        if kid not in self._keys:
            index, track = kid >> 4 & 0xFFFF, TRACK_NAMES[kid & 15]
            said = [(kid >> 24, kid >> 20 & 15), ((kid >> 24) + 64, kid >> 20 & 15)]
            bases = {
                self.room.base_key(secret, *version, index, track)
                for own, secret in self._within_reach()
                for version in (own, *said)
            }
            suite = sframe.SUITES[self.room.suite]
            pairs = (sframe.keys(suite, kid, base) for base in bases)
            self._keys[kid] = [(AESGCM(key), salt) for key, salt in pairs]
        return self._keys[kid]

    def _within_reach(self) -> Iterable[tuple[tuple[int, int], bytes]]:
        for (epoch, step), given in self.secrets.items():
            secret = given
            for later in range(step, STEPS):
                yield (epoch, later), secret
                secret = self.room.next_secret(secret)
