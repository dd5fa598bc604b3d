# SPDX-License-Identifier: Apache-2.0
"""Identities: TRTC's character sets and ranges."""

import string

import pytest

from sealroom_wire.errors import TEXTS, ErrorCode, Refusal
from sealroom_wire.ids import (
    RoomId,
    RoomKind,
    check_room,
    check_sdk_app_id,
    check_user_id,
    room_number,
    room_string,
)

ROOM_CHARACTERS = string.ascii_letters + string.digits + " !#$%&()+-:;<=.>?@[]^_{}|~,"


def test_a_room_string_takes_the_89_characters_and_no_other() -> None:
    assert len(set(ROOM_CHARACTERS)) == 89
    for code in range(0x250):
        character = chr(code)
        if character in ROOM_CHARACTERS:
            assert room_string(character).id == character
        else:
            with pytest.raises(Refusal):
                room_string(character)


@pytest.mark.parametrize("text", ["", "a" * 65, "line\n", "emoji😀"])
def test_a_bad_room_string_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="room_id_invalid"):
        room_string(text)


@pytest.mark.parametrize("number", [0, -1, 4294967295])
def test_a_room_number_out_of_range_is_refused(number: int) -> None:
    with pytest.raises(Refusal, match="room_id_invalid"):
        room_number(number)


def test_a_number_and_its_text_are_two_rooms() -> None:
    assert room_number(123) != room_string("123")
    assert check_room(RoomId(RoomKind.NUMBER, "123")) == room_number(123)


@pytest.mark.parametrize("text", ["0123", "+1", "1_0", "١٢", "", "42949672950", "1\n"])
def test_a_room_number_has_one_form(text: str) -> None:
    with pytest.raises(Refusal):
        check_room(RoomId(RoomKind.NUMBER, text))


@pytest.mark.parametrize("user", ["", "a" * 33, "a b", "ä", "a\n", "a.b"])
def test_a_bad_user_id_is_refused(user: str) -> None:
    with pytest.raises(Refusal, match="user_id_invalid"):
        check_user_id(user)


@pytest.mark.parametrize("app", [0, -1, 2**32])
def test_a_bad_sdk_app_id_is_refused(app: int) -> None:
    with pytest.raises(Refusal, match="sdk_app_id_invalid"):
        check_sdk_app_id(app)


def test_every_code_has_a_sentence_and_an_action() -> None:
    assert set(TEXTS) == set(ErrorCode)
    for text in TEXTS.values():
        assert text.sentence.endswith(".")
        assert text.action.endswith(".")
