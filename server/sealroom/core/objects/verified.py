# SPDX-License-Identifier: Apache-2.0
"""Looks at the digest of what is read part by part."""

import hashlib
import hmac
from collections.abc import AsyncIterator

from sealroom.core.objects.errors import ObjectDamaged


async def verified(parts: AsyncIterator[bytes], expected: str, what: str) -> AsyncIterator[bytes]:
    """Gives the parts on, the last of them only when all together have the expected SHA-256 (hexadecimal).

    Raises:
        ObjectDamaged: they have another.
    """
    digest = hashlib.sha256()
    held: bytes | None = None
    async for part in parts:
        if held is not None:
            yield held
        digest.update(part)
        held = part
    if not hmac.compare_digest(digest.hexdigest().encode(), expected.encode()):
        raise ObjectDamaged(f"{what} has another digest than it was put with.")
    if held is not None:
        yield held
