# SPDX-License-Identifier: Apache-2.0
"""Keys and secrets in files that only their owner may read."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from sealroom_customer.authority.identity import read_private
from sealroom_customer.errors import StartError


def secret_key_text(path: Path) -> str:
    """The SecretKey of an application. Raises StartError when it cannot be read."""
    return _private(path).decode("utf-8", "replace").strip()


def private_signing_key(path: Path) -> Ed25519PrivateKey | ec.EllipticCurvePrivateKey:
    """The key that grants are signed with. Raises StartError when it cannot be read, or is of another kind."""
    try:
        key = load_pem_private_key(_private(path), None)
    except (ValueError, TypeError):
        key = None
    if isinstance(key, Ed25519PrivateKey):
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise StartError(
        "key_unreadable", f"{path} holds no Ed25519 or P-256 private key.", "Give a PEM file of one."
    )


def _private(path: Path) -> bytes:
    octets = read_private(path)
    if octets is None:
        raise StartError("file_missing", f"{path} is not there.", "Check the name.")
    return octets
