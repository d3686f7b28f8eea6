"""An OpenTelemetry collector in process: OTLP over HTTP, as the real exporter sends it."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class CollectedSpan:
    """A span as it was received. Ids are hexadecimal; links are (trace, span) pairs."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    links: tuple[tuple[str, str], ...]
    attributes: Mapping[str, str]
    is_error: bool


@dataclass
class Collector:
    """The received spans and metrics."""

    endpoint: str
    spans: list[CollectedSpan] = field(default_factory=list)
    metrics: dict[str, set[str]] = field(default_factory=dict)
    """Names by service."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def of_trace(self, trace: str) -> list[CollectedSpan]:
        """Return the received spans of one trace."""
        with self.lock:
            return [span for span in self.spans if span.trace == trace]

    def named(self, name: str) -> list[CollectedSpan]:
        """Return the received spans of one name."""
        with self.lock:
            return [span for span in self.spans if span.name == name]


@contextmanager
def running_collector() -> Iterator[Collector]:
    """Serve a collector on a free port for the length of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name that http.server calls
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            with collector.lock:
                if self.path == "/v1/traces":
                    collector.spans.extend(_spans(ExportTraceServiceRequest.FromString(body)))
                elif self.path == "/v1/metrics":
                    _note_metrics(ExportMetricsServiceRequest.FromString(body), collector.metrics)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Suppress the log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector = Collector(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _spans(request: ExportTraceServiceRequest) -> Iterator[CollectedSpan]:
    for resource in request.resource_spans:
        service = _attributes(resource.resource.attributes)["service.name"]
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield CollectedSpan(
                    service,
                    span.name,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
                    _attributes(span.attributes),
                    span.status.code == 2,
                )


def _note_metrics(request: ExportMetricsServiceRequest, found: dict[str, set[str]]) -> None:
    for resource in request.resource_metrics:
        service = _attributes(resource.resource.attributes)["service.name"]
        for scope in resource.scope_metrics:
            found.setdefault(service, set()).update(metric.name for metric in scope.metrics)


def _attributes(items: object) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in items:  # type: ignore[attr-defined]  # protobuf's repeated fields carry no types
        value = item.value
        found[item.key] = value.string_value or str(value.int_value)
    return found
