# SPDX-License-Identifier: Apache-2.0
"""Numbers that rise with every change of a kind: whoever keeps something in memory asks whether it is still true.

**The number is raised in the transaction of the change**, so nobody sees the one without the other.
"""

from sqlalchemy import BigInteger, Column, ScalarSelect, String, Table, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sealroom.catalogue import DataClass, LegalBasis, Purpose, Retention, dataset, field
from sealroom.core.db.statements import insert_new
from sealroom.core.db.tables import metadata

changes = Table(
    "changes",
    metadata,
    Column("topic", String(32), primary_key=True, info=field("Of what.")),
    Column("number", BigInteger, nullable=False, info=field("How often it changed.")),
    info=dataset(
        "How often each kind of thing changed.", DataClass.OPERATION, Purpose.OPERATE, LegalBasis.NONE_NEEDED,
        Retention.kept("one row a kind"),
    ),
)  # fmt: skip


async def raise_number(connection: AsyncConnection, topic: str) -> None:
    """Says that something of `topic` changes in this transaction. On PostgreSQL changes of one topic wait here for each other."""
    raised = update(changes).where(changes.c.topic == topic).values(number=changes.c.number + 1)
    if (await connection.execute(raised)).rowcount == 0:
        await insert_new(connection, changes, {"topic": topic, "number": 0})
        await connection.execute(raised)


def number_of(topic: str) -> ScalarSelect[int]:
    """The number, as a column of a statement that asks for other things too; 0 before the first change."""
    return (
        select(func.coalesce(func.max(changes.c.number), 0)).where(changes.c.topic == topic).scalar_subquery()
    )
