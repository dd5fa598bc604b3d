# SPDX-License-Identifier: Apache-2.0
"""Which addresses a customer's endpoint may have. **Whatever a name resolves to, nobody reaches the operator's own network.**

An IPv6 address may carry an IPv4 address that a translator on the way takes it for: every form it can have is judged.
"""

import ipaddress
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

from sealroom.core.http.address import Network

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""All addresses of a name. Raises OSError where there are none."""

_FORBIDDEN_4 = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
"""IANA's special-purpose addresses (RFC 6890 and its registry), multicast and what is reserved."""
_PUBLIC_6 = ipaddress.IPv6Network("2000::/3")
_FORBIDDEN_6 = tuple(
    ipaddress.IPv6Network(text)
    for text in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)
"""Of the public ones: protocol assignments (Teredo among them), documentation, 6to4, AS112."""
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_NAT64_LOCAL = ipaddress.IPv6Network("64:ff9b:1::/48")
_6TO4 = ipaddress.IPv6Network("2002::/16")
_TEREDO = ipaddress.IPv6Network("2001::/32")


def nothing() -> Iterable[Address]:
    """Where the operator's own addresses are not known."""
    return ()


class Addresses:
    """Judges addresses. `allow`: networks that are reached although they are not public, also without TLS. `deny`: networks that are
    never reached. `own`: gives the addresses of the operator's own machines, which count as not public."""

    def __init__(
        self,
        allow: Sequence[Network] = (),
        deny: Sequence[Network] = (),
        own: Callable[[], Iterable[Address]] = nothing,
    ) -> None:
        self._allow, self._deny, self._own = tuple(allow), tuple(deny), own

    def may_reach(self, address: Address, *, in_clear: bool) -> bool:
        """Whether an endpoint may have this address; without TLS only in a network that is allowed."""
        forms = list(forms_of(address))
        if not forms or any(_is_in(one, self._deny) for one in (address, *forms)):
            return False
        own = {form for one in self._own() for form in (one, *forms_of(one))}
        return all(
            _is_in(form, self._allow) or (not in_clear and _is_public(form) and form not in own)
            for form in forms
        )

    @property
    def may_be_in_clear(self) -> bool:
        """Whether any endpoint may do without TLS."""
        return bool(self._allow)


def read_addresses(texts: Iterable[str]) -> Iterator[Address]:
    """The addresses among resolved texts. One with a zone (`fe80::1%eth0`) is of a link, and left out."""
    for text in texts:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            continue
        if isinstance(address, ipaddress.IPv4Address) or address.scope_id is None:
            yield address


def forms_of(address: Address) -> Iterator[Address]:
    """What may stand at the other end of this address: itself, or each IPv4 address that it carries. Nothing: it leads nowhere known."""
    if isinstance(address, ipaddress.IPv4Address):
        yield address
        return
    bits = int(address)
    if address in _MAPPED or address in _NAT64:
        yield ipaddress.IPv4Address(bits & 0xFFFF_FFFF)
    elif address in _NAT64_LOCAL:
        yield from _translated(bits)
    elif address in _6TO4:
        yield ipaddress.IPv4Address(bits >> 80 & 0xFFFF_FFFF)
    elif address in _TEREDO:
        yield ipaddress.IPv4Address(bits >> 64 & 0xFFFF_FFFF)
        yield ipaddress.IPv4Address(~bits & 0xFFFF_FFFF)
    else:
        yield address
        if address in _COMPATIBLE and bits > 1:
            yield ipaddress.IPv4Address(bits)
        if bits >> 32 & 0xFFFF_FFFF in (0x5EFE, 0x0200_5EFE):  # ISATAP (RFC 5214)
            yield ipaddress.IPv4Address(bits & 0xFFFF_FFFF)


def _translated(bits: int) -> Iterator[ipaddress.IPv4Address]:
    """The IPv4 addresses that a translator may read in a local prefix of 48, 56, 64 or 96 bits (RFC 6052 section 2.2)."""
    octets = bits.to_bytes(16, "big")
    for length in (6, 7, 8):
        # The octet 8 is left out, and all behind the address is zero.
        carried = (octets[length:8] + octets[9:])[:4]
        if octets[8] == 0 and not any(octets[length + 5 :]):
            yield ipaddress.IPv4Address(carried)
    if not any(octets[6:12]):
        yield ipaddress.IPv4Address(octets[12:])


def _is_in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks if network.version == address.version)


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _FORBIDDEN_4)
    return address in _PUBLIC_6 and not any(address in network for network in _FORBIDDEN_6)
