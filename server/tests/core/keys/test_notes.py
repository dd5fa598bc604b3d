# SPDX-License-Identifier: Apache-2.0
"""Signed notes, and the keys that sign them."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sealroom.core.errors import StartError
from sealroom.core.keys import FileKeys, NoteKey, NoteNotTrusted, NoteSigner, open_note
from sealroom.core.state import StateDirectory

# From the documentation of Go's golang.org/x/mod/sumdb/note, which the form comes from.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n\n"
    "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_a_note_of_another_implementation_opens() -> None:
    peter = NoteKey.parse(PETER)
    assert str(peter) == PETER
    assert open_note(NOTE, [peter]).endswith("problem is.\n")


def signer(name: str = "log") -> NoteSigner:
    return NoteSigner(name, Ed25519PrivateKey.generate())


@pytest.mark.parametrize("at", range(0, 60, 3))
def test_a_changed_note_does_not_open(at: int) -> None:
    peter = NoteKey.parse(PETER)
    changed = NOTE[:at] + chr(ord(NOTE[at]) ^ 1) + NOTE[at + 1 :]
    with pytest.raises(NoteNotTrusted):
        open_note(changed, [peter])


def test_signatures_of_strangers_are_passed_over_but_one_that_is_known_is_needed() -> None:
    mine, strangers = signer(), signer("other")
    note = mine.sign("text\n")
    both = note + strangers.sign("text\n").split("\n\n")[1]
    assert open_note(both, [mine.verifier]) == "text\n"
    with pytest.raises(NoteNotTrusted):
        open_note(note, [strangers.verifier])
    with pytest.raises(NoteNotTrusted):
        open_note(note, [])


def test_what_cannot_be_written_as_utf_8_is_no_note() -> None:
    note = signer().sign("text\n").replace("text", "\udce9")
    with pytest.raises(NoteNotTrusted, match="not a signed note"):
        open_note(note, [signer().verifier])


def test_keys_are_private_kept_and_replaced(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path / "state")
    keys = FileKeys(state)
    first = keys.signer("audit")
    note = first.sign("text\n")
    assert stat.S_IMODE((state.path / "audit.key").stat().st_mode) == 0o600
    second = keys.rotate("audit")
    again = FileKeys(state)
    assert str(again.signer("audit").verifier) == str(second.verifier) != str(first.verifier)
    assert open_note(note, again.verifiers("audit")) == "text\n"
    third = keys.rotate("audit")
    assert [str(one) for one in again.verifiers("audit")] == [
        str(one.verifier) for one in (third, second, first)
    ]


def test_a_key_that_cannot_be_read_is_not_replaced_in_silence(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path / "state")
    (state.path / "audit.key").write_text("nothing")
    with pytest.raises(StartError) as caught:
        FileKeys(state).signer("audit")
    assert caught.value.code == "key_unreadable"
