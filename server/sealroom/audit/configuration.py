# SPDX-License-Identifier: Apache-2.0
"""What a server was configured with, recorded where it is not what it was at its last start."""

from collections.abc import Mapping

from sqlalchemy import select

from sealroom.audit.entry import written
from sealroom.audit.events import Actor, AuditEvent, Record
from sealroom.audit.models import entries
from sealroom.audit.service import AuditLog
from sealroom.core.db import Database


async def record_configuration(
    database: Database, audit: AuditLog, machine: str, settings: Mapping[str, str], actor: Actor
) -> bool:
    """Records the settings of a machine that are not the defaults, without passwords; says whether there was anything new."""
    record = Record(AuditEvent.CONFIGURATION_CHANGED, actor, f"configuration of {machine}", dict(settings))
    newest = (
        select(entries.c.payload)
        .where(entries.c.event == record.event.value, entries.c.target == record.target)
        .order_by(entries.c.id.desc())
        .limit(1)
    )
    rows = await database.ask(newest)
    if rows and rows[0].payload == written(record.details):
        return False
    async with database.writing() as connection:
        await audit.append(connection, record)
    await audit.place()
    return True
