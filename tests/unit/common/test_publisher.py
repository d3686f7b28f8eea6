"""Tests of the publisher of events."""

from datetime import UTC, datetime

import pytest

from tests.support.samples import executed, landed
from tipoff_common.ports import Unavailable
from tipoff_common.publisher import Publisher
from tipoff_common.testing import RecordingBus
from tipoff_common.trace import continue_trace, trace_id, traceparent


def test_event_is_published_with_its_id_and_service_source() -> None:
    bus = RecordingBus()
    before = datetime.now(UTC)
    Publisher("scraper-runner", bus).publish([landed(), executed()])
    first, second = bus.published
    assert [first.payload, second.payload] == [landed(), executed()]
    assert (first.id, second.id) == (landed().id, executed().id)
    assert first.source == "/tipoff/scraper-runner"
    assert before <= first.time <= datetime.now(UTC)


def test_events_published_together_share_one_trace() -> None:
    bus = RecordingBus()
    continue_trace(None)
    Publisher("scraper-runner", bus).publish([landed(), executed()])
    assert {envelope.traceparent for envelope in bus.published} == {traceparent()}


def test_bus_outage_raises_unavailable() -> None:
    with pytest.raises(Unavailable):
        Publisher("scraper-runner", RecordingBus(capacity=1)).publish([landed(), executed()])


@pytest.mark.parametrize(
    "given", [None, "", "nonsense", "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01"]
)
def test_invalid_traceparent_starts_a_new_trace(given: str | None) -> None:
    continue_trace(given)
    first = trace_id()
    assert first is not None
    continue_trace(given)
    assert trace_id() != first


def test_continued_trace_keeps_its_id_with_a_new_span() -> None:
    received = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    continue_trace(received)
    assert trace_id() == "0af7651916cd43dd8448eb211c80319c"
    assert traceparent() != received
