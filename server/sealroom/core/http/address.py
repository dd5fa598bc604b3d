# SPDX-License-Identifier: Apache-2.0
"""Addresses to listen on, and the rule that nothing is spoken in clear beyond loopback."""

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from sealroom.core.errors import ConfigurationError

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_HOST_PORT = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)|(localhost)):([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where a listener is bound."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return ipaddress.ip_address(self.host).is_loopback

    def with_port(self, port: int) -> "ListenAddress":
        """The same host with another port."""
        return ListenAddress(self.host, port)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def read_listen_address(text: str, setting: str) -> ListenAddress:
    """Reads `127.0.0.1:7880`, `[::1]:7880` or `localhost:7880`; raises `ConfigurationError` naming `setting`."""
    match = _HOST_PORT.fullmatch(text)
    if match is not None:
        v6, v4, name, port = match.groups()
        host = "127.0.0.1" if name else v6 or v4
        try:
            ipaddress.ip_address(host)
        except ValueError:
            match = None
    if match is None or int(port) > 65535:
        raise ConfigurationError(
            "configuration_listen_invalid",
            f"`{text}` in {setting} is not an address with a port.",
            "Write 127.0.0.1:7880 or [::1]:7880.",
        )
    return ListenAddress(host, int(port))


def read_networks(texts: tuple[str, ...], setting: str = "signalling.behind_proxy") -> tuple[Network, ...]:
    """Reads the networks of a setting; raises `ConfigurationError`."""
    found: list[Network] = []
    for text in texts:
        try:
            found.append(ipaddress.ip_network(text))
        except ValueError as error:
            raise ConfigurationError(
                "configuration_network_invalid",
                f"`{text}` in {setting} is not a network.",
                "Write 10.0.0.0/8, or 10.1.2.3/32 for one address.",
            ) from error
    return tuple(found)


def check_encrypted(listen: ListenAddress, *, certificate: bool, behind_proxy: bool) -> None:
    """Refuses to start where something would be spoken in clear beyond this machine."""
    if listen.is_loopback or certificate or behind_proxy:
        return
    raise ConfigurationError(
        "configuration_in_clear",
        f"signalling.listen = {listen} can be reached from other machines, and nothing would encrypt it.",
        "Give signalling.certificate and signalling.key, or name the networks of your TLS proxy in signalling.behind_proxy.",
    )


@lru_cache(1024)
def neighbourhood_of(address: str) -> str:
    """What counts as one address in limits: an IPv6 address stands for its /64, which is one customer's line."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped) if mapped else str(ipaddress.ip_network((parsed.packed[:8] + bytes(8), 64)))
    return str(parsed)
