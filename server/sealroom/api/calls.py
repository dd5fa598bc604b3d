# SPDX-License-Identifier: Apache-2.0
"""A request whose signature was verified."""

import hashlib
from dataclasses import dataclass, field

from sealroom.audit.events import Actor


@dataclass(frozen=True, slots=True)
class Call:
    """Who calls, and what tells the request from another. **Made by the gate alone.**"""

    uin: int
    secret_id: str
    fingerprint: bytes = field(repr=False)

    @property
    def actor(self) -> Actor:
        """Whom the audit log names."""
        return Actor("api_key", self.secret_id)


def fingerprint_of(method: str, path: str, query: str, body: bytes) -> bytes:
    """SHA-256 of what is asked for."""
    head = f"{method}\n{path}\n{query}\n".encode("latin-1")
    return hashlib.sha256(head + body).digest()
