# SPDX-License-Identifier: Apache-2.0
"""Behind a TLS proxy: whom to believe about the client's address and scheme, and nobody else is let in."""

import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from sealroom.core.http.address import Network

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_SECURE = frozenset({"https", "wss"})


class BehindProxy:
    """Takes the client from X-Forwarded-For as the trusted proxies wrote it; refuses what did not come through TLS."""

    def __init__(self, application: Application, networks: tuple[Network, ...], refuse: Application) -> None:
        """`refuse` answers whoever is not a trusted proxy, or a proxy that took the request in clear."""
        self._application = application
        self._networks = networks
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on with its real client, or refuses it."""
        client = scope.get("client")
        if not client or not self._trusts(client[0]) or _last(scope, b"x-forwarded-proto") not in _SECURE:
            await self._refuse(scope, receive, send)
            return
        await self._application({**scope, "client": (self._client_of(scope) or client[0], 0)}, receive, send)

    def _trusts(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)

    def _client_of(self, scope: Scope) -> str | None:
        """The last address that no trusted proxy has: what stands before it is the client's own word."""
        chain = [
            part.strip()
            for name, value in scope["headers"]
            if name == b"x-forwarded-for"
            for part in value.decode("latin-1").split(",")
        ]
        for address in reversed(chain):
            if not self._trusts(address):
                return address if _is_address(address) else None
        return None


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _last(scope: Scope, wanted: bytes) -> str:
    """The value the nearest proxy wrote."""
    values = [value for name, value in scope["headers"] if name == wanted]
    return values[-1].decode("latin-1").rpartition(",")[2].strip().lower() if values else ""
