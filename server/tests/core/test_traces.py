# SPDX-License-Identifier: Apache-2.0
"""Spans, with the real exporter and a collector that keeps what it gets."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator

import pytest

from sealroom.core.config.schema import TraceSettings
from sealroom.core.errors import ConfigurationError
from sealroom.core.traces import ATTRIBUTES, OFF, RESOURCE, SpanName, Traces, traces_dataset, traces_of
from server.tests.collector import Collector, collecting, said

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


def traces(collector: Collector, ratio: float = 1.0, authorization: str = "") -> Traces:
    return traces_of(TraceSettings(collector.url, ratio, authorization), "1.2.3", "sg")


async def test_spans_reach_the_collector_within_each_other(collector: Collector) -> None:
    made = traces(collector, authorization="Bearer planted")
    with made.span(SpanName.ENTER) as span:
        span.set("application", 1_400_000_001)
        span.set("code", "ok")
        with made.span(SpanName.IDENTIFY):
            pass
    await made.close()
    spans = collector.spans()
    assert set(spans) == {"enter", "enter.identify"}
    assert spans["enter.identify"].parent_span_id == spans["enter"].span_id
    assert said(spans["enter"]) == {"application": 1_400_000_001, "code": "ok"}
    assert collector.headers[0]["authorization"] == "Bearer planted"
    assert collector.resource() == {
        "service.name": "sealroom", "service.version": "1.2.3", "sealroom.site": "sg",
    }  # fmt: skip


async def test_what_is_not_declared_is_dropped_and_a_text_is_cut(collector: Collector) -> None:
    made = traces(collector)
    with contextlib.suppress(ValueError), made.span(SpanName.JOB) as span:
        span.set("user", "alice")
        span.set("room", "the-room")
        span.set("kind", "k" * 1000)
        raise ValueError("alice of 192.0.2.1")
    await made.close()
    assert said(collector.spans()["job"]) == {"kind": "k" * 64, "error": "ValueError"}
    sent = collector.requests[0].SerializeToString()
    for planted in (b"alice", b"192.0.2.1", b"the-room"):
        assert planted not in sent


@pytest.mark.parametrize(
    ("parent", "is_taken"),
    [
        (PARENT, True),
        (PARENT.replace("00-", "cc-", 1) + "-what-comes-later", True),
        ("", False),
        (PARENT + "-more", False),
        (PARENT.upper(), False),
        ("ff" + PARENT[2:], False),
        ("00-" + "0" * 32 + "-00f067aa0ba902b7-01", False),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-" + "0" * 16 + "-01", False),
        ("x" * 100_000, False),
    ],
)
async def test_a_caller_s_span_is_the_parent_where_it_is_one(
    collector: Collector, parent: str, is_taken: bool
) -> None:
    made = traces(collector)
    with made.span(SpanName.API_REQUEST, parent):
        pass
    await made.close()
    span = collector.spans()["api.request"]
    assert (span.trace_id.hex() == "4bf92f3577b34da6a3ce929d0e0e4736") is is_taken
    assert (span.parent_span_id.hex() == "00f067aa0ba902b7") is is_taken


async def test_a_caller_does_not_decide_how_much_is_traced(collector: Collector) -> None:
    made = traces(collector, ratio=0.0)
    with made.span(SpanName.API_REQUEST, PARENT):
        pass
    await made.close()
    assert collector.requests == []


async def test_a_collector_that_is_gone_stops_nobody() -> None:
    made = traces_of(TraceSettings("http://127.0.0.1:9/v1/traces", 1.0), "1", "sg")
    for _ in range(10_000):
        with made.span(SpanName.JOB):
            pass
    await made.close()


def test_nothing_of_a_person_is_declared() -> None:
    assert not traces_dataset().is_personal
    assert not {"user", "room", "address"} & (set(ATTRIBUTES) | set(RESOURCE))


def test_switched_off_nothing_of_opentelemetry_is_imported() -> None:
    code = "import sealroom.app, sys; sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert traces_of(TraceSettings(), "1", "sg") is OFF


@pytest.mark.parametrize(
    ("endpoint", "word"),
    [
        ("http://collector.example:4318/v1/traces", "not encrypted"),
        ("http://127.0.0.1:4318@evil.example/v1/traces", "password"),
        ("http://127.0.0.1.evil.example:4318/", "not encrypted"),
        ("collector.example", "no address"),
        ("file:///etc/passwd", "no address"),
    ],
)
def test_spans_go_nowhere_in_clear(endpoint: str, word: str) -> None:
    with pytest.raises(ConfigurationError, match=word):
        traces_of(TraceSettings(endpoint), "1", "sg")
