# SPDX-License-Identifier: Apache-2.0
"""The composition root: the only file that knows every feature, and the order in which they start and end."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sealroom.accounts.signatures import Signatures
from sealroom.api import endpoint as own_api
from sealroom.api.homes import Homes
from sealroom.api.idempotency import Answers
from sealroom.api.services import Services as OwnServices
from sealroom.apps.demo import HandOver, demo_application
from sealroom.apps.models import Application
from sealroom.audit.configuration import record_configuration
from sealroom.audit.copies import CHECKPOINTS
from sealroom.audit.events import system_user
from sealroom.between import open_between
from sealroom.catalogue import Catalogue, Document
from sealroom.core import logging
from sealroom.core.clock import Clock, SystemClock
from sealroom.core.config import Configuration
from sealroom.core.config.describe import changed_settings
from sealroom.core.config.schema import SiteSettings
from sealroom.core.db import metadata
from sealroom.core.errands import Errands, goes_on
from sealroom.core.ids import Ids
from sealroom.core.jobs import JobKind, JobMetrics, Jobs
from sealroom.core.metrics import LABELS
from sealroom.core.records import Records
from sealroom.core.records.journal import journal_dataset
from sealroom.core.records.opening import shorter_retention, store_of, writer_of
from sealroom.core.records.writing import RecordWriter
from sealroom.core.state import StateDirectory, state_directory
from sealroom.core.supervisor import Supervisor
from sealroom.core.traces import traces_dataset
from sealroom.draining import Drain
from sealroom.kept import Kept
from sealroom.listeners import admin_listener, api_listener, program_version, public_listener, start_engine
from sealroom.media import control
from sealroom.media.sdp.answer import Server
from sealroom.memory import keep_what_start_made
from sealroom.nodes.models import NODES
from sealroom.production import check_production, raise_file_limit
from sealroom.quality import models as quality
from sealroom.quality.collector import Collector
from sealroom.quality.kept import KeptOfCalls
from sealroom.quality.minutes import Minutes
from sealroom.quality.relay import HistoryMetrics, HistoryRelay
from sealroom.quality.reports import Listening
from sealroom.quality.totals import Totals
from sealroom.regions.directory import FileDirectory, directory_dataset
from sealroom.regions.receipts import ReceiptBook, Receipts
from sealroom.regions.touched import JOURNAL, Rules, Touched
from sealroom.retention.service import Purge
from sealroom.rooms.acts import Acts
from sealroom.rooms.elsewhere import OtherNodes
from sealroom.rooms.ledger import Fence, Ledger, LedgerMetrics
from sealroom.rooms.moderation import Moderation
from sealroom.rooms.service import RoomService
from sealroom.signalling.conversation import Services
from sealroom.signalling.endpoint import PATH, SignallingEndpoint
from sealroom.signalling.limits import Gate
from sealroom.telemetry import Telemetry
from sealroom.trtc_api import endpoint as trtc_api
from sealroom.trtc_api.reading.book import LedgerBook
from sealroom.trtc_api.reading.metered import MeteredUsage
from sealroom.trtc_api.reading.numbers import RecordedNumbers
from sealroom.trtc_api.reading.past import RecordedHistory
from sealroom.usage.meter import Meter
from sealroom.webhooks.client import Client
from sealroom.webhooks.delivery import Deliverer
from sealroom.webhooks.metrics import WebhookMetrics
from sealroom.webhooks.outbox import TOPIC as WEBHOOKS
from sealroom.webhooks.outbox import Outbox
from sealroom_wire.errors import ErrorCode

_log = logging.get_logger()

END_SECONDS = 60.0
"""What the end of a server takes after its calls, at most: the last webhooks, records and room events are written."""

DOCUMENTS: tuple[type[Document], ...] = quality.DOCUMENTS
"""Every kind of document that features keep in `records`."""

TOUCHES = Rules(
    opened=("db/calls", "db/history_outbox", "db/receipts", "log/log"),
    entered=("db/presences", "db/usage_meters", "db/usage_days"),
    follows={
        "records/quality_samples": ("records/quality_minutes", JOURNAL),
        "records/entries": ("records/quality_joins", JOURNAL),
        "records/stays": ("records/quality_totals", JOURNAL),
    },
)
"""What receipts say of every call; what else it touched is seen where it is written. tests/residency compares them with the stores."""


def catalogue() -> Catalogue:
    """Everything that this program stores. Raises `Undeclared` where a feature keeps what it did not declare."""
    journal = journal_dataset(DOCUMENTS)
    others = [
        directory_dataset(),
        traces_dataset(),
        CHECKPOINTS.dataset,
        NODES.dataset,
        *([journal] if journal else []),
    ]
    return Catalogue(metadata, DOCUMENTS, log=logging.FIELDS, labels=LABELS, others=others)


@dataclass(frozen=True, slots=True)
class Reached:
    """What a started server is reached at."""

    endpoint: str
    admin: str
    api: str
    media: tuple[tuple[str, int], ...]
    state: Path


@dataclass(frozen=True, slots=True)
class Running:
    """A started development server."""

    at: Reached
    demo: Application

    def hand_over(self) -> HandOver:
        """What the demo's customer side needs to know."""
        return HandOver(self.at.endpoint, self.demo.sdk_app_id, self.demo.secret_keys[0])


@dataclass(frozen=True, slots=True)
class _Started:
    at: Reached
    drain: Drain
    kept: Kept


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
    async with _started(configuration) as started:
        kept = started.kept
        demo = await demo_application(kept.accounts, kept.register, kept.apps, system_user(), demo_origins)
        ready(Running(started.at, demo))
        await stop.wait()
        started.drain.begin()


async def run_serve(
    configuration: Configuration, *, stop: asyncio.Event, hurry: asyncio.Event, supervisor: Supervisor
) -> None:
    """Runs the operator's side for production until `stop` is set, then lets calls end, for as long as is configured or until `hurry`.

    Raises:
        ConfigurationError: a setting that cannot be used, or is not for production.
        StartError: something else is missing or taken.
    """
    check_production(configuration)
    raise_file_limit()
    async with supervisor.fed(), _started(configuration) as started:
        at = started.at
        for listener, url in (("signalling", at.endpoint), ("api", at.api), ("admin", at.admin)):
            _log.info("listening", listener=listener, url=url)
        supervisor.ready()
        await stop.wait()
        seconds = configuration.server.drain_seconds
        supervisor.stopping(seconds + END_SECONDS)
        started.drain.begin()
        await started.drain.wait(seconds, hurry)


@asynccontextmanager
async def _started(configuration: Configuration) -> AsyncIterator[_Started]:
    """Everything, in a state folder that is this process's alone."""
    state = StateDirectory(state_directory(configuration.state.directory, os.environ))
    with state.locked():
        logging.configure(style=configuration.log.format, level=configuration.log.level, key=state.log_key())
        async with _running(configuration, state) as started:
            keep_what_start_made()
            _log.info("started", version=program_version())
            yield started
    _log.info("ended")


@asynccontextmanager
async def _running(configuration: Configuration, state: StateDirectory) -> AsyncIterator[_Started]:
    """Starts every part, and ends them in the reverse order."""
    clock, ids = SystemClock(), Ids()
    telemetry = Telemetry.of(configuration)
    metrics, health, traces = telemetry.metrics, telemetry.health, telemetry.traces
    async with AsyncExitStack() as parts:
        parts.push_async_callback(traces.close)
        # First of all: nothing is opened by a program that would store what nobody declared.
        made = catalogue()
        kept = await Kept.open(configuration, state, clock, ids)
        parts.push_async_callback(kept.database.close)
        telemetry.watch_database(kept.database)
        # A server that may not have its name writes nothing under it.
        between = await open_between(parts, configuration, state, kept, made, telemetry, clock)
        # What a process wrote that was killed before it could give it a place.
        await kept.audit.place()
        await record_configuration(
            kept.database, kept.audit, socket.gethostname(), changed_settings(configuration), system_user()
        )
        records, writer = await _records(
            parts, configuration, state, kept, made, telemetry, clock, between.copies.kinds()
        )
        errands = await parts.enter_async_context(Errands())
        # Everything of calls is written through it, so that their receipts know.
        touched = Touched(writer, made, TOUCHES)
        ledger = await _ledger(
            parts, configuration, kept, made, touched, telemetry, clock, ids, between.name.holds
        )
        meter = Meter(kept.database, clock)
        # After the engine has said the last of everybody.
        parts.push_async_callback(meter.close)
        # The engine, the rooms and the meter know each other; no event comes before the loop turns again.
        engine = start_engine(configuration.media, lambda event: tell(event))  # noqa: PLW0108
        parts.push_async_callback(engine.close)
        minutes = Minutes(touched, state.log_key())
        collector = Collector(engine, touched, minutes, clock, measured=(meter.on_measures,))
        devices = Listening(
            collector, touched, minutes, clock, errands, log=configuration.quality.sdk_log, expected=touched.expect
        )  # fmt: skip
        server = Server(engine.fingerprint, tuple(engine.addresses), configuration.media.dtls)
        rooms = RoomService(
            engine, server, clock=clock, ids=ids, settings=configuration.rooms, errands=errands, metrics=metrics,
            listeners=(touched, ledger, collector, meter), bans=kept.bans, place=between.name.place,
        )  # fmt: skip

        def tell(event: control.Event) -> None:
            meter.on_engine_event(event)
            collector.on_engine_event(event)
            rooms.on_engine_event(event)

        others = OtherNodes(between.bus, kept.database, kept.audit, clock, configuration.server.name)
        await others.serve(Acts(rooms))
        # Calls that are open go on, unwritten; new ones go to a server whose name is its own.
        between.name.when_lost(rooms.drain)
        between.name.when_lost(lambda: errands.start(others.end()))
        moderation = Moderation(rooms, kept.bans, kept.database, kept.audit, clock, errands, others)
        await moderation.start()
        parts.callback(moderation.close)
        settings = configuration.signalling
        directory = _directory(configuration.site, clock)
        services = Services(
            kept.apps,
            rooms,
            clock,
            metrics,
            settings,
            reports=devices,
            kept=KeptOfCalls(made, touched.of, records, kept.database, clock),
            entries=devices,
            refusals=devices,
            directory=directory,
            traces=traces,
        )
        endpoint = SignallingEndpoint(services, Gate(settings))
        signatures = Signatures(kept.database, clock)
        api = trtc_api.application(
            keys=kept.api_keys, applications=kept.apps, signatures=signatures, rooms=moderation,
            past=RecordedHistory(records, LedgerBook(kept.database), clock), numbers=RecordedNumbers(records, clock),
            meters=MeteredUsage(kept.usage), clock=clock, metrics=metrics, traces=traces, directory=directory,
        )  # fmt: skip
        own = OwnServices(
            kept.register, kept.api_keys, kept.bans, moderation, kept.endpoints, kept.letters, kept.audit,
            ReceiptBook(kept.database, kept.keys), made,
            Answers(kept.database, kept.envelope, clock), signatures, Homes(directory, kept.register), kept.usage,
        )  # fmt: skip
        own_face = own_api.application(own, clock, ids, metrics, traces)
        public, api_face = (
            public_listener(settings, endpoint, metrics, health, clock),
            api_listener(configuration.api, api, own_face, clock),
        )
        admin = admin_listener(configuration.admin, engine, metrics, health, clock)
        for listener in (admin, api_face, public):
            parts.push_async_callback(listener.stop)
        parts.push_async_callback(minutes.close)
        # The engine says the last of everybody, who is metered by it, when it has removed him.
        parts.push_async_callback(_settled, errands)
        parts.callback(rooms.close, ErrorCode.SERVER_BUSY)
        parts.callback(endpoint.close)
        for work in (collector.run(), meter.run()):
            goes_on(parts, work)
        bound, admin_bound, api_bound = await public.start(), await admin.start(), await api_face.start()
        url = settings.public_url or f"{'wss' if settings.certificate else 'ws'}://{bound}{PATH}"
        api_url = f"{'https' if configuration.api.certificate else 'http'}://{api_bound}"
        at = Reached(url, f"http://{admin_bound}", api_url, server.addresses, state.path)
        between.be_present(parts, rooms, health, url=at.endpoint, api=configuration.api.public_url or at.api)
        yield _Started(at, Drain(rooms, health, clock), kept)


async def _records(
    parts: AsyncExitStack, configuration: Configuration, state: StateDirectory, kept: Kept, made: Catalogue, telemetry: Telemetry, clock: Clock,
    more: tuple[JobKind, ...],
) -> tuple[Records, RecordWriter]:  # fmt: skip
    """The store of records, what is written to it by way of the journal, and the jobs: those that end what is old, and `more`."""
    site, settings = configuration.site.name, configuration.records
    records = store_of(settings, state, made, site, clock)
    parts.push_async_callback(records.close)
    await records.prepare()
    traces = telemetry.traces
    writer = writer_of(settings, state, made, site, records, kept.envelope, clock, traces)
    await parts.enter_async_context(writer)
    telemetry.watch_records(writer)
    purge = Purge(made, metadata, kept.database, records, clock, shorter_retention(settings, made))
    job_metrics = JobMetrics(telemetry.metrics.registry)
    totals = Totals(records, writer, clock, days=purge.days(made.of(quality.Stay)))
    kinds = (*purge.kinds(), *kept.usage.kinds(), *totals.kinds(), *more)
    jobs = Jobs(kept.database, clock, kinds, job_metrics, traces)
    await jobs.prepare()
    goes_on(parts, jobs.run())
    return records, writer


async def _ledger(
    parts: AsyncExitStack, configuration: Configuration, kept: Kept, made: Catalogue, touched: Touched, telemetry: Telemetry, clock: Clock,
    ids: Ids, fence: Fence,
) -> Ledger:  # fmt: skip
    """What writes down what happens in rooms, with all that hangs on it; what a killed process left open is ended first."""
    outbox, metrics, traces = Outbox(kept.database, clock), telemetry.metrics, telemetry.traces
    node = configuration.server.name
    deliverer = Deliverer(
        outbox, kept.endpoints, Client(clock, kept.addresses), clock, ids, WebhookMetrics(metrics.registry),
        max_waiting=configuration.webhooks.max_waiting, node=node, traces=traces,
    )  # fmt: skip
    kept.database.changes.listen(WEBHOOKS, deliverer.wake)
    parts.push_async_callback(deliverer.close)
    receipts = Receipts(
        kept.database, kept.keys, touched, configuration.site.name, node=node, seen={"db/webhook_outbox": outbox.holds}
    )  # fmt: skip
    history = HistoryRelay(
        kept.database, touched, made, clock, HistoryMetrics(metrics.registry), node=node, expected=touched.expect
    )  # fmt: skip
    ledger = Ledger(
        kept.database, clock, LedgerMetrics(metrics.registry), node=node, fence=fence, traces=traces,
        writers=(receipts.learn, history.write, outbox.write, receipts.write),
        committed=(history.committed, outbox.committed, deliverer.wake, receipts.committed),
    )  # fmt: skip
    telemetry.watch_ledger(ledger)
    telemetry.watch_history(history)
    await receipts.complete()
    parts.push_async_callback(history.close)
    # What the process before left goes to the journal before what ends its calls.
    await history.start()
    await ledger.recover(ids)
    await ledger.start()
    await deliverer.recover()
    deliverer.start()
    parts.push_async_callback(ledger.close)
    return ledger


def _directory(settings: SiteSettings, clock: Clock) -> FileDirectory:
    """Where other sites' applications are. Raises ConfigurationError."""
    return FileDirectory(Path(settings.directory) if settings.directory else None, settings.name, clock)


async def _settled(errands: Errands) -> None:
    """Gives what was begun a moment to end."""
    if errands.running:
        await asyncio.wait(errands.running, timeout=2.0)
