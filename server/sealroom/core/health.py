# SPDX-License-Identifier: Apache-2.0
"""Is the process alive, is it ready, what runs here: for probes and scrapers on the admin listener."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import msgspec
from litestar import Litestar, MediaType, Request, Response, get
from litestar.exceptions import HTTPException

from sealroom.core.callers import Caller
from sealroom.core.http.problem import CONTENT_TYPE, Problem
from sealroom.core.metrics import CONTENT_TYPE as METRICS_TYPE
from sealroom.core.metrics import Metrics

Check: TypeAlias = Callable[[], Awaitable[bool]]
Refresh: TypeAlias = Callable[[], Awaitable[None]]


NOTED_SECONDS = 2.0
"""How long a dependency that decides nothing is waited for. Probes of many balancers wait no longer than five."""


class Readiness(msgspec.Struct, frozen=True):
    """Whether new calls may be sent here, and what each dependency says."""

    ready: bool
    draining: bool
    checks: dict[str, bool]
    notes: dict[str, str] = {}
    """A line each of what a person should know although calls go on."""


class Version(msgspec.Struct, frozen=True):
    """What runs here. `protocol`: versions of the signalling protocol that are spoken."""

    version: str
    protocol: tuple[int, ...]
    deprecations: tuple[str, ...] = ()
    """What this version still does and the next minor one will not: a sentence each, with what to do."""


class Health:
    """The state of this process, as its parts report it."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}
        self._notes: dict[str, Callable[[], str]] = {}
        self._helpful: dict[str, tuple[Check, str]] = {}
        self.draining = False

    def add(self, name: str, check: Check) -> None:
        """Adds a dependency that must work for the process to be ready."""
        self._checks[name] = check

    def note(self, name: str, says: Callable[[], str]) -> None:
        """Adds a line to the readiness text that decides nothing."""
        self._notes[name] = says

    def helps(self, name: str, check: Check, without: str) -> None:
        """Adds a dependency that calls go on without; `without` says how, in the readiness text, while it is away."""
        self._helpful[name] = check, without

    async def readiness(self) -> Readiness:
        """Asks every dependency; one that raises does not work."""
        found = {name: await _works(check) for name, check in self._checks.items()}
        notes = {name: says() for name, says in self._notes.items()}
        for name, (check, without) in self._helpful.items():
            notes[name] = "answers" if await _works(check, NOTED_SECONDS) else f"away: {without}"
        return Readiness(all(found.values()) and not self.draining, self.draining, found, notes)


async def _works(check: Check, seconds: float | None = None) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await check()
    except Exception:
        return False


def admin_application(health: Health, metrics: Metrics, version: Version, refresh: Refresh) -> Litestar:
    """The routes of the admin listener. `refresh` is awaited before metrics are read."""

    @get("/livez", opt={"caller": Caller.ADMIN_LISTENER}, media_type=MediaType.TEXT)
    async def livez() -> str:
        """The process runs."""
        return "ok\n"

    @get("/readyz", opt={"caller": Caller.ADMIN_LISTENER})
    async def readyz() -> Response[Readiness]:
        """200 while new calls may come here, 503 while not."""
        readiness = await health.readiness()
        return Response(readiness, status_code=200 if readiness.ready else 503)

    @get("/metrics", opt={"caller": Caller.ADMIN_LISTENER})
    async def scrape() -> Response[bytes]:
        """Everything that is counted, in Prometheus' text format."""
        await refresh()
        return Response(metrics.text(), media_type=METRICS_TYPE)

    @get("/version", opt={"caller": Caller.ADMIN_LISTENER})
    async def tell_version() -> Version:
        """What runs here."""
        return version

    return Litestar(
        [livez, readyz, scrape, tell_version],
        openapi_config=None,
        logging_config=None,
        exception_handlers={Exception: _problem},
    )


def _problem(_request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Errors without their text, which may hold more than it should."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    problem = (
        Problem(
            status,
            "request_invalid",
            "There is no such thing here.",
            "Look at /livez, /readyz, /metrics, /version.",
        )
        if status < 500
        else Problem(500, "internal_error", "The server failed to do this.", "Look at its log.")
    )
    return Response(problem.body(), status_code=status, media_type=CONTENT_TYPE)
