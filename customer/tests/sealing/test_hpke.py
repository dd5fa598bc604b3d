# SPDX-License-Identifier: Apache-2.0
"""Secrets open in an implementation that shares no code with ours, and that one agrees with the published vectors."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from customer.tests import rfc9180
from sealroom_customer.sealing.hpke import (
    decode_member_key,
    encode_member_key,
    new_member_key,
    open_sealed,
    seal,
)

SCHEDULE = json.loads((Path(__file__).parents[3] / "protocol" / "vectors" / "schedule.json").read_text())
INFO = b"Ode on a Grecian Urn"
PLAINTEXT = b"Beauty is truth, truth beauty"
PUBLISHED = {
    "RFC 9180 A.3.1, AES-128-GCM": (
        16,
        "f3ce7fdae57e1a310d87f1ebbde6f328be0a99cdbcadf4d6589cf29de4b8ffd2",
        "04a92719c6195d5085104f469a8b9814d5838ff72b60501e2c4466e5e67b325ac98536d7b61a1af4b78e5b7f951c0900be863c403ce65c9bf"
        "cb9382657222d18c4",
        "c0d26aeab536609a572b07695d933b589dcf363ff9d93c93adea537aeabb8cb8",
        "5ad590bb8baa577f8619db35a36311226a896e7342a6d836d8b7bcd2f20b6c7f9076ac232e3ab2523f39513434",
    ),
    "CFRG's vectors, AES-256-GCM": (
        32,
        "317f915db7bc629c48fe765587897e01e282d3e8445f79f27f65d031a88082b2",
        "04c06b4f6bebc7bb495cb797ab753f911aff80aefb86fd8b6fcc35525f3ab5f03e0b21bd31a86c6048af3cb2d98e0d3bf01da5cc4c39ff537"
        "0d331a4f1f7d5a4e0",
        "48893fecd82f7c3456af6a42d8f56325d21e08c10fa81299986aaff54cde7b49",
        "58c61a45059d0c5704560e9d88b564a8b63f1364b8d1fcb3c4c6ddc1d291742465e902cd216f8908da49f8f96f",
    ),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_second_implementation_agrees_with_published_vectors(name: str) -> None:
    key_bytes, private, enc, shared, ciphertext = PUBLISHED[name]
    key = ec.derive_private_key(int(private, 16), ec.SECP256R1())
    received = rfc9180.receive(bytes.fromhex(enc), key, INFO, key_bytes)
    assert received.shared_secret.hex() == shared
    assert received.open(bytes.fromhex(ciphertext), b"Count-0") == PLAINTEXT


@pytest.mark.parametrize("vector", SCHEDULE)
def test_a_sealed_secret_opens_in_the_second_implementation_and_the_other_way(
    vector: dict[str, object],
) -> None:
    steps = vector["steps"]
    assert isinstance(steps, list)
    for step in steps:
        secret, info = bytes.fromhex(step["secret"]), bytes.fromhex(step["hpkeInfoTo7"])
        key = new_member_key()
        enc, ciphertext = seal(secret, key.public_key(), info)
        assert (len(enc), len(ciphertext)) == (65, len(secret) + 16)
        assert rfc9180.receive(enc, key, info).open(ciphertext) == secret
        their_enc, theirs = rfc9180.send(new_member_key(), key.public_key(), info)
        assert open_sealed(their_enc, theirs.seal(secret), key, info) == secret


def test_a_secret_opens_for_its_member_key_and_info_only_and_unchanged_only() -> None:
    key, info = new_member_key(), b"info"
    enc, ciphertext = seal(b"s" * 64, key.public_key(), info)
    other_enc, _ = seal(b"s" * 64, key.public_key(), info)
    flipped = bytes([ciphertext[0] ^ 1]) + ciphertext[1:]
    attempts = [
        (enc, ciphertext, new_member_key(), info),
        (enc, ciphertext, key, b"infO"),
        (enc, flipped, key, info),
        (enc, ciphertext[:-1], key, info),
        (other_enc, ciphertext, key, info),
        (bytes(65), ciphertext, key, info),
        (b"", enc + ciphertext, key, info),
        (enc + ciphertext[:1], ciphertext[1:], key, info),
    ]
    for attempt in attempts:
        with pytest.raises(ValueError, match=r"sealed|enc"):
            open_sealed(*attempt)


def test_two_seals_of_one_secret_share_nothing() -> None:
    key = new_member_key()
    first, second = (seal(b"s" * 64, key.public_key(), b"i") for _ in range(2))
    assert first[0] != second[0]
    assert first[1] != second[1]


def test_a_member_key_is_an_uncompressed_point_on_the_curve_and_nothing_else() -> None:
    text = encode_member_key(new_member_key())
    assert len(text) == 87
    assert rfc9180.point(decode_member_key(text))[0] == 4
    compressed = "A" + "A" * 43
    for bad in (
        "",
        "A" * 87,
        "BA" + "A" * 85,
        "B" + "!" * 86,
        text[:-1],
        text + "A",
        compressed,
        text[:-1] + "é",
    ):
        with pytest.raises(ValueError, match=r".+"):
            decode_member_key(bad)
