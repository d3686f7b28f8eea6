"""The replayed day: its ticks, and the dataset's expected answers after the last of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from tipoff_common.clock import local_instant
from tipoff_common.events import Tick, TickFired
from tipoff_common.ports import Parameter, Warehouse
from tipoff_dataset.queries import run_named_query

GAME_DAY = date(2025, 1, 15)
FIRST_HOUR, LAST_HOUR = 5, 18
LAG = timedelta(seconds=7)
"""Delay of an evaluation after the full hour, as in production: without it the demo hides errors in intervals."""
SCRAPER = "nbac_injury_report"
ENVIRONMENT = "local"
_FILES = """
SELECT COUNT(DISTINCT e.gcs_path) AS landed, COUNT(DISTINCT r.gcs_path) AS processed
FROM nba_orchestration.v_executions AS e
LEFT JOIN nba_orchestration.file_receipts AS r
  ON r.gcs_path = e.gcs_path AND DATE(r.processed_at) BETWEEN @day AND DATE_ADD(@day, INTERVAL 1 DAY)
WHERE DATE(e.triggered_at) BETWEEN @day AND DATE_ADD(@day, INTERVAL 1 DAY)
"""
_CLEANUP_RUNS = """
SELECT COUNT(DISTINCT cleanup_id) AS runs FROM nba_orchestration.cleanup_operations WHERE DATE(cleanup_time) = @day
"""


def ticks() -> Iterator[TickFired]:
    """Yield hourly ticks from 05:00 to 18:00 New York time: evaluate, then cleanup half an hour later.

    The lock follows the first evaluation.
    """
    for hour in range(FIRST_HOUR, LAST_HOUR + 1):
        instant = local_instant(GAME_DAY, time(hour)) + LAG
        yield TickFired(tick=Tick.EVALUATE, cadence_minutes=60, event_time=instant)
        if hour == FIRST_HOUR:
            yield TickFired(tick=Tick.LOCK_SCHEDULE, cadence_minutes=60, event_time=instant)
        if hour < LAST_HOUR:
            yield TickFired(tick=Tick.CLEANUP, cadence_minutes=30, event_time=instant + timedelta(minutes=30))


@dataclass(frozen=True)
class Answers:
    """Answers of the dataset about the day as of its last tick."""

    discovery: dict[str, Any]
    attempts: dict[str, Any]
    expected_vs_actual: list[dict[str, Any]]
    cleanup_runs: int
    files_landed: int
    files_processed: int


def ask_dataset(warehouse: Warehouse, as_of: datetime | None = None) -> Answers:
    """Query the dataset for the outcome of the day. Raises Unavailable."""
    instant = as_of or local_instant(GAME_DAY, time(LAST_HOUR)) + LAG
    (files,) = warehouse.query(_FILES, {"day": GAME_DAY})
    scraper: dict[str, Parameter] = {"as_of": instant, "environment": ENVIRONMENT, "scraper_name": SCRAPER}
    return Answers(
        discovery=next(
            iter(run_named_query(warehouse, "discovery_check", **scraper, game_date=GAME_DAY)), {}
        ),
        attempts=next(iter(run_named_query(warehouse, "discovery_attempts", **scraper)), {}),
        expected_vs_actual=run_named_query(
            warehouse, "expected_vs_actual", as_of=instant, environment=ENVIRONMENT
        ),
        cleanup_runs=warehouse.query(_CLEANUP_RUNS, {"day": GAME_DAY})[0]["runs"],
        files_landed=files["landed"],
        files_processed=files["processed"],
    )


EXPECTED_DAY = [
    ("morning_operations", "05:00", "05:00", "ON_TIME"),
    ("injury_discovery", "11:00", "11:00", "ON_TIME"),
    ("injury_discovery", "12:00", "12:00", "ON_TIME"),
    ("injury_discovery", "13:00", "13:00", "ON_TIME"),
    *(("injury_discovery", f"{hour}:00", None, "SKIPPED_OK") for hour in range(14, LAST_HOUR + 1)),
]
"""The report is published at 12:40: not found at 11:00 and 12:00, found at 13:00, not requested from 14:00 on."""


def faults(answers: Answers) -> list[str]:
    """List the differences between the dataset's answers and the events of that day; empty without differences."""
    found = []
    discovery = (answers.discovery.get("status"), answers.discovery.get("time_et"))
    if discovery != ("success", "01:00 PM") or int(answers.discovery.get("records") or 0) <= 0:
        found.append(
            f"discovery: expected a success with records at 01:00 PM, the dataset has {answers.discovery}"
        )
    wanted = {"attempts_today": 3, "found_data": 1, "no_data_yet": 2, "failures": 0}
    attempts = {name: answers.attempts.get(name) for name in wanted}
    if attempts != wanted:
        found.append(f"attempts: expected {wanted}, the dataset has {attempts}")
    actual = [
        (row["workflow_name"], row["expected_time"], row["actual_time"], row["status"])
        for row in answers.expected_vs_actual
    ]
    found += [f"expected against actual: {row} is missing" for row in EXPECTED_DAY if row not in actual]
    found += [f"expected against actual: {row} is unexpected" for row in actual if row not in EXPECTED_DAY]
    if answers.cleanup_runs != LAST_HOUR - FIRST_HOUR:
        found.append(
            f"cleanup: expected {LAST_HOUR - FIRST_HOUR} runs, the dataset has {answers.cleanup_runs}"
        )
    landed, processed = answers.files_landed, answers.files_processed
    if not 0 < landed == processed:
        found.append(f"receipts: expected one for each file, the dataset has {processed} of {landed}")
    return found
