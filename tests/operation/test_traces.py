# SPDX-License-Identifier: Apache-2.0
"""A whole server's spans: what is measured is there, what may tell who somebody is is not."""

import time
from pathlib import Path

from sealroom_wire import signalling
from server.tests.collector import collecting, said
from tests.operation.serving import APP, enter, serving

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def test_a_call_and_a_request_are_traced_without_anybody_s_name(tmp_path: Path) -> None:
    with collecting() as collector:
        more = f'[traces]\nendpoint = "{collector.url}"\nsample_ratio = 1.0\n'
        with serving(tmp_path, more) as server:
            with server.line() as line:
                assert isinstance(enter(line, "planted-user", "planted-room"), signalling.Entered)
                line.send('{"type":"leave","id":2}')
                line.recv(10)
            with server.line() as line:
                line.send('{"type":"enter","id":1}')
                line.recv(10)
            server.call_api(traceparent=f"00-{TRACE}-00f067aa0ba902b7-01")
            assert server.call_own_api(traceparent=f"00-{TRACE}-00f067aa0ba902b7-01") == 401
            limit = time.monotonic() + 20
            while "sealroom_records_shipped_total 0.0" in server.get("/metrics")[1]:
                assert time.monotonic() < limit
        (entered,) = collector.named("enter")
        assert said(entered) == {"application": APP, "scene": "rtc", "code": "ok"}
        for phase in ("enter.identify", "enter.admit", "enter.join"):
            (one,) = collector.named(phase)
            assert one.parent_span_id == entered.span_id
            assert entered.start_time_unix_nano <= one.start_time_unix_nano <= one.end_time_unix_nano
        (request,) = collector.named("api.request")
        assert request.trace_id.hex() == TRACE
        assert said(request) == {"action": "DismissRoom", "code": "AuthFailure.InvalidAuthorization"}
        (request,) = collector.named("v1.request")
        assert request.trace_id.hex() == TRACE
        assert said(request) == {"action": "none", "code": "authorization_invalid"}
        assert sum(said(one)["count"] for one in collector.named("ledger.transaction")) >= 4
        assert collector.named("records.shipping")
        assert collector.resource()["sealroom.site"] == "main"
        sent = b"".join(one.SerializeToString() for one in collector.requests)
    for planted in (b"planted-user", b"planted-room", b"127.0.0.1"):
        assert planted not in sent
    assert "traces_complained" not in (tmp_path / "log").read_text()
