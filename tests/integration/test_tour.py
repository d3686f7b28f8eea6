"""The week of the tour: every named query has rows on it, and the stack continues from it."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import requests

from tipoff_common.clock import business_date, local_instant
from tipoff_common.events import Tick, TickFired
from tipoff_dataset.queries import named, names
from tipoff_dev.grafana.alerting import rule_queries
from tipoff_dev.grafana.macros import expand
from tipoff_dev.grafana.panels import DASHBOARDS
from tipoff_dev.stack.stack import Stack
from tipoff_dev.tour.faults import MARK
from tipoff_dev.tour.history import DAYS, EventHistory

QUIET = frozenset(
    {
        # Queries about faults of the installation itself, which the tour does not fake.
        "alert_calendar_stale",
        "alert_cleanup_not_running",
        "alert_critical_workflow_not_run",
        "alert_critical_workflow_without_success",
        "alert_contradicting_documents",
        "alert_contradictions",
        "alert_dataset_behind",
        "alert_items_set_aside",
        "alert_many_missing_files",
        "alert_no_decisions",
        "alert_schedule_not_locked",
        "alert_source_drift",
        "alert_source_silent",
        "alert_standing_decisions",
        "alert_unexecuted_decisions",
        "alert_versions_differ",
        "alert_volume",
        "alert_cleanup_facts",
        # The week has no pauses, and no workflow of the repository has a learning search.
        "standing_pauses",
        "discovery_predictions",
        # Reads the emulator's catalogue, which other tests cover.
        "dataset_tables",
    }
)


def test_every_named_query_has_rows(tour: tuple[Stack, EventHistory]) -> None:
    stack, history = tour
    # Queries about a business day run for its evening too: just after midnight its rows are rightly missing.
    evening = local_instant(business_date(history.until) - timedelta(days=1), time(22))
    given = {"scraper_name": "nbac_injury_report", "workflow_name": "injury_discovery"}

    def has_rows(name: str, as_of: datetime) -> bool:
        query = named(name)
        known = {parameter.name for parameter in query.parameters}
        values = query.arguments({key: value for key, value in given.items() if key in known}, as_of, "local")
        return bool(stack.warehouse.query(query.sql, values))

    asked = sorted(set(names()) - QUIET)
    assert [name for name in asked if not (has_rows(name, history.until) or has_rows(name, evening))] == []


def test_every_grafana_panel_has_its_columns_and_rows(tour: tuple[Stack, EventHistory]) -> None:
    """The queries that Grafana would send for the week; just after midnight the boards of today are rightly empty."""
    stack, history = tour
    at_night = business_date(history.until) != business_date(history.until - timedelta(hours=8))
    for board in DASHBOARDS:
        for panel in board.panels:
            sql = expand(
                panel.sql,
                start=history.until - timedelta(days=DAYS),
                end=history.until,
                variables={"environment": "local"},
            )
            rows = stack.warehouse.query(sql, {})
            if not (at_night and ("expected_vs_actual" in sql or "discovery_status" in sql)):
                assert rows, (board.name, panel.title)
            for row in rows[:1]:
                assert tuple(row) == panel.columns, (board.name, panel.title)


def test_every_grafana_rule_returns_subject_and_value(tour: tuple[Stack, EventHistory]) -> None:
    stack, _ = tour
    found = {
        name: stack.warehouse.query(sql.replace("'prod'", "'local'"), {})
        for name, sql in rule_queries().items()
    }
    assert {tuple(row) for rows in found.values() for row in rows} == {("subject", "value")}
    # Alerts that stand at the end of the week.
    assert {"files-stuck", "dead-letters", "quota-low"} & {name for name, rows in found.items() if rows}


def test_week_has_every_outcome_and_marked_faults(
    tour: tuple[Stack, EventHistory],
) -> None:
    stack, history = tour
    rows = stack.warehouse.query(
        "SELECT status, COUNT(*) AS n, MIN(triggered_at) AS first, MAX(triggered_at) AS last,"
        " COUNTIF(error_message IS NOT NULL AND NOT ENDS_WITH(error_message, @mark)) AS unmarked"
        " FROM nba_orchestration.scraper_execution_log"
        " WHERE DATE(triggered_at) >= DATE(@since) GROUP BY status",
        {"mark": f"({MARK})", "since": history.until - timedelta(days=DAYS + 1)},
    )
    assert {row["status"] for row in rows} == {"success", "no_data", "failed"}
    assert sum(row["unmarked"] for row in rows) == 0
    assert min(row["first"] for row in rows) < history.until - timedelta(days=DAYS - 1)
    assert max(row["last"] for row in rows) > history.until - timedelta(days=1)


def test_stack_continues_from_the_week(tour: tuple[Stack, EventHistory]) -> None:
    """The running services decide on the history, and the monitor reads the standing alerts."""
    stack, history = tour
    stack.publisher.publish([TickFired(tick=Tick.EVALUATE, cadence_minutes=15, event_time=None)])
    stack.wait_until_quiet()
    live = stack.warehouse.query(
        "SELECT workflow_name, action, reason_code FROM nba_orchestration.workflow_decisions"
        " WHERE DATE(decision_time) >= DATE(@until) AND decision_time >= @until",
        {"until": history.until},
    )
    assert live
    assert {row["action"] for row in live} <= {"RUN", "SKIP"}
    # The week's last day keeps its locked schedule; it is not locked again.
    changes = stack.warehouse.query(
        "SELECT COUNT(*) AS n FROM nba_orchestration.daily_expected_schedule"
        " WHERE date = @day AND locked_at >= @until AND state = 'EXPECTED'",
        {"day": history.until.date(), "until": history.until},
    )
    assert changes == [{"n": 0}]
    answer = requests.get(
        f"{stack.layout.url('monitor')}/incidents",
        headers={"Authorization": f"Bearer {stack.layout.development_key}"},
        timeout=90,
    )
    assert answer.status_code == 200
    found = answer.json()
    assert found["incidents"]
    # Before the first live watch the history's watch counts, so no missing watch is reported.
    assert datetime.fromisoformat(found["watched_at"]) >= history.until
