# SPDX-License-Identifier: Apache-2.0
"""What the operator handed over: where it is and the demo application's key, in a 0600 file."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from sealroom_customer.authority.identity import read_private
from sealroom_customer.errors import ConfigurationError, StartError
from sealroom_customer.http.addresses import over_tls_or_on_loopback

_LOOK_SECONDS = 0.05
_SAY_SECONDS = 5.0


class _HandOver(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    endpoint: Annotated[str, Meta(min_length=1, max_length=512)]
    sdk_app_id: Annotated[int, Meta(ge=1, le=2**32 - 1)]
    secret_key: Annotated[str, Meta(min_length=16, max_length=256)]


class Operator:
    """The operator's signalling endpoint and our application there. Its repr holds no secret."""

    __slots__ = ("endpoint", "sdk_app_id", "secret_key")

    def __init__(self, endpoint: str, sdk_app_id: int, secret_key: str) -> None:
        """Raises ConfigurationError unless `endpoint` is wss, or ws on loopback."""
        if over_tls_or_on_loopback(endpoint, "wss") is None:
            raise ConfigurationError(
                "operator_endpoint_invalid",
                f"The operator's endpoint `{endpoint}` is neither wss nor ws on loopback.",
                "Ask the operator for its wss address.",
            )
        self.endpoint = endpoint
        self.sdk_app_id = sdk_app_id
        self.secret_key = secret_key

    def __repr__(self) -> str:
        return f"Operator({self.endpoint!r}, {self.sdk_app_id})"

    @property
    def origin(self) -> str:
        """Scheme, host and port, as a content security policy names them."""
        parts = urlsplit(self.endpoint)
        return f"{parts.scheme}://{parts.netloc}"


def read_operator(path: Path) -> Operator | None:
    """Reads the file; None while it is not there.

    Raises:
        StartError: others may read it, or it holds something else.
    """
    octets = read_private(path)
    if octets is None:
        return None
    try:
        handed = msgspec.json.decode(octets, type=_HandOver)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # The library's message may quote the file, which holds a secret.
        raise StartError(
            "operator_file_invalid",
            f"{path} is not what an operator hands over.",
            "Let `sealroom dev --demo-out` write it.",
        ) from None
    return Operator(handed.endpoint, handed.sdk_app_id, handed.secret_key)


async def wait_for_operator(path: Path, say: Callable[[str], None]) -> Operator:
    """Waits until the file is there, and says every few seconds that it does."""
    said = asyncio.get_running_loop().time()
    while (operator := read_operator(path)) is None:
        if asyncio.get_running_loop().time() - said >= _SAY_SECONDS:
            said = asyncio.get_running_loop().time()
            say(f"waiting for the operator's side to write {path} ...")
        await asyncio.sleep(_LOOK_SECONDS)
    return operator
