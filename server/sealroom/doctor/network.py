# SPDX-License-Identifier: Apache-2.0
"""Where the server is reached, and whom it reaches."""

import asyncio
import ipaddress
import os
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from sealroom.core.config import Configuration
from sealroom.core.config.schema import ApiSettings, SignallingSettings
from sealroom.core.errors import ConfigurationError, StartError
from sealroom.core.http.address import check_encrypted, read_listen_address, read_networks
from sealroom.core.http.served import Served, examine_certificate
from sealroom.doctor.finding import Said
from sealroom.doctor.stores import has_schema, is_served
from sealroom.kept import kept
from sealroom.media.addresses import media_addresses
from sealroom.reachable import webhook_addresses
from sealroom.regions.directory import read as read_directory
from sealroom.webhooks.address import Addresses, read_addresses
from sealroom.webhooks.names import Names

SOON_SECONDS = 14 * 86_400
"""A certificate that ends sooner should have been renewed by now: authorities give theirs for 90 days, or less."""
MAX_HOSTS = 20
"""Endpoints' names that are looked up."""


def directory(configuration: Configuration) -> str:
    """What is known of other sites."""
    if not configuration.site.directory:
        return f"site {configuration.site.name}; no other is known"
    contents = read_directory(Path(configuration.site.directory))
    return (
        f"site {configuration.site.name}; the directory has {', '.join(sorted(contents.sites)) or 'no site'}"
    )


def signalling(configuration: Configuration) -> str:
    """Whether the address can be bound and is spoken encrypted."""
    return _encrypted(configuration, configuration.signalling, "signalling")


def api(configuration: Configuration) -> str:
    """The same of the API's."""
    return _encrypted(configuration, configuration.api, "api")


def admin(configuration: Configuration) -> str:
    """Whether the address can be bound."""
    listen = read_listen_address(configuration.admin.listen, "admin.listen")
    return _bindable(configuration, socket.SOCK_STREAM, listen.host, listen.port, f"{listen}")


def certificates(configuration: Configuration) -> str | Said:
    """Whether each certificate fits its key, is valid for some time yet, and is trusted."""
    found: dict[str, Served] = {}
    for section, settings in (("signalling", configuration.signalling), ("api", configuration.api)):
        if settings.certificate:
            found[section] = examine_certificate(Path(settings.certificate), Path(settings.key), section)
    if not found:
        return "none is configured: a TLS proxy has it, or nothing leaves this machine"
    names = ", ".join(f"{section}: {', '.join(one.names)}" for section, one in found.items())
    days = min(one.ends - time.time() for one in found.values()) / 86_400
    said = f"{names}; valid for {days:.0f} days"
    if days * 86_400 < SOON_SECONDS:
        return Said(f"{said}.", "Renew it; the new one is read within 10 s of being written.")
    untrusted = [one.untrusted for one in found.values() if one.untrusted]
    if untrusted:
        return Said(
            f"{said}; this machine does not trust it: {untrusted[0]}.",
            "Put the authority's intermediate certificates behind the server's own. A private authority has to be known to every client.",
        )
    return said


def media(configuration: Configuration) -> str | Said:
    """Whether the UDP port can be bound at every address, and whether these can be reached from elsewhere at all."""
    addresses = configuration.media.addresses or tuple(media_addresses())
    for address in addresses:
        _bindable(configuration, socket.SOCK_DGRAM, address, configuration.media.port, address)
    if all(address == "127.0.0.1" for address in addresses):
        raise StartError(
            "no_interface",
            "There is no network interface but loopback.",
            "Connect one: Firefox does not connect to 127.0.0.1 alone.",
        )
    port = configuration.media.port
    said = f"UDP {'any port' if port == 0 else f'port {port}'} at {', '.join(addresses)}"
    if not any(_is_global(address) for address in addresses):
        return Said(
            f"{said}: no public address, so only this network reaches it.",
            "For callers elsewhere name a public address of this machine in media.addresses, and open the UDP port in the firewall; "
            "a call from outside shows whether it passes.",
        )
    return f"{said}; whether the firewall lets it in is seen from outside only"


def loopback(_configuration: Configuration) -> str:
    """A datagram to ourselves: a firewall that drops it would drop calls in `dev` too."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(1.0)
        sender.sendto(b"doctor", receiver.getsockname())
        try:
            receiver.recv(16)
        except OSError as error:
            raise StartError(
                "udp_blocked", "UDP does not pass on loopback.", "Look at this machine's firewall."
            ) from error
    return "UDP passes"


def webhooks(configuration: Configuration) -> str | Said:
    """Whether the names of customers' endpoints are resolved, to addresses that may be reached."""
    addresses = webhook_addresses(configuration)
    if not has_schema(configuration):
        return "no endpoints yet"
    hosts = asyncio.run(_hosts(configuration))
    if not hosts:
        return "no endpoints yet"
    wrong = asyncio.run(_unreachable(hosts[:MAX_HOSTS], addresses))
    if wrong:
        return Said(
            f"Of {len(hosts)} hosts of endpoints: {'; '.join(wrong)}.",
            "Look at this machine's resolver; else tell the customer, or see [webhooks] allow.",
        )
    return f"{len(hosts)} hosts of endpoints; names are resolved"


async def _hosts(configuration: Configuration) -> list[tuple[str, int, bool]]:
    """Host, port, and whether it is without TLS, of every endpoint that is switched on."""
    async with kept(configuration) as everything:
        urls = [urlsplit(one.url) for one in await everything.endpoints.all() if one.enabled]
    return sorted(
        {
            (url.hostname or "", url.port or (80 if url.scheme == "http" else 443), url.scheme == "http")
            for url in urls
        }
    )


async def _unreachable(hosts: Sequence[tuple[str, int, bool]], addresses: Addresses) -> list[str]:
    wrong, names = [], Names()
    try:
        for host, port, in_clear in hosts:
            try:
                async with asyncio.timeout(5.0):
                    found = list(read_addresses(await names(host, port)))
            except (OSError, UnicodeError):
                wrong.append(f"{host} is not resolved")
                continue
            if not any(addresses.may_reach(one, in_clear=in_clear) for one in found):
                wrong.append(f"{host} has no address that may be reached")
    finally:
        names.close()
    return wrong


def _encrypted(configuration: Configuration, settings: SignallingSettings | ApiSettings, section: str) -> str:
    listen = read_listen_address(settings.listen, f"{section}.listen")
    networks = read_networks(settings.behind_proxy, f"{section}.behind_proxy")
    try:
        check_encrypted(listen, certificate=bool(settings.certificate), behind_proxy=bool(networks))
    except ConfigurationError as error:
        raise ConfigurationError(
            error.code,
            f"{section}.listen = {listen} can be reached from other machines, and nothing would encrypt it.",
            f"Give {section}.certificate and {section}.key, or name the networks of your TLS proxy in {section}.behind_proxy.",
        ) from error
    for name in filter(None, (settings.certificate, settings.key)):
        if not os.access(Path(name), os.R_OK):
            raise StartError("file_unreadable", f"{name} cannot be read.", "Check its name and permissions.")
    return _bindable(configuration, socket.SOCK_STREAM, listen.host, listen.port, f"{listen}")


def _bindable(configuration: Configuration, kind: socket.SocketKind, host: str, port: int, said: str) -> str:
    """Raises StartError where somebody else has the port. A server that runs in this state folder has it rightly."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, kind) as probe:
            if kind is socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        if is_served(configuration):
            return f"{said} is taken, by the running server as it seems"
        raise StartError(
            "cannot_bind",
            f"{host} port {port} cannot be bound: {error.strerror}.",
            "End what uses it, or choose another.",
        ) from error
    return f"{said} is free"


def _is_global(address: str) -> bool:
    return ipaddress.ip_address(address).is_global
