# SPDX-License-Identifier: Apache-2.0
"""Which addresses of others we speak to, and which of them count as one caller."""

import ipaddress
from typing import Literal
from urllib.parse import SplitResult, urlsplit

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def over_tls_or_on_loopback(address: str, scheme: Literal["https", "wss"]) -> SplitResult | None:
    """The parts of an address of this scheme, or of its plain form on loopback; None for any other."""
    parts = urlsplit(address)
    plain_on_loopback = parts.scheme == scheme.removesuffix("s") and parts.hostname in _LOOPBACK
    return parts if parts.hostname and (parts.scheme == scheme or plain_on_loopback) else None


def is_loopback(host: str | None) -> bool:
    """Whether a host of an address is this machine, by one of the names that browsers take for it."""
    return host in _LOOPBACK


def neighbourhood(address: str) -> str:
    """What counts as one caller: an IPv4 address, or the /64 of an IPv6 one, which is a single line's (RFC 6177 section 2).

    Whoever has a /64 has 2^64 addresses: counted one by one they would be no limit at all. What is no address counts as one caller.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed.packed[:8] + bytes(8), 64)))
