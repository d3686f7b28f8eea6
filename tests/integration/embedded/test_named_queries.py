"""Each named query on rows that break its naive form; docs/explanation/queries.md lists the naive forms."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

import pytest
from tests.support.dataset_rows import (
    DAY,
    ELEVEN,
    HALF_PAST_TEN_PM,
    HOUR,
    MINUTE,
    alerted,
    decided,
    executed,
    missing,
    received,
    scanned,
    scheduled,
)

from conftest import Dataset
from tipoff_dataset.queries import named, names

NOON = ELEVEN + HOUR
MORNING = ELEVEN - 6 * HOUR
WEEK_AGO = ELEVEN - 7 * DAY


def rates(name: str, *statuses: str, at: datetime = ELEVEN, **changes: Any) -> list[dict[str, Any]]:
    return [
        executed(f"{name}/{number}/{at:%d%H%M}", at, status, scraper_name=name, **changes)
        for number, status in enumerate(statuses)
    ]


PRESUMED = (ELEVEN, "failed", {"error_type": "timeout", "data_summary": '{"presumed": true}'})
"""The execution that the controller publishes for a request without a response: instant, status, and more columns."""

# Each group of rows has a subject of its own: a scraper, a workflow or an environment that no other group has.

EXECUTIONS = [
    # success_rates and cost_by_source
    *rates(
        "rated", "success", "success", "failed", "no_data", "no_data", source="MANUAL", duration_seconds=2.0
    ),
    *rates("rated", "success", source="MANUAL", duration_seconds=2.0),  # delivered twice
    *rates("rated", "failed", "failed", at=WEEK_AGO, source="MANUAL", duration_seconds=2.0),
    *rates("rated", "success", at=ELEVEN - 6 * DAY, source="MANUAL", duration_seconds=4.0),
    *rates("rated", "failed", at=ELEVEN + MINUTE, source="LOCAL"),
    *rates("rated", "failed", at=ELEVEN + 2 * MINUTE, environment="dev"),
    *rates("unpublished", "no_data", "no_data"),
    *rates("ancient", "success", at=ELEVEN - 30 * DAY, source="SCHEDULER"),
    *rates("silent", *["no_data"] * 3, environment="silence"),
    *rates("silent", "no_data", at=ELEVEN - DAY, environment="silence"),
    *rates("silent", "no_data", at=ELEVEN - 2 * DAY, environment="silence"),
    *rates("broken", "failed", environment="silence"),
    *rates("broken", "failed", at=ELEVEN - DAY, environment="silence"),
    *rates("broken", "no_data", at=ELEVEN - 2 * DAY, environment="silence"),
    *rates("late", "no_data", environment="silence"),
    *rates("late", "no_data", at=ELEVEN - DAY, environment="silence"),
    *(
        row
        for name in ("silent", "broken", "late")
        for days in (3, 4, 5, 6)
        for row in rates(name, "no_data", "success", at=ELEVEN - days * DAY, environment="silence")
    ),
    *rates("searching", "no_data", "no_data", "success", environment="silence"),
    *rates("searching", "no_data", "success", at=ELEVEN - DAY, environment="silence"),
    *rates("never", "no_data", environment="silence"),
    # alert_high_failure_rate
    *rates("once", "failed"),
    *rates("diluted", "failed", "failed", "failed", "success", "success", *["no_data"] * 20),
    *rates("third", "failed", "success", "success"),
    *rates("mended", *["failed"] * 6, at=ELEVEN - 25 * HOUR),
    *rates("mended", *["success"] * 6),
    # alert_contradicting_documents
    *(
        executed(
            f"c{number}",
            ELEVEN + number * MINUTE,
            "success" if number else "no_data",
            scraper_name="contradicting",
            data_summary=json.dumps(told),
        )
        for number, told in enumerate(
            (
                {"contradictions": {"count": 2, "examples": ["lists no game"]}},
                {"set_aside": {"count": 3, "examples": ["games[1] is null"]}},
                {"contradictions": {"count": 1, "examples": ["NYK@PHI is final at 0:0"]}},
                {"record_count": 9},
            )
        )
    ),
    executed(
        "c9", ELEVEN, "success", scraper_name="contradicting_once", data_summary='{"set_aside": {"count": 7}}'
    ),
    # scraper_summary and recent_executions
    executed("s1", ELEVEN, "success", 5, scraper_name="summed"),
    executed("s1", ELEVEN, "success", 5, scraper_name="summed"),  # delivered twice
    executed("s2", HALF_PAST_TEN_PM, "failed", scraper_name="summed", error_type="http", error_message="503"),
    executed(  # 04:00 in New York
        "s3",
        MORNING - HOUR,
        "no_data",
        scraper_name="summed",
        data_summary='{"reason": "404", "record_count": 0}',
    ),
    executed("s4", ELEVEN - 12 * HOUR, "no_data", scraper_name="summed"),  # 23:00 of the day before
    # json_field_null
    *(
        executed(name, ELEVEN, "success", scraper_name="jotted", data_summary=value)
        for name, value in {
            "j1": None,
            "j2": "{}",
            "j3": '{"record_count": null}',
            "j4": '{"record_count": {"total": 3}}',
            "j5": '{"record_count": "many"}',
            "j6": '{"record_count": 3}',
        }.items()
    ),
    # discovery_status, in an environment of its own
    *(
        executed(name, at, status, environment="staging", scraper_name=scraper, **changes)
        for name, scraper, at, status, changes in (
            (
                "d1",
                "found",
                ELEVEN,
                "success",
                {"data_summary": '{"record_count": 7}', "occurrence_id": "o-found"},
            ),
            ("d2", "found", NOON, "failed", {"error_type": "http", "error_message": "503"}),
            ("d3", "waiting", ELEVEN, "no_data", {}),
            ("d4", "waiting", NOON, "success", {"source": "LOCAL"}),
            ("d5", "broken", ELEVEN, "failed", {"error_type": "blocked", "error_message": "403 for all"}),
            ("d6", "box_score", ELEVEN, "success", {"occurrence_id": "o-game-1"}),
            ("d7", "yesterdays", ELEVEN, "success", {"game_date": "2026-01-14"}),
        )
    ),
    # executions: a request without a response is presumed to have failed, and is executed after all
    *(
        executed(name, at, status, environment="late", created_at=at.isoformat(), **changes)
        for name, *rows in (
            ("l1", PRESUMED, (ELEVEN + MINUTE, "no_data", {})),
            ("l2", (ELEVEN - MINUTE, "failed", {"error_type": "http"}), PRESUMED),
            ("l3", PRESUMED, (ELEVEN + MINUTE, "success", {})),
            ("l4", (ELEVEN - MINUTE, "success", {}), (ELEVEN + MINUTE, "failed", {"error_type": "http"})),
            ("l5", PRESUMED),
        )
        for at, status, changes in rows
    ),
    # heartbeats: the run at noon was never executed
    executed("h1", ELEVEN, "success", environment="dev", decision_id="h/run", gcs_path="gs://b/old"),
    executed(
        "h2", ELEVEN + 7 * HOUR, "success", environment="dev", decision_id="h/run", gcs_path="gs://b/new"
    ),
]

SCHEDULE = [
    scheduled("lines/09", ELEVEN - 2 * HOUR, workflow_name="betting_lines", priority="CRITICAL"),
    scheduled("lines/15", ELEVEN + 4 * HOUR, workflow_name="betting_lines", priority="CRITICAL"),
    scheduled("silent", priority="CRITICAL"),
    scheduled(
        "silent", priority="CRITICAL", schedule_version="v2", locked_at="2026-01-15T10:05:00Z"
    ),  # locked twice
    scheduled("skipping", priority="CRITICAL"),
    scheduled("day_off", priority="CRITICAL"),
    scheduled("postponed", priority="CRITICAL", state="CANCELLED"),
    scheduled("tonight", ELEVEN + 9 * HOUR, priority="CRITICAL"),
    scheduled("minor", priority="LOW"),
    scheduled("fruitless", priority="CRITICAL"),
    scheduled("unheard", priority="CRITICAL"),
    *(
        scheduled(
            f"o-{name}",
            at,
            environment="staging",
            game_date="2026-01-15",
            scrapers=[scraper],
            subject=subject,
        )
        for name, scraper, at, subject in (
            ("found", "found", ELEVEN, "-"),
            ("later", "found", ELEVEN + 2 * HOUR, "-"),
            ("game-1", "box_score", ELEVEN, "0022500561"),
            ("game-2", "box_score", ELEVEN, "0022500562"),
            ("nobody", "forgotten", ELEVEN, "-"),
            ("evening", "early", ELEVEN + 9 * HOUR, "-"),
        )
    ),
    scheduled("h", environment="dev"),
    scheduled("h/undecided", environment="dev"),
]

DECISIONS = [
    decided("lines/09", ELEVEN - 2 * HOUR, "RUN", "due", workflow_name="betting_lines"),
    decided("skipping", ELEVEN + MINUTE, "SKIP", "history_stale"),
    decided("skipping", ELEVEN + 3 * HOUR, "SKIP", "history_stale"),  # a SKIP is no run
    decided("day_off", ELEVEN + MINUTE, "SKIP", "no_games"),
    decided("fruitless", ELEVEN, "RUN", "due"),
    decided("unheard", ELEVEN, "RUN", "due"),
    # why_skipped
    decided("asked", ELEVEN - 12 * HOUR, "SKIP", "yesterday"),
    decided(
        "asked", ELEVEN, "SKIP", "too_early", next_check_time=NOON.isoformat(), context='{"attempts": 2}'
    ),
    decided(
        "asked", ELEVEN, "SKIP", "too_early", next_check_time=NOON.isoformat(), context='{"attempts": 2}'
    ),
    decided("asked", HALF_PAST_TEN_PM, "RUN", "due"),
    decided("asked", HALF_PAST_TEN_PM + 2 * HOUR, "SKIP", "tomorrow"),
    # heartbeats
    decided("h", ELEVEN, "RUN", "due", environment="dev", decision_id="h/run", scrapers_triggered=["a"]),
    decided("h", NOON, "RUN", "due", environment="dev", decision_id="h/lost", scrapers_triggered=["a"]),
]
DECISIONS.append(decided("over", NOON, "SKIP", "already_found", next_check_time=(NOON + DAY).isoformat()))
EXECUTIONS += [executed("r1", ELEVEN, "success", environment="dev", created_at=(NOON + 30 * DAY).isoformat())]
EXECUTIONS += [executed("f1", ELEVEN, "no_data", occurrence_id="fruitless")]

LANDED = ELEVEN - 5 * HOUR
SCANS = [
    scanned(
        ELEVEN,
        missing("gs://b/old", LANDED, ELEVEN),
        missing("gs://b/announced_long_ago", LANDED, ELEVEN, republished=True),
        missing("gs://b/fresh", ELEVEN - HOUR, ELEVEN),
        missing("gs://b/received", LANDED, ELEVEN),
    ),
    scanned(
        NOON,
        missing("gs://b/old", LANDED, NOON),
        missing("gs://b/announced_long_ago", LANDED, NOON),
        missing("gs://b/fresh", ELEVEN - HOUR, NOON),
        missing("gs://b/announced", LANDED, NOON, republished=True),
        missing("gs://b/received", LANDED, NOON),
        missing("gs://b/dropped_" + "x", LANDED, NOON),
    ),
    scanned(NOON + 15 * MINUTE, errors=["the receipts cannot be read"]),  # says nothing about missing files
    scanned(NOON + 20 * MINUTE, environment="dev"),
]
SCANS.insert(1, SCANS[1])  # delivered twice
RECEIPTS = [
    received("gs://b/received", NOON + 5 * MINUTE),
    received("gs://b/new", ELEVEN + 8 * HOUR, environment="dev"),
]

ALERTS = [
    alerted("gs://b/stuck", ELEVEN - 40 * DAY, "firing"),
    alerted("gs://b/stuck", ELEVEN - 40 * DAY, "firing", created_at=NOON.isoformat()),  # delivered twice
    alerted("gs://b/mended", ELEVEN, "firing"),
    alerted("gs://b/mended", NOON, "resolved"),
    alerted("storm", ELEVEN, "pending", severity="CRITICAL"),
    alerted("storm", ELEVEN + MINUTE, "escalated", severity="CRITICAL"),
    alerted("gs://b/of_dev", ELEVEN, "firing", environment="dev"),
]


@pytest.fixture(scope="module")
def day(dataset: Dataset) -> Dataset:
    """The dataset with all these rows."""
    dataset.insert("scraper_execution_log", *EXECUTIONS)
    dataset.insert("daily_expected_schedule", *SCHEDULE)
    dataset.insert("workflow_decisions", *DECISIONS)
    dataset.insert("cleanup_operations", *SCANS)
    dataset.insert("file_receipts", *RECEIPTS)
    dataset.insert("alert_events", *ALERTS)
    return dataset


@pytest.mark.parametrize("name", names())
def test_every_query_runs_with_its_defaults(day: Dataset, name: str) -> None:
    about = {item.name: "rated" for item in named(name).parameters if item.default is None}
    assert isinstance(day.ask(name, **about), list)


def test_success_rate_excludes_no_data_local_runs_and_copies(day: Dataset) -> None:
    """Over eight dates, with copies, no_data and a developer's machine it would read 33%; over UTC days other runs."""
    found = {row["scraper_name"]: row for row in day.ask("success_rates", as_of=NOON)}
    rated = found["rated"]
    assert (rated["total_runs"], rated["success_count"], rated["no_data_count"]) == (6, 3, 2)
    assert (rated["failed_count"], rated["success_rate_pct"]) == (1, 75.0)
    assert (rated["days_asked"], rated["days_found"], rated["avg_duration_sec"]) == (2, 2, 2.33)
    assert found["unpublished"]["success_rate_pct"] is None
    assert "ancient" not in found


def test_success_rates_flag_days_without_find(day: Dataset) -> None:
    """Computed from its runs alone, the rate would read 100%: four successes, no failure."""
    found = {row["scraper_name"]: row for row in day.ask("success_rates", as_of=NOON, environment="silence")}
    shown = {
        name: (
            row["success_rate_pct"], row["found_share_pct"], row["days_found"], row["days_asked"],
            row["days_without_find"], row["note"],
        )
        for name, row in found.items()
    }  # fmt: skip
    assert shown == {
        "silent": (None, 57.1, 4, 7, 3, "found nothing on the last 3 days it was asked"),
        "broken": (66.7, 57.1, 4, 7, 3, "found nothing on the last 3 days it was asked"),
        "late": (100.0, 66.7, 4, 6, 2, None),
        "searching": (100.0, 100.0, 2, 2, 0, None),
        "never": (None, 0.0, 0, 1, 1, "found nothing on the last day it was asked"),
    }
    assert found["never"]["last_found_at"] is None
    assert found["silent"]["last_found_at"] == ELEVEN - 3 * DAY


def test_success_rates_cover_the_given_number_of_days(day: Dataset) -> None:
    found = {
        row["scraper_name"]: row
        for row in day.ask("success_rates", as_of=NOON, days=3, environment="silence")
    }
    assert (found["silent"]["days_asked"], found["silent"]["success_rate_pct"]) == (3, None)
    assert (found["broken"]["success_rate_pct"], found["late"]["success_rate_pct"]) == (0.0, None)


def test_success_rates_are_sorted_worst_first(day: Dataset) -> None:
    rows = day.ask("success_rates", as_of=NOON, environment="silence")
    assert [row["scraper_name"] for row in rows] == ["never", "silent", "broken", "late", "searching"]


def test_cost_by_source_counts_each_execution_once(day: Dataset) -> None:
    found = {(row["source"], row["environment"]): row for row in day.ask("cost_by_source", as_of=NOON)}
    manual = found["MANUAL", "prod"]
    assert (manual["executions"], manual["successful"]) == (8, 3)
    assert (manual["avg_duration"], manual["total_seconds"]) == (2.25, 18.0)
    assert found["LOCAL", "prod"]["executions"] == 1
    assert ("SCHEDULER", "prod") not in found  # the 31st day


def test_run_satisfies_a_single_slot(day: Dataset) -> None:
    """A window with one open end counts the run at nine for the slot at three as well."""
    rows = day.ask("expected_vs_actual", as_of=ELEVEN + 7 * HOUR)
    lines = [
        (row["expected_time"], row["actual_time"], row["status"])
        for row in rows
        if row["workflow_name"] == "betting_lines"
    ]
    assert lines == [("09:00", "09:00", "ON_TIME"), ("15:00", None, "MISSING")]
    assert [row["status"] for row in rows if row["workflow_name"] == "silent"] == ["MISSING"]


def test_missing_files_have_urgency_and_exclude_received_files(day: Dataset) -> None:
    rows = day.ask("missing_files", as_of=NOON + 30 * MINUTE)
    assert {row["gcs_path"]: (row["age_minutes"], row["republished"], row["urgency"]) for row in rows} == {
        "gs://b/old": (390, False, "CRITICAL"),
        "gs://b/announced_long_ago": (390, True, "CRITICAL"),
        "gs://b/announced": (390, True, "REPUBLISHED"),
        "gs://b/fresh": (150, False, "WARNING"),
        "gs://b/dropped_x": (390, False, "CRITICAL"),
    }
    assert [row["gcs_path"] for row in rows][-1] == "gs://b/fresh"


def test_missing_files_ignore_scans_and_receipts_after_as_of(day: Dataset) -> None:
    rows = {row["gcs_path"]: row for row in day.ask("missing_files", as_of=ELEVEN + 30 * MINUTE)}
    assert rows["gs://b/received"]["urgency"] == "CRITICAL"
    assert rows["gs://b/announced_long_ago"]["urgency"] == "REPUBLISHED"
    assert rows["gs://b/fresh"]["urgency"] == "RECENT"
    assert "gs://b/announced" not in rows


def test_alert_is_open_until_resolved(day: Dataset) -> None:
    def open_alerts(as_of: datetime) -> list[tuple[str, str]]:
        return [
            (row["subject"], row["state"]) for row in day.ask("open_alerts", as_of=as_of, environment="prod")
        ]

    assert open_alerts(NOON) == [("storm", "escalated"), ("gs://b/stuck", "firing")]
    assert open_alerts(ELEVEN) == [
        ("storm", "pending"),
        ("gs://b/stuck", "firing"),
        ("gs://b/mended", "firing"),
    ]


def test_silent_cleanup_is_an_alert_even_without_any_run(day: Dataset) -> None:
    """Regression (incident 10): a maximum over no rows is NULL, and a comparison with NULL is never true."""
    assert day.ask("alert_cleanup_not_running", as_of=NOON + 2 * HOUR) == []
    late = day.ask("alert_cleanup_not_running", as_of=NOON + 3 * HOUR)
    assert [row["since"] for row in late] == [NOON + 2 * HOUR]  # the scan after it failed
    never = day.ask("alert_cleanup_not_running", as_of=NOON, environment="staging")
    assert [row["summary"] for row in never] == ["Cleanup has not run for two days."]


def test_critical_workflow_not_run_is_an_alert(day: Dataset) -> None:
    """Incidents 10, 24 and 31: no rows are an alert, an early check and a day off are not."""
    rows = day.ask("alert_critical_workflow_not_run", as_of=ELEVEN + 3 * HOUR + MINUTE)
    assert {row["workflow_name"]: row["last_action"] for row in rows} == {"silent": None, "skipping": "SKIP"}
    silent = next(row for row in rows if row["workflow_name"] == "silent")
    assert (silent["hours_overdue"], silent["alert_source"]) == (1.02, "daily_expected_schedule")


def test_day_without_locked_schedule_is_an_alert(day: Dataset) -> None:
    """Nothing ran for a week, unnoticed (incident 10)."""
    tomorrow = MORNING + DAY

    def alerts(as_of: datetime) -> list[tuple[str, str]]:
        rows = day.ask("alert_critical_workflow_not_run", as_of=as_of)
        return [(row["alert_source"], row["workflow_name"]) for row in rows]

    assert ("schedule_lock", "lock-schedule") not in alerts(tomorrow)  # 05:00
    assert alerts(tomorrow + HOUR) == [("schedule_lock", "lock-schedule")]


def test_critical_run_without_success_is_an_alert_after_an_hour(day: Dataset) -> None:
    """Incident 25: never executed is worse than executed without success."""

    def fruitless(as_of: datetime) -> dict[str, int]:
        rows = day.ask("alert_critical_workflow_without_success", as_of=as_of)
        return {row["workflow_name"]: row["executions"] for row in rows}

    assert fruitless(ELEVEN + 59 * MINUTE) == {"betting_lines": 0}
    assert fruitless(ELEVEN + 61 * MINUTE) == {"betting_lines": 0, "fruitless": 1, "unheard": 0}


def test_failure_rate_needs_several_runs_and_ignores_no_data(day: Dataset) -> None:
    """A rate needs more than one run, ignores no_data, and ignores the day before."""
    worst, seldom = day.ask("alert_high_failure_rate", as_of=NOON)
    assert (worst["subject"], worst["value"]) == ("diluted", 60.0)
    assert worst["summary"].startswith("diluted failed 3 of 5 recent runs that found data or failed")
    # It has fewer than five runs a day, and its newest run failed.
    assert (seldom["subject"], seldom["value"]) == ("third", 33.3)


def test_repeatedly_contradicting_source_is_an_alert(day: Dataset) -> None:
    (row,) = day.ask("alert_contradicting_documents", as_of=NOON)
    assert row == {
        "scraper_name": "contradicting",
        "contradicting_runs": 3,
        "contradictions": 3,
        "items_set_aside": 3,
        "example": "NYK@PHI is final at 0:0",
    }
    names = {one["scraper_name"] for one in day.ask("alert_contradicting_documents", as_of=NOON, min_runs=1)}
    assert names == {"contradicting", "contradicting_once"}


def test_failure_rate_is_compared_before_rounding(day: Dataset) -> None:
    rows = day.ask("alert_high_failure_rate", as_of=NOON, threshold_pct=33.3, min_runs=3)
    assert {row["subject"]: row["value"] for row in rows}["third"] == 33.3


def test_why_skipped_covers_the_new_york_day(day: Dataset) -> None:
    def why(as_of: datetime) -> list[tuple[Any, ...]]:
        rows = day.ask("why_skipped", as_of=as_of, workflow_name="asked")
        return [(row["time_et"], row["action"], row["reason_code"], row["next_check_et"]) for row in rows]

    early = ("11:00", "SKIP", "too_early", "12:00")
    assert why(NOON) == [early]
    assert why(HALF_PAST_TEN_PM + HOUR) == [("22:30", "RUN", "due", None), early]
    (tomorrow,) = day.ask("why_skipped", as_of=NOON, workflow_name="over")
    assert tomorrow["next_check_et"] == f"{NOON + DAY:%Y-%m-%d} 12:00"
    (row,) = day.ask("why_skipped", as_of=NOON, workflow_name="asked")
    context = row["context"]
    assert (json.loads(context) if isinstance(context, str) else context) == {"attempts": 2}


def test_json_field_null_explains_each_value(day: Dataset) -> None:
    rows = day.ask("json_field_null", as_of=NOON, scraper_name="jotted")
    assert [(row["value"], row["verdict"]) for row in rows] == [
        (None, "data_summary is empty"),
        (None, "absent"),
        (None, "null, object or list"),
        (None, "null, object or list"),
        ("many", "no integer"),
        ("3", "fine"),
    ]


def test_non_numeric_record_count_fails_no_query(day: Dataset) -> None:
    """CAST of "many" would fail the query."""
    (row,) = day.ask("discovery_attempts", as_of=NOON, scraper_name="jotted")
    assert (row["attempts_today"], row["found_data"]) == (6, 1)


def test_recent_executions_include_new_york_evening(day: Dataset) -> None:
    rows = day.ask("recent_executions", as_of=HALF_PAST_TEN_PM, scraper_name="summed", days=1)
    assert [(row["status"], row["records"]) for row in rows] == [
        ("failed", 0),
        ("success", 5),
        ("no_data", 0),
    ]
    assert rows[0]["error_message"] == "503"
    assert [row["reason"] for row in rows] == ["503", None, "404"]


def test_scraper_summary_covers_the_new_york_day(day: Dataset) -> None:
    def summed(as_of: datetime) -> dict[str, Any]:
        return next(row for row in day.ask("scraper_summary", as_of=as_of) if row["scraper_name"] == "summed")

    noon, night = summed(NOON), summed(HALF_PAST_TEN_PM)
    assert (noon["runs"], noon["successes"], noon["last_status"]) == (2, 1, "success")
    assert (night["runs"], night["records"], night["failures"]) == (3, 5, 1)
    assert (night["last_status"], night["last_run_et"]) == ("failed", "22:30")


def test_discovery_status_has_row_for_untried_scraper(day: Dataset) -> None:
    """Incidents 8, 9, 10, 24 and 33: absence is a row, an early check is no fault, and one game is not all games."""
    rows = day.ask("discovery_status", as_of=NOON, environment="staging")
    assert {(row["scraper_name"], row["subject"]): row["status"] for row in rows} == {
        ("broken", "-"): "FAILING",
        ("forgotten", "-"): "NOT_TRIED",
        ("box_score", "0022500562"): "NOT_TRIED",
        ("waiting", "-"): "NOT_YET",
        ("early", "-"): "TOO_EARLY",
        ("found", "-"): "FOUND",
        ("box_score", "0022500561"): "FOUND",
    }
    found = next(row for row in rows if row["scraper_name"] == "found")
    assert (found["records"], found["attempts"], found["failures"]) == (7, 2, 1)
    assert (found["found_et"], found["next_et"]) == ("11:00", "13:00")
    assert rows[0]["scraper_name"] == "broken"


def test_every_edge_has_a_heartbeat_row(day: Dataset) -> None:
    """Incidents 10 and 25: decisions continue and nothing is executed; an edge without events still has a row."""
    edges = {row["edge"]: row for row in day.ask("heartbeats", as_of=ELEVEN + 9 * HOUR, environment="dev")}
    assert edges["decisions -> executions"]["unanswered"] == 1
    assert edges["decisions -> executions"]["oldest_unanswered"] == NOON
    assert edges["decisions -> executions"]["to_last_seen"] == ELEVEN + 7 * HOUR
    assert (edges["ticks -> decisions"]["unanswered"], edges["ticks -> decisions"]["to_last_seen"]) == (
        1,
        NOON,
    )
    assert edges["files -> receipts"]["oldest_unanswered"] == ELEVEN
    assert edges["ticks -> cleanup"]["silent_minutes"] == 7 * 60 + 40
    assert edges["ticks -> cleanup"]["unanswered"] is None
    assert edges["events -> rows"]["silent_minutes"] == 0  # the row is later than `as_of`, as in a replay
    silent = day.ask("heartbeats", as_of=ELEVEN - 60 * DAY, environment="prod")
    assert len(silent) == len(edges) == 6
    assert {row["to_last_seen"] for row in silent} == {None}


def test_run_decision_is_unanswered_after_fifteen_minutes(day: Dataset) -> None:
    def unanswered(as_of: datetime) -> int | None:
        rows = {row["edge"]: row for row in day.ask("heartbeats", as_of=as_of, environment="dev")}
        count: int | None = rows["decisions -> executions"]["unanswered"]
        return count

    assert unanswered(NOON + 14 * MINUTE) == 0
    assert unanswered(NOON + 15 * MINUTE) == 1
    assert unanswered(NOON + DAY) == 0


def test_dataset_tables_lists_tables_and_views(day: Dataset) -> None:
    tables = {row["table_name"] for row in day.ask("dataset_tables")}
    assert {"scraper_execution_log", "alert_events", "v_heartbeats"} <= tables


def test_real_outcome_replaces_presumed_failure(day: Dataset) -> None:
    """A presumed failure is replaced by the real outcome, whichever row came first; a success is never replaced."""
    rows = day.query(
        "SELECT execution_id, status, error_type FROM nba_orchestration.v_executions WHERE environment = 'late'"
    )
    assert {row["execution_id"]: (row["status"], row["error_type"]) for row in rows} == {
        "l1": ("no_data", None),
        "l2": ("failed", "http"),
        "l3": ("success", None),
        "l4": ("success", None),
        "l5": ("failed", "timeout"),
    }


@pytest.mark.parametrize(
    "view",
    [
        "v_executions",
        "v_decisions",
        "v_expected_schedule",
        "v_expected_vs_actual",
        "v_todays_scraper_summary",
        "v_discovery_status",
        "v_missing_files",
        "v_success_rates",
        "v_cost_by_source",
        "v_heartbeats",
    ],
)
def test_every_view_can_be_queried(day: Dataset, view: str) -> None:
    assert isinstance(day.query(f"SELECT * FROM nba_orchestration.{view}"), list)  # noqa: S608


def test_table_functions_return_same_ids_as_views(day: Dataset) -> None:
    for function, view, key in (
        ("executions(@first, @last)", "v_executions", "execution_id"),
        ("decisions(@first, @last)", "v_decisions", "decision_id"),
    ):
        days = {"first": date(2025, 12, 1), "last": date(2026, 2, 1)}
        select = f"SELECT {key} FROM nba_orchestration."  # noqa: S608
        both = [
            day.query(f"{select}{function}", {"first": "DATE", "last": "DATE"}, **days),
            day.query(f"{select}{view}"),
        ]
        ids = [sorted(row[key] for row in rows) for rows in both]
        assert ids[0] == ids[1]
        assert len(ids[0]) == len(set(ids[0]))
