# SPDX-License-Identifier: Apache-2.0
"""Trusted TLS-terminating proxies: who may connect, and whose word on the caller's address counts."""

import ipaddress
from collections.abc import Sequence
from typing import TypeAlias

from sealroom_customer.errors import ConfigurationError
from sealroom_customer.http.asgi import App, Problem, Receive, Scope, Send, header, turn_away

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_NOT_A_PROXY = Problem("proxy_not_trusted", "This port is for the proxy only.", "Use the public address.")
_NOT_TLS = Problem("tls_required", "Plain connections are refused.", "Use https or wss.")


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Reads networks such as `10.0.0.0/8`; raises ConfigurationError."""
    try:
        return tuple(ipaddress.ip_network(text) for text in texts)
    except ValueError as error:
        raise ConfigurationError(
            "network_invalid", f"A proxy network cannot be read: {error}.", "Write it as 10.0.0.0/8."
        ) from error


class BehindProxy:
    """Lets only the proxies in, only for what they took over TLS, and puts the caller's address in place of theirs."""

    def __init__(self, inner: App, trusted: Sequence[Network]) -> None:
        self._inner = inner
        self._trusted = tuple(trusted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on what came through a proxy; refuses everything else."""
        if scope["type"] not in ("http", "websocket"):
            await self._inner(scope, receive, send)
            return
        peer = _address(str((scope.get("client") or ("",))[0]))
        if peer is None or not self._is_trusted(peer):
            await turn_away(scope, send, 403, _NOT_A_PROXY)
            return
        if header(scope, b"x-forwarded-proto") not in ("https", "wss"):
            await turn_away(scope, send, 403, _NOT_TLS)
            return
        caller = self._caller(header(scope, b"x-forwarded-for") or "", peer)
        scheme = "wss" if scope["type"] == "websocket" else "https"
        await self._inner({**scope, "client": (str(caller), 0), "scheme": scheme}, receive, send)

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)

    def _caller(self, forwarded: str, peer: Address) -> Address:
        """The last address in the list that no proxy of ours wrote for another proxy of ours."""
        caller = peer
        for text in reversed(forwarded.split(",")):
            address = _address(text.strip())
            if address is None:
                break
            caller = address
            if not self._is_trusted(address):
                break
        return caller


def _address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
