# SPDX-License-Identifier: Apache-2.0
"""Signed notes (C2SP signed-note): a text, an empty line, and a line for each signature. Any tool of that field reads them."""

import base64
import binascii
import hashlib
from collections.abc import Iterable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_ED25519 = b"\x01"
"""Signature type of plain Ed25519."""
_ID_BYTES = 4
_MARK = "\u2014 "
"""A signature line begins with an em dash and a space."""
_MAX_BYTES = 64 * 1024
"""A longer note is refused unread."""


class NoteError(Exception):
    """A note that is not one, or that no known key has signed."""


class NoteVerifier:
    """A public key under a name."""

    __slots__ = ("_key", "key_id", "name")

    def __init__(self, name: str, key: Ed25519PublicKey) -> None:
        """Raises ValueError for a name that a note cannot carry."""
        if not name or "+" in name or any(char.isspace() for char in name):
            raise ValueError("a key's name holds no white space and no plus sign")
        self.name = name
        self._key = key
        self.key_id = hashlib.sha256(name.encode() + b"\n" + self._tagged()).digest()[:_ID_BYTES]

    @classmethod
    def parse(cls, text: str) -> "NoteVerifier":
        """From `name+id+key` (C2SP signed-note, verifier keys). Raises ValueError for anything else."""
        name, _, rest = text.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        tagged = base64.b64decode(encoded, validate=True)
        if tagged[:1] != _ED25519:
            raise ValueError("not an Ed25519 key")
        verifier = cls(name, Ed25519PublicKey.from_public_bytes(tagged[1:]))
        if verifier.key_id.hex() != key_id:
            raise ValueError("the key's id is not that of the key")
        return verifier

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(self._tagged()).decode()}"

    def verify(self, signature: bytes, text: bytes) -> None:
        """Raises NoteError unless the signature is of this key over the text."""
        try:
            self._key.verify(signature, text)
        except InvalidSignature:
            raise NoteError("the signature is wrong") from None

    def _tagged(self) -> bytes:
        return _ED25519 + self._key.public_bytes_raw()


class NoteSigner:
    """A private key under a name. Its representation shows nothing of it."""

    __slots__ = ("_key", "verifier")

    def __init__(self, name: str, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.verifier = NoteVerifier(name, key.public_key())

    def sign(self, text: str) -> str:
        """The text as a note with one signature. Raises ValueError unless it ends with a line's end."""
        if not text.endswith("\n"):
            raise ValueError("a note's text ends with a line's end")
        signature = self.verifier.key_id + self._key.sign(text.encode())
        return f"{text}\n{_MARK}{self.verifier.name} {base64.b64encode(signature).decode()}\n"


def open_note(note: str, known: Iterable[NoteVerifier]) -> str:
    """The text of a note that one of the `known` keys has signed; signatures of others are passed over.

    Raises:
        NoteError: it is no note, no known key has signed it, or a known key's signature is wrong.
    """
    text, signatures = _parted(note)
    keys = {(key.name, key.key_id): key for key in known}
    verified = False
    for name, octets in map(_signature, signatures):
        key = keys.get((name, octets[:_ID_BYTES]))
        if key is not None:
            key.verify(octets[_ID_BYTES:], text.encode())
            verified = True
    if not verified:
        raise NoteError("no known key has signed it")
    return text


def _parted(note: str) -> tuple[str, list[str]]:
    if len(note) > _MAX_BYTES:
        raise NoteError("it is too long")
    text, gap, rest = note.rpartition("\n\n")
    if not gap or not rest.endswith("\n"):
        raise NoteError("it has no signatures")
    return text + "\n", rest.removesuffix("\n").split("\n")


def _signature(line: str) -> tuple[str, bytes]:
    name, gap, encoded = line.removeprefix(_MARK).partition(" ")
    try:
        octets = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        octets = b""
    if not line.startswith(_MARK) or not gap or not name or len(octets) <= _ID_BYTES:
        raise NoteError("a line behind the text is no signature")
    return name, octets
