"""Tests of the archive: exported partitions, skipped ones, and the report on failures."""

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tipoff_common.events import Tick, TickFired
from tipoff_common.ports import ObjectInfo, Parameter, Unavailable
from tipoff_common.testing import MemoryObjects, MemoryWarehouse
from tipoff_logger.archive import (
    EXPORTED_FROM_DAY,
    PAGE_ROWS,
    PARTITIONS,
    Archive,
    archive_partitions,
    is_to_be_written,
    json_lines,
    object_name,
)

SCHEMAS = Path(__file__).parents[3] / "schemas/bigquery/nba_orchestration"
NOW = datetime(2025, 1, 16, 8, 0, 3, tzinfo=UTC)
OLD, YOUNG = date(2025, 1, 15), date(2025, 1, 16)
TICK = TickFired(tick=Tick.ARCHIVE, cadence_minutes=1440, event_time=None)
TABLE = "scraper_execution_log"
NAME = f"logs/{TABLE}/2025-01-15/000000002.json"


@dataclass
class Bench:
    """A warehouse with rows by table and day that answers the archive's two queries."""

    partitions: dict[str, dict[date, list[dict[str, Any]]]] = field(default_factory=dict)
    miscounted: int = 0
    broken: str = "-"
    bucket: MemoryObjects = field(default_factory=lambda: MemoryObjects("archive"))
    queries: list[tuple[str, Mapping[str, Parameter]]] = field(default_factory=list)

    def answer(self, sql: str, parameters: Mapping[str, Parameter]) -> list[dict[str, Any]]:
        self.queries.append((sql, parameters))
        found = re.search(r"nba_orchestration\.(\w+)", sql)
        assert found
        table = found.group(1)
        if table == self.broken:
            raise Unavailable("the warehouse is down")
        days = self.partitions.get(table, {})
        if "@last" not in sql:
            return days[parameters["day"]]  # type: ignore[index]
        last: Any = parameters["last"]
        return [
            {"day": day, "row_count": len(rows) + self.miscounted}
            for day, rows in days.items()
            if day <= last
        ]

    def run(self, tick: TickFired = TICK) -> None:
        archive_partitions(tick, Archive(MemoryWarehouse(answer=self.answer), self.bucket), NOW)


@pytest.fixture
def bench() -> Bench:
    return Bench({TABLE: {OLD: [{"event_id": "a"}, {"event_id": "b"}], YOUNG: [{"event_id": "c"}]}})


def test_yesterday_is_exported_and_today_is_not(bench: Bench) -> None:
    bench.run()
    assert NOW.date() - OLD == timedelta(days=EXPORTED_FROM_DAY)
    assert bench.bucket.bodies == {NAME: b'{"event_id":"a"}\n{"event_id":"b"}\n'}
    assert bench.bucket.metadata[NAME] == {"rows": "2"}


def test_replayed_tick_archives_up_to_its_event_time(bench: Bench) -> None:
    bench.run(TICK.model_copy(update={"event_time": NOW + timedelta(days=1)}))
    assert set(bench.bucket.bodies) == {NAME, object_name(TABLE, YOUNG, 1)}


def test_every_query_filters_by_partition(bench: Bench) -> None:
    bench.run()
    assert len(bench.queries) == len(PARTITIONS) + 1
    for sql, _ in bench.queries:
        assert re.search(r"WHERE (date|DATE\(\w+\)) (<= @last|= @day) ", sql)


def test_exported_partition_is_not_written_again(bench: Bench) -> None:
    bench.run()
    kept = bench.bucket.bodies[NAME]
    bench.run()
    assert bench.bucket.bodies[NAME] is kept


def test_archive_logs_its_counts_on_a_single_line(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.partitions["file_receipts"] = {OLD: [{"event_id": "r"}]}
    with caplog.at_level(logging.INFO):
        bench.run()
        bench.run()
    messages = [vars(record) for record in caplog.records if record.message == "archive complete"]
    counts = [
        {name: line[name] for name in ("last_day", "partitions", "rows", "written")} for line in messages
    ]
    complete = {"last_day": OLD, "partitions": 2, "rows": 3}
    assert counts == [{**complete, "written": 2}, {**complete, "written": 0}]


@pytest.mark.parametrize(
    ("rows", "archived", "written"), [(2, None, True), (2, 2, False), (3, 2, True), (1, 2, False)]
)
def test_only_a_partition_that_the_archive_does_not_hold_is_written(
    rows: int, archived: int | None, written: bool
) -> None:
    assert is_to_be_written(rows, archived) is written


def test_late_rows_are_archived_in_a_new_object(bench: Bench) -> None:
    bench.run()
    bench.partitions[TABLE][OLD].append({"event_id": "late"})
    bench.run()
    assert bench.bucket.bodies[object_name(TABLE, OLD, 3)].count(b"\n") == 3
    assert bench.bucket.bodies[NAME].count(b"\n") == 2, "nothing in an archive is replaced"


def test_archive_keeps_rows_removed_from_the_partition(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.run()
    kept = bench.bucket.bodies[NAME]
    bench.partitions[TABLE][OLD].pop()
    with caplog.at_level(logging.WARNING):
        bench.run()
    assert bench.bucket.bodies[NAME] is kept
    assert vars(caplog.records[-1])["archived"] == 2


@pytest.mark.parametrize("name", ["", "2025-01-15.json", "2025-99-99/000000001.json"])
def test_object_of_another_name_is_ignored(name: str, bench: Bench) -> None:
    bench.bucket.put(f"logs/{TABLE}/{name}", b"half", content_type="text/plain")
    bench.run()
    assert bench.bucket.metadata[NAME] == {"rows": "2"}


def test_table_whose_name_is_a_prefix_has_its_own_folder() -> None:
    assert object_name("alert", OLD, 1).startswith("logs/alert/")


def test_row_count_mismatch_raises_and_writes_no_object(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.miscounted = 1
    with (
        caplog.at_level(logging.INFO),
        pytest.raises(Unavailable, match=f"{TABLE} of 2025-01-15: read 2 rows, but counted 3"),
    ):
        bench.run()
    assert bench.bucket.bodies == {}
    assert caplog.records == []


def test_unreadable_table_is_named_and_the_others_are_exported(bench: Bench) -> None:
    bench.partitions["file_receipts"] = {OLD: [{"event_id": "r"}]}
    bench.broken = TABLE
    with pytest.raises(Unavailable, match=f"^not archived: {TABLE}: the warehouse is down$"):
        bench.run()
    assert set(bench.bucket.bodies) == {object_name("file_receipts", OLD, 1)}


@pytest.mark.parametrize(("size", "held"), [(None, "no bytes"), (7, "7 bytes")])
def test_incomplete_object_is_not_reported_as_archived(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, size: int | None, held: str
) -> None:
    stored = ObjectInfo(NAME, size, NOW, {}, 1) if size is not None else None
    monkeypatch.setattr(bench.bucket, "info", lambda _name: stored)
    with pytest.raises(Unavailable, match=f"holds {held}, not 34"):
        bench.run()


def test_bucket_outage_fails_the_archive(bench: Bench) -> None:
    bench.bucket.down = True
    with pytest.raises(Unavailable, match="archive is down"):
        bench.run()


def test_all_rows_beyond_a_page_are_archived(bench: Bench) -> None:
    bench.partitions = {TABLE: {OLD: [{"event_id": str(n)} for n in range(2 * PAGE_ROWS + 1)]}}
    bench.run()
    lines = bench.bucket.bodies[object_name(TABLE, OLD, 2 * PAGE_ROWS + 1)].splitlines()
    assert [json.loads(line)["event_id"] for line in lines] == [str(n) for n in range(2 * PAGE_ROWS + 1)]


def test_json_line_has_the_format_of_bq_load() -> None:
    row = {
        "at": NOW,
        "day": OLD,
        "summary": {"record_count": 3, "reason": "schön\nspät"},
        "files": [{"gcs_path": "gs://d/x", "triggered_at": NOW}],
        "names": [],
        "recovery": False,
        "missing": None,
    }
    body = json_lines([row])
    assert body.count(b"\n") == 1
    assert "schön".encode() in body, "as people write it: a line is read by eyes, too"
    assert json.loads(body) == {
        "at": "2025-01-16T08:00:03+00:00",
        "day": "2025-01-15",
        "summary": {"record_count": 3, "reason": "schön\nspät"},
        "files": [{"gcs_path": "gs://d/x", "triggered_at": "2025-01-16T08:00:03+00:00"}],
        "names": [],
        "recovery": False,
    }


def test_value_without_json_form_raises() -> None:
    with pytest.raises(TypeError, match="bytes"):
        json_lines([{"at": b"raw"}])


def test_every_table_is_archived_by_partition_before_its_expiration() -> None:
    declared = {}
    for path in SCHEMAS.glob("*.sql"):
        sql = path.read_text(encoding="utf-8")
        if found := re.search(r"^PARTITION BY (.+)$", sql, re.MULTILINE):
            declared[path.stem] = found.group(1)
            days = re.search(r"partition_expiration_days=(\d+)", sql)
            assert days and int(days.group(1)) >= EXPORTED_FROM_DAY + 5
    assert declared == PARTITIONS
