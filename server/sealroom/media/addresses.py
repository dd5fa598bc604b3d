# SPDX-License-Identifier: Apache-2.0
"""The addresses of this machine's interfaces, without a dependency: `getifaddrs` of the C library, on Linux and macOS.

Clients are told all of them: Firefox never checks 127.0.0.1, and which interface leads to a client only that client knows.
"""

import ctypes
import ctypes.util
import ipaddress
import socket
import sys
from collections.abc import Iterator
from typing import TypeAlias

IpAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_IFF_UP = 1


class _Entry(ctypes.Structure):
    """`struct ifaddrs` (getifaddrs(3)); the same in its first members on Linux and the BSDs."""


_Entry._fields_ = [
    ("next", ctypes.POINTER(_Entry)),
    ("name", ctypes.c_char_p),
    ("flags", ctypes.c_uint),
    ("address", ctypes.c_void_p),
]


def media_addresses() -> list[str]:
    """Addresses to take media at: IPv4 of every interface, global IPv6, then 127.0.0.1. Each is bound once to see that it is usable."""
    found = interface_addresses()
    usable = [address for address in found if _is_for_clients(address) and _can_bind(address)]
    usable.sort(key=lambda address: address.version)
    return [str(address) for address in (*usable, ipaddress.IPv4Address("127.0.0.1"))]


def interface_addresses() -> list[IpAddress]:
    """Every address of this machine's interfaces that are up."""
    try:
        return list(dict.fromkeys(_interface_addresses()))
    except OSError:
        return _routed_addresses()


def _is_for_clients(address: IpAddress) -> bool:
    return not (
        address.is_loopback or address.is_unspecified or address.is_multicast or address.is_link_local
    )


def _can_bind(address: IpAddress) -> bool:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True


def _interface_addresses() -> Iterator[IpAddress]:
    """Every address of every interface that is up. Raises OSError where the call fails or is missing."""
    library = ctypes.CDLL(ctypes.util.find_library("c"), use_errno=True)
    if not hasattr(library, "getifaddrs"):
        raise OSError("no getifaddrs")
    head = ctypes.POINTER(_Entry)()
    if library.getifaddrs(ctypes.byref(head)):
        raise OSError(ctypes.get_errno(), "getifaddrs")
    try:
        entry = head
        while entry:
            current = entry.contents
            if current.flags & _IFF_UP and current.address:
                yield from _address_at(current.address)
            entry = current.next
    finally:
        library.freeifaddrs(head)


def _address_at(pointer: int) -> Iterator[IpAddress]:
    """Reads a `struct sockaddr`: no more bytes than its family has."""
    # The BSDs put a length byte before a family byte where Linux has a family of two bytes in host order.
    first, second = ctypes.string_at(pointer, 2)
    family = second if sys.platform == "darwin" else int.from_bytes(bytes([first, second]), sys.byteorder)
    if family == socket.AF_INET:
        yield ipaddress.IPv4Address(ctypes.string_at(pointer + 4, 4))
    elif family == socket.AF_INET6:
        yield ipaddress.IPv6Address(ctypes.string_at(pointer + 8, 16))


def _routed_addresses() -> list[IpAddress]:
    """Where interfaces cannot be listed: the addresses that the routing table would send from. No packet is sent."""
    found: list[IpAddress] = []
    for family, documentation in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((documentation, 9))
                found.append(ipaddress.ip_address(probe.getsockname()[0]))
        except OSError:
            continue
    return found
