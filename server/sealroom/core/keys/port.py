# SPDX-License-Identifier: Apache-2.0
"""The port `keys`: who signs for this installation, and what verifies it."""

from typing import Protocol

from sealroom.core.keys.note import NoteSigner
from sealroom_wire.notes import NoteKey


class Keys(Protocol):
    """Keys by purpose."""

    def signer(self, purpose: str) -> NoteSigner:
        """The key in use; made when it is first asked for."""

    def verifiers(self, purpose: str) -> tuple[NoteKey, ...]:
        """The key in use and all that were replaced, newest first."""

    def rotate(self, purpose: str) -> NoteSigner:
        """Replaces the key in use, and returns the new one."""
