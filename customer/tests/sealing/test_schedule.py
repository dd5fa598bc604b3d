# SPDX-License-Identifier: Apache-2.0
"""The schedule is the one of the vectors that every language runs."""

import json
from pathlib import Path

import pytest

from sealroom_customer.sealing.schedule import Scope
from sealroom_wire.base64url import b64u, from_b64u
from sealroom_wire.ids import RoomId, RoomKind

VECTORS = json.loads((Path(__file__).parents[3] / "protocol" / "vectors" / "schedule.json").read_text())


@pytest.mark.parametrize("vector", VECTORS)
def test_context_secrets_and_info_are_those_of_the_vectors(vector: dict[str, str]) -> None:
    room = RoomId(RoomKind(vector["kind"]), vector["room"])
    scope = Scope(vector["suite"], int(vector["app"]), room, bytes.fromhex(vector["instance"]))  # type: ignore[arg-type]
    epoch = int(vector["epoch"])
    assert scope.context(epoch).hex() == vector["context"]
    secret = scope.first(epoch, bytes.fromhex(vector["epochSecret"]))
    assert scope.secret_bytes == len(secret)
    at = 0
    for step in vector["steps"]:
        assert isinstance(step, dict)
        while at < step["step"]:
            secret, at = scope.after(secret), at + 1
        assert secret.hex() == step["secret"]
        assert scope.secret_info(epoch, at, 7).hex() == step["hpkeInfoTo7"]


def test_a_number_and_a_string_of_the_same_digits_are_two_contexts() -> None:
    number, string = (Scope(5, 1, RoomId(kind, "123"), bytes(16)) for kind in RoomKind)
    assert number.context(1) != string.context(1)


def test_base64url_has_one_form_only() -> None:
    assert from_b64u(b64u(b"\xff\xfe\x00"), 3) == b"\xff\xfe\x00"
    for bad in ("AB=", "A", "AB\n", "+A", "AB", "é"):
        # "AB" carries spare bits that are not 0.
        with pytest.raises(ValueError, match=r".+"):
            from_b64u(bad)
    with pytest.raises(ValueError, match="length"):
        from_b64u("AAAA", 2)
