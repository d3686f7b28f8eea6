"""One trace from the tick to the row, as a collector receives it from real services with the real exporter."""

from __future__ import annotations

from contextvars import Context
from datetime import date, time
from pathlib import Path

import pytest
from tests.support.collector import CollectedSpan, running_collector

from tipoff_common.clock import local_instant
from tipoff_common.events import Tick, TickFired
from tipoff_common.telemetry import ENDPOINT, configure_telemetry, shutdown_telemetry
from tipoff_dev.stack.layout import Layout
from tipoff_dev.stack.stack import StackOptions, running_stack

HOPS = [
    # service, the event that it processes, the service of the parent span
    ("controller", "tipoff.tick.fired.v1", "scheduler"),
    ("scraper-runner", "tipoff.scrape.requested.v1", "controller"),
    ("logger", "tipoff.scrape.executed.v1", "scraper-runner"),
    ("controller", "tipoff.scrape.executed.v1", "scraper-runner"),
    ("phase2", "tipoff.file.landed.v1", "scraper-runner"),
    ("logger", "tipoff.file.processed.v1", "phase2"),
]


def test_single_trace_spans_tick_to_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_collector() as collector:
        monkeypatch.setenv(ENDPOINT, collector.endpoint)
        configure_telemetry("scheduler", "0", "local", collector.endpoint)
        try:
            with running_stack(
                Layout.on_free_ports(event_time=True),
                tmp_path,
                StackOptions(services=("controller", "scraper-runner", "logger")),
            ) as stack:
                # The demo's morning: due at five, one scraper, one file.
                at = local_instant(date(2025, 1, 15), time(5))
                tick = TickFired(tick=Tick.EVALUATE, cadence_minutes=60, event_time=at)
                Context().run(stack.publisher.publish, [tick])  # a thread without a current trace
                stack.wait_until_quiet()
        finally:
            shutdown_telemetry()
        # The services have exited, and exported their remaining spans.
        (begin,) = collector.named("publish")
        trace = collector.of_trace(begin.trace)
        by_id = {span.id: span for span in trace}
        for service, event_type, sender in HOPS:
            found = [
                span for span in trace if (span.service, span.name) == (service, f"process {event_type}")
            ]
            assert found, (service, event_type, sorted((span.service, span.name) for span in trace))
            for span in found:
                assert by_id[span.parent].service == sender
                assert span.links == ((begin.trace, span.parent),)
                assert not span.is_error
        assert {span.service for span in trace} == {
            "scheduler",
            "controller",
            "scraper-runner",
            "logger",
            "phase2",
        }
        assert _appended_in(trace, collector.named("append scraper_execution_log"))
        assert collector.metrics["logger"] >= {"tipoff.append.rows", "tipoff.messages"}
        assert "tipoff.executions" in collector.metrics["scraper-runner"]


def _appended_in(trace: list[CollectedSpan], appends: list[CollectedSpan]) -> bool:
    """Return whether an append of the logger links to the hop that published its row."""
    rows = {span.id for span in trace if span.name == "process tipoff.scrape.executed.v1"}
    return any(span in rows for append in appends for _, span in append.links)
