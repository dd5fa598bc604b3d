# SPDX-License-Identifier: Apache-2.0
"""Applications: made, changed, given new keys, ended. **Every change is in the audit log in its own transaction**, secrets never.

A running server sees a change of another process when somebody enters next.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sealroom.accounts.service import check_active, lock_active
from sealroom.apps.billing import write_ended
from sealroom.apps.models import (
    APPLICATION_SECRET,
    TOPIC,
    ApplicationSpec,
    ApplicationStatus,
    KeyStatus,
    NewKey,
    State,
    application_keys,
    applications,
    spec_of,
)
from sealroom.apps.origins import check_origin
from sealroom.audit.events import Actor, AuditEvent, Record, told
from sealroom.audit.service import AuditLog
from sealroom.core.clock import Clock
from sealroom.core.db import Also, Database, change_row, insert_new, locked_row, raise_number
from sealroom.core.errors import ConfigurationError, MissingError, NotAllowedError
from sealroom.core.ids import Ids
from sealroom.core.keys import Envelope
from sealroom.core.spec import changed, checked

MOST_KEYS = 2
"""One in use, one to take its place. Each more makes every refusal of a forged UserSig dearer."""
_FIRST_ID = 1_400_000_000
"""Where TRTC's application ids lie."""
_ID_BITS = 26
_LAST_ID = 2**32 - 1
_OLD_SITE = "local"
_KEY_LENGTHS = range(16, 257)
"""Of keys that are brought along: TRTC's have 64 hexadecimal digits."""


class ApplicationRegister:
    """What is known of applications, for whoever administers them."""

    def __init__(
        self, database: Database, audit: AuditLog, clock: Clock, ids: Ids, envelope: Envelope, site: str
    ) -> None:
        """Applications are made in `site`, this process's: their data lies there, and nowhere else."""
        self._database, self._audit, self._clock = database, audit, clock
        self._ids, self._envelope, self._site = ids, envelope, site

    async def adopt(self, connection: AsyncConnection, site: str) -> None:
        """Brings along what an older program made, which knew of one site and called it `local`."""
        await connection.execute(
            update(applications).where(applications.c.site == _OLD_SITE).values(site=site)
        )
        await raise_number(connection, TOPIC)

    async def create(
        self,
        uin: int,
        spec: ApplicationSpec,
        actor: Actor,
        *,
        sdk_app_id: int | None = None,
        secret_key: str | None = None,
    ) -> NewKey:
        """Makes an application with its first key; number and key are new ones unless they are brought along.

        Raises:
            MissingError: there is no such account.
            NotAllowedError: the account has ended, the number is taken, or something does not fit.
            EnvelopeError: the master key cannot be asked.
        """
        _check(checked(spec, "application"))
        secret, number = self._secret(secret_key), sdk_app_id
        if number is not None and not 1 <= number <= _LAST_ID:
            raise NotAllowedError(
                "sdk_app_id_invalid", f"{number} is no SdkAppId.", f"Take one from 1 to {_LAST_ID}."
            )
        while True:
            made = NewKey(number or _FIRST_ID + self._ids.number(_ID_BITS), 1, secret)
            if await self._insert(uin, spec, made, actor):
                await self._audit.place()
                return made
            if number is not None:
                raise NotAllowedError(
                    "sdk_app_id_taken", f"There is an application {number} already.", "Take another."
                )

    async def _insert(self, uin: int, spec: ApplicationSpec, made: NewKey, actor: Actor) -> bool:
        sealed = await self._sealed(made)
        row = {
            "sdk_app_id": made.sdk_app_id, "uin": uin, **_columns(spec), "site": self._site, "state": State.ACTIVE.value,
            "created_at": int(self._clock.unix()), "keys_made": 1, "revision": 1,
        }  # fmt: skip
        async with self._database.writing() as connection:
            await lock_active(connection, uin)
            if await insert_new(connection, applications, row) == 0:
                return False
            await connection.execute(insert(application_keys).values(sealed))
            details = {"uin": uin, "site": self._site, **msgspec.to_builtins(spec)}
            await self._append(connection, AuditEvent.APPLICATION_CREATED, actor, made.sdk_app_id, details)
        return True

    async def find(self, sdk_app_id: int) -> ApplicationStatus:
        """One application. Raises MissingError."""
        found = await self._read(applications.c.sdk_app_id == sdk_app_id)
        if not found:
            raise MissingError(
                "application_unknown", f"There is no application {sdk_app_id}.", "See `sealroom app list`."
            )
        return found[0]

    async def all(self, uin: int | None = None) -> list[ApplicationStatus]:
        """Every application, or every one of an account."""
        return await self._read(*([] if uin is None else [applications.c.uin == uin]))

    async def page(self, uin: int, *, after: int, limit: int) -> list[ApplicationStatus]:
        """Applications of an account by their number, from behind the number `after` on."""
        own = applications.c.sdk_app_id
        mine = select(own).where(applications.c.uin == uin, own > after).order_by(own).limit(limit)
        found = [row.sdk_app_id for row in await self._database.read(mine)]
        return await self._read(own.in_(found)) if found else []

    async def change(
        self, sdk_app_id: int, changes: Mapping[str, object], actor: Actor, *, expected_revision: int | None
    ) -> ApplicationStatus:
        """Changes parts of an application's `ApplicationSpec`.

        Raises:
            MissingError, ConflictError: see `locked_row`.
            NotAllowedError: it or its account has ended, or something does not fit.
        """
        async with self._database.writing() as connection:
            row = await self._locked(connection, sdk_app_id, expected_revision)
            before = spec_of(row)
            spec = _check(changed(before, changes, "application"))
            if spec.billing_mode is not before.billing_mode:
                now = int(self._clock.unix() * 1000)
                await write_ended(connection, sdk_app_id, before.billing_mode, now)
            await self._changed(connection, sdk_app_id, _columns(spec))
            await self._append(connection, AuditEvent.APPLICATION_CHANGED, actor, sdk_app_id, changes)
        await self._audit.place()
        return await self.find(sdk_app_id)

    async def add_key(
        self,
        sdk_app_id: int,
        actor: Actor,
        *,
        expected_revision: int | None,
        secret_key: str | None = None,
        also: Also[NewKey] | None = None,
    ) -> NewKey:
        """A second key, to take the first one's place: both hold until one is retired.

        Raises:
            MissingError, ConflictError: see `locked_row`.
            NotAllowedError: it or its account has ended, has two keys already, or the key does not fit.
            EnvelopeError: the master key cannot be asked.
        """
        secret = self._secret(secret_key)
        async with self._database.writing() as connection:
            row = await self._locked(connection, sdk_app_id, expected_revision)
            if await _count(connection, sdk_app_id) >= MOST_KEYS:
                raise NotAllowedError(
                    "application_keys_too_many",
                    f"The application {sdk_app_id} has {MOST_KEYS} keys.",
                    "Retire the one that is no longer used.",
                )
            made = NewKey(sdk_app_id, row.keys_made + 1, secret)
            await connection.execute(insert(application_keys).values(await self._sealed(made)))
            await self._changed(connection, sdk_app_id, {"keys_made": made.number})
            await self._append(
                connection, AuditEvent.APPLICATION_KEY_ADDED, actor, sdk_app_id, {"number": made.number}
            )
            if also is not None:
                await also(connection, made)
        await self._audit.place()
        return made

    async def retire_key(
        self, sdk_app_id: int, number: int, actor: Actor, *, expected_revision: int | None
    ) -> None:
        """Takes a key away for good: what it signed is refused from the next entry on.

        Raises:
            MissingError, ConflictError: see `locked_row`; or it has no such key.
            NotAllowedError: it or its account has ended, or it is the only key.
        """
        mine = (application_keys.c.sdk_app_id == sdk_app_id) & (application_keys.c.number == number)
        async with self._database.writing() as connection:
            await self._locked(connection, sdk_app_id, expected_revision)
            if (await connection.execute(delete(application_keys).where(mine))).rowcount == 0:
                raise MissingError(
                    "application_key_unknown",
                    f"The application {sdk_app_id} has no key {number}.",
                    f"See `sealroom app show {sdk_app_id}`.",
                )
            if await _count(connection, sdk_app_id) == 0:
                raise NotAllowedError("application_key_last", "It is the only key.", "Add one first.")
            await self._changed(connection, sdk_app_id, {})
            await self._append(
                connection, AuditEvent.APPLICATION_KEY_RETIRED, actor, sdk_app_id, {"number": number}
            )
        await self._audit.place()

    async def terminate(self, sdk_app_id: int, actor: Actor, *, expected_revision: int | None) -> None:
        """Ends an application for good: nobody enters it any more. Calls in progress go on.

        Raises:
            MissingError, ConflictError: see `locked_row`.
            NotAllowedError: it or its account has ended already.
        """
        ended = {"state": State.TERMINATED.value, "terminated_at": int(self._clock.unix())}
        async with self._database.writing() as connection:
            await self._locked(connection, sdk_app_id, expected_revision)
            await self._changed(connection, sdk_app_id, ended)
            await self._append(connection, AuditEvent.APPLICATION_TERMINATED, actor, sdk_app_id, {})
        await self._audit.place()

    async def _locked(self, connection: AsyncConnection, sdk_app_id: int, expected: int | None) -> Row[Any]:
        row = await locked_row(connection, applications, "application", {"sdk_app_id": sdk_app_id}, expected)
        check_active(row, "application")
        await lock_active(connection, row.uin)
        return row

    async def _changed(
        self, connection: AsyncConnection, sdk_app_id: int, values: Mapping[str, object]
    ) -> None:
        await change_row(connection, applications, {"sdk_app_id": sdk_app_id}, values)
        await raise_number(connection, TOPIC)

    def _secret(self, given: str | None) -> str:
        if given is None:
            return self._ids.secret()
        if len(given) not in _KEY_LENGTHS or not given.isascii() or not given.isprintable():
            # Nothing of the key in the sentence: it ends up on a screen.
            raise NotAllowedError(
                "secret_key_invalid", "That is no secret key.", f"It has {_KEY_LENGTHS[0]} to {_KEY_LENGTHS[-1]} ASCII characters."
            )  # fmt: skip
        return given

    async def _sealed(self, made: NewKey) -> dict[str, object]:
        place = (made.sdk_app_id, made.number)
        secret = await APPLICATION_SECRET.encrypt(self._envelope, place, made.secret_key.encode())
        return {
            "sdk_app_id": made.sdk_app_id, "number": made.number, "secret": secret, "created_at": int(self._clock.unix()),
        }  # fmt: skip

    async def _append(
        self,
        connection: AsyncConnection,
        event: AuditEvent,
        actor: Actor,
        sdk_app_id: int,
        details: Mapping[str, object],
    ) -> None:
        target = f"application {sdk_app_id}"
        await self._audit.append(connection, Record(event, actor, target, told(details), f"{sdk_app_id}"))

    async def _read(self, *conditions: Any) -> list[ApplicationStatus]:
        own = applications.c.sdk_app_id
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(applications).where(*conditions).order_by(own))).all()
            found = select(application_keys).join(applications, application_keys.c.sdk_app_id == own)
            keys: dict[int, list[KeyStatus]] = {}
            ordered = found.where(*conditions).order_by(application_keys.c.number)
            for row in await connection.execute(ordered):
                keys.setdefault(row.sdk_app_id, []).append(KeyStatus(row.number, row.created_at))
        return [_status(row, tuple(keys.get(row.sdk_app_id, ()))) for row in rows]


async def _count(connection: AsyncConnection, sdk_app_id: int) -> int:
    mine = select(func.count()).where(application_keys.c.sdk_app_id == sdk_app_id)
    return (await connection.execute(mine)).scalar_one()


def _check(spec: ApplicationSpec) -> ApplicationSpec:
    try:
        for origin in spec.origins:
            check_origin(origin)
    except ConfigurationError as error:
        raise NotAllowedError("application_invalid", error.sentence, error.action) from None
    return spec


def _columns(spec: ApplicationSpec) -> dict[str, object]:
    columns: dict[str, object] = msgspec.to_builtins(spec)
    return columns


def _status(row: Row[Any], keys: tuple[KeyStatus, ...]) -> ApplicationStatus:
    return ApplicationStatus(
        row.sdk_app_id, row.uin, spec_of(row), row.site, State(row.state), row.created_at, row.terminated_at, row.revision, keys
    )  # fmt: skip
