# SPDX-License-Identifier: Apache-2.0
"""The six words that members compare: `protocol/sealing.md` section 9."""

import hashlib
from collections.abc import Iterable

from sealroom_customer.sealing.schedule import room_bytes
from sealroom_customer.sealing.words import WORDS
from sealroom_wire.ids import RoomId

_WORDS, _BITS = 6, 11


def authentication_words(
    authority_key: bytes, application: int, room: RoomId, members: Iterable[tuple[str, bytes]]
) -> tuple[str, ...]:
    """Six words for a roster.

    Args:
        authority_key: Ed25519, 32 bytes, as our own grant names it.
        application: the application's number.
        room: the room.
        members: user and member key (65 bytes, uncompressed P-256 point), in any order.
    """
    sorted_members = sorted((user.encode(), key) for user, key in members)
    digest = hashlib.sha256(b"sealroom authentication 1\n" + authority_key + application.to_bytes(4, "big"))
    digest.update(room_bytes(room) + len(sorted_members).to_bytes(4, "big"))
    for user, key in sorted_members:
        digest.update(len(user).to_bytes(2, "big") + user + key)
    bits = int.from_bytes(digest.digest(), "big") >> (256 - _WORDS * _BITS)
    places = [bits >> (_BITS * (_WORDS - 1 - place)) & 2**_BITS - 1 for place in range(_WORDS)]
    return tuple(WORDS[place] for place in places)
