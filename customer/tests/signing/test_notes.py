# SPDX-License-Identifier: Apache-2.0
"""Signed notes are those that others read and write, and nothing else is taken for one."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sealroom_customer.signing.notes import note_key, open_note, sign_note
from sealroom_wire.notes import NoteKey, NoteNotTrusted

# The example of Go's package golang.org/x/mod/sumdb/note, from which the format comes.
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
)
GO_NOTE = (
    GO_TEXT
    + "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
TEXT = "sealroom\nsecond line\n\nthird\n"


def test_a_note_of_another_implementation_opens() -> None:
    key = NoteKey.parse(GO_KEY)
    text, signer = open_note(GO_NOTE.encode(), [key])
    assert (text, signer, str(key)) == (GO_TEXT, key, GO_KEY)


def test_what_was_signed_opens_with_its_key_and_no_other() -> None:
    private, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    note = sign_note(TEXT, "call.example/page", private)
    key = NoteKey.parse(str(note_key("call.example/page", private)))
    assert open_note(note, [key])[0] == TEXT
    for stranger in (
        note_key("call.example/page", other),
        note_key("else", private),
    ):
        with pytest.raises(NoteNotTrusted) as caught:
            open_note(note, [stranger])
        assert not caught.value.known
    with pytest.raises(NoteNotTrusted):
        open_note(note, [])


def test_no_byte_of_a_note_can_be_changed() -> None:
    private = Ed25519PrivateKey.generate()
    note = sign_note("a\nb\n", "k", private)
    key = note_key("k", private)
    for at in range(len(note)):
        with pytest.raises(NoteNotTrusted):
            open_note(note[:at] + bytes([note[at] ^ 1]) + note[at + 1 :], [key])
        with pytest.raises(NoteNotTrusted):
            open_note(note[:at], [key])
