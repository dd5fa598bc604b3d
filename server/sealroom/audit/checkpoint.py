# SPDX-License-Identifier: Apache-2.0
"""Checkpoints (C2SP tlog-checkpoint): origin, size and root of the tree, as a signed note."""

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass

from sealroom.audit.tree import HASH_BYTES
from sealroom.core.keys import NoteKey, NoteNotTrusted, NoteSigner, open_note


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A state of the tree that the operator stands for."""

    size: int
    root: bytes

    def signed(self, signer: NoteSigner) -> str:
        """The note. Its origin is the key's name."""
        return signer.sign(f"{signer.verifier.name}\n{self.size}\n{base64.b64encode(self.root).decode()}\n")

    @classmethod
    def opened(cls, note: str, known: Iterable[NoteKey]) -> "Checkpoint":
        """The checkpoint in a note that one of the `known` keys has signed. Raises NoteNotTrusted."""
        keys = tuple(known)
        lines = open_note(note, keys).split("\n")
        if len(lines) < 4 or lines[0] not in {key.name for key in keys}:
            raise NoteNotTrusted("it is not a checkpoint of this log")
        size, encoded = lines[1], lines[2]
        try:
            root = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            root = b""
        if not (size.isascii() and size.isdigit()) or str(int(size)) != size or len(root) != HASH_BYTES:
            raise NoteNotTrusted("it is not a checkpoint")
        return cls(int(size), root)
