"""The models of execution_log.py's queries, with which unit tests and the simulation run, against the SQL."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from tests.support.dataset_rows import ELEVEN, HOUR
from tests.support.execution_queries import MODELS
from tests.support.samples import executed

from conftest import Dataset
from tipoff_common.adapters.bigquery import BigQueryWarehouse
from tipoff_common.events import ScrapeExecuted
from tipoff_common.rows import execution_row
from tipoff_planning import execution_log

TODAY = date(2026, 1, 15)
FOUND = {"status": "success", "record_count": 3, "gcs_path": None}
ABSENT = {"status": "no_data", "reason": "404: not published yet"}
BROKEN = {"status": "failed", "kind": "timeout", "message": "no answer"}
COMPLETENESS = {"expected": 9, "missing": ["NYK@PHI"]}
UNTIL = "2026-01-15T14:00:00-05:00"


def event(name: str, outcome: Mapping[str, Any], hours: int = 0, **changes: Any) -> ScrapeExecuted:
    at = ELEVEN + hours * HOUR
    return executed(
        **{
            "execution_id": name,
            "request_id": name,
            "occurrence_id": f"occurrence-of-{name}",
            "scraper_name": "bulletin",
            "game_date": TODAY,
            "outcome": outcome,
            "data_summary": {},
            "triggered_at": at,
            "completed_at": at,
            "environment": "prod",
            "opts": {"game_id": "0022400561"},
            **changes,
        }
    )


EVENTS = [
    event("found", FOUND, data_summary={"record_count": 3, "completeness": COMPLETENESS}),
    event("again", FOUND, 1, data_summary={"record_count": 4, "completeness": COMPLETENESS}),
    event("other-game", FOUND, opts={"game_id": "0022400562"}),
    event("absent", ABSENT, data_summary={"record_count": 0, "reason": ABSENT["reason"]}),
    event("broken", BROKEN),
    event("paused", BROKEN, data_summary={"not_before": UNTIL, "paused_host": "news.example"}),
    event("odd-pause", BROKEN, data_summary={"not_before": "soon", "paused_host": None}),
    event("late", BROKEN, data_summary={"presumed": True}),
    event("late", FOUND, 1),
    event("manual", FOUND, occurrence_id=None, source="MANUAL"),
    event("laptop", FOUND, source="LOCAL"),
    event("of-dev", FOUND, environment="dev"),
    event("of-another", FOUND, scraper_name="box_score"),
    event("of-another-day", FOUND, game_date=TODAY - timedelta(days=9)),
    event("of-another-partition", FOUND, 24 * 9),
]
PARTITIONS = {"first_partition": TODAY - timedelta(days=1), "last_partition": TODAY + timedelta(days=2)}
NAMES = [item.request_id for item in EVENTS]
DAY = {"game_dates": [TODAY]}
SEARCH = {"searched_scrapers": ["bulletin"], "first_game_date": TODAY, "last_game_date": TODAY}
NONE: Mapping[str, list[str]] = {"scrapers": [], "requests": [], "occurrences": []}
OCCURRENCES = [item.occurrence_id for item in EVENTS if item.occurrence_id]
QUESTIONS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "subjects": (execution_log._FOUND, {**DAY, **NONE, "scrapers": ["bulletin"]}),
    "requests": (execution_log._FOUND, {**DAY, **NONE, "scrapers": ["bulletin"], "requests": NAMES}),
    "occurrences": (execution_log._FOUND, {**DAY, **NONE, "occurrences": OCCURRENCES}),
    "executions": (execution_log._EXECUTIONS, DAY),
    "looks": (execution_log._LOOKS, {**SEARCH, "with_failures": False}),
    "looks and failures": (execution_log._LOOKS, {**SEARCH, "with_failures": True}),
}


@pytest.fixture(scope="module")
def stored(dataset: Dataset) -> list[Mapping[str, Any]]:
    rows = [execution_row(item, item.completed_at) for item in EVENTS]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BIGQUERY_EMULATOR_HOST", dataset.url)
        warehouse = BigQueryWarehouse(dataset.project, dataset.url)
        warehouse.append("scraper_execution_log", rows, [str(number) for number in range(len(rows))])
    return rows


@pytest.mark.parametrize("question", QUESTIONS)
def test_model_of_query_answers_as_its_sql(
    question: str, stored: list[Mapping[str, Any]], dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", dataset.url)
    warehouse = BigQueryWarehouse(dataset.project, dataset.url)
    sql, parameters = QUESTIONS[question]
    given = {**parameters, **PARTITIONS, "environment": "prod"}
    ours, theirs = MODELS[sql](given, stored), warehouse.query(sql, given)
    assert len(ours) >= 3, "the question selects too few rows to compare"
    assert sorted(map(_comparable, ours)) == sorted(map(_comparable, theirs))


def _comparable(row: Mapping[str, Any]) -> str:
    """Return a row as text, with its JSON decoded."""
    decoded = {
        name: json.loads(value or "null") if name in ("opts", "completeness") else value
        for name, value in row.items()
    }
    return json.dumps(decoded, sort_keys=True, default=_text)


def _text(value: date) -> str:
    return str(value.astimezone(UTC) if isinstance(value, datetime) else value)
