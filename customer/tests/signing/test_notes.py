# SPDX-License-Identifier: Apache-2.0
"""Signed notes are those that others read and write, and nothing else is taken for one."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sealroom_customer.signing.notes import MAX_NOTE_BYTES, NoteKey, NoteNotTrusted, open_note, sign_note

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
    key = NoteKey.parse(str(NoteKey("call.example/page", private.public_key())))
    assert open_note(note, [key])[0] == TEXT
    for stranger in (
        NoteKey("call.example/page", other.public_key()),
        NoteKey("else", private.public_key()),
    ):
        with pytest.raises(NoteNotTrusted) as caught:
            open_note(note, [stranger])
        assert not caught.value.known
    with pytest.raises(NoteNotTrusted):
        open_note(note, [])


def test_no_byte_of_a_note_can_be_changed() -> None:
    private = Ed25519PrivateKey.generate()
    note = sign_note("a\nb\n", "k", private)
    key = NoteKey("k", private.public_key())
    for at in range(len(note)):
        with pytest.raises(NoteNotTrusted):
            open_note(note[:at] + bytes([note[at] ^ 1]) + note[at + 1 :], [key])
        with pytest.raises(NoteNotTrusted):
            open_note(note[:at], [key])


def test_spare_bits_of_an_encoding_are_not_free() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = GO_NOTE[-3]
    assert GO_NOTE.endswith(f"{last}=\n")
    other = alphabet[alphabet.index(last) | 1]
    assert other != last
    with pytest.raises(NoteNotTrusted):
        open_note(f"{GO_NOTE[:-3]}{other}=\n".encode(), [NoteKey.parse(GO_KEY)])


def test_a_wrong_signature_in_a_trusted_name_counts_more_than_a_right_one() -> None:
    first, second = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    keys = [NoteKey("first", first.public_key()), NoteKey("second", second.public_key())]
    good = sign_note(TEXT, "first", first)
    both = good + sign_note(TEXT, "second", second).rpartition(b"\n\n")[2]
    assert open_note(both, keys)[1] == keys[0]
    forged = good + sign_note("else\n", "second", second).rpartition(b"\n\n")[2]
    with pytest.raises(NoteNotTrusted) as caught:
        open_note(forged, keys)
    assert caught.value.known


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"\n",
        b"text\n",
        b"text\n\n",
        b"text\n\nno dash\n",
        "text\n\n— name\n".encode(),
        "text\n\n— name !!!!\n".encode(),
        "text\n\n— name AAAA".encode(),
        b"\xff\n\n",
        GO_NOTE.encode() + b"\n",
        b"a" * MAX_NOTE_BYTES + GO_NOTE.encode(),
        GO_NOTE.replace("you ", "you\t", 1).encode(),
    ],
)
def test_anything_else_is_no_note(note: bytes) -> None:
    with pytest.raises(NoteNotTrusted):
        open_note(note, [NoteKey.parse(GO_KEY)])


@pytest.mark.parametrize(
    "text", ["", "name", GO_KEY[:-1], GO_KEY.replace("c74f20a3", "c74f20a4"), GO_KEY.replace("+AR", "+Aé")]
)
def test_anything_else_is_no_key(text: str) -> None:
    with pytest.raises(ValueError):
        NoteKey.parse(text)


def test_no_note_is_made_that_nobody_could_read() -> None:
    private = Ed25519PrivateKey.generate()
    for text, name in (("no newline", "k"), ("", "k"), ("tab\there\n", "k"), ("a\n", "k+k"), ("a\n", "k k")):
        with pytest.raises(ValueError):
            sign_note(text, name, private)
