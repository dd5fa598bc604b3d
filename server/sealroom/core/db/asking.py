# SPDX-License-Identifier: Apache-2.0
"""Single questions to SQLite, each in one step of one thread.

The driver for asyncio goes to its thread and back for the cursor, the statement, its rows and the end of each: five times what an entry's
one question costs.
"""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVarTuple

from sqlalchemy import Connection, Row, Select

from sealroom.core.db.target import Target

Ts = TypeVarTuple("Ts")


class Asking:
    """One connection in a thread of its own."""

    def __init__(self, target: Target) -> None:
        self._engine = target.asking_engine()
        self._thread = ThreadPoolExecutor(1, "database-asks")
        self._connection: Connection | None = None
        self._closed = False

    async def ask(
        self, statement: Select[*Ts], parameters: Mapping[str, object] | None
    ) -> Sequence[Row[*Ts]]:
        """The rows. Who is cancelled leaves the question to the thread."""
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, self._asked, statement, parameters
        )

    def _asked(self, statement: Select[*Ts], parameters: Mapping[str, object] | None) -> Sequence[Row[*Ts]]:
        # Kept open: without a transaction around it there is nothing to give back after each question.
        connection = self._connection or self._engine.connect()
        self._connection = None
        try:
            rows = connection.execute(statement, parameters).all()
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return rows

    async def close(self) -> None:
        """Ends when the last question is answered. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(self._thread, self._end)
        self._thread.shutdown()

    def _end(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._engine.dispose()
