# SPDX-License-Identifier: Apache-2.0
"""SFrame (RFC 9605), all five suites of the RFC, written from its text alone."""

import hashlib
import hmac
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR


@dataclass(frozen=True, slots=True)
class Suite:
    """Section 4.5, table 1: hash, and lengths of hash, key, encryption key, nonce and tag, in bytes."""

    number: int
    hash: str
    nh: int
    nka: int
    nk: int
    nt: int
    nn: int = 12


SUITES = {
    suite.number: suite
    for suite in (
        Suite(1, "sha256", 32, 16, 48, 10),
        Suite(2, "sha256", 32, 16, 48, 8),
        Suite(3, "sha256", 32, 16, 48, 4),
        Suite(4, "sha256", 32, 16, 16, 16),
        Suite(5, "sha512", 64, 32, 32, 16),
    )
}


def extract(name: str, salt: bytes, secret: bytes) -> bytes:
    """HKDF-Extract (RFC 5869)."""
    return hmac.digest(salt or bytes(hashlib.new(name).digest_size), secret, name)


def expand(name: str, key: bytes, info: bytes, length: int) -> bytes:
    """HKDF-Expand (RFC 5869)."""
    out, block, count = b"", b"", 0
    while len(out) < length:
        count += 1
        block = hmac.digest(key, block + info + bytes([count]), name)
        out += block
    return out[:length]


def encode_header(kid: int, counter: int) -> bytes:
    """Section 4.3: config byte, then what does not fit it, as short as can be."""
    config, tail = 0, b""
    for value, shift in ((kid, 4), (counter, 0)):
        if value < 8:
            config |= value << shift
        else:
            encoded = value.to_bytes((value.bit_length() + 7) // 8, "big")
            config |= (8 | len(encoded) - 1) << shift
            tail += encoded
    return bytes([config]) + tail


def decode_header(data: bytes) -> tuple[int, int, int]:
    """KID, counter and length of the header; ValueError if it is cut off or longer than need be."""
    if not data:
        raise ValueError("empty")
    place, found = 1, []
    for nibble in (data[0] >> 4, data[0] & 15):
        if nibble < 8:
            found.append(nibble)
            continue
        encoded = data[place : place + nibble - 7]
        if len(encoded) < nibble - 7:
            raise ValueError("cut off")
        found.append(int.from_bytes(encoded, "big"))
        place += nibble - 7
    if encode_header(found[0], found[1]) != data[:place]:
        raise ValueError("not of minimal length")
    return found[0], found[1], place


def keys(suite: Suite, kid: int, base_key: bytes) -> tuple[bytes, bytes]:
    """Section 4.4.2: key and salt of a sender."""
    secret = extract(suite.hash, b"", base_key)
    tail = kid.to_bytes(8, "big") + suite.number.to_bytes(2, "big")
    key = expand(suite.hash, secret, b"SFrame 1.0 Secret key " + tail, suite.nk)
    return key, expand(suite.hash, secret, b"SFrame 1.0 Secret salt " + tail, suite.nn)


def nonce(salt: bytes, counter: int) -> bytes:
    """Section 4.4.3: the salt xor the counter."""
    return bytes(a ^ b for a, b in zip(salt, counter.to_bytes(len(salt), "big"), strict=True))


def seal(suite: Suite, kid: int, counter: int, base_key: bytes, metadata: bytes, plaintext: bytes) -> bytes:
    """Section 4.4.3: header, ciphertext and tag."""
    key, salt = keys(suite, kid, base_key)
    header = encode_header(kid, counter)
    return header + _encrypt(suite, key, nonce(salt, counter), header + metadata, plaintext)


def open_frame(suite: Suite, base_key: bytes, metadata: bytes, frame: bytes) -> bytes:
    """Section 4.4.4; ValueError or InvalidTag if it does not open."""
    kid, counter, length = decode_header(frame)
    key, salt = keys(suite, kid, base_key)
    aad = frame[:length] + metadata
    if suite.number >= 4:
        return AESGCM(key).decrypt(nonce(salt, counter), frame[length:], aad)
    body = frame[length : -suite.nt]
    plaintext = _ctr(key[: suite.nka], nonce(salt, counter), body)
    if _encrypt(suite, key, nonce(salt, counter), aad, plaintext) != frame[length:]:
        raise ValueError("bad tag")
    return plaintext


def _encrypt(suite: Suite, key: bytes, iv: bytes, aad: bytes, plaintext: bytes) -> bytes:
    if suite.number >= 4:
        return AESGCM(key).encrypt(iv, plaintext, aad)
    body = _ctr(key[: suite.nka], iv, plaintext)
    lengths = b"".join(part.to_bytes(8, "big") for part in (len(aad), len(body), suite.nt))
    return body + hmac.digest(key[suite.nka :], lengths + iv + aad + body, suite.hash)[: suite.nt]


def _ctr(key: bytes, iv: bytes, data: bytes) -> bytes:
    return Cipher(AES(key), CTR(iv + bytes(4))).encryptor().update(data)
