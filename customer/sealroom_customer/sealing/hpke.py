# SPDX-License-Identifier: Apache-2.0
"""The one HPKE suite that secrets travel in (RFC 9180, base mode, single shot, empty AAD), and member keys."""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sealroom_wire.base64url import b64u, from_b64u

ENC_BYTES = MEMBER_KEY_BYTES = 65
"""An encapsulated key: an uncompressed P-256 point (RFC 9180 section 7.1, Npk)."""

_SUITE = hpke.Suite(hpke.KEM.P256, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


def new_member_key() -> ec.EllipticCurvePrivateKey:
    """A fresh P-256 key, for one line."""
    return ec.generate_private_key(ec.SECP256R1())


def encode_member_key(key: ec.EllipticCurvePrivateKey) -> str:
    """The public half as it stands in `join` and in the roster."""
    return b64u(key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


def decode_member_key(text: str) -> ec.EllipticCurvePublicKey:
    """Reads a public half; raises ValueError unless it is an uncompressed point on the curve."""
    octets = from_b64u(text, ENC_BYTES)
    if octets[0] != 4:
        raise ValueError("not an uncompressed point")
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), octets)


def seal(secret: bytes, to: ec.EllipticCurvePublicKey, info: bytes) -> tuple[bytes, bytes]:
    """Seals to a member key; returns `enc` and the ciphertext."""
    # The library puts both into one string: enc, which has a fixed length in this KEM, then the ciphertext.
    sealed = _SUITE.encrypt(secret, to, info)
    return sealed[:ENC_BYTES], sealed[ENC_BYTES:]


def open_sealed(enc: bytes, ciphertext: bytes, key: ec.EllipticCurvePrivateKey, info: bytes) -> bytes:
    """Opens what was sealed to `key` under `info`; raises ValueError when it was not."""
    if len(enc) != ENC_BYTES:
        raise ValueError("enc is not 65 bytes")
    try:
        return _SUITE.decrypt(enc + ciphertext, key, info)
    except InvalidTag:
        raise ValueError("not sealed to this key for this purpose") from None
