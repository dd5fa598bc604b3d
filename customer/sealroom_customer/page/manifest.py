# SPDX-License-Identifier: Apache-2.0
"""What a release of the call page consists of: `manifest.json`, written by the page's build, and the note that signs it.

The note names the manifest by its hash, so that a person can read what was signed.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Meta

from sealroom_customer.page.files import INDEX
from sealroom_customer.signing.notes import open_note, sign_note
from sealroom_wire.notes import NoteKey, NoteNotTrusted

MANIFEST, NOTE = "/manifest.json", "/manifest.json.note"
MAX_MANIFEST_BYTES = 256 * 1024
MAX_FILE_BYTES = 4 * 1024 * 1024
"""One file of the page; ours are below 100 kB."""
_CONTEXT = "sealroom-page/v1"
"""First line of the note: a signature of the same key over anything else is none over a page."""
_NOTE = re.compile(re.escape(_CONTEXT) + r"\n([0-9A-Za-z.+-]{1,64})\nsha256:([A-Za-z0-9+/]{43}=)\n")


class ManifestInvalid(Exception):  # noqa: N818 - says what is so, not that something failed
    """Not what the page's build writes."""


class ManifestFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file that a browser may get, decoded."""

    path: Annotated[str, Meta(pattern=r"^(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+\Z", max_length=256)]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    size: Annotated[int, Meta(ge=0, le=MAX_FILE_BYTES)]
    type: Annotated[str, Meta(min_length=1, max_length=128)]


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A release of the page, its files sorted by path."""

    format: Literal["sealroom-page/1"]
    version: Annotated[str, Meta(pattern=r"^[0-9A-Za-z.+-]{1,64}\Z")]
    files: Annotated[tuple[ManifestFile, ...], Meta(min_length=1, max_length=1000)]


def read_manifest(octets: bytes) -> Manifest:
    """Raises ManifestInvalid, also for the same content written in another way: there is one form."""
    try:
        manifest = msgspec.json.decode(octets[: MAX_MANIFEST_BYTES + 1], type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ManifestInvalid("it is not a manifest of a call page") from error
    paths = [file.path for file in manifest.files]
    if paths != sorted(set(paths)) or INDEX not in paths:
        raise ManifestInvalid("its files are not sorted, or there is no page among them")
    if octets != msgspec.json.encode(manifest) + b"\n":
        raise ManifestInvalid("it is not written as the build writes it")
    return manifest


def sign_manifest(octets: bytes, name: str, key: Ed25519PrivateKey) -> bytes:
    """The note for a manifest. Raises ManifestInvalid, or ValueError for a name that no note can have."""
    version = read_manifest(octets).version
    return sign_note(f"{_CONTEXT}\n{version}\nsha256:{_digest(octets)}\n", name, key)


def check_note(octets: bytes, note: bytes, trusted: Sequence[NoteKey]) -> NoteKey:
    """Who signed this manifest.

    Raises:
        NoteNotTrusted: nobody who is trusted, or the note is over another manifest.
    """
    text, signer = open_note(note, trusted)
    match = _NOTE.fullmatch(text)
    if match is None or match[1] != read_manifest(octets).version or match[2] != _digest(octets):
        raise NoteNotTrusted("what is signed is not this manifest", known=True)
    return signer


def _digest(octets: bytes) -> str:
    return base64.b64encode(hashlib.sha256(octets).digest()).decode()
