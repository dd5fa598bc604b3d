# SPDX-License-Identifier: Apache-2.0
"""Where webhooks may go, as it is configured: never to the operator's own machines."""

import ipaddress
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from sealroom.core.config import Configuration
from sealroom.core.http.address import read_networks
from sealroom.media.addresses import interface_addresses
from sealroom.webhooks.address import Address, Addresses


def webhook_addresses(configuration: Configuration) -> Addresses:
    """Judges endpoints of customers. Raises ConfigurationError."""
    settings, told = configuration.webhooks, frozenset(_told(configuration))

    def own() -> Iterable[Address]:
        """Asked anew each time: a machine gets addresses while it runs."""
        return (*told, *interface_addresses())

    return Addresses(
        read_networks(settings.allow, "webhooks.allow"), read_networks(settings.deny, "webhooks.deny"), own
    )


def _told(configuration: Configuration) -> Iterator[Address]:
    """What the configuration names of this server: where it listens, and what others are told."""
    faces = (configuration.signalling, configuration.api)
    hosts = [urlsplit(f"//{one.listen}").hostname for one in (*faces, configuration.admin)]
    hosts += [urlsplit(one.public_url).hostname for one in faces]
    for text in (*hosts, *configuration.media.addresses):
        try:
            yield ipaddress.ip_address(text or "")
        except ValueError:
            # A name: what it leads to is not this machine's to know, and stands in webhooks.deny.
            continue
