# SPDX-License-Identifier: Apache-2.0
"""Signing keys in 0600 files of the state folder: the embedded default of the port `keys`."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from sealroom.core.errors import StartError
from sealroom.core.keys.note import NoteSigner
from sealroom.core.state import StateDirectory, write_private
from sealroom_wire.notes import NoteKey


class FileKeys:
    """Keys by purpose. What a key signed stays verifiable after it was replaced: its public half is kept."""

    def __init__(self, state: StateDirectory, installation: str = "sealroom") -> None:
        """`installation` goes before the purpose in the keys' names: `sealroom/audit`."""
        self._state, self._installation = state, installation

    def signer(self, purpose: str) -> NoteSigner:
        """The key in use; made when it is first asked for.

        Raises:
            StartError: the file cannot be used.
        """
        pem = self._state.keep(f"{purpose}.key", lambda: _pem(Ed25519PrivateKey.generate()))
        try:
            key = load_pem_private_key(pem, None)
        except (ValueError, TypeError):
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise _unreadable(self._state.path / f"{purpose}.key")
        return NoteSigner(f"{self._installation}/{purpose}", key)

    def verifiers(self, purpose: str) -> tuple[NoteKey, ...]:
        """The key in use and all that were replaced, newest first. Raises StartError for files that cannot be used."""
        file = self._replaced(purpose)
        try:
            lines = file.read_text().splitlines() if file.exists() else []
            before = [NoteKey.parse(line) for line in lines]
        except (OSError, ValueError):
            raise _unreadable(file) from None
        return (self.signer(purpose).verifier, *reversed(before))

    def rotate(self, purpose: str) -> NoteSigner:
        """A new key from now on. Cut off in between, the old one is in use and may be listed as replaced, which harms nothing."""
        lines = [str(key) for key in reversed(self.verifiers(purpose))]
        write_private(self._replaced(purpose), "".join(f"{line}\n" for line in dict.fromkeys(lines)).encode())
        write_private(self._state.path / f"{purpose}.key", _pem(Ed25519PrivateKey.generate()))
        return self.signer(purpose)

    def _replaced(self, purpose: str) -> Path:
        return self._state.path / f"{purpose}.replaced"


def _pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _unreadable(file: Path) -> StartError:
    return StartError(
        "key_unreadable",
        f"{file} holds no key that can be used.",
        "Restore it from a backup of the state folder.",
    )
