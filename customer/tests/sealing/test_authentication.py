# SPDX-License-Identifier: Apache-2.0
"""The words are those of the vectors that every language runs, and nothing but the roster, room and authority moves them."""

import json
from pathlib import Path
from typing import Any

import pytest

from sealroom_customer.sealing.authentication import authentication_words
from sealroom_wire.ids import RoomId, RoomKind, room_number, room_string

VECTORS = json.loads((Path(__file__).parents[3] / "protocol" / "vectors" / "authentication.json").read_text())
KEY = bytes(range(65))


@pytest.mark.parametrize("vector", VECTORS)
def test_words_are_those_of_the_vectors(vector: dict[str, Any]) -> None:
    members = [(one["user"], bytes.fromhex(one["key"])) for one in vector["members"]]
    room = RoomId(RoomKind(vector["kind"]), vector["room"])
    authority = bytes.fromhex(vector["authorityKey"])
    assert list(authentication_words(authority, vector["app"], room, members)) == vector["words"]
    assert list(authentication_words(authority, vector["app"], room, members[::-1])) == vector["words"]


def test_every_part_counts() -> None:
    alice, bob = ("alice", KEY), ("bob", KEY[::-1])
    said = {
        authentication_words(bytes(32), 1, room_string("1"), [alice, bob]),
        authentication_words(bytes(31) + b"\x01", 1, room_string("1"), [alice, bob]),
        authentication_words(bytes(32), 2, room_string("1"), [alice, bob]),
        authentication_words(bytes(32), 1, room_number(1), [alice, bob]),
        authentication_words(bytes(32), 1, room_string("2"), [alice, bob]),
        authentication_words(bytes(32), 1, room_string("1"), [alice]),
        authentication_words(bytes(32), 1, room_string("1"), [alice, ("bob", KEY)]),
        authentication_words(bytes(32), 1, room_string("1"), [("bob", KEY), ("alice", KEY[::-1])]),
    }
    assert len(said) == 8
