"""Spans and metrics by OpenTelemetry, exported by OTLP over HTTP when an endpoint is configured; nothing otherwise.

Spans are made manually. One span is a hop: it begins when a push is read and ends with its answer. Its parent is the
hop that published the message, named by `traceparent`, and it also links to that hop. Work for many hops at once, such
as an append of the logger, is a separate span that links to each of them.

No provider is global, so libraries that trace by themselves export nothing: Tipoff's spans have the same facts. The
SDK is imported only when telemetry is on, as the import takes 70 ms.
"""

import atexit
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from tipoff_common.metrics import MESSAGE_SECONDS, MESSAGES, METRICS, Metric, MetricKind
from tipoff_common.trace import TRACEPARENT, continue_trace, enter_span, is_under_way, traceparent

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, Observation
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, SpanContext

SpanAttributes = Mapping[str, str | int | float | bool]
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
"""OpenTelemetry's own variable for the collector's base URL: https://opentelemetry.io/docs/specs/otel/protocol/exporter/"""
MOST_LINKS = 128
"""Links of one span; the SDK silently drops further ones."""
_SPAN = "tipoff.span"
_EXPORT_SECONDS = 5
"""How long one export may take. A collector that is down delays no push, as exports run in a thread."""

_span: ContextVar["Span | None"] = ContextVar("span", default=None)
_active: "_Telemetry | None" = None


class _Telemetry:
    """The providers of one process. One is active, or none."""

    def __init__(self, traces: "TracerProvider", metrics: "MeterProvider") -> None:
        from opentelemetry import trace as api

        self._traces, self._metrics, self._lock = traces, metrics, threading.Lock()
        self.tracer = traces.get_tracer("tipoff")
        # OpenTelemetry's API, for the functions below: an import statement in them would take a microsecond per call.
        self.api: ModuleType = api
        meter = metrics.get_meter("tipoff")
        # The SDK's own counter takes 10 us a call, ten times as long as a dictionary entry that an observable counter
        # reads at each export.
        self._counts: dict[str, dict[tuple[tuple[str, str | int], ...], float]] = {
            it.name: {} for it in METRICS if it.kind is MetricKind.COUNTER
        }
        for it in METRICS:
            if it.kind is MetricKind.COUNTER:
                meter.create_observable_counter(it.name, [self._read(it.name)], it.unit, it.description)
        self._histograms = {
            it.name: meter.create_histogram(it.name, it.unit, it.description)
            for it in METRICS
            if it.kind is MetricKind.HISTOGRAM
        }

    def record(self, metric: Metric, value: float, attributes: Mapping[str, str | int]) -> None:
        if metric.kind is MetricKind.HISTOGRAM:
            self._histograms[metric.name].record(value, attributes)
            return
        counts, key = self._counts[metric.name], tuple(attributes.items())
        with self._lock:
            counts[key] = counts.get(key, 0) + value

    def _read(self, name: str) -> "Callable[[CallbackOptions], list[Observation]]":
        from opentelemetry.metrics import Observation

        def read(_options: "CallbackOptions") -> "list[Observation]":
            with self._lock:
                return [Observation(count, dict(key)) for key, count in self._counts[name].items()]

        return read

    def shutdown(self) -> None:
        self._traces.shutdown()
        self._metrics.shutdown()


def configure_telemetry(
    service: str, version: str, environment: str, endpoint: str | None, *, batch_seconds: float = 5.0
) -> None:
    """Export spans and metrics of this process to the collector at `endpoint`; None switches both off.

    batch_seconds: time between exports of ended spans.
    """
    global _active
    shutdown_telemetry()
    if endpoint is None:
        return
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    base = endpoint.rstrip("/")
    resource = Resource.create(
        {
            "service.namespace": "tipoff",
            "service.name": service,
            "service.version": version,
            "deployment.environment.name": environment,
        }
    )
    # Both would shut down at exit in an undefined order; `shutdown_telemetry` sets the order.
    traces = TracerProvider(resource=resource, shutdown_on_exit=False)
    traces.add_span_processor(
        BatchSpanProcessor(
            OTLPSpanExporter(endpoint=f"{base}/v1/traces", timeout=_EXPORT_SECONDS),
            schedule_delay_millis=batch_seconds * 1000,
        )
    )
    reader = PeriodicExportingMetricReader(
        OTLPMetricExporter(endpoint=f"{base}/v1/metrics", timeout=_EXPORT_SECONDS)
    )
    metrics = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
    _active = _Telemetry(traces, metrics)
    # For programs without an application; an application shuts telemetry down itself (web.py).
    atexit.register(shutdown_telemetry)


def shutdown_telemetry() -> None:
    """Export the remaining spans and metrics and switch telemetry off, unless it is off."""
    global _active
    if _active is not None:
        _active.shutdown()
        _active = None


def is_on() -> bool:
    """Return whether spans and metrics are exported."""
    return _active is not None


def record(metric: Metric, value: float = 1, **attributes: str | int) -> None:
    """Record a measurement with the attributes that the metric declares."""
    if _active is not None:
        _active.record(metric, value, attributes)


def begin_hop(scope: MutableMapping[str, Any], event_type: str | None, received: str | None) -> None:
    """Continue a message's trace, with a span from here to the end of the request.

    scope: the ASGI request's; it keeps the span until `HopMiddleware` ends it. received: the message's traceparent.
    """
    if _active is None:
        continue_trace(received)
        return
    name, api = event_type or "message", _active.api
    remote = _remote_context(received, api)
    span = _active.tracer.start_span(
        f"process {name}",
        # An empty base context: the context of the task that handles the request is unrelated to the message.
        context=api.set_span_in_context(api.NonRecordingSpan(remote or api.INVALID_SPAN_CONTEXT), {}),
        kind=api.SpanKind.CONSUMER,
        # Parent and link: the parent keeps one trace from the tick to the row; the conventions for messages require the
        # link, https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/.
        links=[api.Link(remote)] if remote is not None else None,
    )
    scope.setdefault("state", {})[_SPAN] = (span, name)
    _span.set(span)
    enter_span(_to_traceparent(span.get_span_context()))


def begin_trace() -> None:
    """Begin a new trace, such as a tick's or a command's, with a span as the parent of the published events."""
    if _active is None:
        continue_trace(None)
        return
    from opentelemetry.context import Context
    from opentelemetry.trace import SpanKind

    span = _active.tracer.start_span("publish", context=Context(), kind=SpanKind.PRODUCER)
    enter_span(_to_traceparent(span.get_span_context()))
    # Ended at once: it is only the root of the trace, and the hops have the durations.
    span.end()


@contextmanager
def span(name: str, attributes: SpanAttributes | None = None) -> Iterator[None]:
    """Record a part of a hop as a child span; do nothing outside of a hop, or when telemetry is off."""
    hop = _span.get()
    if _active is None or hop is None:
        yield
        return
    from opentelemetry.trace import set_span_in_context

    with _ended(_active.tracer.start_span(name, context=set_span_in_context(hop), attributes=attributes)):
        yield


@contextmanager
def linked_span(
    name: str, links: Iterable["SpanContext | None"], attributes: SpanAttributes | None = None
) -> Iterator[None]:
    """Record work for many hops as one span, in a separate trace, with a link to each hop."""
    if _active is None:
        yield
        return
    from opentelemetry.context import Context

    # Rows of one push have the same hop: one link.
    hops = {it.span_id: it for it in links if it is not None}
    found = [_active.api.Link(it) for it in hops.values()][:MOST_LINKS]
    with _ended(_active.tracer.start_span(name, context=Context(), links=found, attributes=attributes)):
        yield


def current_context() -> "SpanContext | None":
    """Return the current hop's context, for links of other spans; None without a hop, or when telemetry is off."""
    hop = _span.get()
    return hop.get_span_context() if _active is not None and hop is not None else None


class Hop(NamedTuple):
    """A hop for another task to resume: its traceparent, and its span when telemetry is on."""

    traceparent: str
    span: "Span | None"


def current_hop() -> Hop:
    """Return the current hop, or an empty one."""
    return Hop(traceparent() if is_under_way() else "", _span.get())


def resume_hop(hop: Hop) -> None:
    """Make a hop the current one of the calling task, so that its next events belong to the hop's trace."""
    _span.set(hop.span)
    enter_span(hop.traceparent)


class HopMiddleware:
    """Ends the span of each request with its HTTP status, and measures pushes; used only when telemetry is on."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self._app = app

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        """Handle one ASGI scope."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def note_status(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note_status)
        finally:
            _end_hop(scope, status, time.perf_counter() - started)


def _end_hop(scope: MutableMapping[str, Any], status: int, seconds: float) -> None:
    found = scope.get("state", {}).get(_SPAN)
    if found is None:
        return  # not a push, or a push that was refused before it was read
    hop, event_type = found
    # Only for failures: setting an attribute takes longer than the rest of this function.
    if status >= 400:
        hop.set_attribute("http.response.status_code", status)
    if status >= 500:
        # Pub/Sub redelivers the message; operators search for spans with an error.
        from opentelemetry.trace import Status, StatusCode

        hop.set_status(Status(StatusCode.ERROR))
    hop.end()
    record(MESSAGES, event_type=event_type, status=status)
    record(MESSAGE_SECONDS, seconds, event_type=event_type, status=status)


@contextmanager
def _ended(inner: "Span") -> Iterator[None]:
    """End the span after the block, as an error when the block raises."""
    try:
        yield
    except BaseException as error:
        from opentelemetry.trace import Status, StatusCode

        # Only the name of the error: its text may quote a document, and a collector is another system.
        inner.set_status(Status(StatusCode.ERROR, type(error).__name__))
        raise
    finally:
        inner.end()


def _to_traceparent(context: "SpanContext") -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def _remote_context(received: str | None, api: ModuleType) -> "SpanContext | None":
    match = TRACEPARENT.match(received or "")
    if match is None:
        return None
    trace, span, flags = match.groups()
    context: SpanContext = api.SpanContext(
        int(trace, 16), int(span, 16), True, api.TraceFlags(int(flags, 16))
    )
    return context if context.is_valid else None
