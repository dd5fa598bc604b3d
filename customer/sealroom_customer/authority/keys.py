# SPDX-License-Identifier: Apache-2.0
"""Keys that survive a restart: files of mode 0600, made when they are first asked for."""

import base64
import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)


class KeyFileError(Exception):
    """A key file cannot be used; the text says which and why."""


def signing_key(path: Path) -> Ed25519PrivateKey:
    """The Ed25519 key in `path` (PEM, PKCS#8), made if there is none. Raises `KeyFileError` if it cannot be used."""
    if not path.exists():
        made = Ed25519PrivateKey.generate()
        _write_new(path, made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key = load_pem_private_key(_read_private(path), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{path}: not an Ed25519 key; move it away to have one made")
    return key


def credential(path: Path) -> str:
    """The secret text in `path`, made if there is none."""
    if not path.exists():
        _write_new(path, secrets.token_urlsafe(32).encode())
    return _read_private(path).decode().strip()


def public_text(key: Ed25519PrivateKey) -> str:
    """The public key as grants carry it: b64u of 32 bytes."""
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _write_new(path: Path, content: bytes) -> None:
    """Writes beside the place and links it there, so that a half-written key is never seen nor one overwritten."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def _read_private(path: Path) -> bytes:
    if path.stat().st_mode & 0o077:
        raise KeyFileError(f"{path}: others may read it; set its mode to 0600")
    return path.read_bytes()
