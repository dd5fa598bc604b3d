# SPDX-License-Identifier: Apache-2.0
"""Replaces the master key: a new one from now on, then everything under older ones is encrypted again."""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import select

from sealroom.audit.events import Actor, AuditEvent, Record
from sealroom.audit.service import AuditLog
from sealroom.core.db import Database
from sealroom.core.keys import Envelope, KeyName, SealedColumn, encrypt_again, name_of


class Rotation:
    """The master key of one database, and the columns that hold what is under it."""

    def __init__(
        self, database: Database, envelope: Envelope, audit: AuditLog, columns: Sequence[SealedColumn]
    ) -> None:
        self._database, self._envelope, self._audit, self._columns = database, envelope, audit, columns

    async def rotate(self, actor: Actor) -> KeyName:
        """Makes a new master key, recorded in the audit log. Raises EnvelopeError where the holder does not."""
        async with self._database.writing() as connection:
            name = await self._envelope.masters.rotate()
            await self._audit.append(connection, Record(AuditEvent.MASTER_KEY_ROTATED, actor, f"{name}"))
        await self._audit.place()
        return name

    async def encrypt_again(self) -> int:
        """Encrypts everything that is under an older key; returns how many values. Cut off, it goes on when it is called again."""
        return sum([await encrypt_again(self._database, self._envelope, one) for one in self._columns])

    async def values(self) -> Counter[KeyName]:
        """How many values are under each key."""
        counted: Counter[KeyName] = Counter()
        for one in self._columns:
            values = select(one.column).where(one.column.is_not(None))
            async with self._database.reading() as connection:
                async for (value,) in await connection.stream(values):
                    counted[name_of(value)] += 1
        return counted
