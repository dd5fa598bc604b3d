# SPDX-License-Identifier: Apache-2.0
"""Signatures of changes, kept so that another process, or this one after a restart, refuses them too."""

import hashlib
from collections.abc import Sequence

from sqlalchemy import delete

from sealroom.accounts.models import signatures
from sealroom.accounts.signing import WINDOW_SECONDS, Signed
from sealroom.core.clock import Clock
from sealroom.core.db import Database, insert_new
from sealroom.core.grouping import Grouped

KEPT_SECONDS = 2 * WINDOW_SECONDS
"""After the second that a signature names. Twice the window, for clocks of processes that are apart; less forgets what is still taken."""
SWEEP_SECONDS = 60.0
"""How often what is older goes. More often deletes less at once."""
BATCH = 200
"""Signatures that share a commit."""


class Signatures:
    """The signatures of one database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._swept_at = float("-inf")
        self._commits: Grouped[dict[str, object], bool] = Grouped(self._keep, BATCH)

    async def keep(self, secret_id: str, signed: Signed) -> bool:
        """Keeps a signature, durably; says whether it is new. Raises what the database raises: **then nothing may be carried out.**"""
        name = hashlib.sha256(secret_id.encode() + b"\n" + signed.mark).hexdigest()
        return await self._commits.do({"name": name, "signed_at": signed.timestamp * 1000})

    async def _keep(self, rows: Sequence[dict[str, object]]) -> list[bool]:
        async with self._database.writing() as connection:
            found = [await insert_new(connection, signatures, row) == 1 for row in rows]
            if self._clock.monotonic() - self._swept_at >= SWEEP_SECONDS:
                oldest = int((self._clock.unix() - KEPT_SECONDS) * 1000)
                await connection.execute(delete(signatures).where(signatures.c.signed_at < oldest))
                self._swept_at = self._clock.monotonic()
        return found
