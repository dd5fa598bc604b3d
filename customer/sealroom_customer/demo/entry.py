# SPDX-License-Identifier: Apache-2.0
"""From the backend's tokens to what `Client.enter` wants."""

from collections.abc import Awaitable, Callable

from sealroom_customer.client import Entry
from sealroom_customer.demo.backend import Tokens
from sealroom_wire.ids import room_string


def entry_of(tokens: Tokens, fetch: Callable[[], Awaitable[str]], *, keep_sealed: bool = False) -> Entry:
    """The grant that came with the tokens is used first; `fetch` gets every later one."""
    first = [tokens.grant]

    async def grant() -> str:
        return first.pop() if first else await fetch()

    return Entry(
        operator=tokens.operator,
        sdk_app_id=tokens.sdk_app_id,
        user_id=tokens.user_id,
        user_sig=tokens.user_sig,
        room=room_string(tokens.str_room_id),
        authority=tokens.authority,
        grant=grant,
        keep_sealed=keep_sealed,
    )
