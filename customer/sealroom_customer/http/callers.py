# SPDX-License-Identifier: Apache-2.0
"""Who may call: every HTTP route names one of these and is guarded by it. A test fails on a route that does not."""

import hashlib
import hmac
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, TypeAlias

from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException, PermissionDeniedException
from litestar.handlers import BaseRouteHandler

from sealroom_wire.errors import ErrorCode

# What a handler, user, credential or state may be is not used here.
AnyConnection: TypeAlias = ASGIConnection[Any, Any, Any, Any]


class Caller(StrEnum):
    """Who may call a route."""

    ANYONE = "anyone"
    """Costs little and tells nothing."""
    OWN_PAGE = "own_page"
    """A page from our own origin, or a program that is no browser."""
    BACKEND = "backend"
    """The customer's backend, by its bearer credential."""
    OPERATOR = "operator"
    """The operator's webhooks, by the signature of each body; the route checks it itself, for a guard does not read bodies."""
    ADMIN_LISTENER = "admin_listener"
    """Whoever reaches the listener for probes and scrapers."""


class OwnPage:
    """Guards routes that only our own page may use.

    The `Host` is checked too, so that a foreign name that points here (DNS rebinding) is not our own origin.
    """

    def __init__(self, origins: Sequence[str]) -> None:
        self._origins = {origin.partition("://")[2]: origin for origin in origins}

    def origin_of(self, host: str | None) -> str | None:
        """The origin that a `Host` header names; None when it is none of ours."""
        return self._origins.get((host or "").lower())

    def allows(self, host: str | None, origin: str | None, site: str | None) -> bool:
        """Whether a request with these headers (`Host`, `Origin`, `Sec-Fetch-Site`; None: it has none) is from our own page."""
        own = self.origin_of(host)
        return (
            own is not None
            and (own if origin is None else origin.lower()) == own
            and site in (None, "same-origin", "none")
        )

    def __call__(self, connection: AnyConnection, _: BaseRouteHandler) -> None:
        """Raises PermissionDeniedException."""
        headers = connection.headers
        if not self.allows(headers.get("host"), headers.get("origin"), headers.get("sec-fetch-site")):
            raise PermissionDeniedException(ErrorCode.ORIGIN_NOT_ALLOWED.value)


class BackendCredential:
    """Guards routes of the customer's backend by a bearer credential (RFC 6750), compared in constant time."""

    def __init__(self, credential: str) -> None:
        if len(credential) < 32:
            raise ValueError("a backend credential has at least 32 characters")
        self._digest = hashlib.sha256(credential.encode()).digest()

    def __call__(self, connection: AnyConnection, _: BaseRouteHandler) -> None:
        """Raises NotAuthorizedException."""
        scheme, credential = connection.headers.get("authorization", "").partition(" ")[::2]
        shown = hashlib.sha256(credential.strip().encode("utf-8", "surrogateescape")).digest()
        if scheme.lower() != "bearer" or not hmac.compare_digest(shown, self._digest):
            raise NotAuthorizedException(ErrorCode.CREDENTIAL_INVALID.value)
