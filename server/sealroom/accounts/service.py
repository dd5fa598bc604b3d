# SPDX-License-Identifier: Apache-2.0
"""Accounts: made, changed, ended. **Every change is in the audit log in its own transaction.**"""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy import ColumnElement, Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sealroom.accounts.models import TOPIC, Account, State, accounts
from sealroom.audit.events import Actor, AuditEvent, Record, told
from sealroom.audit.service import AuditLog
from sealroom.core.clock import Clock
from sealroom.core.db import Database, change_row, insert_new, locked_row, raise_number
from sealroom.core.errors import MissingError, NotAllowedError
from sealroom.core.ids import Ids
from sealroom.core.spec import changed, checked

_FIRST_UIN = 100_000_000_000
"""UINs have twelve digits, as TRTC's; the first stands for the demo's account."""
_UIN_BITS = 36
DEMO_UIN = _FIRST_UIN
STATES = TOPIC
"""Under which name of `core.db.changes` the states of accounts are counted."""


class AccountSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the customer says of itself."""

    name: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
    contact: Annotated[str, Meta(max_length=256, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""


class AccountService:
    """The accounts of this installation."""

    def __init__(self, database: Database, audit: AuditLog, clock: Clock, ids: Ids) -> None:
        self._database, self._audit, self._clock, self._ids = database, audit, clock, ids

    async def create(self, spec: AccountSpec, actor: Actor, *, uin: int | None = None) -> Account:
        """Makes an account, under a number of its own unless one is given.

        Raises:
            NotAllowedError: the number is taken, or something does not fit.
        """
        checked(spec, "account")
        while True:
            number = uin or _FIRST_UIN + 1 + self._ids.number(_UIN_BITS)
            row = {
                "uin": number, **msgspec.structs.asdict(spec), "state": State.ACTIVE.value,
                "created_at": int(self._clock.unix()), "revision": 1,
            }  # fmt: skip
            async with self._database.writing() as connection:
                made = await insert_new(connection, accounts, row) == 1
                if made:
                    await self._append(connection, AuditEvent.ACCOUNT_CREATED, actor, number, name=spec.name)
            if made:
                await self._audit.place()
                return await self.find(number)
            if uin is not None:
                raise NotAllowedError(
                    "uin_taken", f"There is an account {uin} already.", "Leave the number out."
                )

    async def find(self, uin: int) -> Account:
        """One account. Raises MissingError."""
        rows = await self._database.ask(select(accounts).where(accounts.c.uin == uin))
        if not rows:
            raise MissingError(
                "account_unknown", f"There is no account {uin}.", "See `sealroom account list`."
            )
        return _account(rows[0])

    async def all(self) -> list[Account]:
        """Every account, by its number."""
        return [_account(row) for row in await self._database.read(select(accounts).order_by(accounts.c.uin))]

    async def change(
        self, uin: int, changes: Mapping[str, object], actor: Actor, *, expected_revision: int | None
    ) -> Account:
        """Changes parts of an account's `AccountSpec`.

        Raises:
            MissingError, ConflictError: see `locked_row`.
            NotAllowedError: the account ended, or something does not fit.
        """
        async with self._database.writing() as connection:
            row = await locked_row(connection, accounts, "account", {"uin": uin}, expected_revision)
            check_active(row, "account")
            spec = changed(AccountSpec(row.name, row.contact), changes, "account")
            await change_row(connection, accounts, {"uin": uin}, msgspec.structs.asdict(spec))
            await self._append(connection, AuditEvent.ACCOUNT_CHANGED, actor, uin, **told(changes))
        await self._audit.place()
        return await self.find(uin)

    async def terminate(self, uin: int, actor: Actor, *, expected_revision: int | None) -> Account:
        """Ends the service for an account, for good: nobody enters its applications any more, and its API keys open nothing.

        Raises:
            MissingError, ConflictError: see `locked_row`.
            NotAllowedError: it has ended already.
        """
        async with self._database.writing() as connection:
            row = await locked_row(connection, accounts, "account", {"uin": uin}, expected_revision)
            check_active(row, "account")
            ended = {"state": State.TERMINATED.value, "terminated_at": int(self._clock.unix())}
            await change_row(connection, accounts, {"uin": uin}, ended)
            await raise_number(connection, TOPIC)
            await self._append(connection, AuditEvent.ACCOUNT_TERMINATED, actor, uin)
        await self._audit.place()
        return await self.find(uin)

    async def _append(
        self, connection: AsyncConnection, event: AuditEvent, actor: Actor, uin: int, **details: str | int
    ) -> None:
        await self._audit.append(
            connection, Record(event, actor, f"account {uin}", details, f"account/{uin}")
        )


async def lock_active(connection: AsyncConnection, uin: int) -> None:
    """Keeps an account from ending before this transaction does. Raises MissingError, or NotAllowedError where it has ended."""
    check_active(await locked_row(connection, accounts, "account", {"uin": uin}), "account")


def is_active(uin: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether the account of a column has not ended, for statements of other features."""
    mine = (accounts.c.uin == uin) & (accounts.c.state == State.ACTIVE.value)
    return select(accounts.c.uin).where(mine).correlate_except(accounts).exists()


def check_active(row: Row[Any], what: str) -> None:
    """Raises NotAllowedError for what has ended."""
    if row.state != State.ACTIVE.value:
        raise NotAllowedError(
            f"{what}_terminated", f"The {what} has ended.", "Make a new one: it does not come back."
        )


def _account(row: Row[Any]) -> Account:
    return Account(
        row.uin, row.name, row.contact, State(row.state), row.created_at, row.terminated_at, row.revision
    )
