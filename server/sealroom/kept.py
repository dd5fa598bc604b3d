# SPDX-License-Identifier: Apache-2.0
"""What is kept, opened: the database, keys and the services over them, without a server around."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sealroom.accounts.api_keys import ApiKeys
from sealroom.accounts.models import API_SECRET, KEYS_TOPIC
from sealroom.accounts.models import TOPIC as ACCOUNTS
from sealroom.accounts.service import AccountService
from sealroom.api.models import ANSWER
from sealroom.apps.models import APPLICATION_SECRET
from sealroom.apps.models import TOPIC as APPLICATIONS
from sealroom.apps.register import ApplicationRegister
from sealroom.apps.service import ApplicationService
from sealroom.audit.service import AuditLog
from sealroom.catalogue import Catalogue
from sealroom.core.bus import BusError
from sealroom.core.bus.opening import COMMAND_PATIENCE, open_bus
from sealroom.core.clock import Clock, SystemClock
from sealroom.core.config import Configuration
from sealroom.core.db import Database, metadata
from sealroom.core.errors import OperatorError
from sealroom.core.ids import Ids
from sealroom.core.keys import Envelope, FileKeys, SealedColumn, check_master_key, master_keys
from sealroom.core.state import StateDirectory, state_directory
from sealroom.nodes.changes import announce
from sealroom.reachable import webhook_addresses
from sealroom.regions.home import claim
from sealroom.rooms.bans import TOPIC as BANS
from sealroom.rooms.bans import Bans
from sealroom.rotation import Rotation
from sealroom.usage.service import UsageService
from sealroom.webhooks.address import Addresses
from sealroom.webhooks.endpoints import Endpoints
from sealroom.webhooks.letters import Letters
from sealroom.webhooks.models import KEYS as WEBHOOK_KEY
from sealroom.webhooks.outbox import TOPIC as WEBHOOKS

SEALED: tuple[SealedColumn, ...] = (API_SECRET, APPLICATION_SECRET, WEBHOOK_KEY, ANSWER)
"""Every column that features keep encrypted under the master key."""

TOLD = frozenset({APPLICATIONS, ACCOUNTS, KEYS_TOPIC, BANS, WEBHOOKS})
"""Kinds of things that servers keep in memory, and tell each other of when they change."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept, without a server around it."""

    database: Database
    keys: FileKeys
    envelope: Envelope
    audit: AuditLog
    accounts: AccountService
    api_keys: ApiKeys
    apps: ApplicationService
    register: ApplicationRegister
    rotation: Rotation
    bans: Bans
    addresses: Addresses
    endpoints: Endpoints
    letters: Letters
    usage: UsageService

    @classmethod
    async def open(
        cls, configuration: Configuration, state: StateDirectory, clock: Clock, ids: Ids
    ) -> "Kept":
        """Opens and, where it is of an older program, migrates it; close `database` in the end.

        Raises:
            ConfigurationError, StartError: it cannot be used; the master key is another one's; the database is another site's.
        """
        keys, envelope = FileKeys(state), Envelope(master_keys(configuration.keys, state))
        addresses = webhook_addresses(configuration)
        site = configuration.site.name
        database = Database(configuration.database.url or state.database, configuration.database)
        audit = AuditLog(database, keys, clock)
        register = ApplicationRegister(database, audit, clock, ids, envelope, site)
        try:
            await claim(database, site, register.adopt)
            await check_master_key(database, envelope, SEALED)
        except BaseException:
            await database.close()
            raise
        return cls(
            database,
            keys,
            envelope,
            audit,
            AccountService(database, audit, clock, ids),
            ApiKeys(database, audit, clock, ids, envelope),
            ApplicationService(database, audit, clock, envelope, site),
            register,
            Rotation(database, envelope, audit, SEALED),
            Bans(database, audit, clock),
            addresses,
            Endpoints(database, audit, envelope, clock, addresses),
            Letters(database, audit, clock),
            UsageService(database, clock),
        )


@asynccontextmanager
async def kept(
    configuration: Configuration, untold: Callable[[str], None] = lambda _: None
) -> AsyncIterator[Kept]:
    """For commands that look at what is kept, or change it. Servers are told of what changed; where the bus does not take it, `untold`
    is called with the reason, and they find out by themselves a second or two later.
    """
    state = StateDirectory(state_directory(configuration.state.directory, os.environ))
    opened = await Kept.open(configuration, state, SystemClock(), Ids())
    changed: set[str] = set()
    opened.database.changes.on_commit(changed.update)
    try:
        yield opened
    finally:
        await opened.database.close()
        if changed & TOLD and configuration.bus.url:
            await _announce(configuration, changed & TOLD, untold)


async def _announce(configuration: Configuration, topics: set[str], untold: Callable[[str], None]) -> None:
    try:
        catalogue = Catalogue(metadata)
        bus = await open_bus(
            configuration.bus, catalogue, configuration.site.name, SystemClock(), patience=COMMAND_PATIENCE
        )
        try:
            await announce(bus, topics)
        finally:
            # Only then has the server of the bus all that was sent.
            await bus.close()
    except OperatorError as error:
        untold(error.sentence)
    except BusError as error:
        untold(f"{error}")
