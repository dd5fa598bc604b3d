# SPDX-License-Identifier: Apache-2.0
"""Key pairs that sign calls of the API: made, switched off, and found again by whoever verifies a call.

TC3 signs with the secret itself (an HMAC key), so it has to be kept; it is kept encrypted. **A secret key leaves here twice: to the
customer when it is made, and to what verifies.**
"""

import contextlib
import re
from collections import OrderedDict
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Row, func, insert, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sealroom.accounts.models import API_SECRET, KEYS_TOPIC, ApiKey, ApiKeyStatus, NewApiKey, api_keys
from sealroom.accounts.service import STATES, is_active, lock_active
from sealroom.audit.events import Actor, AuditEvent, Record
from sealroom.audit.service import AuditLog
from sealroom.core.clock import Clock
from sealroom.core.db import AWAY, Also, Database, Watch, change_row, locked_row, raise_number
from sealroom.core.errors import MissingError, NotAllowedError
from sealroom.core.ids import Ids
from sealroom.core.keys import Envelope

MOST = 2
"""Pairs of an account that are switched on: one in use, one to take its place. TRTC's own limit."""
_REMEMBERED = 10_000
"""Keys that stay decrypted in memory. Fewer ask the database more often."""
_PREFIX = "AKID"
_LENGTH = 32
_SHAPE = re.compile(rf"{_PREFIX}[A-Za-z0-9]{{{_LENGTH}}}")


class ApiKeys:
    """The key pairs of every account."""

    def __init__(
        self, database: Database, audit: AuditLog, clock: Clock, ids: Ids, envelope: Envelope
    ) -> None:
        self._database, self._audit, self._clock = database, audit, clock
        self._ids, self._envelope = ids, envelope
        self._watch = Watch(database, clock, KEYS_TOPIC, STATES)
        self._known: OrderedDict[str, ApiKey] = OrderedDict()
        self._known_at = 0
        self._used: dict[str, date] = {}

    async def create(self, uin: int, actor: Actor, *, also: Also[NewApiKey] | None = None) -> NewApiKey:
        """Makes a pair, whose secret half is shown this once.

        Raises:
            MissingError: there is no such account.
            NotAllowedError: the account has ended, or has as many pairs as it may.
            EnvelopeError: the master key cannot be asked.
        """
        made = NewApiKey(_PREFIX + self._ids.alphanumeric(_LENGTH), self._ids.alphanumeric(_LENGTH))
        secret = await API_SECRET.encrypt(self._envelope, (made.secret_id,), made.secret_key.encode())
        row = {
            "secret_id": made.secret_id, "uin": uin, "secret": secret, "enabled": True,
            "created_at": int(self._clock.unix()), "revision": 1,
        }  # fmt: skip
        async with self._database.writing() as connection:
            # Who makes another pair for the account at the same time waits here.
            await lock_active(connection, uin)
            mine = select(func.count()).where(api_keys.c.uin == uin, api_keys.c.enabled)
            if (await connection.execute(mine)).scalar_one() >= MOST:
                raise NotAllowedError(
                    "api_keys_too_many",
                    f"The account {uin} has {MOST} keys that are switched on.",
                    "Disable one that is no longer used.",
                )
            await connection.execute(insert(api_keys).values(row))
            await self._append(connection, AuditEvent.API_KEY_CREATED, actor, made.secret_id, uin)
            if also is not None:
                await also(connection, made)
        await self._audit.place()
        return made

    async def disable(self, secret_id: str, actor: Actor, *, expected_revision: int | None) -> None:
        """Switches a pair off, for good: within a second it opens nothing.

        Raises:
            MissingError, ConflictError: see `locked_row`.
            NotAllowedError: it is off already.
        """
        async with self._database.writing() as connection:
            key = {"secret_id": secret_id}
            row = await locked_row(connection, api_keys, "api key", key, expected_revision)
            if not row.enabled:
                raise NotAllowedError("api_key_disabled", f"{secret_id} is off already.", "Make a new one.")
            off = {"enabled": False, "disabled_at": int(self._clock.unix())}
            await change_row(connection, api_keys, key, off)
            await raise_number(connection, KEYS_TOPIC)
            await self._append(connection, AuditEvent.API_KEY_DISABLED, actor, secret_id, row.uin)
        await self._audit.place()

    async def of(self, uin: int) -> list[ApiKeyStatus]:
        """Every pair of an account, the oldest first."""
        mine = select(api_keys).where(api_keys.c.uin == uin)
        rows = await self._database.read(mine.order_by(api_keys.c.created_at, api_keys.c.secret_id))
        return [_status(row) for row in rows]

    async def page(self, uin: int, *, after: tuple[int, str], limit: int) -> list[ApiKeyStatus]:
        """Pairs of an account, the oldest first, from behind the moment and SecretId `after` on."""
        place = tuple_(api_keys.c.created_at, api_keys.c.secret_id)
        mine = select(api_keys).where(api_keys.c.uin == uin, place > after)
        ordered = mine.order_by(api_keys.c.created_at, api_keys.c.secret_id).limit(limit)
        return [_status(row) for row in await self._database.read(ordered)]

    async def find(self, uin: int, secret_id: str) -> ApiKeyStatus:
        """One pair of an account. Raises MissingError, for another account's too."""
        mine = select(api_keys).where(api_keys.c.uin == uin, api_keys.c.secret_id == secret_id)
        rows = await self._database.ask(mine)
        if not rows:
            raise MissingError("api_key_unknown", f"There is no api key {secret_id}.", "Look at the list.")
        return _status(rows[0])

    async def secret_of(self, secret_id: str) -> ApiKey | None:
        """The pair of a SecretId; None where there is none. From memory where nothing changed for a second.

        Raises:
            EnvelopeError: the master key cannot be asked.
            one of AWAY: the database does not answer. Who cannot be verified is not let in.
        """
        if not _SHAPE.fullmatch(secret_id):
            return None
        number = await self._watch.number()
        if number != self._known_at:
            self._known.clear()
            self._known_at = number
        if (known := self._known.get(secret_id)) is not None:
            self._known.move_to_end(secret_id)
            return known
        return await self._read(secret_id, number)

    async def _read(self, secret_id: str, number: int) -> ApiKey | None:
        statement = select(
            api_keys.c.uin, api_keys.c.secret, api_keys.c.enabled, is_active(api_keys.c.uin).label("active")
        ).where(api_keys.c.secret_id == secret_id)
        rows = await self._database.ask(statement)
        if not rows:
            return None
        row = rows[0]
        secret = await API_SECRET.decrypt(self._envelope, (secret_id,), row.secret)
        found = ApiKey(secret_id, row.uin, secret.decode(), not (row.enabled and row.active))
        # Not when another task emptied the memory meanwhile: what was read here may be from before the change.
        if number == self._known_at:
            self._known[secret_id] = found
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return found

    async def used(self, secret_id: str) -> None:
        """Notes that a call was verified with a pair: once a day, and only the day. A query does not fail because nobody can write
        now: a later call of that day notes it."""
        today = datetime.fromtimestamp(self._clock.unix(), UTC).date()
        if self._used.get(secret_id) == today:
            return
        if len(self._used) >= _REMEMBERED:
            self._used.clear()
        earlier = or_(api_keys.c.last_used_day.is_(None), api_keys.c.last_used_day < today)
        noted = update(api_keys).where(api_keys.c.secret_id == secret_id, earlier).values(last_used_day=today)
        with contextlib.suppress(*AWAY):
            async with self._database.writing() as connection:
                await connection.execute(noted)
            self._used[secret_id] = today

    async def _append(
        self, connection: AsyncConnection, event: AuditEvent, actor: Actor, secret_id: str, uin: int
    ) -> None:
        record = Record(event, actor, f"api key {secret_id}", {"uin": uin}, f"account/{uin}")
        await self._audit.append(connection, record)


def _status(row: Row[Any]) -> ApiKeyStatus:
    return ApiKeyStatus(
        row.secret_id, row.uin, row.enabled, row.created_at, row.disabled_at, row.last_used_day, row.revision
    )
