"""Tests of the logger's handlers: rows for events, rejections for rows that the warehouse never accepts."""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from tests.support.samples import NOON, SAMPLES, executed, locked, rejected
from tipoff_common.binding import Envelope, Message, encode
from tipoff_common.events import Event, MessageRejected, Tick, TickFired
from tipoff_common.ports import Row, Unavailable
from tipoff_common.publisher import Publisher
from tipoff_common.push import Delivery
from tipoff_common.rows import TABLES
from tipoff_common.testing import MemoryObjects, MemoryWarehouse, RecordingBus
from tipoff_logger.archive import Archive
from tipoff_logger.deps import Deps
from tipoff_logger.handlers import ACCEPTED, handle_delivery
from tipoff_logger.row_commit import Bounds, RowCommit


@dataclass
class Bench:
    warehouse: MemoryWarehouse = field(default_factory=MemoryWarehouse)
    bus: RecordingBus = field(default_factory=RecordingBus)
    state: MemoryObjects = field(default_factory=MemoryObjects)

    def record(self, event: Event) -> None:
        envelope = Envelope(event, event.id, "/tipoff/test", NOON)
        message = Message(*encode(envelope), message_id="m-1", subscription="projects/p/subscriptions/s-1")
        commit = RowCommit(self.append, Bounds(500, 1_000_000, 0.05, 2_000, 1_000_000, 15.0), time.monotonic)
        deps = Deps("local", commit, Publisher("logger", self.bus), self.state)
        archive = Archive(self.warehouse, self.state)
        asyncio.run(handle_delivery(Delivery(event, envelope, message), deps, archive, NOON))

    async def append(self, table: str, rows: Sequence[Row], row_ids: Sequence[str]) -> None:
        self.warehouse.append(table, rows, row_ids)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize("kind", sorted({*Tick, "of_a_newer_version"} - {Tick.ARCHIVE}))
def test_tick_of_another_kind_is_ignored(bench: Bench, kind: str) -> None:
    """If its subscription lost the filter, every tick would otherwise read all partitions."""
    bench.record(TickFired(tick=Tick(kind), cadence_minutes=15))
    assert (bench.warehouse.tables, bench.bus.published, bench.state.bodies) == ({}, [], {})


@pytest.mark.parametrize("model", TABLES, ids=lambda model: model.TYPE)
def test_an_event_is_appended_to_its_table(bench: Bench, model: type[Event]) -> None:
    event = SAMPLES[model]()
    bench.record(event)
    batch = TABLES[model](event, NOON)
    assert bench.warehouse.tables == {batch.table: list(batch.rows)}
    assert bench.warehouse.row_ids == list(batch.ids)
    assert bench.bus.published == []


def test_a_redelivered_event_carries_the_same_row_id() -> None:
    """Redelivery multiplied the rows (incident 16): the row id identifies duplicates."""
    first, again = Bench(), Bench()
    first.record(executed())
    again.record(executed())
    assert first.warehouse.row_ids == again.warehouse.row_ids == [executed().id]


def test_event_without_rows_makes_no_warehouse_request(bench: Bench) -> None:
    bench.warehouse.down = True
    bench.record(locked(runs=[]))


def test_warehouse_outage_raises_without_rejection(bench: Bench) -> None:
    """An outage leads to a 503 and another delivery, not to a rejection."""
    bench.warehouse.down = True
    with pytest.raises(Unavailable):
        bench.record(executed())
    assert (bench.bus.published, bench.state.bodies) == ([], {})


def test_a_refused_row_is_a_rejection_with_its_payload_kept(bench: Bench) -> None:
    bench.warehouse.refused = {0: "no such field: colour"}
    bench.record(executed())
    (event,) = bench.bus.of(MessageRejected)
    assert (event.reason, event.service, event.environment) == ("invalid_payload", "logger", "local")
    assert "no such field: colour" in event.detail
    assert (event.subscription, event.message_id, event.event_type) == ("s-1", "m-1", executed().TYPE)
    assert event.payload_path == f"gs://state/dead-letters/{event.payload_sha256}"
    assert list(bench.state.bodies.values()) == [executed().model_dump_json().encode()]


@pytest.mark.parametrize("broken", ["bus", "state"])
def test_a_refused_row_that_cannot_be_recorded_is_delivered_again(bench: Bench, broken: str) -> None:
    bench.warehouse.refused = {0: "no such field"}
    if broken == "bus":
        bench.bus.capacity = 0
    else:
        bench.state.down = True
    with pytest.raises(Unavailable):
        bench.record(executed())


def test_refused_rejection_is_logged_without_another_rejection(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.warehouse.refused = {0: "no such field"}
    with caplog.at_level(logging.ERROR):
        bench.record(rejected())
    assert bench.bus.published == []
    (record,) = caplog.records
    assert vars(record)["event"] == rejected().model_dump(mode="json")


def test_a_field_of_a_newer_producer_is_kept_in_the_json_column_and_reported(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.record(executed(weather="snow"))
    (row,) = bench.warehouse.tables["scraper_execution_log"]
    assert row["data_summary"] == {"record_count": 3, "unknown_fields": {"weather": "snow"}}
    (record,) = caplog.records
    result = (vars(record)["fields"], vars(record)["kept_in"])
    assert result == (["weather"], "scraper_execution_log.data_summary")


def test_only_the_archive_tick_archives(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        bench.record(TickFired(tick=Tick.CLEANUP, cadence_minutes=15))
        assert caplog.messages == []
        bench.record(TickFired(tick=Tick.ARCHIVE, cadence_minutes=1440))
    assert caplog.messages == ["archive complete"]


def test_events_with_rows_and_ticks_are_accepted() -> None:
    assert frozenset({*TABLES, TickFired}) == ACCEPTED
