"""The dataset's views, table function and parameterized queries, on rows that broke simpler versions of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from google.cloud import bigquery
from tests.support.controller import configured, discovery, workflow
from tests.support.dataset_rows import ELEVEN, HOUR, MINUTE, decided, executed, scheduled
from tests.support.second_opinion import QUERY

from conftest import Dataset
from tipoff_common.adapters.bigquery import BigQueryWarehouse
from tipoff_common.outcomes import Status
from tipoff_dataset.landed_files import Files, FileSelector, LogWindow
from tipoff_planning.discovery.report import read_discovery
from tipoff_planning.execution_log import DatasetQuestion, ask_dataset, read_executions, read_looks
from tipoff_planning.history import ReportedCompleteness

DEADLINE = ELEVEN + timedelta(hours=2)
KINDS = {"as_of": "TIMESTAMP", "for_date": "DATE"}

Ask = Callable[..., list[dict[str, Any]]]


SCHEDULE = [
    scheduled("on_time"),
    scheduled("on_time", schedule_version="v2"),  # locked twice
    scheduled("late"),
    scheduled("skipped"),
    scheduled("missing"),
    scheduled("aborted"),
    scheduled("cancelled"),
    scheduled("cancelled", locked_at="2026-01-15T15:00:00Z", state="CANCELLED"),
    scheduled("reinstated", locked_at="2026-01-15T15:00:00Z", state="CANCELLED"),
    scheduled("reinstated", locked_at="2026-01-15T15:30:00Z", state="ADDED"),
    scheduled("tonight", ELEVEN + 9 * HOUR),
    scheduled("dev", environment="dev"),
    scheduled("last_night", ELEVEN - 10 * HOUR, date="2026-01-14", locked_at="2026-01-14T10:00:00Z"),
]
DECISIONS = [
    decided("on_time", ELEVEN - HOUR, "SKIP", "too_early"),
    decided("on_time", ELEVEN + 30 * MINUTE, "RUN", "due"),
    decided("on_time", ELEVEN + 30 * MINUTE, "RUN", "due"),  # delivered twice
    decided("on_time", ELEVEN + 90 * MINUTE, "RUN", "due"),
    decided("late", ELEVEN + MINUTE, "SKIP", "superseded"),
    decided("late", ELEVEN + 31 * MINUTE, "RUN", "due"),
    decided("skipped", ELEVEN - HOUR, "SKIP", "too_early"),
    decided("skipped", ELEVEN + MINUTE, "SKIP", "already_found"),
    decided("missing", ELEVEN - MINUTE, "SKIP", "no_games"),
    decided("missing", ELEVEN + 5 * HOUR, "RUN", "due"),
    decided("aborted", ELEVEN + MINUTE, "ABORT", "history_unavailable"),
    decided("on_time", ELEVEN, "RUN", "due", environment="dev"),
]
PAUSED = json.dumps({"not_before": (ELEVEN + 9 * HOUR).isoformat(), "paused_host": "news.example"})
LANDED = "gs://data/nba-com/lines/2026-01-15/0123456789abcdef.json"
EXECUTIONS = [
    executed("yesterdays", ELEVEN - 9 * HOUR, "success", 9, game_date="2026-01-14"),
    executed("local", ELEVEN - HOUR, "success", 3, source="LOCAL"),
    executed("dev", ELEVEN - HOUR, "success", 3, environment="dev"),
    executed(
        "partly",
        ELEVEN,
        "success",
        game_date="2026-01-12",
        data_summary=json.dumps({"record_count": 8, "completeness": {"expected": 9, "missing": ["NYK@PHI"]}}),
    ),
    executed("fetched", ELEVEN, "success", gcs_path=LANDED, environment="files"),
    executed(
        "parsed",
        ELEVEN + HOUR,
        "success",
        gcs_path=LANDED,
        environment="files",
        source="LOCAL",
        data_summary='{"record_count": 1, "parsed_again": true}',
    ),
    executed("first", ELEVEN, "no_data"),
    executed("first", ELEVEN, "no_data"),  # delivered twice
    executed("second", ELEVEN + HOUR, "success", 12, occurrence_id="on_time"),
    executed("third", ELEVEN + 2 * HOUR, "failed", error_type="http", error_message="503"),
    executed(
        "paused", ELEVEN + 2 * HOUR, "failed", game_date="2026-01-14", error_type="quota", data_summary=PAUSED
    ),
    executed(
        "odd_pause",
        ELEVEN + 2 * HOUR,
        "failed",
        game_date="2026-01-14",
        data_summary='{"not_before": "soon"}',
    ),
    executed(
        "late_evening", ELEVEN + 11 * HOUR + 30 * MINUTE, "no_data"
    ),  # 22:30 in New York, tomorrow in UTC
]


@pytest.fixture(scope="module")
def ask(dataset: Dataset) -> Ask:
    """A function that runs SQL, or a file of queries/, with parameters by name."""
    dataset.insert("daily_expected_schedule", *SCHEDULE)
    dataset.insert("workflow_decisions", *DECISIONS)
    dataset.insert("scraper_execution_log", *EXECUTIONS)

    def run(sql: str, **parameters: Any) -> list[dict[str, Any]]:
        if sql.endswith(".sql"):
            return dataset.ask(sql.removesuffix(".sql"), **parameters)
        return dataset.query(sql, KINDS, **parameters)

    return run


def outcomes(ask: Ask, as_of: datetime) -> dict[str, dict[str, Any]]:
    rows = ask(
        "SELECT * FROM nba_orchestration.expected_vs_actual(@as_of, @for_date) WHERE environment = 'prod'",
        as_of=as_of,
        for_date=date(2026, 1, 15),
    )
    assert len(rows) == len({row["occurrence_id"] for row in rows})
    return {row["occurrence_id"]: row for row in rows}


def test_every_occurrence_has_a_single_status(ask: Ask) -> None:
    """Incidents 20 (cancelled), 24 (too early), 31 (no games), 35 (locked twice)."""
    found = outcomes(ask, ELEVEN + 3 * HOUR)

    assert {name: row["status"] for name, row in found.items()} == {
        "on_time": "ON_TIME",
        "late": "LATE",
        "skipped": "SKIPPED_OK",
        "missing": "MISSING",
        "aborted": "MISSING",
        "cancelled": "CANCELLED",
        "reinstated": "MISSING",
        "tonight": "TOO_EARLY",
    }
    assert found["on_time"]["actual_run_time"] == ELEVEN + 30 * MINUTE
    assert (found["on_time"]["executions"], found["on_time"]["found"]) == (1, True)
    assert (found["skipped"]["action"], found["skipped"]["reason_code"]) == ("SKIP", "already_found")
    assert (found["aborted"]["action"], found["missing"]["action"]) == ("ABORT", None)
    assert found["late"]["actual_reason"] == "because due"


def test_status_ignores_rows_after_as_of(ask: Ask) -> None:
    def status(name: str, as_of: datetime) -> str | None:
        return outcomes(ask, as_of).get(name, {}).get("status")

    assert status("missing", datetime(2026, 1, 15, 9, tzinfo=UTC)) is None  # not locked yet
    assert status("missing", ELEVEN - MINUTE) == "TOO_EARLY"
    assert status("missing", ELEVEN) == "PENDING"
    assert status("missing", DEADLINE) == "PENDING"
    assert status("missing", DEADLINE + MINUTE) == "MISSING"
    assert status("missing", ELEVEN + 6 * HOUR) == "LATE"
    assert status("late", ELEVEN + 10 * MINUTE) == "SKIPPED_OK"
    assert status("on_time", ELEVEN + 10 * MINUTE) == "PENDING"


def test_expected_vs_actual_shows_day_and_previous_night(ask: Ask) -> None:
    rows = ask("expected_vs_actual.sql", as_of=ELEVEN + 3 * HOUR, environment="prod")

    assert list(rows[0]) == [
        "workflow_name",
        "expected_time",
        "actual_time",
        "status",
        "expected_reason",
        "actual_reason",
    ]
    assert [row["workflow_name"] for row in rows] == [
        "last_night",
        "aborted",
        "cancelled",
        "late",
        "missing",
        "on_time",
        "reinstated",
        "skipped",
        "tonight",
    ]
    late = rows[3]
    assert (late["expected_time"], late["actual_time"]) == ("11:00", "11:31")
    assert [row["status"] for row in ask("expected_vs_actual.sql", as_of=ELEVEN, environment="dev")] == [
        "PENDING"
    ]


def test_discovery_check_covers_the_business_day(ask: Ask) -> None:
    def check(as_of: datetime) -> list[tuple[Any, ...]]:
        rows = ask("discovery_check.sql", as_of=as_of, environment="prod", scraper_name="nbac_injury_report")
        return [(row["status"], row["records"], row["time_et"]) for row in rows]

    assert check(ELEVEN - MINUTE) == []
    assert check(ELEVEN) == [("no_data", 0, "11:00 AM")]
    assert check(ELEVEN + 90 * MINUTE) == [("success", 12, "12:00 PM")]
    assert check(ELEVEN + 3 * HOUR) == [("success", 12, "12:00 PM")]  # a later failure does not undo it
    assert check(ELEVEN + 12 * HOUR) == [("success", 12, "12:00 PM")]  # 23:00 in New York
    assert check(ELEVEN + 14 * HOUR) == []  # the next day


@pytest.mark.usefixtures("ask")
def test_completeness_of_successes_is_read(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", dataset.url)
    warehouse = BigQueryWarehouse(dataset.project, dataset.url)
    facts = read_executions(warehouse, "prod", [date(2026, 1, 12), date(2026, 1, 15)], ())
    assert {fact.request_id: fact.completeness for fact in facts if fact.status is Status.SUCCESS} == {
        "partly": ReportedCompleteness(9, ("NYK@PHI",)),
        "local": None,
        "second": None,
    }


def test_pause_requested_by_source_is_read(
    ask: Ask, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`tipoff explain` and the console have no access to the controller's state."""
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", dataset.url)
    warehouse = BigQueryWarehouse(dataset.project, dataset.url)
    expected = {"paused": (ELEVEN + 9 * HOUR, "news.example"), "odd_pause": (None, None)}
    facts = read_executions(warehouse, "prod", [date(2026, 1, 14)], ())
    result = {fact.request_id: (fact.not_before, fact.paused_host) for fact in facts}
    assert {name: result[name] for name in expected} == expected
    rows = ask("latest_executions.sql", as_of=ELEVEN + 3 * HOUR, days=7, per_scraper=60, environment="prod")
    named = {row["execution_id"]: (row["not_before"], row["paused_host"]) for row in rows}
    assert {name: named[name] for name in expected} == expected


@pytest.mark.usefixtures("ask")
def test_reparse_is_distinguished_from_scrape(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", dataset.url)
    warehouse = BigQueryWarehouse(dataset.project, dataset.url)
    window = LogWindow(ELEVEN - HOUR, ELEVEN + 2 * HOUR)
    (file,) = Files(warehouse, "files", window).find(FileSelector.read(LANDED))
    assert {row.execution_id: row.is_parsed_again for row in file.wrote} == {"fetched": False, "parsed": True}


@pytest.mark.usefixtures("ask")
def test_ask_dataset_returns_executions_of_days_and_requests_by_id(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", dataset.url)
    warehouse = BigQueryWarehouse(dataset.project, dataset.url)
    days, scraper = [date(2026, 1, 12), date(2026, 1, 15)], EXECUTIONS[0]["scraper_name"]
    plain = ask_dataset(warehouse, "prod", DatasetQuestion(days, [scraper]), ())
    assert {(fact.game_date, fact.status) for fact in plain.found} == {(day, Status.SUCCESS) for day in days}
    assert {fact.completeness for fact in plain.found} == {None, ReportedCompleteness(9, ("NYK@PHI",))}
    assert (plain.requests, plain.occurrences) == ({}, {})
    asked = DatasetQuestion(days, [scraper], requests=["partly", "nobody"], since=days[0])
    answer = ask_dataset(warehouse, "prod", asked, ())
    assert set(answer.requests) == {"partly"}
    assert not answer.requests["partly"].presumed
    nothing = ask_dataset(warehouse, "prod", DatasetQuestion(days, []), ())
    assert nothing.found == []


def test_attempts_count_each_execution_once(ask: Ask) -> None:
    def attempts(as_of: datetime) -> dict[str, Any]:
        rows = ask(
            "discovery_attempts.sql", as_of=as_of, environment="prod", scraper_name="nbac_injury_report"
        )
        assert len(rows) == 1
        return rows[0]

    assert attempts(ELEVEN + 12 * HOUR) == {
        "attempts_today": 4,
        "found_data": 1,
        "no_data_yet": 2,
        "failures": 1,
    }
    assert set(attempts(ELEVEN + 14 * HOUR).values()) == {0}


def test_views_keep_a_single_row_per_id(ask: Ask) -> None:
    executions = {row["execution_id"] for row in EXECUTIONS}
    decisions = {row["decision_id"] for row in DECISIONS}

    assert ask("SELECT COUNT(*) AS n FROM nba_orchestration.v_executions") == [{"n": len(executions)}]
    assert ask("SELECT COUNT(*) AS n FROM nba_orchestration.v_decisions") == [{"n": len(decisions)}]
    states = ask(
        "SELECT state FROM nba_orchestration.v_expected_schedule WHERE occurrence_id IN ('on_time', 'reinstated')"
    )
    assert sorted(row["state"] for row in states) == ["ADDED", "EXPECTED"]
    assert ask("SELECT * FROM nba_orchestration.v_expected_vs_actual") == []


LEARNED = {
    "strategy": "learned",
    "model": "abc123",
    "days": 40,
    "calibration": 0.08,
    "p10": (ELEVEN + 50 * MINUTE).isoformat(),
    "p50": (ELEVEN + HOUR).isoformat(),
    "p90": (ELEVEN + 70 * MINUTE).isoformat(),
    "expected_delay_minutes": 6.5,
    "expected_checks": 2.25,
    "budget": 15,
}
BEAT = {"strategy": "fixed", "fallback": "few_days", "detail": "3 known days, and 5 are needed", "budget": 15}


def learned(name: str, moment: datetime, discovery: dict[str, Any] | None, game_date: str) -> dict[str, Any]:
    context = json.dumps({"discovery": discovery} if discovery else {})
    more = {
        "workflow_name": "learning",
        "game_date": game_date,
        "context": context,
        "environment": "learning",
    }
    return decided(name, moment, "RUN", "due", **more)


def looked(
    name: str, moment: datetime, status: str, game_date: str = "2026-01-15", **more: Any
) -> dict[str, Any]:
    own = {
        "workflow": "learning",
        "scraper_name": "searched",
        "environment": "learning",
        "game_date": game_date,
    }
    return executed(name, moment, status, **{**own, **more})


@pytest.fixture(scope="module")
def searched(dataset: Dataset) -> Dataset:
    """Two days of a learning search: the first at its fixed interval, the second at learned times."""
    before = ELEVEN - 24 * HOUR
    dataset.insert(
        "workflow_decisions",
        learned("a", before, BEAT, "2026-01-14"),
        learned("b", ELEVEN, {**LEARNED, "model": "older"}, "2026-01-15"),
        learned("c", ELEVEN + HOUR, LEARNED, "2026-01-15"),
        learned("d", ELEVEN + 2 * HOUR, None, "2026-01-15"),
    )
    dataset.insert(
        "scraper_execution_log",
        looked("l1", before, "no_data", "2026-01-14"),
        looked("l2", ELEVEN, "no_data"),
        looked("l3", ELEVEN + 30 * MINUTE, "failed", error_type="http", error_message="503"),
        looked("l4", ELEVEN + 45 * MINUTE, "no_data"),
        looked("l5", ELEVEN + 65 * MINUTE, "success"),
        looked("l5", ELEVEN + 65 * MINUTE, "success"),  # delivered twice
        looked("l6", ELEVEN + 3 * HOUR, "success"),
        looked("l7", ELEVEN + 5 * MINUTE, "success", source="LOCAL"),
    )
    return dataset


def test_predictions_are_listed_with_observed_publication(searched: Dataset) -> None:
    rows = searched.ask("discovery_predictions", as_of=ELEVEN + 5 * HOUR, environment="learning")
    (today, before) = rows
    assert (today["strategy"], today["model_version"], today["predicted_et"]) == (
        "learned", "abc123", "11:50 to 12:10",
    )  # fmt: skip
    assert (today["seen_et"], today["within_p10_p90"]) == ("11:45 to 12:05", True)
    assert (today["most_delay_minutes"], today["checks_made"]) == (20.0, 3)
    assert (today["expected_delay_minutes"], today["expected_checks"]) == (6.5, 2.25)
    assert (before["strategy"], before["fallback"], before["seen_et"]) == ("fixed", "few_days", "11:00 to -")
    assert before["within_p10_p90"] is None


def test_day_without_find_is_neither_within_nor_outside_prediction(searched: Dataset) -> None:
    rows = searched.ask("discovery_predictions", as_of=ELEVEN + 30 * MINUTE, environment="learning")
    assert [row["within_p10_p90"] for row in rows] == [None, None]
    assert rows[0]["model_version"] == "older"


@pytest.mark.parametrize(("after", "model"), [(30 * MINUTE, "older"), (5 * HOUR, "abc123")])
def test_discovery_report_follows_newest_decision_with_a_plan(
    searched: Dataset, after: timedelta, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Google's engine would refuse the answer: it orders the keys of JSON text differently.
    monkeypatch.setattr(bigquery.Client, "query_and_wait", QUERY)
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", searched.url)
    warehouse = BigQueryWarehouse(searched.project, searched.url)
    search = workflow(discovery("11:00", "18:00", every="30m"), "bulletin")
    report = read_discovery(
        warehouse, "learning", configured(learning=search), "learning", date(2026, 1, 15), ELEVEN + after
    )
    assert report is not None
    assert report.followed_model == model


def test_read_looks_omits_failures_and_local_runs(searched: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", searched.url)
    warehouse = BigQueryWarehouse(searched.project, searched.url)
    facts = read_looks(warehouse, "learning", ["searched"], date(2026, 1, 1), date(2026, 1, 15))
    seen = {fact.request_id: fact.status.value for fact in facts}
    assert seen == {"l1": "no_data", "l2": "no_data", "l4": "no_data", "l5": "success", "l6": "success"}
    assert read_looks(warehouse, "learning", ["searched"], date(2026, 1, 1), date(2026, 1, 13)) == []
