# SPDX-License-Identifier: Apache-2.0
"""Numbers that rise with every change of a kind: whoever keeps something in memory asks whether it is still true.

**The number is raised in the transaction of the change**, so nobody sees the one without the other.
"""

from sqlalchemy import BigInteger, Column, ScalarSelect, String, Table, cast, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sealroom.catalogue import DataClass, LegalBasis, Purpose, Retention, dataset, field
from sealroom.core.clock import Clock
from sealroom.core.db.committed import note
from sealroom.core.db.database import Database
from sealroom.core.db.statements import insert_new
from sealroom.core.db.tables import metadata

FRESH_SECONDS = 1.0
"""How old a number may be. Lower sees a change of another process sooner, and asks the database more often."""

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
    note(connection, topic)


def number_of(*topics: str) -> ScalarSelect[int]:
    """The number of all these topics together, as a column of a statement that asks for other things too; 0 before the first change."""
    together = cast(func.coalesce(func.sum(changes.c.number), 0), BigInteger)
    return select(together).where(or_(*(changes.c.topic == topic for topic in topics))).scalar_subquery()


class Watch:
    """The number of some topics, asked for at most once in `FRESH_SECONDS`: what is kept in memory is never older. Where a change is
    heard of, it is asked for again at once.
    """

    def __init__(self, database: Database, clock: Clock, *topics: str) -> None:
        self._database, self._clock = database, clock
        self.column = number_of(*topics).label("number")
        """The number as a column, for a statement that asks for other things too: give `saw` what it said."""
        self._question = select(self.column)
        self._number, self._asked_at, self._heard = 0, float("-inf"), 0
        for topic in topics:
            database.changes.listen(topic, self._forget)

    async def number(self) -> int:
        """The number of a moment ago. Raises one of AWAY where the database does not answer."""
        if self._clock.monotonic() - self._asked_at >= FRESH_SECONDS:
            begin, heard = self._clock.monotonic(), self._heard
            ((number,),) = await self._database.look(self._question)
            self._number = max(number, self._number)
            if heard == self._heard:  # else the answer may be from before what was heard
                self._asked_at = begin
        return self._number

    def _forget(self) -> None:
        self._asked_at, self._heard = float("-inf"), self._heard + 1

    def saw(self, number: int) -> None:
        """Takes a number that came with something else."""
        self._number = max(number, self._number)
