# SPDX-License-Identifier: Apache-2.0
"""The bus by the configuration. Nothing else knows which implementation runs."""

import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

from sealroom.catalogue import Catalogue
from sealroom.core.bus.errors import BusUnavailable
from sealroom.core.bus.local import LocalBus
from sealroom.core.bus.port import Bus
from sealroom.core.clock import Clock
from sealroom.core.config.schema import BusSettings
from sealroom.core.errors import ConfigurationError, StartError

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
COMMAND_PATIENCE = 2.0
"""Seconds that a command waits for the bus. Nothing is lost without it: servers look by themselves."""


async def open_bus(
    settings: BusSettings, catalogue: Catalogue, site: str, clock: Clock, *, patience: float = 10.0
) -> Bus:
    """The bus that the configuration names, connected. A server that starts wants it there; one that runs goes on without.

    Raises:
        ConfigurationError: something in [bus] that cannot be used.
        StartError: it is not reached within `patience` seconds, lets us not in, or is too old.
    """
    if not settings.url:
        return LocalBus(catalogue, clock)
    servers, trust = tuple(_servers(settings.url)), _trust(settings.ca)
    # Importing the client takes a while, which nobody without NATS should wait for.
    from sealroom.core.bus.connection import NatsSettings
    from sealroom.core.bus.jetstream import NatsBus

    wanted = NatsSettings(
        servers, f"sealroom-{site}", settings.user, settings.password, trust, patience=patience, replicas=settings.replicas
    )  # fmt: skip
    try:
        return await NatsBus.connect(wanted, catalogue, clock)
    except BusUnavailable as error:
        raise StartError(
            error.code,
            f"The bus at {', '.join(servers)} cannot be used: {error}",
            "Look at NATS: whether it runs with JetStream, and whether [bus] user, password and ca are right.",
        ) from error


def _servers(url: str) -> Iterator[str]:
    for text in url.split(","):
        one = text.strip()
        try:
            parts = urlsplit(one)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise _invalid("url", "it is no address", "Write tls://nats.example:4222.") from None
        if "@" in parts.netloc:
            raise _invalid("url", "it holds a password", "Use user and password.")
        if parts.scheme not in ("tls", "nats") or not host:
            raise _invalid("url", f"`{one}` is no address", "Write tls://nats.example:4222.")
        if parts.scheme == "nats" and host not in _LOOPBACK:
            raise _invalid("url", f"`{one}` is not encrypted", "Use tls://, or nats:// on loopback only.")
        yield one


def _trust(ca: str) -> ssl.SSLContext | None:
    if not ca:
        return None
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError):
        raise _invalid(
            "ca", f"`{ca}` holds no certificate that can be read", "Check its name and permissions."
        ) from None


def _invalid(key: str, what: str, action: str) -> ConfigurationError:
    return ConfigurationError(f"bus_{key}_invalid", f"bus.{key}: {what}.", action)
