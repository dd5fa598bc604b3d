# SPDX-License-Identifier: Apache-2.0
"""Secrets sealed to a member's own key: HPKE (RFC 9180) base mode, single shot."""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from sealroom_wire.errors import ErrorCode, Refusal

ENC_BYTES = 65
"""An uncompressed P-256 point."""

_SUITE = Suite(KEM.P256, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def public_key(point: bytes) -> ec.EllipticCurvePublicKey:
    """The member key of an uncompressed point; raises `Refusal(member_key_invalid)` if it is none of the curve."""
    if len(point) != ENC_BYTES or point[0] != 4:
        raise Refusal(ErrorCode.MEMBER_KEY_INVALID)
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError as error:
        raise Refusal(ErrorCode.MEMBER_KEY_INVALID) from error


def seal(secret: bytes, to: ec.EllipticCurvePublicKey, info: bytes) -> tuple[bytes, bytes]:
    """Returns `enc` (65 bytes) and the ciphertext with its tag."""
    sealed = _SUITE.encrypt(secret, to, info=info)
    return sealed[:ENC_BYTES], sealed[ENC_BYTES:]


def unseal(enc: bytes, ciphertext: bytes, key: ec.EllipticCurvePrivateKey, info: bytes) -> bytes:
    """The secret; raises ValueError if it does not open."""
    try:
        return _SUITE.decrypt(enc + ciphertext, key, info=info)
    except InvalidTag as error:
        raise ValueError("the secret does not open with this key") from error
