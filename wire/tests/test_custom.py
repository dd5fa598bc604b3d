# SPDX-License-Identifier: Apache-2.0
"""Custom messages: bodies of the vectors, and what lies open at the begin of a sealed frame."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from sealroom_wire.base64url import b64u, from_b64u
from sealroom_wire.custom import HEAD_BYTES, CustomBody, read_custom, write_custom
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.frame_header import (
    DATA_TRACK,
    MAX_HEADER_BYTES,
    TAG_BYTES,
    KeyId,
    read_frame_header,
    read_key_id,
)
from sealroom_wire.limits import MAX_CUSTOM_BYTES, MAX_CUSTOM_FRAME_BYTES

VECTORS = Path(__file__).resolve().parents[2] / "protocol" / "vectors"


def vectors(name: str) -> Any:
    return msgspec.json.decode((VECTORS / f"{name}.json").read_bytes())


def test_bodies_are_read_and_written_as_the_vectors_say() -> None:
    for case in vectors("custom")["good"]:
        body = CustomBody(case["command"], case["sequence"], bytes.fromhex(case["data"]))
        assert write_custom(body).hex() == case["body"]
        assert read_custom(bytes.fromhex(case["body"])) == body


def test_what_is_no_body_is_refused_with_a_code() -> None:
    codes = set()
    for text in vectors("custom")["refused"]:
        with pytest.raises(Refusal) as refused:
            read_custom(bytes.fromhex(text))
        codes.add(refused.value.code)
    assert codes == {ErrorCode.CUSTOM_MESSAGE_MALFORMED, ErrorCode.CUSTOM_MESSAGE_TOO_LARGE}


@pytest.mark.parametrize(
    "body", [(0, 1, b""), (11, 1, b""), (1, 2**32, b""), (1, -1, b""), (1, 1, bytes(1025))]
)
def test_what_may_not_be_sent_is_not_written(body: tuple[int, int, bytes]) -> None:
    with pytest.raises(Refusal):
        write_custom(CustomBody(*body))


def test_headers_agree_with_the_vectors() -> None:
    headers = vectors("headers")
    for case in headers["good"]:
        encoded = bytes.fromhex(case["encoded"])
        header = read_frame_header(encoded + b"more")
        assert (header.key_id, header.counter, header.length) == (
            int(case["kid"]),
            int(case["counter"]),
            len(encoded),
        )
    for text in headers["refused"]:
        with pytest.raises(ValueError, match=r"."):
            read_frame_header(bytes.fromhex(text))


def test_a_key_id_is_taken_apart() -> None:
    for case in vectors("schedule"):
        for step in case["steps"]:
            for sender in step["senders"]:
                key_id = read_key_id(sender["kid"])
                assert (key_id.epoch, key_id.step, key_id.index) == (
                    int(case["epoch"]) % 64,
                    step["step"],
                    sender["index"],
                )
    assert read_key_id(2**30 - 1) == KeyId(63, 15, 65535, 15)
    with pytest.raises(ValueError, match="key ids"):
        read_key_id(2**30)


def test_a_sealed_message_lies_open_as_one_and_a_body_never_does() -> None:
    for case in vectors("custom")["good"]:
        sealed, body = bytes.fromhex(case["sealed"]), bytes.fromhex(case["body"])
        header = read_frame_header(sealed)
        assert read_key_id(header.key_id).track == DATA_TRACK
        assert len(sealed) - header.length - TAG_BYTES == len(body)
        assert read_key_id(read_frame_header(body).key_id).track != DATA_TRACK


def test_the_largest_message_is_as_long_as_the_limit_says() -> None:
    assert MAX_CUSTOM_BYTES + HEAD_BYTES + MAX_HEADER_BYTES + TAG_BYTES == MAX_CUSTOM_FRAME_BYTES


@pytest.mark.parametrize("text", ["a", "a=", "a b", "+w", "ab\n", "AB", "é"])
def test_base64url_has_one_form(text: str) -> None:
    with pytest.raises(ValueError, match=r"base64|canonical"):
        from_b64u(text)


def test_base64url_there_and_back() -> None:
    for length in range(10):
        octets = bytes(range(250, 250 - length, -1))
        assert from_b64u(b64u(octets), length) == octets
    with pytest.raises(ValueError, match="length"):
        from_b64u("AA", 2)
