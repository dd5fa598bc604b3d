# SPDX-License-Identifier: Apache-2.0
"""The name of a server: **two live processes never have one on one database.**

The ledger, receipts and claims of webhooks carry the name, and a start ends what the process before it left open under it. So it is held
under a lease in the database. The state folder is this process's alone (`StateDirectory.locked`): whoever held the name from the same
folder is dead, and his lease is taken over at once.
"""

import asyncio
import hashlib
import secrets
import socket
from collections.abc import Callable

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sealroom.core.clock import Clock
from sealroom.core.db import AWAY, Database, insert_new
from sealroom.core.errands import place_of
from sealroom.core.errors import StartError
from sealroom.core.logging import get_logger
from sealroom.core.state import StateDirectory
from sealroom.nodes.models import names

LEASE_SECONDS = 30.0
"""How long a name stays with a server that says nothing, where another folder asks for it. Longer outlasts longer pauses."""
RENEW_SECONDS = 5.0

_log = get_logger()


def home_of(state: StateDirectory, *, shares_database: bool) -> str:
    """Names the state folder on this machine. The machine is in it: a copy of the folder elsewhere is another home.

    But where the database lies in the folder, a copy has a database of its own: whoever has the folder has the name, also in a container
    that was made anew and is called otherwise.
    """
    drawn = state.keep("node.id", lambda: secrets.token_hex(16).encode())
    machine = socket.gethostname() if shares_database else ""
    return hashlib.blake2s(drawn + machine.encode(), digest_size=16).hexdigest()


class NodeName:
    """The name that this process goes by."""

    def __init__(self, database: Database, clock: Clock, name: str, home: str) -> None:
        self._database, self._clock = database, clock
        self.name = name
        self._home, self._holder = home, secrets.token_hex(16)
        self._is_mine = False
        self._live: tuple[str, ...] = (name,)
        self._told: list[Callable[[], object]] = []

    async def claim(self) -> None:
        """Takes the name. **Before anything is written or ended under it.**

        Raises:
            StartError: another live server has it.
        """
        now = self._now()
        free = or_(names.c.home == self._home, names.c.until <= now)
        mine = {"home": self._home, "holder": self._holder, "until": now + int(LEASE_SECONDS * 1000)}
        async with self._database.writing() as connection:
            self._is_mine = await insert_new(connection, names, {"name": self.name, **mine}) == 1
            if not self._is_mine:
                taken = update(names).where(names.c.name == self.name, free).values(mine)
                self._is_mine = (await connection.execute(taken)).rowcount == 1
            await self._look(connection)
        if not self._is_mine:
            raise await self._taken()

    async def _taken(self) -> StartError:
        found = await self._database.ask(select(names.c.until).where(names.c.name == self.name))
        left = max(0, *(row.until - self._now() for row in found)) / 1000 if found else 0
        return StartError(
            "node_name_taken",
            f"Another server of this database is called {self.name}.",
            f"Give each its own name in [server] name. If it is dead, with its state folder, the name is free in {left:.0f} s.",
        )

    async def run(self) -> None:
        """Renews the lease for ever."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                await self.renew()
            except Exception as error:
                # Away, or read-only after a failover: nobody else can take it either, and this must not be the last try.
                _log.warning("node_name_not_renewed", error=type(error).__name__, place=place_of(error))

    async def renew(self) -> None:
        """Keeps the name, or finds that another process took it, as from a copy of this state folder. Raises one of AWAY."""
        mine = update(names).where(names.c.name == self.name, names.c.holder == self._holder)
        async with self._database.writing() as connection:
            kept = await connection.execute(mine.values(until=self._now() + int(LEASE_SECONDS * 1000)))
            await self._look(connection)
        if kept.rowcount != 1:
            self._lose()

    async def _look(self, connection: AsyncConnection) -> None:
        live = await connection.execute(select(names.c.name).where(names.c.until > self._now()))
        self._live = tuple(sorted({self.name, *(row.name for row in live)}))

    def place(self) -> tuple[int, int]:
        """Which of how many live servers this one is, counted from 0, as it looked last. **No two have one place**, but for the seconds
        (`RENEW_SECONDS`) in which one came or went and not all have seen it."""
        return self._live.index(self.name), len(self._live)

    async def holds(self, connection: AsyncConnection) -> bool:
        """Whether the name is still this process's, in a transaction that writes under it. **Who takes it waits for the end of that
        transaction**, and sees all that it wrote: a process that stood still writes nothing after it.
        """
        mine = select(names.c.name).where(names.c.name == self.name, names.c.holder == self._holder)
        found = (await connection.execute(mine.with_for_update(read=True))).one_or_none()
        if found is None:
            self._lose()
        return found is not None

    def when_lost(self, told: Callable[[], object]) -> None:
        """Calls `told`, which must not wait or raise, once another process has the name."""
        self._told.append(told)

    def _lose(self) -> None:
        self._is_mine = False
        _log.error("node_name_lost")
        listeners, self._told = self._told, []
        for told in listeners:
            told()

    async def is_mine(self) -> bool:
        """Whether the name was this process's when it last looked. Without it no new calls may come: their rows are another's."""
        return self._is_mine

    async def release(self) -> None:
        """Gives the name back at the end. Where the database is away, the lease ends by itself."""
        mine = update(names).where(names.c.name == self.name, names.c.holder == self._holder)
        try:
            async with self._database.writing() as connection:
                await connection.execute(mine.values(until=0))
        except AWAY as error:
            _log.warning("node_name_not_released", error=type(error).__name__)

    def _now(self) -> int:
        return int(self._clock.unix() * 1000)


async def holders(database: Database) -> dict[str, int]:
    """Every name that was ever taken, with the end of its lease (Unix milliseconds); 0 for one that was given back."""
    rows = await database.ask(select(names.c.name, names.c.until).order_by(names.c.name))
    return {row.name: row.until for row in rows}
