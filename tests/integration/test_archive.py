"""The archive: the rows of past days are in the bucket, completely and once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
import requests
from stack_harness import Driver, until
from tests.support.samples import cleaned, executed, rejected

from tipoff_common.events import Event, Tick, TickFired
from tipoff_common.ports import ObjectInfo, Unavailable
from tipoff_common.rows import TABLES
from tipoff_logger.archive import EXPORTED_FROM_DAY, PAGE_ROWS, object_name


def _at(day: date, hour: int = 12) -> datetime:
    return datetime.combine(day, time(hour), UTC)


def _store(driver: Driver, *events: Event) -> None:
    for event in events:
        batch = TABLES[type(event)](event, datetime.now(UTC))
        driver.stack.warehouse.append(batch.table, batch.rows, batch.ids)


def _tick(driver: Driver, about: date) -> None:
    """Publish the archive tick on the day on which `about` is to be exported."""
    instant = _at(about + timedelta(days=EXPORTED_FROM_DAY), hour=8)
    driver.stack.publisher.publish([TickFired(tick=Tick.ARCHIVE, cadence_minutes=1440, event_time=instant)])


def _object(driver: Driver, table: str, day: date) -> ObjectInfo | None:
    """Return the day's object with the most rows."""
    folder = object_name(table, day, 0).rpartition("/")[0]
    return max(driver.stack.data.list(f"{folder}/"), key=lambda info: info.name, default=None)


def _lines(driver: Driver, table: str, day: date) -> list[dict[str, Any]]:
    found = until(lambda: _object(driver, table, day), f"the archive of {table}")
    body = driver.stack.data.get(found.name)
    assert body is not None
    return [json.loads(line) for line in body.splitlines()]


def test_old_rows_are_archived_unchanged_and_younger_rows_are_not(embedded: Driver) -> None:
    old, young = date(2024, 10, 15), date(2024, 10, 16)
    executions = [
        executed(
            execution_id=f"{at:%Y%m%dT%H}",
            triggered_at=at,
            completed_at=at,
            data_summary={"record_count": 3, "at": 2},
        )
        for at in (_at(old, 0), _at(old, 23), _at(young, 0))
    ]
    _store(embedded, *executions, cleaned(cleanup_time=_at(old)), rejected(rejected_at=_at(old)))
    _tick(embedded, old)
    first, last = _lines(embedded, "scraper_execution_log", old)
    assert (first["execution_id"], last["execution_id"]) == ("20241015T00", "20241015T23")
    assert first["data_summary"] == {"record_count": 3, "at": 2}
    assert datetime.fromisoformat(first["triggered_at"]) == _at(old, 0)
    assert "error_type" not in first, "NULL is left out"
    (cleanup,) = _lines(embedded, "cleanup_operations", old)
    assert cleanup["missing_files"][0]["gcs_path"] == cleaned().missing_files[0].gcs_path
    (letter,) = _lines(embedded, "dead_letters", old)
    assert letter["attributes"] == dict(rejected().attributes)
    embedded.settle()
    assert _object(embedded, "scraper_execution_log", young) is None


def test_repeated_tick_archives_only_late_rows(embedded: Driver) -> None:
    day = date(2024, 9, 3)
    _store(embedded, executed(triggered_at=_at(day)))
    _tick(embedded, day)
    first = until(lambda: _object(embedded, "scraper_execution_log", day), "the archive")
    _tick(embedded, day)
    embedded.settle()
    assert _object(embedded, "scraper_execution_log", day) == first
    _store(embedded, executed(execution_id="late", triggered_at=_at(day)))
    _tick(embedded, day)
    embedded.settle()
    assert len(_lines(embedded, "scraper_execution_log", day)) == 2


def test_rows_of_several_pages_are_archived_once(embedded: Driver) -> None:
    day = date(2024, 8, 2)
    events = [executed(execution_id=f"{n:04d}", triggered_at=_at(day)) for n in range(2 * PAGE_ROWS + 1)]
    rows = [TABLES[type(event)](event, _at(day)) for event in events]
    embedded.stack.warehouse.append(
        "scraper_execution_log", [batch.rows[0] for batch in rows], [batch.ids[0] for batch in rows]
    )
    _tick(embedded, day)
    lines = _lines(embedded, "scraper_execution_log", day)
    assert sorted(line["execution_id"] for line in lines) == [event.execution_id for event in events]


def test_archive_tick_waits_for_unavailable_bucket(embedded: Driver) -> None:
    day = date(2024, 7, 1)
    _store(embedded, executed(triggered_at=_at(day)))
    ready = f"{embedded.stack.layout.url('logger')}/readyz"
    assert requests.get(ready, timeout=90).json()["checks"]["archive"] == "ok"
    with embedded.down("storage"):
        assert "ok" not in requests.get(ready, timeout=90).json()["checks"]["archive"]
        _tick(embedded, day)
        until(lambda: embedded.waiting("logger-ticks"), "the tick to be kept")
    assert len(_lines(embedded, "scraper_execution_log", day)) == 1


def test_chunked_object_is_complete_or_absent(embedded: Driver) -> None:
    """Archiving relies on it: several chunks beyond the size of one transmission, and a source that fails midway."""
    data, piece = embedded.stack.data, b"x" * 700_000

    def breaking() -> Iterator[bytes]:
        yield from [piece] * 4
        raise Unavailable("the warehouse went down")

    data.put_chunks("pieces/whole", [piece] * 4, content_type="text/plain", metadata={"rows": "4"})
    assert data.get("pieces/whole") == piece * 4
    with pytest.raises(Unavailable, match="the warehouse went down"):
        data.put_chunks("pieces/whole", breaking(), content_type="text/plain")
    with pytest.raises(Unavailable, match="the warehouse went down"):
        data.put_chunks("pieces/broken", breaking(), content_type="text/plain")
    assert [(info.name, info.metadata) for info in data.list("pieces/")] == [("pieces/whole", {"rows": "4"})]
