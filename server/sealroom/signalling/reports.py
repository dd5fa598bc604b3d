# SPDX-License-Identifier: Apache-2.0
"""What devices tell of their calls, on its way to whoever listens. **Nothing here ends a call**: what does not fit is refused."""

from typing import Protocol

from sealroom.core.clock import Clock
from sealroom.core.errands import place_of
from sealroom.core.logging import get_logger
from sealroom.rooms.state import Participant
from sealroom.signalling import limits
from sealroom_wire import signalling
from sealroom_wire.errors import ErrorCode, Refusal
from sealroom_wire.reports import LogEntry, ReportedEvent, Reports, Sample
from sealroom_wire.signalling import Report

_log = get_logger()


class DeviceReports(Protocol):
    """Takes what was checked. Each is called on the event loop: it neither waits nor raises; what it cannot keep it counts.

    A device says what it likes: nothing in a report is to be believed of anybody but the participant himself.
    """

    @property
    def wanted(self) -> Reports:
        """What devices that enter now are asked for."""

    def on_sample(self, participant: Participant, sample: Sample) -> None:
        """The participant's device measured this."""

    def on_events(self, participant: Participant, events: tuple[ReportedEvent, ...]) -> None:
        """This happened on the participant's device."""

    def on_log(self, participant: Participant, entries: tuple[LogEntry, ...]) -> None:
        """The participant's SDK logged this."""


class Reporting:
    """The reports of one participant: limited, and only what he was asked for. `listener` is None where he was asked for nothing."""

    def __init__(self, participant: Participant, listener: DeviceReports | None, clock: Clock) -> None:
        self._participant = participant
        self._listener = listener
        self._wanted = Reports(sample_every=0) if listener is None else listener.wanted
        refusal = ErrorCode.TOO_MANY_REPORTS
        self._samples = limits.Bucket(limits.SAMPLES_PER_SECOND, limits.SAMPLE_BURST, clock, refusal=refusal)
        self._events = limits.Bucket(limits.EVENTS_PER_SECOND, limits.EVENT_BURST, clock, refusal=refusal)
        self._logs = limits.Bucket(limits.LOGS_PER_SECOND, limits.LOG_BURST, clock, refusal=refusal)

    @property
    def wanted(self) -> Reports | None:
        """What `entered` says of it."""
        return None if self._listener is None else self._wanted

    def take(self, report: Report) -> None:
        """Hands a report on. Raises `Refusal`, never anything else."""
        listener = self._listener
        if listener is None:
            raise Refusal(ErrorCode.REPORTS_NOT_WANTED)
        try:
            self._pass_on(listener, report)
        except Refusal:
            raise
        except Exception as error:
            # A fault of who keeps reports is no reason to end a call.
            _log.error("report_failed", error=type(error).__name__, place=place_of(error))
            raise Refusal(ErrorCode.REPORTS_NOT_WANTED) from None

    def _pass_on(self, listener: DeviceReports, report: Report) -> None:
        match report:
            case signalling.ReportQuality(sample=sample):
                _check(wanted=self._wanted.sample_every > 0)
                self._samples.take()
                listener.on_sample(self._participant, sample)
            case signalling.ReportEvents(events=events):
                self._events.take(len(events))
                listener.on_events(self._participant, events)
            case signalling.ReportLog(entries=entries):
                _check(wanted=self._wanted.log)
                self._logs.take()
                listener.on_log(self._participant, entries)


def _check(*, wanted: bool) -> None:
    if not wanted:
        raise Refusal(ErrorCode.REPORTS_NOT_WANTED)
