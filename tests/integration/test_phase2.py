"""Phase 2's stand-in on the running stack: landed files become rows and receipts, and bad receipts become rows."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from typing import Any

import requests
from stack_harness import INJURIES, SCHEDULE, Driver, at, until

from tipoff_common.events import FileLanded, Tick

LANDED = "nba-phase1-scrapers-complete"
RECEIPTS = "SELECT * FROM nba_orchestration.file_receipts WHERE gcs_path = @path"


def _receipts(driver: Driver, path: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = until(lambda: driver.rows(RECEIPTS, path=path), f"a receipt for {path}")
    return rows


def _loaded(driver: Driver, scraper: str, path: str) -> list[dict[str, Any]]:
    sql = f"SELECT * FROM nba_raw.{scraper} WHERE gcs_path = @path ORDER BY record_index"  # noqa: S608
    return driver.rows(sql, path=path)


def test_a_landed_file_becomes_rows_and_a_receipt(either: Driver, day: date) -> None:
    with either.phase_2():
        either.tick(Tick.EVALUATE, day, 5)
        (execution,) = either.executions(day, SCHEDULE)
        (receipt,) = _receipts(either, execution["gcs_path"])
    records = json.loads(either.file(execution["gcs_path"]))["records"]
    rows = _loaded(either, SCHEDULE, execution["gcs_path"])
    assert [json.loads(row["record"]) if isinstance(row["record"], str) else row["record"] for row in rows] == records
    assert {row["game_date"] for row in rows} == {day}
    found = {name: receipt[name] for name in ("processor", "row_count", "processed_at", "environment")}
    assert found == {
        "processor": "stand-in",
        "row_count": len(records),
        "processed_at": execution["completed_at"],  # the replay's instant, not the clock's
        "environment": "local",
    }
