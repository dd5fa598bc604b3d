# SPDX-License-Identifier: Apache-2.0
"""What one line, and one address, may ask for."""

import ipaddress
from collections import Counter
from types import TracebackType

from sealroom.core.clock import Clock
from sealroom.core.config.schema import SignallingSettings
from sealroom_wire.errors import ErrorCode, Refusal

MESSAGES_PER_SECOND = 30.0
MESSAGE_BURST = 120
"""A page that scrolls through many tiles binds in bursts; a person does not reach the rate for long."""
OFFERS_PER_SECOND = 0.5
OFFER_BURST = 8
"""An offer costs some milliseconds of the server; growing to all 64 slots takes seven."""
MAX_SMALL_MESSAGE_BYTES = 16 * 1024
"""Any message but those that carry an offer. 64 bindings are about 8 kB."""


class Bucket:
    """A token bucket: `rate` per second, `burst` at once."""

    def __init__(self, rate: float, burst: int, clock: Clock) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._clock = clock
        self._level = self._burst
        self._at = clock.monotonic()

    def take(self) -> None:
        """Takes one; raises `Refusal(too_many_messages)` when there is none."""
        now = self._clock.monotonic()
        self._level = min(self._burst, self._level + (now - self._at) * self._rate)
        self._at = now
        if self._level < 1.0:
            raise Refusal(ErrorCode.TOO_MANY_MESSAGES)
        self._level -= 1.0


class Gate:
    """Counts lines, in all and per address; an IPv6 address counts as its /64, which is one customer's line."""

    def __init__(self, settings: SignallingSettings) -> None:
        self._settings = settings
        self._open: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()
        self._total = 0

    @property
    def total(self) -> int:
        """Lines that are open."""
        return self._total

    def admit(self, address: str) -> "Place":
        """A place for one more line; raises `Refusal(server_busy)` when there is none."""
        neighbourhood = _neighbourhood(address)
        settings = self._settings
        full = (
            self._total >= settings.max_connections
            or self._open[neighbourhood] >= settings.max_connections_per_address
            or self._waiting[neighbourhood] >= settings.max_waiting_per_address
        )
        if full:
            raise Refusal(ErrorCode.SERVER_BUSY)
        self._total += 1
        self._open[neighbourhood] += 1
        self._waiting[neighbourhood] += 1
        return Place(self, neighbourhood)

    def no_longer_waiting(self, neighbourhood: str) -> None:
        """One of them entered a room, or is gone."""
        _one_less(self._waiting, neighbourhood)

    def release(self, neighbourhood: str) -> None:
        """One of them is gone."""
        self._total -= 1
        _one_less(self._open, neighbourhood)


class Place:
    """One line's place at the gate; given back at the end of its `with` block."""

    def __init__(self, gate: Gate, neighbourhood: str) -> None:
        self._gate = gate
        self._neighbourhood = neighbourhood
        self._waits = True

    def __enter__(self) -> "Place":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.entered()
        self._gate.release(self._neighbourhood)

    def entered(self) -> None:
        """The line is in a room: it no longer counts as waiting."""
        if self._waits:
            self._waits = False
            self._gate.no_longer_waiting(self._neighbourhood)


def _one_less(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]


def _neighbourhood(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped) if mapped else str(ipaddress.ip_network((parsed.packed[:8] + bytes(8), 64)))
    return str(parsed)
