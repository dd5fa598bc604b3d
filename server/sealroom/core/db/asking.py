# SPDX-License-Identifier: Apache-2.0
"""Single questions to SQLite, each in one step of one thread.

The driver for asyncio goes to its thread and back for the cursor, the statement, its rows and the end of each: five times what an entry's
one question costs.
"""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVarTuple

from sqlalchemy import Row, Select

from sealroom.core.db.target import Target

Ts = TypeVarTuple("Ts")


class Asking:
    """One connection in a thread of its own."""

    def __init__(self, target: Target) -> None:
        self._engine = target.asking_engine()
        self._thread = ThreadPoolExecutor(1, "database-asks")
        self._closed = False

    async def ask(
        self, statement: Select[*Ts], parameters: Mapping[str, object] | None
    ) -> Sequence[Row[*Ts]]:
        """The rows. Who is cancelled leaves the question to the thread."""
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, self._asked, statement, parameters
        )

    def _asked(self, statement: Select[*Ts], parameters: Mapping[str, object] | None) -> Sequence[Row[*Ts]]:
        with self._engine.connect() as connection:
            return connection.execute(statement, parameters).all()

    async def close(self) -> None:
        """Ends when the last question is answered. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(self._thread, self._engine.dispose)
        self._thread.shutdown()
