# SPDX-License-Identifier: Apache-2.0
"""The model agrees with the working group's vectors, and the vectors in the repository are those the model makes."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from protocol.model import sframe, vectors, words

OFFICIAL = Path(__file__).resolve().parents[3] / "shared" / "vectors" / "sframe" / "rfc9605.json"


def test_the_vectors_are_up_to_date() -> None:
    for path, text in (vectors.outputs() | words.outputs()).items():
        assert path.read_text() == text, "run `make generate`"


def official() -> dict[str, Any]:
    if not OFFICIAL.exists():
        return {"header": [], "sframe": []}
    return msgspec.json.decode(OFFICIAL.read_bytes(), type=dict[str, Any])


def test_headers_agree_with_the_working_groups_vectors() -> None:
    for case in official()["header"]:
        encoded = bytes.fromhex(case["encoded"])
        assert sframe.encode_header(case["kid"], case["ctr"]) == encoded
        assert sframe.decode_header(encoded) == (case["kid"], case["ctr"], len(encoded))


def test_frames_of_all_five_suites_agree_with_the_working_groups_vectors() -> None:
    for case in official()["sframe"]:
        suite = sframe.SUITES[case["cipher_suite"]]
        base_key, plaintext, said = (bytes.fromhex(case[name]) for name in ("base_key", "pt", "metadata"))
        sealed = sframe.seal(suite, case["kid"], case["ctr"], base_key, said, plaintext)
        assert sealed.hex() == case["ct"]
        assert sframe.keys(suite, case["kid"], base_key) == (
            bytes.fromhex(case["sframe_key"]),
            bytes.fromhex(case["sframe_salt"]),
        )
        assert sframe.open_frame(suite, base_key, said, sealed) == plaintext


@pytest.mark.parametrize("number", sframe.SUITES)
def test_a_flipped_bit_anywhere_does_not_open(number: int) -> None:
    suite, base_key = sframe.SUITES[number], bytes(32)
    sealed = sframe.seal(suite, 300, 70000, base_key, b"said", b"frame")
    for place in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(Exception):  # noqa: B017 - ValueError or the library's InvalidTag
            sframe.open_frame(suite, base_key, b"said", bytes(changed))
    with pytest.raises(Exception):  # noqa: B017
        sframe.open_frame(suite, base_key, b"says", sealed)
