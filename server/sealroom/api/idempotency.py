# SPDX-License-Identifier: Apache-2.0
"""That a POST which is sent again, because its answer was lost, does nothing again and gets that answer.

**The answer is written in the transaction of what was done**: after a crash there are both, or neither. A refusal is not kept: nothing
was done, and the next try may go well.
"""

import hashlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sealroom.api.calls import Call
from sealroom.api.models import ANSWER, answers
from sealroom.api.problems import ApiProblem
from sealroom.core.clock import Clock
from sealroom.core.db import Also, Database, insert_new
from sealroom.core.errors import ChangeError
from sealroom.core.keys import Envelope

KEPT_SECONDS = 24 * 3600
"""How long an answer is given again. Longer keeps secrets longer, which are in some answers."""
M = TypeVar("M")
V = TypeVar("V")


class _TakenError(Exception):
    """Somebody else did it in this very moment."""


class Answers:
    """The answers of one database."""

    def __init__(self, database: Database, envelope: Envelope, clock: Clock) -> None:
        self._database, self._envelope, self._clock = database, envelope, clock

    async def once(
        self,
        call: Call,
        key: str,
        work: Callable[[Also[M]], Awaitable[M]],
        view: Callable[[M], V],
        kind: type[V],
    ) -> tuple[V, bool]:
        """Does the work unless it was done for this key; returns its view, and whether that is an old answer.

        Raises:
            ApiProblem: the key stood on another request.
            and whatever the work raises.
        """
        name = hashlib.sha256(key.encode()).hexdigest()
        if (kept := await self._kept(call, name, kind)) is not None:
            return kept, True

        async def also(connection: AsyncConnection, made: M) -> None:
            await self._keep(connection, call, name, msgspec.json.encode(view(made)))

        try:
            return view(await work(also)), False
        except (ChangeError, _TakenError):
            # Perhaps it cannot be done because the same request just did it, through another connection or process.
            if (kept := await self._kept(call, name, kind)) is None:
                raise
            return kept, True

    async def _kept(self, call: Call, name: str, kind: type[V]) -> V | None:
        mine = (answers.c.uin == call.uin, answers.c.name == name, answers.c.made_at > self._oldest())
        rows = await self._database.ask(select(answers).where(*mine))
        if not rows:
            return None
        row = rows[0]
        if row.fingerprint != call.fingerprint:
            raise ApiProblem(
                422, "idempotency_key_used", "This Idempotency-Key stood on another request.", "Take a new key for each thing to be done."
            )  # fmt: skip
        content = await ANSWER.decrypt(self._envelope, (call.uin, name), row.answer)
        return msgspec.json.decode(content, type=kind)

    async def _keep(self, connection: AsyncConnection, call: Call, name: str, content: bytes) -> None:
        key = (call.uin, name)
        old = delete(answers).where(
            answers.c.uin == call.uin, answers.c.name == name, answers.c.made_at <= self._oldest()
        )
        await connection.execute(old)
        row = {
            "uin": call.uin, "name": name, "fingerprint": call.fingerprint,
            "answer": await ANSWER.encrypt(self._envelope, key, content), "made_at": self._now(),
        }  # fmt: skip
        if await insert_new(connection, answers, row) == 0:
            raise _TakenError

    def _oldest(self) -> int:
        return self._now() - KEPT_SECONDS * 1000

    def _now(self) -> int:
        return int(self._clock.unix() * 1000)
