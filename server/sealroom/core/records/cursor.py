# SPDX-License-Identifier: Apache-2.0
"""Where the next page goes on, as text that callers only carry.

It holds the place of the last document and a digest of the question. It is no secret and needs no signature: whoever makes one up
gets nothing that the question, which is checked each time, would not give him.
"""

import base64
import binascii
import hashlib
from typing import Any

import msgspec

from sealroom.catalogue import Dataset
from sealroom.core.records.port import CursorInvalid
from sealroom.core.records.query import Query

_DIGEST_BYTES = 9
_MAX_CHARS = 2_048


class Place(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The last document of a page. `view` is the store's own: what keeps it asking the same copies."""

    digest: bytes
    time: int
    id: str
    view: str = ""


def digest_of(dataset: Dataset, query: Query[Any], *, newest_first: bool) -> bytes:
    """What tells one question from another."""
    asked = repr((dataset.name, query.since, query.until, query.where, newest_first))
    return hashlib.sha256(asked.encode("utf-8", "surrogatepass")).digest()[:_DIGEST_BYTES]


def write_cursor(place: Place) -> str:
    """The place as text of base64url."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(place)).rstrip(b"=").decode()


def read_cursor(cursor: str, digest: bytes) -> Place:
    """The place in a cursor that a question with this digest gave out.

    Raises:
        CursorInvalid: it is no cursor, or another question's.
    """
    try:
        octets = base64.b64decode(cursor[:_MAX_CHARS] + "=" * (-len(cursor) % 4), b"-_", validate=True)
        place = msgspec.msgpack.decode(octets, type=Place)
    except (ValueError, binascii.Error, msgspec.DecodeError):
        raise CursorInvalid("This is no cursor. Begin with the first page.") from None
    if place.digest != digest:
        raise CursorInvalid("This cursor is of another question. Begin with the first page.")
    return place
