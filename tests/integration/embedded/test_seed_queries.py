"""The queries of the dataset's first README, word for word, on the current dataset.

Notebooks and dashboards contain them, so the columns that they name have to stay. docs/explanation/queries.md describes
their errors; queries/ has correct versions.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support.dataset_rows import HOUR, MINUTE, decided, executed, missing, scanned, scheduled

from conftest import Dataset
from tipoff_dataset.queries import names

PROJECT = "nba-props-platform"
"""The project that the queries name."""
TEXTS = sorted((Path(__file__).parents[2] / "fixtures/seed_queries").glob("*.sql"))
FRAGMENT = ".fragment"
EMPTY = {"alert_critical_workflow_not_run"}
"""Queries that find nothing in an hour without faults."""
OTHER_NAMES = {
    "latest_execution": "recent_executions",
    "partition_filters": "recent_executions",
    "scans_too_much": "recent_executions",
    "needed_columns": "recent_executions",
    "always_filter.fragment": "recent_executions",
    "clustering_fields.fragment": "recent_executions",
    "todays_scraper_summary": "scraper_summary",
}


@pytest.fixture(scope="module")
def now(dataset: Dataset) -> Dataset:
    """The dataset with rows of this hour, since the texts read the wall clock."""
    at = datetime.now(UTC)
    business_day = "CURRENT_DATE('America/New_York')"
    (today,) = dataset.query(f"SELECT {business_day} AS day")
    dataset.insert(
        "scraper_execution_log",
        executed("e1", at, "success", 12, duration_seconds=1.5),
        executed("e2", at, "failed", error_type="http", error_message="503", duration_seconds=2.5),
        executed("e3", datetime(2025, 1, 15, 17, tzinfo=UTC), "no_data"),
    )
    dataset.insert(
        "workflow_decisions",
        decided("o", at, "RUN", "due", workflow_name="betting_lines", priority="CRITICAL"),
    )
    dataset.insert(
        "daily_expected_schedule",
        scheduled("o", at - MINUTE, workflow_name="betting_lines", date=today["day"].isoformat()),
    )
    dataset.insert("cleanup_operations", scanned(at, missing("gs://b/lost", at - 3 * HOUR, at)))
    return dataset


def statements(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    if path.stem.endswith(FRAGMENT):
        return [f"SELECT scraper_name FROM scraper_execution_log\n{text}"]  # noqa: S608
    return [part for part in re.split(r";[ \t]*(?:\n|$)", text) if part.strip()]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_seed_query_runs_unchanged(now: Dataset, path: Path) -> None:
    for statement in statements(path):
        rows = now.query(statement, unqualified="nba_orchestration." not in statement)
        if "CREATE" not in statement and path.stem not in EMPTY:
            assert rows


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_every_seed_query_has_a_named_query(path: Path) -> None:
    assert OTHER_NAMES.get(path.stem, path.stem) in names()
