# SPDX-License-Identifier: Apache-2.0
"""How devices on the same network reach this machine: its IPv4 addresses there, and its name in multicast DNS."""

import ipaddress
import re
import socket
from collections.abc import Iterable

NETWORKS = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10",
        "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24",
    )
)  # fmt: skip
"""Addresses that mean something within one network only (RFC 1918, 3927, 6598; those of documents, RFC 5737, for laboratories)."""
_ELSEWHERE = ("192.0.2.254", "10.255.255.254", "172.31.255.254", "192.168.255.254")
"""Addresses by which the routing table is asked for ours; nothing is sent to them."""
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def local_addresses(found: Iterable[str]) -> tuple[str, ...]:
    """Those of `found` that a device on the same network can reach and nobody else, the one that leads outwards first."""
    routed = _routed()
    usable = {text: ipaddress.ip_address(text) for text in found}
    kept = [
        text
        for text, address in usable.items()
        if address.version == 4 and any(address in network for network in NETWORKS)
    ]
    return tuple(sorted(kept, key=lambda text: routed.index(text) if text in routed else len(routed)))


def own_addresses() -> tuple[str, ...]:
    """What the routing table and this machine's name say. An interface without a route may be missing."""
    try:
        named = [entry[4][0] for entry in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
    except OSError:
        named = []
    return local_addresses(dict.fromkeys([*_routed(), *(str(one) for one in named)]))


def multicast_name() -> str | None:
    """This machine's name in multicast DNS (RFC 6762), such as `laptop.local`; None when its host name is none.

    The bare host name is left out on purpose: a machine called `dev` would get a certificate authority for a top-level domain.
    """
    label = socket.gethostname().lower().partition(".")[0]
    return f"{label}.local" if _LABEL.fullmatch(label) else None


def _routed() -> list[str]:
    found: list[str] = []
    for elsewhere in _ELSEWHERE:
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.connect((elsewhere, 9))
                found.append(str(probe.getsockname()[0]))
        except OSError:
            continue
    return list(dict.fromkeys(found))
