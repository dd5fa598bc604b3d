# SPDX-License-Identifier: Apache-2.0
"""Signed bodies and the chain of changes: `protocol/sealing.md` section 8."""

import hashlib

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sealroom_wire.authority import SIGNATURE_PREFIX, Signed, SignedBody
from sealroom_wire.base64url import b64u, from_b64u

_body = msgspec.json.Decoder(SignedBody)


class NotTrusted(Exception):  # noqa: N818 - says what is so, not that something failed
    """The authority's word does not hold. The message says which part, and holds nothing personal."""


def sign_body(body: SignedBody, key: Ed25519PrivateKey) -> Signed:
    """Writes a body down and signs its text."""
    text = msgspec.json.encode(body)
    return Signed(body=text.decode(), signature=b64u(key.sign(SIGNATURE_PREFIX + text)))


def verified_body(signed: Signed, key: Ed25519PublicKey) -> SignedBody:
    """Verifies the bytes as they stand, then parses them; raises NotTrusted."""
    text = signed.body.encode("utf-8", "surrogatepass")
    try:
        key.verify(from_b64u(signed.signature, 64), SIGNATURE_PREFIX + text)
        body: SignedBody = _body.decode(text)
    except (InvalidSignature, ValueError, RecursionError):
        raise NotTrusted("a body without a good signature, or one that cannot be read") from None
    return body


def head_of(text: str) -> str:
    """The chain's head once `text`, a change's body, stands at its end."""
    return b64u(hashlib.sha256(text.encode()).digest())
