# SPDX-License-Identifier: Apache-2.0
"""Kinds of jobs: what is done, how often, how it is tried again."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

DAY = 86_400


@dataclass(frozen=True, slots=True)
class Job:
    """One job as its handler gets it. `attempt` counts from 1."""

    key: str
    payload: str
    attempt: int


Handler: TypeAlias = Callable[[Job], Awaitable[None]]
"""Does it; raises where it could not be done. **It may be called twice for one job, and must not mind.**"""


class Schedule(Protocol):
    """When a job that comes back is due next."""

    def after(self, moment: float) -> float:
        """The first moment it is due after a moment, both Unix seconds."""


@dataclass(frozen=True, slots=True)
class Every:
    """At multiples of so many seconds."""

    seconds: int

    def after(self, moment: float) -> float:
        """The next multiple."""
        return (moment // self.seconds + 1) * self.seconds


@dataclass(frozen=True, slots=True)
class Daily:
    """Once a day, at a time of UTC: days of summer time have other lengths."""

    hour: int
    minute: int = 0

    def after(self, moment: float) -> float:
        """That time today, or tomorrow."""
        at = moment // DAY * DAY + self.hour * 3600 + self.minute * 60
        return at if at > moment else at + DAY


@dataclass(frozen=True, slots=True)
class JobKind:
    """One kind. `name` is kept for ever: jobs of it may lie in the database."""

    name: str
    handler: Handler
    schedule: Schedule | None = None
    """For work that comes back; a run that was missed is made up for once."""
    first_retry: float = 5.0
    """Seconds after the first failure; doubled with each further one. Lower strains what is down already."""
    last_retry: float = 3600.0
    attempts: int = 0
    """After so many failures it is given up, kept and shown; 0: never. Work that comes back waits for its next time instead."""

    def retry_in(self, attempt: int) -> float:
        """Seconds until it is tried again."""
        return float(min(self.first_retry * 2 ** min(attempt - 1, 30), self.last_retry))
