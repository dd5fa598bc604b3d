# SPDX-License-Identifier: Apache-2.0
"""Spans to a collector, in OTLP over HTTP. The only file that knows OpenTelemetry; imported where traces are switched on.

Nothing waits for the collector: spans are sent by a thread, in bulks, and where it does not keep up they are dropped.
"""

import asyncio
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from types import MappingProxyType

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags

from sealroom.core.config.schema import TraceSettings
from sealroom.core.traces import ATTRIBUTES, MAX_TEXT, Span, SpanName, Value

QUEUE = 4_096
"""Spans that wait to be sent; beyond it new ones are dropped. More bridge a slower collector and take memory."""
BULK = 512
DELAY_MS = 2_000
"""How long spans wait for others before they are sent."""
SEND_SECONDS = 5.0
"""How long one delivery may take."""
_TRACEPARENT = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?"
)
"""W3C Trace Context, section 3.2. What follows is allowed in versions beyond 00 only."""


class _Said:
    """A span that takes declared attributes only."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def set(self, name: str, value: Value) -> None:
        """Says something of it; text is cut."""
        if name in ATTRIBUTES:
            self._span.set_attribute(name, value[:MAX_TEXT] if isinstance(value, str) else value)


class OtlpTraces:
    """Spans that are sent."""

    def __init__(
        self, settings: TraceSettings, resource: Mapping[str, str], exporter: SpanExporter | None = None
    ) -> None:
        """`resource` is said of the process. `exporter`: for who has one already."""
        sampler = TraceIdRatioBased(settings.sample_ratio)
        # A caller may give the id of his trace, but not decide how much is traced here.
        self._provider = TracerProvider(
            sampler=ParentBased(sampler, remote_parent_sampled=sampler), resource=Resource(dict(resource)), shutdown_on_exit=False
        )  # fmt: skip
        self._provider.add_span_processor(
            BatchSpanProcessor(
                exporter or _exporter(settings), max_queue_size=QUEUE, schedule_delay_millis=DELAY_MS, max_export_batch_size=BULK
            )
        )  # fmt: skip
        self._tracer = self._provider.get_tracer("sealroom")

    def span(self, name: SpanName, parent: str = "") -> AbstractContextManager[Span]:
        """A span over a block."""
        return self._over(name, _context(parent))

    @contextmanager
    def _over(self, name: SpanName, context: Context | None) -> Iterator[Span]:
        # Not the library's own record of exceptions: their texts may hold what is personal.
        with self._tracer.start_as_current_span(
            name.value, context, record_exception=False, set_status_on_exception=False
        ) as span:
            said = _Said(span)
            try:
                yield said
            except BaseException as error:
                said.set("error", type(error).__name__)
                span.set_status(Status(StatusCode.ERROR))
                raise

    async def close(self) -> None:
        """Sends what is left, for twice the time of one delivery at most."""
        await asyncio.to_thread(self._provider.force_flush, round(2_000 * SEND_SECONDS))
        await asyncio.to_thread(self._provider.shutdown)


def _exporter(settings: TraceSettings) -> SpanExporter:
    headers = {"authorization": settings.authorization} if settings.authorization else {}
    return OTLPSpanExporter(
        endpoint=settings.endpoint, certificate_file=settings.ca or None, headers=MappingProxyType(headers), timeout=SEND_SECONDS
    )  # fmt: skip


def _context(parent: str) -> Context | None:
    """The caller's span as the parent; None for what is no `traceparent`."""
    found = _TRACEPARENT.fullmatch(parent)
    if found is None or (found[1] == "00" and found[5]):
        return None
    flags = TraceFlags(int(found[4], 16) & TraceFlags.SAMPLED)
    return trace.set_span_in_context(
        NonRecordingSpan(SpanContext(int(found[2], 16), int(found[3], 16), is_remote=True, trace_flags=flags))
    )
