# SPDX-License-Identifier: Apache-2.0
"""Signed notes (C2SP signed-note) of the customer's keys. The form is `sealroom_wire.notes`."""

from collections.abc import Iterable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sealroom_wire import notes
from sealroom_wire.notes import NoteKey


def note_key(name: str, private: Ed25519PrivateKey) -> NoteKey:
    """The public half of a key under a name. Raises ValueError for a name that no note can have."""
    return NoteKey(name, private.public_key().public_bytes_raw())


def sign_note(text: str, name: str, private: Ed25519PrivateKey) -> bytes:
    """`text`, which ends in a newline, with a signature beneath it. Raises ValueError for a text or a name that no note can have."""
    return notes.sign_note(text, note_key(name, private), private.sign).encode()


def open_note(note: bytes, trusted: Iterable[NoteKey]) -> tuple[str, NoteKey]:
    """The text of a note and who signed it.

    Raises:
        NoteNotTrusted: malformed, by no trusted key, or with a wrong signature in a trusted key's name.
    """
    return notes.open_note(note, trusted, _verify)


def _verify(public: bytes, signature: bytes, signed: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, signed)
    except InvalidSignature:
        raise ValueError("the signature is wrong") from None
