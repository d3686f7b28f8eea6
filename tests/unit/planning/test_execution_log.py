"""Tests of the reads of the execution log."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tipoff_common.outcomes import FailureKind, Status
from tipoff_common.testing import MemoryWarehouse
from tipoff_planning.execution_log import (
    DatasetAnswer,
    DatasetQuestion,
    ask_dataset,
    read_executions,
    read_looks,
)
from tipoff_planning.history import ReportedCompleteness

DAY = date(2025, 1, 15)


def row(**changed: Any) -> dict[str, Any]:
    return {
        "request_id": "r-1",
        "scraper_name": "lines",
        "game_date": DAY,
        "status": "failed",
        "error_type": "timeout",
        "source": "CONTROLLER",
        "triggered_at": datetime(2025, 1, 15, 17, tzinfo=UTC),
        "opts": '{"game_date": "2025-01-15", "game_id": "0022400561"}',
        "completeness": None,
        **changed,
    }


def test_a_row_is_a_fact_about_its_game() -> None:
    warehouse = MemoryWarehouse(answer=lambda *_: [row()])
    (fact,) = read_executions(warehouse, "local", [DAY], ("game_id",))
    assert (fact.status, fact.kind, fact.subject) == (Status.FAILED, FailureKind.TIMEOUT, "0022400561")
    assert (fact.request_id, fact.scraper, fact.game_date) == ("r-1", "lines", DAY)


def test_last_partition_is_extended_to_until_date() -> None:
    arguments: list[Any] = []
    warehouse = MemoryWarehouse(answer=lambda _sql, parameters: arguments.append(parameters) or [])
    for until in (None, date(2025, 3, 1)):
        read_executions(warehouse, "local", [DAY], (), until)
    assert [item["last_partition"] for item in arguments] == [date(2025, 1, 17), date(2025, 3, 1)]


@pytest.mark.parametrize(
    ("recorded", "completeness"),
    [
        (None, None),
        ("null", None),
        ('{"got": 9}', ReportedCompleteness()),
        ('{"expected": 9, "got": 8, "missing": ["NYK@PHI"]}', ReportedCompleteness(9, ("NYK@PHI",))),
    ],
)
def test_completeness_of_success_is_read(
    recorded: str | None, completeness: ReportedCompleteness | None
) -> None:
    made = row(status="success", error_type=None, completeness=recorded)
    (fact,) = read_executions(MemoryWarehouse(answer=lambda *_: [made]), "local", [DAY], ("game_id",))
    assert fact.completeness == completeness


def test_host_pause_is_read_from_row() -> None:
    """A decision that was explained from the dataset ignored the pause."""
    until = datetime(2025, 1, 15, 19, 52, tzinfo=UTC)
    made = row(error_type="quota", not_before=until, paused_host="news.example")
    (fact,) = read_executions(MemoryWarehouse(answer=lambda *_: [made]), "local", [DAY], ())
    assert (fact.not_before, fact.paused_host) == (until, "news.example")


@pytest.mark.parametrize("newer", [{"error_type": "captcha"}, {"source": "MARS"}])
def test_enum_member_of_newer_version_is_kept_verbatim(newer: dict[str, Any]) -> None:
    warehouse = MemoryWarehouse(answer=lambda *_: [row(**newer)])
    (fact,) = read_executions(warehouse, "local", [DAY], ("game_id",))
    assert {fact.kind, fact.source} >= set(newer.values())


@pytest.mark.parametrize(
    "unknown",
    [{"status": "partial"}, {"error_type": "no word"}, {"source": ""}, {"status": None}, {"game_date": None}],
)
def test_unreadable_row_is_logged_and_skipped(
    unknown: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    warehouse = MemoryWarehouse(answer=lambda *_: [row(**unknown), row(request_id="r-2")])
    facts = read_executions(warehouse, "local", [DAY], ("game_id",))
    assert [fact.request_id for fact in facts] == ["r-2"]
    assert "cannot be read" in caplog.text


def test_several_days_are_read_with_a_single_query() -> None:
    arguments: list[Any] = []
    warehouse = MemoryWarehouse(answer=lambda _sql, parameters: arguments.append(parameters) or [])
    read_executions(warehouse, "prod", [DAY, DAY - timedelta(days=5)], ())
    assert arguments == [
        {
            "game_dates": [DAY, DAY - timedelta(days=5)],
            "first_partition": date(2025, 1, 9),
            "last_partition": date(2025, 1, 17),
            "environment": "prod",
        }
    ]


@pytest.mark.parametrize("failures", [True, False, None])
def test_checks_are_read_with_failures_on_request(failures: bool | None) -> None:
    arguments: list[Any] = []

    def answer(_sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        arguments.append(parameters)
        return [row()]

    more = {} if failures is None else {"failures": failures}
    (fact,) = read_looks(
        MemoryWarehouse(answer=answer), "prod", ["lines"], DAY, DAY + timedelta(days=7), **more
    )
    assert (fact.scraper, fact.subject) == ("lines", "-")
    assert arguments[0]["with_failures"] is bool(failures)
    assert (arguments[0]["first_game_date"], arguments[0]["last_game_date"]) == (DAY, date(2025, 1, 22))
    assert (arguments[0]["first_partition"], arguments[0]["last_partition"]) == (
        date(2025, 1, 14),
        date(2025, 1, 24),
    )


def test_error_message_of_failure_is_kept() -> None:
    rows = [row(error_message="it is down"), row(request_id="r-2", error_message=None)]
    facts = read_executions(MemoryWarehouse(answer=lambda *_: rows), "local", [DAY], ())
    assert [fact.message for fact in facts] == ["it is down", ""]


# One query for all workflows

NOON, EVENING = (datetime(2025, 1, 15, hour, tzinfo=UTC) for hour in (17, 23))


def group(**changed: Any) -> dict[str, Any]:
    """Return one row for executions that are equal for a decision, with the first and the last time."""
    made = row(
        request_id="", occurrence_id="", first_at=NOON, last_at=EVENING, status="success", error_type=None
    )
    del made["triggered_at"]
    return {**made, **changed}


def answered(*rows: dict[str, Any], **question: Any) -> tuple[DatasetAnswer, Mapping[str, Any]]:
    arguments: list[Any] = []
    warehouse = MemoryWarehouse(answer=lambda _sql, parameters: arguments.append(parameters) or list(rows))
    made = DatasetQuestion(
        **{"game_dates": [DAY, DAY - timedelta(days=1)], "scrapers": ["lines"], **question}
    )
    return ask_dataset(warehouse, "prod", made, ("game_id",)), arguments[0]


def test_group_yields_its_first_and_last_success() -> None:
    answer, _ = answered(group(), group(scraper_name="props"))
    assert [(fact.scraper, fact.triggered_at) for fact in answer.found] == [
        ("lines", NOON),
        ("lines", EVENING),
        ("props", NOON),
        ("props", EVENING),
    ]
    assert len({fact.request_id for fact in answer.found}) == 4
    assert (answer.requests, answer.occurrences) == ({}, {})


def test_success_is_preferred_among_results_of_a_request() -> None:
    again = {"request_id": "r-1", "occurrence_id": "o-1", "last_at": NOON}
    broken = group(**again, status="failed", error_type="timeout")
    for rows in ((broken, group(**again)), (group(**again), broken)):
        answer, _ = answered(*rows)
        assert answer.requests["r-1"].status is Status.SUCCESS
        assert {fact.status for fact in answer.occurrences["o-1"]} == {Status.SUCCESS}


def test_result_of_request_keeps_its_pause_and_message() -> None:
    told = {"not_before": EVENING, "paused_host": "news.example", "error_message": "429"}
    paused = group(request_id="r-1", occurrence_id="o-1", status="failed", error_type="quota", **told)
    answer, _ = answered(paused)
    (again,) = answer.occurrences["o-1"]
    for fact in (answer.requests["r-1"], again):
        assert (fact.not_before, fact.paused_host, fact.message) == (EVENING, "news.example", "429")


def test_request_without_occurrence_is_in_no_occurrence() -> None:
    answer, _ = answered(group(request_id="r-1"))
    assert list(answer.requests) == ["r-1"]
    assert answer.occurrences == {}


def test_unreadable_group_row_is_skipped() -> None:
    answer, _ = answered(group(request_id="r-1", occurrence_id="o-1", status="partial"), group())
    assert [fact.scraper for fact in answer.found] == ["lines", "lines"]
    assert (answer.requests, answer.occurrences) == ({}, {})


@pytest.mark.parametrize(
    ("since", "first"),
    [
        (None, date(2025, 1, 13)),
        (date(2025, 1, 10), date(2025, 1, 9)),  # requests of older days without an execution
        (date(2025, 1, 20), date(2025, 1, 13)),
    ],
)
def test_query_starts_at_earliest_partition_of_its_parts(since: date | None, first: date) -> None:
    _, arguments = answered(since=since, requests=["r-1"], occurrences=["o-1"])
    assert (arguments["first_partition"], arguments["last_partition"]) == (first, date(2025, 1, 17))
    assert (arguments["requests"], arguments["occurrences"]) == (["r-1"], ["o-1"])
