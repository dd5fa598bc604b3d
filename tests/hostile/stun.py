# SPDX-License-Identifier: Apache-2.0
"""Binding requests made by hand (RFC 8489), for tests that play an attacker."""

import binascii
import hmac
import os
import struct

MAGIC = 0x2112A442
BINDING_REQUEST = 0x0001
USERNAME, MESSAGE_INTEGRITY, PRIORITY, USE_CANDIDATE = 0x0006, 0x0008, 0x0024, 0x0025
FINGERPRINT, ICE_CONTROLLING = 0x8028, 0x802A


def binding_request(username: str, password: str) -> bytes:
    """A valid check of a controlling agent that nominates at once."""
    attributes = _attribute(USERNAME, username.encode())
    attributes += _attribute(PRIORITY, struct.pack(">I", 0x6E7F00FF))
    attributes += _attribute(ICE_CONTROLLING, os.urandom(8))
    attributes += _attribute(USE_CANDIDATE, b"")
    identifier = os.urandom(12)
    head = struct.pack(">HHI", BINDING_REQUEST, len(attributes) + 24, MAGIC) + identifier
    attributes += _attribute(MESSAGE_INTEGRITY, hmac.digest(password.encode(), head + attributes, "sha1"))
    head = struct.pack(">HHI", BINDING_REQUEST, len(attributes) + 8, MAGIC) + identifier
    checksum = binascii.crc32(head + attributes) ^ 0x5354554E
    return head + attributes + _attribute(FINGERPRINT, struct.pack(">I", checksum))


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack(">HH", kind, len(value)) + value + bytes(-len(value) % 4)
