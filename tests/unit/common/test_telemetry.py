"""Tests of telemetry: spans and metrics of a push, and no export without a collector."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from contextvars import Context
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, HTTPException, Request

from tests.support.collector import Collector, running_collector
from tests.support.pushes import client
from tipoff_common import telemetry
from tipoff_common.events import Tick, TickFired
from tipoff_common.logs import JsonFormatter
from tipoff_common.metrics import EXECUTIONS, METRICS, PUBLISHED
from tipoff_common.publisher import Publisher
from tipoff_common.telemetry import (
    HopMiddleware,
    begin_hop,
    configure_telemetry,
    current_context,
    linked_span,
    record,
    shutdown_telemetry,
    span,
)
from tipoff_common.testing import RecordingBus
from tipoff_common.trace import trace_id, traceparent

TRACE, SENDER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SENT = f"00-{TRACE}-{SENDER}-01"
TICK = TickFired(tick=Tick.EVALUATE, cadence_minutes=15)
PAGE = Path(__file__).parents[3] / "docs/how-to/observability.md"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with running_collector() as found:
        configure_telemetry("logger", "1", "local", found.endpoint)
        yield found
        shutdown_telemetry()


def service(bus: RecordingBus, *, measured: bool = True, answer: int = 204) -> httpx.Client:
    """Return a client of a service that handles a push with one inner span and publishes one event."""
    app = FastAPI()
    if measured:
        app.add_middleware(HopMiddleware)

    @app.post("/events")
    async def receive(request: Request) -> dict[str, str | None]:
        begin_hop(request.scope, "tipoff.tick.fired.v1", request.headers.get("traceparent"))
        with span("part"):
            Publisher("logger", bus).publish([TICK])
        if answer == 503:
            raise HTTPException(503, "a document that is nobody's business")
        return {"trace": trace_id(), "sent_on": traceparent()}

    return client(app)


def test_push_span_has_previous_hop_as_parent_and_link(collector: Collector) -> None:
    bus = RecordingBus()
    result = service(bus).post("/events", headers={"traceparent": SENT}).json()
    shutdown_telemetry()
    (hop,) = collector.named("process tipoff.tick.fired.v1")
    assert (hop.service, hop.trace, hop.parent, hop.links) == ("logger", TRACE, SENDER, ((TRACE, SENDER),))
    (part,) = collector.named("part")
    assert (part.trace, part.parent) == (TRACE, hop.id)
    # The published event names this hop as the parent of the next.
    assert bus.published[0].traceparent == result["sent_on"] == f"00-{TRACE}-{hop.id}-01"
    assert result["trace"] == TRACE


def test_503_response_is_error_span_without_its_text(collector: Collector) -> None:
    assert service(RecordingBus(), answer=503).post("/events").status_code == 503
    shutdown_telemetry()
    (hop,) = collector.named("process tipoff.tick.fired.v1")
    assert (hop.is_error, hop.parent, hop.links) == (True, "", ())
    assert hop.attributes["http.response.status_code"] == "503"
    assert "nobody's business" not in repr(collector.spans)


def test_batch_span_has_own_trace_and_links_each_hop_once(collector: Collector) -> None:
    contexts = []
    for number in range(3):
        scope: dict[str, object] = {}
        begin_hop(scope, f"event {number}", SENT)
        contexts.append(current_context())
    with linked_span("append", [*contexts, contexts[0], None], {"rows": 4}):
        pass
    shutdown_telemetry()
    (append,) = collector.named("append")
    assert append.trace != TRACE
    assert append.parent == ""
    assert [trace for trace, _ in append.links] == [TRACE] * 3
    assert len({hop for _, hop in append.links}) == 3


def test_each_tick_published_by_a_thread_has_its_own_trace(collector: Collector) -> None:
    bus = RecordingBus()
    publisher = Publisher("scheduler", bus)

    def two_ticks() -> None:
        publisher.publish([TICK])
        publisher.publish([TICK])

    Context().run(two_ticks)  # a context without a current span
    first, second = (envelope.traceparent.split("-")[1] for envelope in bus.published)
    assert first != second
    shutdown_telemetry()
    assert {item.trace for item in collector.named("publish")} == {first, second}


def test_metrics_are_exported_under_registry_names(collector: Collector) -> None:
    record(EXECUTIONS, scraper="nbac_schedule", status="success")
    record(PUBLISHED, event_type="tipoff.tick.fired.v1")
    shutdown_telemetry()
    assert collector.metrics == {"logger": {EXECUTIONS.name, PUBLISHED.name}}


def test_log_line_has_trace_and_span() -> None:
    begin_hop({}, "x", SENT)
    record_ = logging.LogRecord("x", logging.INFO, "x.py", 1, "said", (), None)
    entry = json.loads(JsonFormatter("logger", "1", "p").format(record_))
    assert entry["logging.googleapis.com/trace"] == f"projects/p/traces/{TRACE}"
    assert entry["logging.googleapis.com/spanId"] == traceparent().split("-")[2]


def test_without_endpoint_trace_is_propagated_and_sdk_not_loaded() -> None:
    assert not telemetry.is_on()
    bus = RecordingBus()
    result = service(bus, measured=False).post("/events", headers={"traceparent": SENT}).json()
    assert result["trace"] == TRACE
    assert bus.published[0].traceparent.split("-")[1] == TRACE
    loaded = "import sys, tipoff_common.web; print('opentelemetry.sdk' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_collector_outage_does_not_fail_a_push(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "_EXPORT_SECONDS", 0.1)  # a stopping exporter retries for this long
    configure_telemetry("logger", "1", "local", "http://127.0.0.1:9")
    try:
        assert service(RecordingBus()).post("/events").status_code == 200
    finally:
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        shutdown_telemetry()
        logging.getLogger("opentelemetry").setLevel(logging.NOTSET)


def test_observability_page_lists_every_metric() -> None:
    page = PAGE.read_text(encoding="utf-8")
    missing = [it.name for it in METRICS if f"| `{it.name}` | {it.kind} | `{it.unit}` |" not in page]
    assert missing == []
