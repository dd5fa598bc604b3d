# SPDX-License-Identifier: Apache-2.0
"""What one line, and one address, may ask for."""

from collections import Counter
from types import TracebackType

from sealroom.core.clock import Clock
from sealroom.core.config.schema import SignallingSettings
from sealroom.core.http.address import neighbourhood_of
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.limits import MAX_CUSTOM_BYTES_PER_SECOND, MAX_CUSTOM_PER_SECOND

MESSAGES_PER_SECOND = 60.0
MESSAGE_BURST = 120
"""A page that scrolls through many tiles binds in bursts; a person does not reach the rate for long. Half of it is for the
custom messages that TRTC allows."""
RECORDS_PER_SECOND = 1.0
RECORD_BURST = 5
"""A record is made anew once a second at most; what is dear of it is the telling."""
KEPTS_PER_SECOND = 0.2
KEPT_BURST = 3
"""What is kept of a call is read from the stores, some ten questions each time: a panel that is looked at asks so often."""
SAMPLES_PER_SECOND = 1 / 1.5
SAMPLE_BURST = 2
"""Devices measure every two seconds; two at once is a timer that came late."""
EVENTS_PER_SECOND = 2.0
EVENT_BURST = 40
"""Single events, however many come in one message. Entering a call of 25 makes about 30."""
LOGS_PER_SECOND = 0.1
LOG_BURST = 3
"""Messages with entries of a device's log. With `MAX_LOG_BYTES` that is at most 50 kB a minute of one participant."""
REFUSALS_PER_SECOND = 0.1
REFUSAL_BURST = 10
"""Refusals that become events of the call, one each. More of them tell more of a client that is at fault, and fill the journal sooner."""
OFFERS_PER_SECOND = 0.5
OFFER_BURST = 8
"""An offer costs some milliseconds of the server; growing to all 64 slots takes seven."""
MAX_SMALL_MESSAGE_BYTES = 16 * 1024
"""Any message but those that carry an offer. 64 bindings are about 8 kB."""


class Bucket:
    """A token bucket: `rate` per second, `burst` at once."""

    def __init__(
        self,
        rate: float,
        burst: int,
        clock: Clock,
        *,
        refusal: ErrorCode = ErrorCode.TOO_MANY_MESSAGES,
    ) -> None:
        self._rate = rate
        self._refusal = refusal
        self._burst = float(burst)
        self._clock = clock
        self._level = self._burst
        self._at = clock.monotonic()

    def take(self, amount: int = 1) -> None:
        """Takes `amount`; raises `Refusal` with the bucket's code, and takes nothing, when there is not so much."""
        now = self._clock.monotonic()
        self._level = min(self._burst, self._level + (now - self._at) * self._rate)
        self._at = now
        if self._level < amount:
            raise Refusal(self._refusal)
        self._level -= amount


class CustomAllowance:
    """What one participant may send of custom messages: so many, and so many bytes, a second."""

    def __init__(self, clock: Clock) -> None:
        refusal = ErrorCode.TOO_MANY_CUSTOM_MESSAGES
        self._messages = Bucket(MAX_CUSTOM_PER_SECOND, MAX_CUSTOM_PER_SECOND, clock, refusal=refusal)
        self._bytes = Bucket(MAX_CUSTOM_BYTES_PER_SECOND, MAX_CUSTOM_BYTES_PER_SECOND, clock, refusal=refusal)

    def take(self, size: int) -> None:
        """Takes one message of `size` bytes; raises `Refusal(too_many_custom_messages)`."""
        self._messages.take()
        self._bytes.take(size)


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
        neighbourhood = neighbourhood_of(address)
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

    def entered(self) -> bool:
        """The line is in a room: it no longer counts as waiting. Says whether it did."""
        waited, self._waits = self._waits, False
        if waited:
            self._gate.no_longer_waiting(self._neighbourhood)
        return waited


def _one_less(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
