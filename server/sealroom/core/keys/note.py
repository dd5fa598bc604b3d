# SPDX-License-Identifier: Apache-2.0
"""Signed notes (C2SP signed-note) of the operator's keys: any tool of that field reads them. The form is `sealroom_wire.notes`."""

from collections.abc import Iterable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sealroom_wire import notes
from sealroom_wire.notes import NoteKey


class NoteSigner:
    """A private key under a name. Its representation shows nothing of it."""

    __slots__ = ("_key", "verifier")

    def __init__(self, name: str, key: Ed25519PrivateKey) -> None:
        """Raises ValueError for a name that a note cannot carry."""
        self._key = key
        self.verifier = NoteKey(name, key.public_key().public_bytes_raw())

    def sign(self, text: str) -> str:
        """The text as a note with one signature. Raises ValueError unless it is printable lines, the last one ended too."""
        return notes.sign_note(text, self.verifier, self._key.sign)


def open_note(note: str, known: Iterable[NoteKey]) -> str:
    """The text of a note that one of the `known` keys has signed; signatures of others are passed over.

    Raises:
        NoteNotTrusted: it is no note, no known key has signed it, or a known key's signature is wrong.
    """
    # What is no text in UTF-8 is no note either: it is refused with the others.
    return notes.open_note(note.encode("utf-8", "surrogatepass"), known, _verify)[0]


def _verify(public: bytes, signature: bytes, signed: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, signed)
    except InvalidSignature:
        raise ValueError("the signature is wrong") from None
