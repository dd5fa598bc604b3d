# SPDX-License-Identifier: Apache-2.0
"""A collector of spans: OTLP over HTTP, into memory."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass
class Collector:
    """Takes spans as OTLP over HTTP."""

    url: str
    requests: list[ExportTraceServiceRequest] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def spans(self) -> dict[str, Any]:
        """By name."""
        return {
            span.name: span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        }

    def named(self, name: str) -> list[Any]:
        """Every span of that name."""
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
            if span.name == name
        ]

    def resource(self) -> dict[str, str]:
        (resource,) = [one.resource for request in self.requests for one in request.resource_spans][:1]
        return {one.key: one.value.string_value for one in resource.attributes}


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector that runs."""
    found: list[Collector] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = ExportTraceServiceRequest()
            request.ParseFromString(self.rfile.read(int(self.headers["Content-Length"])))
            found[0].requests.append(request)
            found[0].headers.append({key.lower(): value for key, value in self.headers.items()})
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing to say."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.append(Collector(f"http://127.0.0.1:{server.server_port}/v1/traces"))
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield found[0]
        server.shutdown()
        thread.join()


def said(span: Any) -> dict[str, Any]:
    """The attributes of a span."""
    return {one.key: getattr(one.value, str(one.value.WhichOneof("value"))) for one in span.attributes}
