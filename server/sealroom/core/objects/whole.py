# SPDX-License-Identifier: Apache-2.0
"""A whole object in memory, whichever store gives its parts."""

from collections.abc import AsyncIterator

from sealroom.core.objects.errors import ObjectTooLarge
from sealroom.core.objects.port import MAX_WHOLE_BYTES


async def whole(content: AsyncIterator[bytes], what: str) -> bytes:
    """All parts together. Raises `ObjectTooLarge` with `what` beyond `MAX_WHOLE_BYTES`, of which no more is held."""
    parts, size = [], 0
    async for part in content:
        size += len(part)
        if size > MAX_WHOLE_BYTES:
            raise ObjectTooLarge(f"{what} has more than {MAX_WHOLE_BYTES} bytes.")
        parts.append(part)
    return b"".join(parts)
