"""Spans and metrics by OpenTelemetry, exported by OTLP over HTTP when an endpoint is configured; nothing otherwise.

Spans are made manually. One span is a hop: it begins when a push is read and ends with its answer, its parent is the
hop that published the message, named by `traceparent`, and it links to it as well. What serves many hops at once, as an
append of the logger does, is a span of its own that links to each of them.

No provider is made global: libraries that trace by themselves stay silent, as what they tell is in our spans already.
OpenTelemetry's SDK is imported only when it is on; it costs every start 70 ms.
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
"""Of one span; the SDK's own limit, past which it drops links silently."""
_SPAN = "tipoff.span"
_EXPORT_SECONDS = 5
"""How long one export may take. A collector that is down costs no push anything, as exports run in a thread."""

_span: ContextVar["Span | None"] = ContextVar("span", default=None)
_active: "_Telemetry | None" = None


class _Telemetry:
    """The providers of one process. One is active, or none."""

    def __init__(self, traces: "TracerProvider", metrics: "MeterProvider") -> None:
        from opentelemetry import trace as api

        self._traces, self._metrics, self._lock = traces, metrics, threading.Lock()
        self.tracer = traces.get_tracer("tipoff")
        # OpenTelemetry's API, for the functions below: an import within them costs a microsecond each time.
        self.api: ModuleType = api
        meter = metrics.get_meter("tipoff")
        # The SDK's own counter takes 10 us a call, ten times as long as an entry of a dictionary that is read when it
        # exports.
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

    batch_seconds: how long ended spans gather before they are exported.
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
    # Both would stop themselves at exit, but in an order of their own; see below.
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
    # For programs without an application, whose end is this one (see web.py).
    atexit.register(shutdown_telemetry)


def shutdown_telemetry() -> None:
    """Export what is left and switch telemetry off; nothing when it is off."""
    global _active
    if _active is not None:
        _active.shutdown()
        _active = None


def is_on() -> bool:
    """Tell whether spans and metrics are exported."""
    return _active is not None


def record(metric: Metric, value: float = 1, **attributes: str | int) -> None:
    """Note a measurement; its attributes are those that the metric declares."""
    if _active is not None:
        _active.record(metric, value, attributes)


def begin_hop(scope: MutableMapping[str, Any], event_type: str | None, received: str | None) -> None:
    """Take part in the trace that a message names, from here to the end of the request.

    scope: of the ASGI request, in which the span waits for its end. received: the message's traceparent.
    """
    if _active is None:
        continue_trace(received)
        return
    name, api = event_type or "message", _active.api
    remote = _remote(received, api)
    span = _active.tracer.start_span(
        f"process {name}",
        # Whatever else the task that handles the request may have in its context is none of the message's.
        context=api.set_span_in_context(api.NonRecordingSpan(remote or api.INVALID_SPAN_CONTEXT), {}),
        kind=api.SpanKind.CONSUMER,
        # Parent and link: the parent keeps one trace from the tick to the row, the link is what the conventions for
        # messages ask for, https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/.
        links=[api.Link(remote)] if remote is not None else None,
    )
    scope.setdefault("state", {})[_SPAN] = (span, name)
    _span.set(span)
    enter_span(_written(span.get_span_context()))


def begin_trace() -> None:
    """Begin a trace of its own, as of a tick or of a person's request, with a span for what is published in it."""
    if _active is None:
        continue_trace(None)
        return
    from opentelemetry.context import Context
    from opentelemetry.trace import SpanKind

    span = _active.tracer.start_span("publish", context=Context(), kind=SpanKind.PRODUCER)
    enter_span(_written(span.get_span_context()))
    # Ended at once: it is where the trace begins, and what it costs is told by the hops.
    span.end()


@contextmanager
def span(name: str, attributes: SpanAttributes | None = None) -> Iterator[None]:
    """Make a part of a hop a span of its own; nothing outside of a hop, or when telemetry is off."""
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
    """Make work for many hops one span, in a trace of its own, with a link to each of them."""
    if _active is None:
        yield
        return
    from opentelemetry.context import Context

    # Rows of one push have one hop, which is linked to once.
    hops = {it.span_id: it for it in links if it is not None}
    found = [_active.api.Link(it) for it in hops.values()][:MOST_LINKS]
    with _ended(_active.tracer.start_span(name, context=Context(), links=found, attributes=attributes)):
        yield


def current_context() -> "SpanContext | None":
    """Return what another span can link to: the hop under way; None without one, or when telemetry is off."""
    hop = _span.get()
    return hop.get_span_context() if _active is not None and hop is not None else None


class Hop(NamedTuple):
    """A hop under way, to be gone on with by another task: its traceparent, and its span when telemetry is on."""

    traceparent: str
    span: "Span | None"


def current_hop() -> Hop:
    """Return the hop under way, or an empty one."""
    return Hop(traceparent() if is_under_way() else "", _span.get())


def resume_hop(hop: Hop) -> None:
    """Make a hop the one under way in the task that calls this: what is published next belongs to its trace."""
    _span.set(hop.span)
    enter_span(hop.traceparent)


class HopMiddleware:
    """Ends the span of each request with the status of its answer, and measures pushes. Only in use when on."""

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
        return  # not a push, or one that was refused before it could be read
    hop, event_type = found
    # Only where it is news: an attribute costs a hop more than all else that is left of it.
    if status >= 400:
        hop.set_attribute("http.response.status_code", status)
    if status >= 500:
        # To be delivered again, by whoever is at fault: what the operator looks for.
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

        # The name of the error alone: a message may quote a document, and a collector is another system.
        inner.set_status(Status(StatusCode.ERROR, type(error).__name__))
        raise
    finally:
        inner.end()


def _written(context: "SpanContext") -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def _remote(received: str | None, api: ModuleType) -> "SpanContext | None":
    match = TRACEPARENT.match(received or "")
    if match is None:
        return None
    trace, span, flags = match.groups()
    context: SpanContext = api.SpanContext(
        int(trace, 16), int(span, 16), True, api.TraceFlags(int(flags, 16))
    )
    return context if context.is_valid else None
