# SPDX-License-Identifier: Apache-2.0
"""Which addresses of others we speak to."""

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
