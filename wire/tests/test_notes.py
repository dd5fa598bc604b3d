# SPDX-License-Identifier: Apache-2.0
"""The form of signed notes, and who is believed. The cipher here is a hash that anybody can make: the real one is each side's own."""

import hashlib
from collections.abc import Callable

import pytest

from sealroom_wire.notes import (
    MAX_NOTE_BYTES,
    MAX_NOTE_SIGNATURES,
    NoteKey,
    NoteNotTrusted,
    open_note,
    sign_note,
)

# The example of Go's package golang.org/x/mod/sumdb/note, from which the form comes.
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
)
GO_SIGNATURE = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
GO_NOTE = f"{GO_TEXT}\n\u2014 PeterNeumann {GO_SIGNATURE}\n"
TEXT = "sealroom\nsecond line\n\nthird\n"
ONE, TWO = NoteKey("call.example/page", b"1" * 32), NoteKey("log", b"2" * 32)


def signing(key: NoteKey) -> Callable[[bytes], bytes]:
    return lambda text: hashlib.sha256(key.public + text).digest()


def verify(public: bytes, signature: bytes, signed: bytes) -> None:
    if hashlib.sha256(public + signed).digest() != signature:
        raise ValueError("wrong")


def signed(key: NoteKey, text: str = TEXT) -> str:
    return sign_note(text, key, signing(key))


def line(key: NoteKey, text: str = TEXT) -> str:
    return signed(key, text).rpartition("\n\n")[2]


def test_what_another_implementation_wrote_is_taken_apart_as_it_meant_it() -> None:
    seen: list[tuple[bytes, bytes, bytes]] = []
    key = NoteKey.parse(GO_KEY)
    opened = open_note(GO_NOTE.encode(), [key], lambda *told: seen.append(told))
    assert (opened, str(key)) == ((GO_TEXT, key), GO_KEY)
    ((public, signature, text),) = seen
    assert (public, len(signature), text) == (key.public, 64, GO_TEXT.encode())
    assert sign_note(GO_TEXT, key, lambda _: signature) == GO_NOTE


def test_a_note_opens_with_its_key_and_no_other() -> None:
    note = signed(ONE).encode()
    assert open_note(note, [TWO, ONE], verify) == (TEXT, ONE)
    for strangers in ([], [TWO], [NoteKey(ONE.name, TWO.public)], [NoteKey("else", ONE.public)]):
        with pytest.raises(NoteNotTrusted) as caught:
            open_note(note, strangers, verify)
        assert not caught.value.known


def test_no_byte_of_a_note_can_be_changed() -> None:
    note = signed(ONE).encode()
    for at in range(len(note)):
        for changed in (note[:at] + bytes([note[at] ^ 1]) + note[at + 1 :], note[:at]):
            with pytest.raises(NoteNotTrusted):
                open_note(changed, [ONE], verify)


def test_spare_bits_of_an_encoding_are_not_free() -> None:
    """Two notes of one content would be two files of one hash list."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    assert GO_NOTE.endswith("AM=\n")
    for last in alphabet[alphabet.index("M") + 1 :][:3]:
        with pytest.raises(NoteNotTrusted, match="not a signed note"):
            open_note(f"{GO_NOTE[:-3]}{last}=\n".encode(), [NoteKey.parse(GO_KEY)], lambda *_: None)


def test_signatures_of_others_are_passed_over_and_the_first_who_is_trusted_is_named() -> None:
    both = (signed(ONE) + line(TWO)).encode()
    assert open_note(both, [TWO], verify) == (TEXT, TWO)
    assert open_note(both, [TWO, ONE], verify) == (TEXT, ONE)


def test_a_wrong_signature_in_a_trusted_name_counts_more_than_a_right_one() -> None:
    for forged in (signed(ONE) + line(TWO, "else\n"), signed(TWO) + line(TWO, "else\n")):
        with pytest.raises(NoteNotTrusted, match="signature of log is wrong") as caught:
            open_note(forged.encode(), [ONE, TWO], verify)
        assert caught.value.known


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"\n",
        b"text\n",
        b"text\n\n",
        b"text\n\nno mark\n",
        "text\n\n\u2014 name\n".encode(),
        "text\n\n\u2014 name !!!!\n".encode(),
        "text\n\n\u2014 name AAAA\n".encode(),
        "text\n\n\u2014 na+me AAAAAAA=\n".encode(),
        b"\xff\n\n" + line(ONE).encode(),
        signed(ONE).encode()[:-1],
        signed(ONE).encode() + b"\n",
        b"a" * MAX_NOTE_BYTES + signed(ONE).encode(),
        signed(ONE).replace("second ", "second\t").encode(),
        (signed(ONE) + line(TWO) * MAX_NOTE_SIGNATURES).encode(),
    ],
)
def test_anything_else_is_no_note(note: bytes) -> None:
    with pytest.raises(NoteNotTrusted, match="not a signed note"):
        open_note(note, [ONE], lambda *_: None)


@pytest.mark.parametrize(
    "text",
    [
        "", "name", "log+00000000+AQ==", GO_KEY[:-1], GO_KEY.replace("c74f20a3", "c74f20a4"), GO_KEY.replace("+AR", "+Aé"),
        GO_KEY.replace("+AR", "+Ag"), GO_KEY.replace("Peter", "Peter "),
    ],
)  # fmt: skip
def test_anything_else_is_no_key(text: str) -> None:
    with pytest.raises(ValueError):
        NoteKey.parse(text)


@pytest.mark.parametrize(
    ("name", "public"), [("", b"1" * 32), ("a+b", b"1" * 32), ("a b", b"1" * 32), ("a", b"1" * 31)]
)
def test_no_key_is_made_that_no_note_could_name(name: str, public: bytes) -> None:
    with pytest.raises(ValueError):
        NoteKey(name, public)


@pytest.mark.parametrize("text", ["no newline", "", "\n", "tab\there\n"])
def test_no_note_is_made_that_nobody_could_read(text: str) -> None:
    with pytest.raises(ValueError, match="printable lines"):
        signed(ONE, text)
