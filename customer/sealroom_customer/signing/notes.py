# SPDX-License-Identifier: Apache-2.0
"""Signed notes (C2SP signed-note): a text that people can read, and beneath it signatures by named Ed25519 keys."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

MAX_NOTE_BYTES = 16 * 1024
_MAX_SIGNATURES = 16
_ED25519 = b"\x01"
"""Signature type of a key whose signatures are Ed25519 over the text (C2SP signed-note, signature types)."""
_ID_BYTES = 4
_DASH = "\N{EM DASH} "


class NoteNotTrusted(Exception):  # noqa: N818 - says what is so, not that something failed
    """A note that is malformed, or that no trusted key has signed. `known`: a trusted key is named, and its signature is wrong."""

    def __init__(self, why: str, *, known: bool = False) -> None:
        super().__init__(why)
        self.known = known


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A public key with the name that goes with it."""

    name: str
    key: Ed25519PublicKey

    @classmethod
    def parse(cls, text: str) -> "NoteKey":
        """Reads `name+id+key`, as verifiers print it; raises ValueError."""
        name, _, rest = text.strip().partition("+")
        shown_id, _, encoded = rest.partition("+")
        octets = _from_base64(encoded)
        if not _is_name(name) or octets[:1] != _ED25519 or len(octets) != 33:
            raise ValueError("not the public key of a signed note")
        found = cls(name, Ed25519PublicKey.from_public_bytes(octets[1:]))
        if shown_id != found.id.hex():
            raise ValueError("the key does not fit its id")
        return found

    @property
    def _octets(self) -> bytes:
        return _ED25519 + self.key.public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def id(self) -> bytes:
        """The four bytes by which signatures name it."""
        return hashlib.sha256(self.name.encode() + b"\n" + self._octets).digest()[:_ID_BYTES]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(self._octets).decode()}"


def sign_note(text: str, name: str, key: Ed25519PrivateKey) -> bytes:
    """`text`, which ends in a newline, with a signature beneath it. Raises ValueError for a text or a name that no note can have."""
    if not _is_text(text):
        raise ValueError("a note is printable lines, the last one ended too")
    if not _is_name(name):
        raise ValueError("a key's name has no spaces and no plus")
    public = NoteKey(name, key.public_key())
    signature = base64.b64encode(public.id + key.sign(text.encode())).decode()
    return f"{text}\n{_DASH}{name} {signature}\n".encode()


def open_note(note: bytes, trusted: Sequence[NoteKey]) -> tuple[str, NoteKey]:
    """The text of a note and who signed it.

    Raises:
        NoteNotTrusted: malformed, by no trusted key, or with a wrong signature in a trusted key's name.
    """
    text, signatures = _parts(note)
    signer = None
    for name, key_id, signature in signatures:
        for one in trusted:
            if one.name != name or not hmac.compare_digest(one.id, key_id):
                continue
            try:
                one.key.verify(signature, text.encode())
            except InvalidSignature:
                raise NoteNotTrusted(f"the signature of {one.name} is wrong", known=True) from None
            signer = signer or one
    if signer is None:
        raise NoteNotTrusted("no trusted key has signed it")
    return text, signer


def _parts(note: bytes) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    try:
        whole = note.decode() if len(note) <= MAX_NOTE_BYTES else ""
    except UnicodeDecodeError:
        whole = ""
    text, blank, below = whole.rpartition("\n\n")
    text += "\n"
    lines = below.split("\n")
    if not blank or not _is_text(text) or lines.pop() or not 0 < len(lines) <= _MAX_SIGNATURES:
        raise NoteNotTrusted("it is not a signed note")
    return text, [_signature(line) for line in lines]


def _signature(line: str) -> tuple[str, bytes, bytes]:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    try:
        octets = _from_base64(encoded)
    except ValueError:
        octets = b""
    if not line.startswith(_DASH) or not _is_name(name) or len(octets) < _ID_BYTES + 1:
        raise NoteNotTrusted("it is not a signed note")
    return name, octets[:_ID_BYTES], octets[_ID_BYTES:]


def _from_base64(text: str) -> bytes:
    try:
        octets = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    if base64.b64encode(octets).decode() != text:
        raise ValueError("not canonical: spare bits that are not 0")
    return octets


def _is_text(text: str) -> bool:
    return text.endswith("\n") and len(text) > 1 and not any(ord(one) < 0x20 and one != "\n" for one in text)


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(one.isspace() for one in name)
