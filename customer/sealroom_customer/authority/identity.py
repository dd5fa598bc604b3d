# SPDX-License-Identifier: Apache-2.0
"""Keys on disk: made at first start, 0600, and nobody else's to read."""

import os
import secrets
import stat
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from sealroom_customer.errors import StartError
from sealroom_wire.base64url import b64u

KEY_NAME = "authority-signing-key.pem"
_NEXT, _BEFORE = "authority-signing-key.next.pem", "authority-signing-key.before.pem"


def default_state() -> Path:
    """The user's state folder (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "sealroom-customer"


def private_folder(folder: Path) -> Path:
    """Makes a folder that only this user can look into (0700); raises StartError when it cannot be made."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if stat.S_IMODE(folder.stat().st_mode) & 0o077:
            folder.chmod(0o700)
    except OSError as error:
        raise StartError(
            "state_unwritable", f"The folder {folder} cannot be used.", "Choose another with --state."
        ) from error
    return folder


def signing_key(path: Path) -> Ed25519PrivateKey:
    """The Ed25519 key in `path`, made when there is none.

    Raises:
        StartError: the file is readable by others, cannot be read or written, or holds something else.
    """
    octets = read_private(path)
    if octets is None:
        key = Ed25519PrivateKey.generate()
        octets = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        octets = write_private(path, octets)
    try:
        loaded = load_pem_private_key(octets, None)
    except (ValueError, TypeError):
        loaded = None
    if not isinstance(loaded, Ed25519PrivateKey):
        raise StartError(
            "key_unreadable",
            f"{path} holds no Ed25519 private key.",
            "Move it away; a new one is made at start.",
        )
    return loaded


def authority_keys(folder: Path) -> tuple[Ed25519PrivateKey, Ed25519PrivateKey | None]:
    """The authority's signing key, and the one before while a rotation is under way. Raises StartError as `signing_key` does."""
    _finish_rotation(folder)
    before = folder / _BEFORE
    return signing_key(folder / KEY_NAME), signing_key(before) if before.exists() else None


def rotate_authority_key(folder: Path) -> Ed25519PrivateKey:
    """Puts a new signing key in the place of the one in use, which stays accepted until `retire_authority_key`.

    Killed at any moment it leaves the old pair or the new one.

    Raises:
        StartError: a rotation is under way, or the folder cannot be used.
    """
    authority_keys(folder)
    if (folder / _BEFORE).exists():
        raise StartError(
            "rotation_under_way",
            "The key before the one in use still counts.",
            "Run `sealroom-customer authority keys retire` first.",
        )
    signing_key(folder / _NEXT)
    _move(folder / KEY_NAME, folder / _BEFORE)
    _finish_rotation(folder)
    return signing_key(folder / KEY_NAME)


def retire_authority_key(folder: Path) -> bool:
    """Ends a rotation: the key before is deleted. Returns whether there was one."""
    try:
        (folder / _BEFORE).unlink()
    except FileNotFoundError:
        return False
    return True


def _finish_rotation(folder: Path) -> None:
    """Does what is left of a rotation that was cut off after its first move."""
    if not (folder / KEY_NAME).exists() and (folder / _NEXT).exists():
        _move(folder / _NEXT, folder / KEY_NAME)


def _move(old: Path, new: Path) -> None:
    try:
        old.rename(new)
    except OSError as error:
        raise _unwritable(new) from error


def backend_credential(folder: Path) -> str:
    """What the customer's backend shows to the authority; made at first start. Raises StartError as `signing_key` does."""
    path = folder / "backend-credential"
    octets = read_private(path)
    if octets is None:
        octets = write_private(path, secrets.token_urlsafe(32).encode())
    text = octets.decode("ascii", "replace").strip()
    if len(text) < 32:
        raise StartError(
            "credential_unreadable", f"{path} holds no credential.", "Delete it; a new one is made at start."
        )
    return text


def public_text(key: Ed25519PrivateKey) -> str:
    """The public half as it stands in a grant (`auk`)."""
    return b64u(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


def read_private(path: Path) -> bytes | None:
    """What a 0600 file holds, None when it is not there; raises StartError when others may read it too."""
    try:
        with path.open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise StartError(
                    "file_readable_by_others",
                    f"{path} holds a secret and others may read it.",
                    f"Run chmod 600 {path}, and replace the secret if others may have read it.",
                )
            return file.read(65536)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StartError(
            "file_unreadable", f"{path} cannot be read.", "Check its owner and permissions."
        ) from error


def write_private(path: Path, octets: bytes) -> bytes:
    """Writes a new 0600 file whole or not at all. When another process was first, its content counts. Returns what is there."""
    try:
        fresh = _written_beside(path, octets)
        try:
            path.hardlink_to(fresh)
        except FileExistsError:
            return read_private(path) or octets
        finally:
            fresh.unlink()
    except OSError as error:
        raise _unwritable(path) from error
    return octets


def replace_private(path: Path, octets: bytes) -> None:
    """Writes a 0600 file whole or not at all, in the place of what was there. Raises StartError when it cannot be written."""
    try:
        _written_beside(path, octets).replace(path)
    except OSError as error:
        raise _unwritable(path) from error


def _written_beside(path: Path, octets: bytes) -> Path:
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
    return fresh


def _unwritable(path: Path) -> StartError:
    return StartError(
        "file_unwritable", f"{path} cannot be written.", "Check the folder's owner and free space."
    )
