# SPDX-License-Identifier: Apache-2.0
"""The program's listeners and its media engine, by their settings."""

import ipaddress
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

from sealroom.api import endpoint as own_api
from sealroom.core.clock import Clock
from sealroom.core.config.schema import AdminSettings, ApiSettings, MediaSettings, SignallingSettings
from sealroom.core.errors import ConfigurationError, StartError
from sealroom.core.health import Health, Refresh, Version, admin_application
from sealroom.core.http.address import ListenAddress, check_encrypted, read_listen_address, read_networks
from sealroom.core.http.crowd import Crowd
from sealroom.core.http.dispatch import Dispatcher, Route
from sealroom.core.http.listener import Listener
from sealroom.core.http.problem import NOT_ENCRYPTED, answer
from sealroom.core.http.proxy import Application, BehindProxy, Receive, Scope, Send
from sealroom.core.http.tls import Certificate
from sealroom.core.metrics import Metrics
from sealroom.media.addresses import media_addresses
from sealroom.media.engine import EngineConfig, MediaEngine
from sealroom.media.metrics import EngineMetrics, SocketMetrics
from sealroom.media.port import EngineFailure
from sealroom.media.sockets import Limits, SocketListener
from sealroom.signalling.endpoint import CALLER, PATH
from sealroom.trtc_api import endpoint as trtc_api
from sealroom_wire import PROTOCOL_VERSION
from sealroom_wire.limits import MAX_SIGNALLING_MESSAGE_BYTES

MOST_CALLERS, MOST_CALLERS_PER_ADDRESS = 2_000, 200
"""Connections to the API, in all and from one address (IPv6: one /64). A backend keeps some dozens; more serve more backends, and leave
fewer descriptors to calls."""


def program_version() -> str:
    """The version of this distribution; `0` where it runs uninstalled."""
    try:
        return installed_version("sealroom")
    except PackageNotFoundError:
        return "0"


def start_engine(settings: MediaSettings, listener: Callable[..., None]) -> MediaEngine:
    """The engine, running. Raises `ConfigurationError` and `StartError`."""
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


def admin_listener(
    settings: AdminSettings, engine: MediaEngine, metrics: Metrics, health: Health, clock: Clock
) -> Listener:
    """Where the operator's own machines look."""
    refresh = _observe(engine, metrics, health)
    version = Version(program_version(), (PROTOCOL_VERSION,))
    application: Any = admin_application(health, metrics, version, refresh)
    return Listener(application, read_listen_address(settings.listen, "admin.listen"), clock)


def public_listener(
    settings: SignallingSettings, endpoint: Application, metrics: Metrics, health: Health, clock: Clock
) -> SocketListener:
    """Where clients connect, and whether they can."""
    application, listen, certificate = _encrypted(settings, "signalling", public_routes(endpoint), clock)
    listener = SocketListener(application, listen, public_limits(settings), certificate=certificate)
    metrics.add(SocketMetrics(lambda: listener.counted))
    health.add("signalling", listener.works)
    return listener


def public_limits(settings: SignallingSettings) -> Limits:
    """What connections of clients may cost before they have entered. Beyond what may wait they are told so; beyond twice that they are cut,
    for each that is told something is there a while longer."""
    return Limits(
        # Twice the protocol's limit, so that a message which is only somewhat too large is answered and not just cut.
        max_message=2 * MAX_SIGNALLING_MESSAGE_BYTES,
        max_opening=settings.max_connections,
        max_opening_per_address=None if settings.behind_proxy else 2 * settings.max_waiting_per_address,
    )


def api_listener(settings: ApiSettings, trtc: Application, own: Application, clock: Clock) -> Listener:
    """Where customers' backends call."""
    crowd = Crowd(MOST_CALLERS, None if settings.behind_proxy else MOST_CALLERS_PER_ADDRESS)
    application, listen, certificate = _encrypted(settings, "api", api_routes(trtc, own), clock)
    return Listener(application, listen, clock, certificate=certificate, crowd=crowd)


def _encrypted(
    settings: SignallingSettings | ApiSettings, section: str, routes: tuple[Route, ...], clock: Clock
) -> tuple[Application, ListenAddress, Certificate | None]:
    """What is served where, and with which certificate. Raises ConfigurationError: never in clear beyond this machine."""
    listen = read_listen_address(settings.listen, f"{section}.listen")
    networks = read_networks(settings.behind_proxy, f"{section}.behind_proxy")
    check_encrypted(listen, certificate=bool(settings.certificate), behind_proxy=bool(networks))
    certificate = (
        Certificate(Path(settings.certificate), Path(settings.key), clock) if settings.certificate else None
    )
    application: Application = Dispatcher(routes)
    if networks:
        application = BehindProxy(application, networks, _not_encrypted)
    return application, listen, certificate


def public_routes(endpoint: Application) -> tuple[Route, ...]:
    """Everything the public listener serves."""
    return (Route(PATH, "websocket", CALLER, endpoint),)


def api_routes(trtc: Application, own: Application) -> tuple[Route, ...]:
    """Everything the API's listener serves: TRTC's actions, and what there is no action for."""
    return (
        Route(trtc_api.PATH, "http", trtc_api.CALLER, trtc),
        Route(own_api.PREFIX, "http", own_api.CALLER, own, below=True),
    )


async def _not_encrypted(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(NOT_ENCRYPTED, scope, receive, send)
