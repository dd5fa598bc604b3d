# SPDX-License-Identifier: Apache-2.0
"""Where the demo stands in a network: addresses, name, certificate; and what a listener there needs."""

import asyncio
import datetime as dt
import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from sealroom_customer.errors import ConfigurationError, StartError
from sealroom_customer.http.asgi import Receive, Scope, Send, answer
from sealroom_customer.http.listen import DEFAULT_HOST, Listening
from sealroom_customer.lan.addresses import local_addresses, multicast_name, own_addresses
from sealroom_customer.lan.certificate import Issued, issue

PORT = 8443
CERTIFICATE_PATH = "/ca.crt"
_LOOK_AGAIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Place:
    """This machine in its network, with a certificate for it on disk. `addresses`: the one to show to people first."""

    folder: Path
    addresses: tuple[str, ...]
    name: str | None
    issued: Issued

    @classmethod
    def prepare(cls, folder: Path, given: Sequence[str], unix: float) -> "Place":
        """Finds addresses, unless some are `given`, and makes what certificates are missing in `folder`.

        Raises:
            ConfigurationError: an address that is not of a local network.
            StartError: no address of a local network, or the folder cannot be used.
        """
        addresses = _checked(given) if given else own_addresses()
        if not addresses:
            raise StartError(
                "no_local_address",
                "This machine has no IPv4 address that only its own network can reach.",
                "Join a network, or name the address with --lan-address.",
            )
        name = multicast_name()
        return cls(folder, addresses, name, _issued(folder, addresses, name, unix))

    @property
    def hosts(self) -> tuple[str, ...]:
        """Everything by which it can be reached, over one certificate."""
        names = () if self.name is None else (self.name,)
        return tuple(dict.fromkeys((*self.addresses, *names, "localhost", DEFAULT_HOST)))

    def listening(self, port: int) -> Listening:
        """These addresses and loopback, and no other: a public address of this machine is not listened on."""
        first, *others = dict.fromkeys((*self.addresses, DEFAULT_HOST))
        leaf = self.issued.leaf_file
        return Listening(first, port, leaf, leaf, names=self.hosts, also=tuple(others))

    async def keep(self, unix: Callable[[], float], say: Callable[[str], None]) -> None:
        """For ever: renews the certificate in time, which listeners take up, and says once when addresses have changed."""
        told = False
        while True:
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
            try:
                _issued(self.folder, self.addresses, self.name, unix())
            except StartError as error:
                # The certificate there is serves for days yet; the next look may do better.
                say(f"lan        {error.sentence} {error.action}")
            if not told and not set(self.addresses) & {*own_addresses(), DEFAULT_HOST}:
                say("lan        this machine has other addresses now: end the demo and start it again")
                told = True

    async def certificate(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Gives out the authority's certificate, as an ASGI application. It says nothing secret, and proves nothing either:
        whoever imports it has to compare its fingerprint."""
        headers = (
            ("content-type", "application/x-x509-ca-cert"),
            ("content-disposition", 'attachment; filename="sealroom-demo-ca.crt"'),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
        )
        await answer(send, 200, headers, self.issued.authority.public_bytes(Encoding.DER))


def _issued(folder: Path, addresses: Sequence[str], name: str | None, unix: float) -> Issued:
    names = ("localhost",) if name is None else (name, "localhost")
    numbers = tuple(dict.fromkeys((*addresses, DEFAULT_HOST)))
    return issue(folder, names, numbers, dt.datetime.fromtimestamp(unix, dt.UTC))


def _checked(given: Sequence[str]) -> tuple[str, ...]:
    for text in given:
        try:
            fine = ipaddress.ip_address(text).is_loopback or bool(local_addresses([text]))
        except ValueError:
            fine = False
        if not fine:
            raise ConfigurationError(
                "address_not_local",
                f"`{text}` is not an IPv4 address that only its own network can reach.",
                "Serve others with a certificate of your own: --host, --certificate, --key and --public-url.",
            )
    return tuple(dict.fromkeys(given))
