# SPDX-License-Identifier: Apache-2.0
"""Accounts, applications and their keys as a process administers them, for tests; and a key service to put behind."""

import secrets
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sealroom.accounts.api_keys import ApiKeys
from sealroom.accounts.service import AccountService
from sealroom.apps.models import Application
from sealroom.apps.register import ApplicationRegister
from sealroom.apps.service import ApplicationService
from sealroom.audit.service import AuditLog
from sealroom.core.clock import Clock
from sealroom.core.db import Database
from sealroom.core.ids import Ids
from sealroom.core.keys import Envelope, EnvelopeError, KeyName
from sealroom.core.keys.master import Wrapped
from server.tests import fakes


class KeyService:
    """The port of master keys as a key management service keeps them: nobody sees the keys, blobs are its own, and it may be away."""

    def __init__(self) -> None:
        self._id = f"arn:tests:key/{secrets.token_hex(8)}"
        self._versions: list[AESGCM] = []
        self.away = False
        self.wrapped = self.unwrapped = 0
        self._add()

    def _add(self) -> KeyName:
        self._versions.append(AESGCM(AESGCM.generate_key(256)))
        return KeyName(self._id, len(self._versions))

    def _asked(self) -> None:
        if self.away:
            raise EnvelopeError("master_key_away", "The key service does not answer.", "Try again.")

    async def newest(self) -> KeyName:
        return KeyName(self._id, len(self._versions))

    async def wrap(self, data_key: bytes, context: Mapping[str, str]) -> Wrapped:
        self._asked()
        self.wrapped += 1
        nonce = secrets.token_bytes(12)
        blob = self._versions[-1].encrypt(nonce, data_key, repr(sorted(context.items())).encode())
        return Wrapped(await self.newest(), b"vault:" + nonce + blob)

    async def unwrap(self, wrapped: Wrapped, context: Mapping[str, str]) -> bytes:
        self._asked()
        self.unwrapped += 1
        name, blob = wrapped.name, wrapped.blob.removeprefix(b"vault:")
        if name.id != self._id or not 1 <= name.version <= len(self._versions):
            raise EnvelopeError("master_key_missing", f"There is no key {name}.", "Look for it.")
        try:
            bound = repr(sorted(context.items())).encode()
            return self._versions[name.version - 1].decrypt(blob[:12], blob[12:], bound)
        except (InvalidTag, ValueError):
            raise EnvelopeError(
                "sealed_value_damaged", "The blob is not this key's.", "Look for another."
            ) from None

    async def rotate(self) -> KeyName:
        self._asked()
        return self._add()


SIGNING_KEYS = fakes.MemoryKeys()
"""What every process of the tests signs with."""
MASTER_KEYS = KeyService()
"""What every process of the tests has its secrets encrypted under, as processes on one database do."""


class Desk:
    """Everything that accounts and applications are administered with, as one process has it."""

    def __init__(self, database: Database, clock: Clock, envelope: Envelope | None = None) -> None:
        self.database, self.clock = database, clock
        self.envelope = envelope = envelope or Envelope(MASTER_KEYS)
        self.audit, ids = AuditLog(database, SIGNING_KEYS, clock), Ids()
        self.accounts = AccountService(database, self.audit, clock, ids)
        self.api_keys = ApiKeys(database, self.audit, clock, ids, envelope)
        self.apps = ApplicationService(database, self.audit, clock, envelope, fakes.SITE)
        self.register = ApplicationRegister(database, self.audit, clock, ids, envelope, fakes.SITE)


async def apps_with(database: Database, clock: Clock, *there: Application) -> ApplicationService:
    """A service on a database with these applications in it, which are made where they are not there yet."""
    desk = Desk(database, clock)
    for one in there:
        if one.uin not in {account.uin for account in await desk.accounts.all()}:
            await desk.accounts.create(fakes.ACCOUNT, fakes.ACTOR, uin=one.uin)
        if await desk.apps.owner_of(one.sdk_app_id) is None:
            first, *later = reversed(one.secret_keys)
            await desk.register.create(
                one.uin, one.spec, fakes.ACTOR, sdk_app_id=one.sdk_app_id, secret_key=first
            )
            for key in later:
                await desk.register.add_key(
                    one.sdk_app_id, fakes.ACTOR, expected_revision=None, secret_key=key
                )
    return desk.apps
