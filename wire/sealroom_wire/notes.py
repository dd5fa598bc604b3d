# SPDX-License-Identifier: Apache-2.0
"""Signed notes (C2SP signed-note): a text that people can read, an empty line, and a line for each signature by a named key.

Here is the form, and who is believed. **The cipher is the caller's**: what signs and what verifies is handed in, by each side its own.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

MAX_NOTE_BYTES = 64 * 1024
"""A longer note is refused unread."""
MAX_NOTE_SIGNATURES = 16
_ED25519 = b"\x01"
"""Signature type of a key whose signatures are Ed25519 over the text (C2SP signed-note, signature types)."""
_KEY_BYTES = 32
_ID_BYTES = 4
_MARK = "\N{EM DASH} "

Verify: TypeAlias = Callable[[bytes, bytes, bytes], None]
"""Of a public key, a signature and what was signed: raises ValueError unless the signature is that key's over it."""


class NoteNotTrusted(Exception):  # noqa: N818 - says what is so, not that something failed
    """A note that is malformed, or that no trusted key has signed. `known`: a trusted key is named, and what it signed is not this."""

    def __init__(self, why: str, *, known: bool = False) -> None:
        super().__init__(why)
        self.known = known


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A public Ed25519 key, raw, with the name that goes with it."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        """Raises ValueError for a name that a note cannot carry, or a key of another length."""
        if not _is_name(self.name):
            raise ValueError("a key's name has no white space and no plus sign")
        if len(self.public) != _KEY_BYTES:
            raise ValueError("not an Ed25519 key")

    @classmethod
    def parse(cls, text: str) -> "NoteKey":
        """From `name+id+key`, as verifiers print it. Raises ValueError for anything else."""
        name, _, rest = text.strip().partition("+")
        shown, _, encoded = rest.partition("+")
        octets = _from_base64(encoded)
        if octets[:1] != _ED25519:
            raise ValueError("not an Ed25519 key")
        key = cls(name, octets[1:])
        if key.id.hex() != shown:
            raise ValueError("the key does not fit its id")
        return key

    @property
    def id(self) -> bytes:
        """The four bytes by which signatures name it."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:_ID_BYTES]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{_base64(_ED25519 + self.public)}"


def sign_note(text: str, key: NoteKey, sign: Callable[[bytes], bytes]) -> str:
    """The text as a note with one signature, which `sign` makes of the text's bytes. Raises ValueError for a text that no note can have."""
    if not _is_text(text):
        raise ValueError("a note is printable lines, the last one ended too")
    return f"{text}\n{_MARK}{key.name} {_base64(key.id + sign(text.encode()))}\n"


def open_note(note: bytes, trusted: Iterable[NoteKey], verify: Verify) -> tuple[str, NoteKey]:
    """The text of a note, and the first who signed it of those who are trusted. Signatures of others are passed over.

    Raises:
        NoteNotTrusted: malformed, by no trusted key, or with a wrong signature in a trusted key's name, whoever else has signed it.
    """
    text, signatures = _parts(note)
    keys = {(key.name, key.id): key for key in trusted}
    signer: NoteKey | None = None
    for name, octets in signatures:
        key = keys.get((name, octets[:_ID_BYTES]))
        if key is None:
            continue
        try:
            verify(key.public, octets[_ID_BYTES:], text.encode())
        except ValueError:
            raise NoteNotTrusted(f"the signature of {name} is wrong", known=True) from None
        signer = signer or key
    if signer is None:
        raise NoteNotTrusted("no trusted key has signed it")
    return text, signer


def _parts(note: bytes) -> tuple[str, list[tuple[str, bytes]]]:
    """The text, and of each signature the name, and the key's id with what it signed."""
    try:
        whole = note.decode() if len(note) <= MAX_NOTE_BYTES else ""
    except UnicodeDecodeError:
        whole = ""
    text, gap, below = whole.rpartition("\n\n")
    text += "\n"
    lines = below.split("\n")
    if not gap or not _is_text(text) or lines.pop() or not 0 < len(lines) <= MAX_NOTE_SIGNATURES:
        raise NoteNotTrusted("it is not a signed note")
    return text, [_signature(line) for line in lines]


def _signature(line: str) -> tuple[str, bytes]:
    name, _, encoded = line.removeprefix(_MARK).partition(" ")
    try:
        octets = _from_base64(encoded)
    except ValueError:
        octets = b""
    if not line.startswith(_MARK) or not _is_name(name) or len(octets) <= _ID_BYTES:
        raise NoteNotTrusted("it is not a signed note")
    return name, octets


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def _from_base64(text: str) -> bytes:
    try:
        octets = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    if _base64(octets) != text:
        raise ValueError("not canonical: spare bits that are not 0")
    return octets


def _is_text(text: str) -> bool:
    return text.endswith("\n") and len(text) > 1 and not any(ord(one) < 0x20 and one != "\n" for one in text)


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(one.isspace() for one in name)
