# SPDX-License-Identifier: Apache-2.0
"""The port behind envelope encryption: who holds the master key. Here a file; a key management service fits the same face.

**A master key encrypts data keys and nothing else**, so that a service which never gives its key away can hold it: `wrap` is AWS KMS's
Encrypt with an encryption context, or Vault's `transit/encrypt` with associated data; `unwrap` is their Decrypt.
"""

import base64
import binascii
import fcntl
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol, TypeAlias

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sealroom.core.config.schema import KeySettings
from sealroom.core.errors import ConfigurationError, OperatorError, StartError
from sealroom.core.state import StateDirectory, write_new_private, write_private

FILE = "master.key"
KEY_BYTES = 32
NONCE_BYTES = 12
_SCHEME = "file:"
_HEADER = (
    "# Sealroom's master keys, one version a line, the newest last: id, version, key.\n"
    "# Whoever has this file and the database reads the secrets in it; who lost it, nobody does. Back it up, elsewhere.\n"
)

WrapContext: TypeAlias = Mapping[str, str]
"""What a wrapped key is bound to. Not secret: a service may write it into its own log."""


class EnvelopeError(OperatorError):
    """An encrypted value that cannot be opened."""


class KeyName(NamedTuple):
    """Which master key: its id, and its version where a service tells (0 where it does not)."""

    id: str
    version: int

    def __str__(self) -> str:
        return f"{self.id}/{self.version}"


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A data key under a master key."""

    name: KeyName
    blob: bytes = field(repr=False)


class MasterKeys(Protocol):
    """Who holds the master key. Everything may take a network's time, and raises EnvelopeError while it cannot be done."""

    async def newest(self) -> KeyName:
        """The key that `wrap` uses now. Asked for at every encryption: a service's client answers from memory, and asks now and then."""

    async def wrap(self, data_key: bytes, context: WrapContext) -> Wrapped:
        """Encrypts a data key under the newest key."""

    async def unwrap(self, wrapped: Wrapped, context: WrapContext) -> bytes:
        """Decrypts a data key. Raises EnvelopeError for a key that is not there, or another context."""

    async def rotate(self) -> KeyName:
        """Makes a new key, which is the newest from then on. Those before still unwrap."""


class FileMasterKeys:
    """Versions of one key in a 0600 file, which several processes may share."""

    def __init__(self, path: Path) -> None:
        """Makes the file where there is none.

        Raises:
            StartError: it cannot be made or read, or others can read it.
        """
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._known: dict[KeyName, AESGCM] = {}
        try:
            if not path.exists():
                first = KeyName(f"file-{secrets.token_hex(4)}", 1)
                # Another process that starts now may have been quicker: its key holds.
                write_new_private(path, f"{_HEADER}{_line(first)}".encode())
            self._read()
        except OSError as error:
            raise _unreadable(path, f"{error.strerror}") from error

    async def newest(self) -> KeyName:
        """The last line's."""
        return max(self._keys(), key=lambda name: name.version)

    async def wrap(self, data_key: bytes, context: WrapContext) -> Wrapped:
        """Under the last line's key."""
        name, nonce = await self.newest(), os.urandom(NONCE_BYTES)
        return Wrapped(name, nonce + self._keys()[name].encrypt(nonce, data_key, _bound(name, context)))

    async def unwrap(self, wrapped: Wrapped, context: WrapContext) -> bytes:
        """Under the key that is named."""
        key = self._keys().get(wrapped.name)
        if key is None:
            raise EnvelopeError(
                "master_key_missing",
                f"The master key {wrapped.name} is not in {self._path}.",
                "Restore that file from the backup of this installation.",
            )
        nonce, ciphertext = wrapped.blob[:NONCE_BYTES], wrapped.blob[NONCE_BYTES:]
        try:
            return key.decrypt(nonce, ciphertext, _bound(wrapped.name, context))
        except (InvalidTag, ValueError):
            raise EnvelopeError(
                "sealed_value_damaged",
                "A data key is not as it was written.",
                "Restore the database from a backup.",
            ) from None

    async def rotate(self) -> KeyName:
        """Adds a line."""
        with self._locked():
            newest = await self.newest()
            name = KeyName(newest.id, newest.version + 1)
            write_private(self._path, self._path.read_bytes() + _line(name).encode())
        return name

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time: the second of two that rotate at once would write over the first one's key."""
        descriptor = os.open(
            self._path.with_name(f"{self._path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _keys(self) -> dict[KeyName, AESGCM]:
        try:
            self._read()
        except (OSError, StartError) as error:
            # What was read before still opens what is there.
            if not self._known:
                raise EnvelopeError(
                    "master_key_missing", f"{self._path} cannot be read.", "Restore it."
                ) from error
        return self._known

    def _read(self) -> None:
        """Reads the file when it is another than the last time: a rotation in another process is seen at once."""
        found = self._path.stat()
        mark = (found.st_ino, found.st_mtime_ns, found.st_size)
        if mark == self._seen:
            return
        if found.st_mode & 0o077:
            raise StartError(
                "key_open_to_others", f"Others can read {self._path}.", f"Close it: chmod 600 {self._path}"
            )
        try:
            self._known = dict(map(_parsed, _lines(self._path.read_text("ascii"))))
        except (ValueError, binascii.Error):
            raise _unreadable(self._path, "it is not as it was written") from None
        if not self._known:
            raise _unreadable(self._path, "there is no key in it")
        self._seen = mark


def master_keys(settings: KeySettings, state: StateDirectory) -> MasterKeys:
    """Who holds the master key by the configuration.

    Raises:
        ConfigurationError: something that names no holder.
        StartError: it cannot be used.
    """
    return FileMasterKeys(master_file(settings, state.path))


def master_file(settings: KeySettings, state: Path) -> Path:
    """Where the master key lies, with the state folder at `state`. Raises ConfigurationError for what names no holder."""
    if not settings.master:
        return state / FILE
    scheme, path = settings.master[: len(_SCHEME)], settings.master[len(_SCHEME) :]
    if scheme != _SCHEME or not path.startswith("/"):
        raise ConfigurationError(
            "configuration_master_key_invalid",
            f"keys.master: `{settings.master}` names no holder of a master key.",
            "Write file:/etc/sealroom/master.key, or nothing for a file in the state folder.",
        )
    return Path(path)


def _bound(name: KeyName, context: WrapContext) -> bytes:
    return msgspec.json.encode([name.id, name.version, context], order="sorted")


def _line(name: KeyName) -> str:
    return f"{name.id} {name.version} {base64.b64encode(os.urandom(KEY_BYTES)).decode()}\n"


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def _parsed(line: str) -> tuple[KeyName, AESGCM]:
    name, version, encoded = line.split()
    key = base64.b64decode(encoded, validate=True)
    if len(key) != KEY_BYTES:
        raise ValueError("a key has 32 bytes")
    return KeyName(name, int(version)), AESGCM(key)


def _unreadable(path: Path, why: str) -> StartError:
    return StartError(
        "master_key_unreadable",
        f"The master key {path} cannot be used: {why}.",
        "Restore it from a backup, or mend [keys].",
    )
