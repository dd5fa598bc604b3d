# SPDX-License-Identifier: Apache-2.0
"""The composition root: the only file that knows every feature, and the order in which they start and end."""

import asyncio
import ipaddress
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

from sealroom.accounts.api_keys import ApiKeys
from sealroom.accounts.models import API_SECRET
from sealroom.accounts.service import AccountService
from sealroom.apps.demo import HandOver, demo_application
from sealroom.apps.models import APPLICATION_SECRET
from sealroom.apps.models import Application as CustomerApplication
from sealroom.apps.register import ApplicationRegister
from sealroom.apps.service import ApplicationService
from sealroom.audit.configuration import record_configuration
from sealroom.audit.events import system_user
from sealroom.audit.service import AuditLog
from sealroom.catalogue import Catalogue, Document
from sealroom.core import logging
from sealroom.core.clock import Clock, SystemClock
from sealroom.core.config import Configuration
from sealroom.core.config.describe import changed_settings
from sealroom.core.config.schema import AdminSettings, MediaSettings, SignallingSettings
from sealroom.core.db import Database, metadata
from sealroom.core.errands import Errands
from sealroom.core.errors import ConfigurationError, StartError
from sealroom.core.health import Health, Refresh, Version, admin_application
from sealroom.core.http.address import ListenAddress, check_encrypted, read_listen_address, read_networks
from sealroom.core.http.dispatch import Dispatcher, Route
from sealroom.core.http.listener import Listener
from sealroom.core.http.problem import NOT_ENCRYPTED, answer
from sealroom.core.http.proxy import Application, BehindProxy, Receive, Scope, Send
from sealroom.core.http.tls import Certificate
from sealroom.core.ids import Ids
from sealroom.core.jobs import Jobs
from sealroom.core.keys import Envelope, FileKeys, SealedColumn, check_master_key, master_keys
from sealroom.core.metrics import LABELS, Metrics
from sealroom.core.records.journal import journal_dataset
from sealroom.core.records.opening import shorter_retention, store_of, writer_of
from sealroom.core.state import StateDirectory, state_directory
from sealroom.media.addresses import media_addresses
from sealroom.media.engine import EngineConfig, MediaEngine
from sealroom.media.metrics import EngineMetrics
from sealroom.media.port import EngineFailure
from sealroom.media.sdp.answer import Server
from sealroom.quality import models as quality
from sealroom.quality.collector import Collector
from sealroom.quality.history import History
from sealroom.quality.minutes import Minutes
from sealroom.quality.reports import Listening
from sealroom.retention.service import Purge
from sealroom.rooms.bans import Bans
from sealroom.rooms.ledger import Ledger, LedgerMetrics
from sealroom.rooms.moderation import Moderation
from sealroom.rooms.service import RoomService
from sealroom.rotation import Rotation
from sealroom.signalling.conversation import Services
from sealroom.signalling.endpoint import CALLER, PATH, SignallingEndpoint
from sealroom.signalling.limits import Gate
from sealroom.webhooks.address import Addresses
from sealroom.webhooks.client import Client
from sealroom.webhooks.delivery import Deliverer, WebhookMetrics
from sealroom.webhooks.endpoints import Endpoints
from sealroom.webhooks.letters import Letters
from sealroom.webhooks.models import KEYS as WEBHOOK_KEY
from sealroom.webhooks.outbox import Outbox
from sealroom_wire import PROTOCOL_VERSION
from sealroom_wire.errors import ErrorCode
from sealroom_wire.limits import MAX_SIGNALLING_MESSAGE_BYTES

_log = logging.get_logger()

DOCUMENTS: tuple[type[Document], ...] = quality.DOCUMENTS
"""Every kind of document that features keep in `records`."""
SEALED: tuple[SealedColumn, ...] = (API_SECRET, APPLICATION_SECRET, WEBHOOK_KEY)
"""Every column that features keep encrypted under the master key."""


def catalogue() -> Catalogue:
    """Everything that this program stores. Raises `Undeclared` where a feature keeps what it did not declare."""
    journal = journal_dataset(DOCUMENTS)
    return Catalogue(
        metadata, DOCUMENTS, log=logging.FIELDS, labels=LABELS, others=[journal] if journal else ()
    )


@dataclass(frozen=True, slots=True)
class Running:
    """What a started server is reached at."""

    endpoint: str
    admin: str
    media: tuple[tuple[str, int], ...]
    demo: CustomerApplication
    state: Path

    def hand_over(self) -> HandOver:
        """What the demo's customer side needs to know."""
        return HandOver(self.endpoint, self.demo.sdk_app_id, self.demo.secret_keys[0])


def program_version() -> str:
    """The version of this distribution; `0` where it runs uninstalled."""
    try:
        return installed_version("sealroom")
    except PackageNotFoundError:
        return "0"


async def run_dev(
    configuration: Configuration,
    *,
    ready: Callable[[Running], None],
    stop: asyncio.Event,
    demo_origins: tuple[str, ...] = (),
) -> None:
    """Runs everything of the operator's side in this process until `stop` is set, then ends it in order. Pages of `demo_origins`
    may use the demo application, beside those of this machine.

    Raises:
        ConfigurationError: a setting that cannot be used.
        StartError: something else is missing or taken.
    """
    state = StateDirectory(state_directory(configuration.state.directory, os.environ))
    with state.locked():
        logging.configure(style=configuration.log.format, level=configuration.log.level, key=state.log_key())
        async with _running(configuration, state, demo_origins) as (running, health):
            _log.info("started", version=program_version())
            ready(running)
            await stop.wait()
            health.draining = True
            _log.info("draining")
    _log.info("ended")


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

    @classmethod
    async def open(
        cls, configuration: Configuration, state: StateDirectory, clock: Clock, ids: Ids
    ) -> "Kept":
        """Opens and, where it is of an older program, migrates it; close `database` in the end.

        Raises:
            ConfigurationError, StartError: it cannot be used; the master key is another one's.
        """
        keys, envelope = FileKeys(state), Envelope(master_keys(configuration.keys, state))
        addresses = Addresses(read_networks(configuration.webhooks.allow, "webhooks.allow"))
        database = Database(configuration.database.url or state.database, configuration.database)
        try:
            await check_master_key(database, envelope, SEALED)
        except BaseException:
            await database.close()
            raise
        audit = AuditLog(database, keys, clock)
        return cls(
            database,
            keys,
            envelope,
            audit,
            AccountService(database, audit, clock, ids),
            ApiKeys(database, audit, clock, ids, envelope),
            ApplicationService(database, audit, clock, envelope),
            ApplicationRegister(database, audit, clock, ids, envelope, configuration.site.name),
            Rotation(database, envelope, audit, SEALED),
            Bans(database, audit, clock),
            addresses,
            Endpoints(database, audit, envelope, clock, addresses),
            Letters(database, audit, clock),
        )


@asynccontextmanager
async def kept(configuration: Configuration) -> AsyncIterator[Kept]:
    """For commands that look at what is kept, or change it."""
    state = StateDirectory(state_directory(configuration.state.directory, os.environ))
    opened = await Kept.open(configuration, state, SystemClock(), Ids())
    try:
        yield opened
    finally:
        await opened.database.close()


@asynccontextmanager
async def _running(
    configuration: Configuration, state: StateDirectory, demo_origins: tuple[str, ...]
) -> AsyncIterator[tuple[Running, Health]]:
    """Starts every part, and ends them in the reverse order."""
    clock, ids, settings = SystemClock(), Ids(), configuration.signalling
    metrics, health = Metrics(program_version()), Health()
    async with AsyncExitStack() as parts:
        opened = await Kept.open(configuration, state, clock, ids)
        parts.push_async_callback(opened.database.close)
        health.add("database", lambda: _answers(opened.database))
        # What a process wrote that was killed before it could give it a place.
        await opened.audit.place()
        await record_configuration(
            opened.database,
            opened.audit,
            socket.gethostname(),
            changed_settings(configuration),
            system_user(),
        )
        made, site = catalogue(), configuration.site.name
        wanted = configuration.records
        records = store_of(wanted, state, made, site, clock)
        parts.push_async_callback(records.close)
        await records.prepare()
        health.add("records", records.works)
        writer = await parts.enter_async_context(
            writer_of(wanted, state, made, site, records, opened.envelope, clock)
        )
        shorter = shorter_retention(wanted, made)
        purge = Purge(made, metadata, opened.database, records, clock, shorter)
        jobs = Jobs(opened.database, clock, purge.kinds())
        await jobs.prepare()
        demo = await demo_application(
            opened.accounts, opened.register, opened.apps, system_user(), demo_origins
        )
        errands = await parts.enter_async_context(Errands())
        history = History(writer)
        outbox = Outbox(opened.database, clock)
        deliverer = Deliverer(
            outbox, opened.endpoints, Client(clock, opened.addresses), clock, ids, WebhookMetrics(metrics.registry),
            max_waiting=configuration.webhooks.max_waiting,
        )  # fmt: skip
        parts.push_async_callback(deliverer.close)
        ledger = Ledger(
            opened.database, clock, LedgerMetrics(metrics.registry), writers=(history.write, outbox.write), committed=(deliverer.wake,)
        )  # fmt: skip
        await ledger.recover(ids)
        await ledger.start()
        deliverer.start()
        parts.push_async_callback(ledger.close)
        # The engine and the rooms know each other; no event comes before the loop turns again.
        engine = _start_engine(configuration.media, lambda event: rooms.on_engine_event(event))  # noqa: PLW0108
        parts.push_async_callback(engine.close)
        minutes = Minutes(writer, state.log_key())
        collector = Collector(engine, writer, minutes, clock)
        devices = Listening(collector, writer, clock, errands, log=configuration.quality.sdk_log)
        server = Server(engine.fingerprint, tuple(engine.addresses), configuration.media.dtls)
        rooms = RoomService(
            engine, server, clock=clock, ids=ids, settings=configuration.rooms, errands=errands, metrics=metrics,
            listeners=(ledger, collector), bans=opened.bans,
        )  # fmt: skip
        moderation = Moderation(rooms, opened.bans, opened.database, opened.audit, clock, errands)
        await moderation.start()
        parts.callback(moderation.close)
        services = Services(opened.apps, rooms, clock, metrics, settings, reports=devices, entries=devices)
        endpoint = SignallingEndpoint(services, Gate(settings))
        public = _public_listener(settings, endpoint, clock)
        admin = _admin_listener(configuration.admin, engine, metrics, health, clock)
        for listener in (admin, public):
            parts.push_async_callback(listener.stop)
        parts.callback(rooms.close, ErrorCode.SERVER_BUSY)
        parts.callback(endpoint.close)
        parts.push_async_callback(minutes.close)
        for work in (collector.run(), jobs.run()):
            parts.push_async_callback(_ended, asyncio.create_task(work))
        bound, admin_bound = await public.start(), await admin.start()
        url = settings.public_url or f"{'wss' if settings.certificate else 'ws'}://{bound}{PATH}"
        yield Running(url, f"http://{admin_bound}", server.addresses, demo, state.path), health


async def _ended(work: "asyncio.Task[None]") -> None:
    """Ends work that goes on until it is cancelled."""
    work.cancel()
    await asyncio.wait({work})


async def _answers(database: Database) -> bool:
    await database.check()
    return True


def _start_engine(settings: MediaSettings, listener: Callable[..., None]) -> MediaEngine:
    addresses = settings.addresses or tuple(media_addresses())
    try:
        bind = tuple(str(ListenAddress(str(ipaddress.ip_address(one)), settings.port)) for one in addresses)
    except ValueError as error:
        raise ConfigurationError(
            "configuration_address_invalid",
            f"media.addresses: {error}.",
            "Write addresses of this machine, without a port.",
        ) from error
    try:
        return MediaEngine.start(EngineConfig(bind=bind, sink_dump=settings.sink_dump or None), listener)
    except (EngineFailure, ValueError) as error:
        raise StartError(
            "engine_not_started", f"The media engine does not start: {error}", "Check [media], and the addresses of this machine."
        ) from error  # fmt: skip


def _observe(engine: MediaEngine, metrics: Metrics, health: Health) -> Refresh:
    """Adds the engine to what is watched; returns what takes its counters."""
    counters = EngineMetrics()
    metrics.add(counters)

    async def refresh() -> None:
        counters.stats, counters.load = await engine.stats(), engine.load()

    async def works() -> bool:
        await engine.stats()
        return True

    health.add("engine", works)
    return refresh


def _admin_listener(
    settings: AdminSettings, engine: MediaEngine, metrics: Metrics, health: Health, clock: Clock
) -> Listener:
    refresh = _observe(engine, metrics, health)
    version = Version(program_version(), (PROTOCOL_VERSION,))
    application: Any = admin_application(health, metrics, version, refresh)
    return Listener(application, read_listen_address(settings.listen, "admin.listen"), clock)


def _public_listener(settings: SignallingSettings, endpoint: SignallingEndpoint, clock: Clock) -> Listener:
    listen = read_listen_address(settings.listen, "signalling.listen")
    networks = read_networks(settings.behind_proxy)
    check_encrypted(listen, certificate=bool(settings.certificate), behind_proxy=bool(networks))
    certificate = (
        Certificate(Path(settings.certificate), Path(settings.key), clock) if settings.certificate else None
    )
    application: Application = Dispatcher(public_routes(endpoint))
    if networks:
        application = BehindProxy(application, networks, _not_encrypted)
    # Twice the protocol's limit, so that a message which is only somewhat too large is answered and not just cut.
    return Listener(
        application, listen, clock, certificate=certificate, max_message=2 * MAX_SIGNALLING_MESSAGE_BYTES
    )


def public_routes(endpoint: Application) -> tuple[Route, ...]:
    """Everything the public listener serves."""
    return (Route(PATH, "websocket", CALLER, endpoint),)


async def _not_encrypted(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(NOT_ENCRYPTED, scope, receive, send)
