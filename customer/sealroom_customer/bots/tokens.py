# SPDX-License-Identifier: Apache-2.0
"""Asks the customer's backend for what it takes to enter, as the call page does: `POST /api/tokens` and `/api/grants`."""

import asyncio
import urllib.error
import urllib.request
from typing import TypeVar

import msgspec

from sealroom_customer.client import Entry
from sealroom_customer.demo.backend import Ask, GrantAnswer, Tokens
from sealroom_customer.demo.entry import entry_of
from sealroom_customer.errors import ConfigurationError, StartError
from sealroom_customer.http.addresses import over_tls_or_on_loopback

_SECONDS = 10.0
_MOST_BYTES = 64 * 1024
T = TypeVar("T", bound=msgspec.Struct)


class TokenSource:
    """The backend behind a call page's origin."""

    def __init__(self, origin: str) -> None:
        """Raises ConfigurationError unless `origin` is https, or http on loopback."""
        parts = over_tls_or_on_loopback(origin, "https")
        if parts is None:
            raise ConfigurationError(
                "page_invalid",
                f"`{origin}` is neither https nor http on loopback.",
                "Give the address of the call page.",
            )
        self._origin = f"{parts.scheme}://{parts.netloc}"

    async def entry(self, user: str, room: str, *, keep_sealed: bool = False) -> Entry:
        """What `Client.enter` wants. Raises StartError when the backend does not give it."""
        ask = Ask(user, room)
        tokens = await self._post("/api/tokens", ask, Tokens)

        async def grant() -> str:
            return (await self._post("/api/grants", ask, GrantAnswer)).grant

        return entry_of(tokens, grant, keep_sealed=keep_sealed)

    async def _post(self, path: str, ask: Ask, answer: type[T]) -> T:
        def work() -> bytes:
            # The scheme was checked when this was made.
            request = urllib.request.Request(  # noqa: S310
                self._origin + path, msgspec.json.encode(ask), {"content-type": "application/json"}
            )
            with urllib.request.urlopen(request, timeout=_SECONDS) as got:  # noqa: S310
                return bytes(got.read(_MOST_BYTES))

        try:
            return msgspec.json.decode(await asyncio.to_thread(work), type=answer)
        except (OSError, msgspec.DecodeError) as error:
            status = f" (HTTP {error.code})" if isinstance(error, urllib.error.HTTPError) else ""
            raise StartError(
                "tokens_missing",
                f"{self._origin} did not let `{ask.user}` have what it takes to enter{status}.",
                "Check the address and whether the page is being served.",
            ) from None
