# SPDX-License-Identifier: Apache-2.0
"""The port `objects`. Whole files under names, of declared kinds; each with its SHA-256, which is looked at when it is read."""

from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from sealroom.core.objects.kind import ObjectKind

MAX_WHOLE_BYTES = 64 * 1024 * 1024
"""Most that is held in memory: by `get`, and by a store that creates in one request. Higher takes more of it per call."""
PART_BYTES = 1024 * 1024
"""Of what `read` gives at a time, about."""

Content: TypeAlias = bytes | AsyncIterable[bytes]


@dataclass(frozen=True, slots=True)
class Stored:
    """What was put. `digest`: its SHA-256 in hexadecimal."""

    name: str
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class Listed:
    """One of a list. `at`: when it was put, Unix milliseconds, by the store's clock."""

    name: str
    size: int
    at: int


class Objects(Protocol):
    """Every method raises `ObjectsUnavailable`, `Undeclared` for a kind that the catalogue does not have, ValueError for a bad name."""

    async def put(self, kind: ObjectKind, name: str, content: Content, *, if_absent: bool = False) -> Stored:
        """Puts it there whole or not at all, also when the process dies in between; it lasts when this returns.

        Replaces what is there, or with `if_absent` raises `ObjectExists`; of several who create at the same moment, one wins where the
        store sees to it: a folder and AWS do, the Versity gateway over a folder does not. With `if_absent`, content of more than
        `MAX_WHOLE_BYTES` may raise `ObjectTooLarge`.
        """

    async def get(self, kind: ObjectKind, name: str) -> bytes:
        """All of it, verified. Raises `ObjectMissing`, `ObjectDamaged`, and `ObjectTooLarge` beyond `MAX_WHOLE_BYTES`."""

    def read(self, kind: ObjectKind, name: str) -> AsyncIterator[bytes]:
        """Part after part. Raises `ObjectDamaged` before the last one: **until it has ended well, nothing of it is proven.**"""

    async def read_range(self, kind: ObjectKind, name: str, start: int, length: int) -> bytes:
        """At most `length` bytes from `start` on. **Not verified**: a digest is of the whole. Raises `ObjectMissing`."""

    async def exists(self, kind: ObjectKind, name: str) -> bool:
        """Whether there is one of that name."""

    def list(self, kind: ObjectKind, under: str = "") -> AsyncIterator[Listed]:
        """Those whose name begins with `under` and `/`, or all; in the order of their names."""

    async def delete(self, kind: ObjectKind, name: str) -> None:
        """Deletes it for good: a bucket must not keep versions. Harmless where there is none."""

    async def works(self) -> bool:
        """Whether the store answers."""

    async def close(self) -> None:
        """Lets go of what it holds."""
