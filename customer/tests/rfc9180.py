# SPDX-License-Identifier: Apache-2.0
"""HPKE base mode with DHKEM(P-256, HKDF-SHA256), HKDF-SHA256 and AES-GCM, from the text of RFC 9180 alone: the second opinion."""

import hmac
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

KEM = b"KEM" + (0x0010).to_bytes(2, "big")


def extract(suite: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    """LabeledExtract (section 4)."""
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, "sha256")


def expand(suite: bytes, key: bytes, label: bytes, info: bytes, length: int) -> bytes:
    """LabeledExpand (section 4), for at most 32 bytes."""
    labeled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return hmac.digest(key, labeled + b"\x01", "sha256")[:length]


def point(key: ec.EllipticCurvePublicKey) -> bytes:
    """SerializePublicKey."""
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


@dataclass(frozen=True)
class Setup:
    """What both sides derive (section 5.1)."""

    shared_secret: bytes
    key: bytes
    base_nonce: bytes

    def seal(self, plaintext: bytes, aad: bytes = b"") -> bytes:
        """The first message."""
        return AESGCM(self.key).encrypt(self.base_nonce, plaintext, aad)

    def open(self, ciphertext: bytes, aad: bytes = b"") -> bytes:
        """The first message."""
        return AESGCM(self.key).decrypt(self.base_nonce, ciphertext, aad)


def setup(dh: bytes, enc: bytes, recipient: bytes, info: bytes, key_bytes: int = 32) -> Setup:
    """From the Diffie-Hellman value of either side."""
    eae_prk = extract(KEM, b"", b"eae_prk", dh)
    shared = expand(KEM, eae_prk, b"shared_secret", enc + recipient, 32)
    aead = {16: 1, 32: 2}[key_bytes]
    suite = b"HPKE" + b"".join(number.to_bytes(2, "big") for number in (0x0010, 0x0001, aead))
    context = b"\x00" + extract(suite, b"", b"psk_id_hash", b"") + extract(suite, b"", b"info_hash", info)
    secret = extract(suite, shared, b"secret", b"")
    return Setup(
        shared,
        expand(suite, secret, b"key", context, key_bytes),
        expand(suite, secret, b"base_nonce", context, 12),
    )


def receive(enc: bytes, key: ec.EllipticCurvePrivateKey, info: bytes, key_bytes: int = 32) -> Setup:
    """SetupBaseR."""
    peer = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), enc)
    return setup(key.exchange(ec.ECDH(), peer), enc, point(key.public_key()), info, key_bytes)


def send(
    ephemeral: ec.EllipticCurvePrivateKey, to: ec.EllipticCurvePublicKey, info: bytes
) -> tuple[bytes, Setup]:
    """SetupBaseS with a given ephemeral key; returns enc beside it."""
    enc = point(ephemeral.public_key())
    return enc, setup(ephemeral.exchange(ec.ECDH(), to), enc, point(to), info)
