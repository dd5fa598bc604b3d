# SPDX-License-Identifier: Apache-2.0
"""What the store asks of a client: one request, JSON out and in. Both clients do that much the same; everything else is ours."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

Json: TypeAlias = dict[str, Any]
SECONDS = 30.0
"""Until a request counts as failed. Deletions by query get more."""


@dataclass(frozen=True, slots=True)
class Access:
    """Where the server is and who we are."""

    url: str
    user: str = ""
    password: str = field(default="", repr=False)
    ca: str = ""
    """PEM file of the authority that signed the server's certificate; empty: the system's."""


class Unreachable(Exception):  # noqa: N818 - what it is
    """Nobody answered, or not in time, or not as a server of this kind does."""


class Answered(Exception):  # noqa: N818 - what it is
    """The server answered with an error. `kind` is its word for it; its sentence is never kept: it may quote documents."""

    def __init__(self, status: int, kind: str) -> None:
        super().__init__(f"{status} {kind}")
        self.status, self.kind = status, kind


class Wire(Protocol):
    """A client."""

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Json | bytes | None = None,
        seconds: float = SECONDS,
    ) -> Json:
        """One request; bytes are lines of JSON (NDJSON). The answer's object; `{"items": [..]}` where it is a list.

        Raises:
            Unreachable: no answer.
            Answered: an answer other than 2xx.
        """

    async def close(self) -> None:
        """Lets go of connections."""


def silence(*names: str) -> None:
    """The clients' own logs quote addresses, and documents where somebody turns them up; what fails the store tells itself."""
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def kind_of(body: object) -> str:
    """The server's word for an error, from the answer's body. Of the innermost cause, which is what there was to say."""
    error = body.get("error") if isinstance(body, Mapping) else None
    if not isinstance(error, Mapping):
        return "unknown"
    causes = error.get("root_cause")
    cause = error.get("caused_by") or (causes[0] if isinstance(causes, list) and causes else error)
    return str(cause.get("type", "unknown")) if isinstance(cause, Mapping) else "unknown"
