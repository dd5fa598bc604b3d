# SPDX-License-Identifier: Apache-2.0
"""Envelope encryption: secrets that this installation has to know lie under data keys, those under a master key.

A value carries all that is needed to open it but the master key: `SR`, format, the master key's id and version, the wrapped data key, a nonce,
and AES-256-GCM's ciphertext with its tag. **A value is bound to its purpose and its place** (table, column, row): moved elsewhere it
does not open. Nothing of a key or a plaintext is in a representation or an error.
"""

import os
import struct
from collections import OrderedDict
from dataclasses import dataclass
from typing import TypeAlias

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sealroom.core.keys.master import KEY_BYTES, NONCE_BYTES, EnvelopeError, KeyName, MasterKeys, Wrapped

Context: TypeAlias = tuple[str, ...]
"""Where a value belongs."""

_MARK = b"SR\x01"
"""The last byte is the format."""
_NUMBERS = struct.Struct(">IH")
"""The master key's version, and the length of the wrapped data key."""
_USES = 2**20
"""Values under one data key. With random nonces far more would be safe; fewer ask the holder of the master key more often."""
_OPENED = 1_024
"""Data keys that stay unwrapped in memory. Fewer ask the holder of the master key more often."""


@dataclass(slots=True)
class _DataKey:
    """The key that values of one purpose are encrypted under now."""

    wrapped: Wrapped
    cipher: AESGCM
    left: int = _USES


@dataclass(frozen=True, slots=True)
class _Parts:
    wrapped: Wrapped
    header: bytes
    nonce: bytes
    ciphertext: bytes


class Envelope:
    """Encrypts and decrypts. Data keys are kept in memory, so that a master key elsewhere is asked seldom."""

    def __init__(self, masters: MasterKeys) -> None:
        self.masters = masters
        self._writing: dict[str, _DataKey] = {}
        self._opened: OrderedDict[tuple[str, Wrapped], AESGCM] = OrderedDict()

    def __repr__(self) -> str:
        return "Envelope()"

    async def encrypt(self, purpose: str, context: Context, plaintext: bytes) -> bytes:
        """Encrypts for one place. Raises EnvelopeError while the master key cannot be asked."""
        key = await self._data_key(purpose)
        header, nonce = _header(key.wrapped), os.urandom(NONCE_BYTES)
        return header + nonce + key.cipher.encrypt(nonce, plaintext, _bound(header, purpose, context))

    async def decrypt(self, purpose: str, context: Context, value: bytes) -> bytes:
        """Opens what was encrypted for that purpose and place.

        Raises:
            EnvelopeError: it was changed, or moved from its place; the master key is missing, or cannot be asked.
        """
        parts = _parts(value)
        cipher = await self._unwrapped(purpose, parts.wrapped)
        try:
            return cipher.decrypt(parts.nonce, parts.ciphertext, _bound(parts.header, purpose, context))
        except InvalidTag:
            raise _damaged() from None

    async def _data_key(self, purpose: str) -> _DataKey:
        key = self._writing.get(purpose)
        if key is None or key.left == 0 or key.wrapped.name != await self.masters.newest():
            plain = os.urandom(KEY_BYTES)
            wrapped = await self.masters.wrap(plain, {"purpose": purpose})
            key = self._writing[purpose] = _DataKey(wrapped, AESGCM(plain))
            self._keep(purpose, wrapped, key.cipher)
        key.left -= 1
        return key

    async def _unwrapped(self, purpose: str, wrapped: Wrapped) -> AESGCM:
        cipher = self._opened.get((purpose, wrapped))
        if cipher is None:
            try:
                cipher = AESGCM(await self.masters.unwrap(wrapped, {"purpose": purpose}))
            except ValueError:
                raise _damaged() from None
        self._keep(purpose, wrapped, cipher)
        return cipher

    def _keep(self, purpose: str, wrapped: Wrapped, cipher: AESGCM) -> None:
        self._opened[purpose, wrapped] = cipher
        self._opened.move_to_end((purpose, wrapped))
        if len(self._opened) > _OPENED:
            self._opened.popitem(last=False)


def name_of(value: bytes) -> KeyName:
    """Which master key a value is under. Raises EnvelopeError for what is no encrypted value."""
    return _parts(value).wrapped.name


def _header(wrapped: Wrapped) -> bytes:
    name = wrapped.name.id.encode()
    return (
        _MARK
        + bytes([len(name)])
        + name
        + _NUMBERS.pack(wrapped.name.version, len(wrapped.blob))
        + wrapped.blob
    )


def _parts(value: bytes) -> _Parts:
    """Raises EnvelopeError for what is no encrypted value."""
    try:
        name_at = len(_MARK) + 1
        name_end = name_at + value[len(_MARK)]
        version, length = _NUMBERS.unpack_from(value, name_end)
        blob_at = name_end + _NUMBERS.size
        nonce_at = blob_at + length
        name = KeyName(value[name_at:name_end].decode(), version)
    except (IndexError, UnicodeDecodeError, struct.error):
        raise _damaged() from None
    cipher_at = nonce_at + NONCE_BYTES
    if value[: len(_MARK)] != _MARK or len(value) < cipher_at:
        raise _damaged()
    return _Parts(
        Wrapped(name, value[blob_at:nonce_at]), value[:nonce_at], value[nonce_at:cipher_at], value[cipher_at:]
    )


def _bound(header: bytes, purpose: str, context: Context) -> bytes:
    return header + msgspec.json.encode([purpose, *context])


def _damaged() -> EnvelopeError:
    return EnvelopeError(
        "sealed_value_damaged",
        "An encrypted value is not as it was written, or not where.",
        "Restore the database from a backup.",
    )
