"""Each rule of config/alerts.yaml on rows in the embedded warehouse: it fires on its bad rows and not on good ones.

All rules are one job. Each case has an environment of its own, so the cases share one warehouse and do not see each
other's rows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.dataset_rows import (
    DAY,
    ELEVEN,
    HOUR,
    MINUTE,
    Row,
    decided,
    executed,
    missing,
    paused,
    received,
    scanned,
    scheduled,
)

from tipoff_cleanup.observation import DATASET_BEHIND, NO_RECEIPTS
from tipoff_common.adapters.bigquery import BigQueryWarehouse
from tipoff_common.events import AlertLevel
from tipoff_monitor.conditions import ActivePauses, Condition, batch_query, conditions_of_rows, paused_of_rows
from tipoff_monitor.loading import load_rules

if TYPE_CHECKING:
    from conftest import Dataset
    from tipoff_monitor.rules import Rule

REPOSITORY = Path(__file__).parents[3]
BOOK = load_rules(REPOSITORY / "config/alerts.yaml", REPOSITORY / "queries")
AT = ELEVEN + 4 * HOUR
"""15:00 in New York."""
Rows = list[tuple[str, Row]]


def healthy(at: datetime = AT) -> Rows:
    """Return the rows of a healthy day: decisions every quarter of an hour, scans, a schedule, a run."""
    rows: Rows = [("daily_expected_schedule", scheduled("o", scrapers=["s"], priority="HIGH"))]
    for number in range(1, 9):
        when = at - number * 15 * MINUTE + 10 * MINUTE
        decision_values = {
            "created_at": when.isoformat(),
            "alert_level": "NONE",
            "controller_version": "1",
            "config_hash": "h",
        }
        context = json.dumps({"calendar_stale": False, "calendar_age_minutes": 60})
        rows.append(
            (
                "workflow_decisions",
                decided(f"d{number}", when, "SKIP", "too_early", context=context, **decision_values),
            )
        )
        rows.append(("cleanup_operations", scanned(when, created_at=when.isoformat())))
    ran = at - 3 * HOUR
    rows.append(
        (
            "scraper_execution_log",
            executed("e", ran, "success", 5, scraper_name="s", created_at=ran.isoformat()),
        )
    )
    return rows


def runs(*statuses: str, name: str = "s", every: Any = DAY, **changes: Any) -> Rows:
    """Return executions of one scraper, the newest last, an hour before AT."""
    rows: Rows = []
    for number, status in enumerate(reversed(statuses)):
        at = AT - HOUR - number * every
        row = executed(f"{name}{number}", at, status, 5 if status == "success" else 0, scraper_name=name,
                       workflow="w", created_at=at.isoformat(), **changes)  # fmt: skip
        rows.append(("scraper_execution_log", row))
    return rows


def outcomes(*results: Row) -> Rows:
    """Return executions of one scraper with these results, an hour apart: the newest last, an hour before AT."""
    rows: Rows = []
    for number, changes in enumerate(reversed(results)):
        at = AT - (1 + number) * HOUR
        summary = json.dumps(changes.get("data_summary", {}))
        own = {"scraper_name": "s", "workflow": "w", "created_at": at.isoformat(), **changes}
        row = executed(f"run{number}", at, **{"status": "failed", **own, "data_summary": summary})
        rows.append(("scraper_execution_log", row))
    return rows


def files(count: int, **changes: Any) -> Rows:
    at = AT - 8 * HOUR
    own = {"created_at": at.isoformat(), **changes}
    return [
        (
            "scraper_execution_log",
            executed(f"f{n}", at, "success", 5, scraper_name="s", gcs_path=f"gs://b/{n}", **own),
        )
        for n in range(count)
    ]


def stood(code: str, level: str, at: datetime = AT - 5 * MINUTE) -> Rows:
    own = {"created_at": at.isoformat(), "controller_version": "1", "config_hash": "h", "alert_level": level}
    return [("workflow_decisions", decided("lines", at, "SKIP", code, **own))]


def with_summary(summary: dict[str, Any]) -> Rows:
    """Return a success with facts about its data."""
    return runs("success", data_summary=json.dumps(summary))


def scan(**facts: Any) -> Rows:
    return [("cleanup_operations", scanned(AT - MINUTE, created_at=AT.isoformat(), **facts))]


BAD: dict[str, tuple[Rows, str]] = {
    "scraper-failing": (runs("success", "success", "success", "failed", "failed"), "s"),
    "files-missing": (files(11), "-"),
    "search-ended-in-vain": (stood("not_found", "WARNING"), "lines"),
    "workflow-gave-up": (stood("budget_used", "CRITICAL"), "lines"),
    "decision-aborted": (stood("no_calendar", "WARNING"), "lines"),
    "decisions-not-executed": (
        [("workflow_decisions", decided("x", AT - HOUR, "RUN", "due", scrapers_triggered=["s"], alert_level="NONE",
                                        created_at=(AT - HOUR).isoformat()))],
        "-",
    ),
    "volume-unusual": (
        runs("success", "failed", error_type="source_changed", error_message="3 records; between 5 and 9 are expected"),
        "s",
    ),
    "source-drift": (with_summary({"drift": {"added": ["new"], "missing_optional": []}}), "s"),
    "quota-low": (with_summary({"quota": {"used": 450, "remaining": 50, "warning": True}}), "s"),
    "items-set-aside": (
        with_summary({"record_count": 3, "set_aside": {"count": 2, "examples": ["items[1] is null"]}}),
        "s",
    ),
    "sources-contradict": (with_summary({"contradictions": {"count": 1}}), "s"),
    "source-silent": (
        [
            *[
                ("scraper_execution_log", executed(f"old{n}", AT - (6 + n) * DAY, "success", 5, scraper_name="old",
                                                   created_at=(AT - (6 + n) * DAY).isoformat()))
                for n in range(4)
            ],
            *[
                ("daily_expected_schedule", scheduled(f"w{n}", AT - n * DAY - 5 * HOUR, scrapers=["old"],
                                                      date=str((AT - n * DAY).date()), priority="LOW"))
                for n in range(5)
            ],
        ],
        "old",
    ),
    "phase2-behind": (scan(phase2_behind=True, waiting_count=3), "-"),
    "storm-guard": (scan(storm_guard=True), "-"),
    "files-stuck": (
        [("cleanup_operations", scanned(AT - MINUTE, created_at=AT.isoformat(), findings=[
            {"kind": "given_up", "gcs_path": "gs://b/1", "detail": "x"}]))],
        "given_up",
    ),
    "dead-letters": (
        [("dead_letters", {"event_id": "e", "rejected_at": (AT - HOUR).isoformat(), "reason": "undecodable",
                           "detail": "no JSON", "service": "logger", "subscription": "s", "message_id": "m",
                           "payload_sha256": "0", "payload_bytes": 1, "created_at": AT.isoformat()})],
        "-",
    ),
    "calendar-stale": (
        [("workflow_decisions", decided("z", AT - MINUTE, "SKIP", "too_early", alert_level="NONE",
                                        created_at=AT.isoformat(),
                                        context=json.dumps({"calendar_stale": True, "calendar_age_minutes": 9000,
                                                            "calendar_workflow": "feeds"})))],
        "-",
    ),
}  # fmt: skip
ABSENT = {
    "no-decisions": "workflow_decisions",
    "cleanup-silent": "cleanup_operations",
    "schedule-not-locked": "daily_expected_schedule",
}


class Days:
    """Environments of one warehouse; the conditions of all of them are read with the same batch."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("BIGQUERY_EMULATOR_HOST", dataset.url)
            self._warehouse = BigQueryWarehouse(dataset.project, dataset.url)

    def insert(self, environment: str, rows: Rows) -> None:
        tables: dict[str, list[Row]] = {}
        for table, row in rows:
            ids = {key: f"{environment}/{row[key]}" for key in ("execution_id", "decision_id") if key in row}
            tables.setdefault(table, []).append({**row, **ids, "environment": environment})
        for table, own in tables.items():
            self._dataset.insert(table, *own)

    def conditions(
        self, environment: str, at: datetime = AT, *rules: str, changed: Mapping[str, Rule] = {}
    ) -> list[Condition]:
        """Return the conditions that these rules find; all rules are one statement that takes seconds to translate.

        changed: rules in place of the book's.
        """
        queries = {name: BOOK.queries[name] for name in rules or BOOK.queries}
        file = BOOK.file.model_copy(update={"rules": {**BOOK.rules, **changed}})
        book = replace(BOOK, file=file, queries=queries)
        given = {"as_of": at, "environment": environment, "version": "1", "config_hash": "h"}
        return list(conditions_of_rows(self._warehouse.query(*batch_query(book, given)), book))

    def paused(self, environment: str) -> ActivePauses:
        """Return the pauses that a watch reads, by the statement of one rule."""
        book = replace(BOOK, queries={"dead-letters": BOOK.queries["dead-letters"]})
        given = {"as_of": AT, "environment": environment, "version": "1", "config_hash": "h"}
        return paused_of_rows(self._warehouse.query(*batch_query(book, given)))


@pytest.fixture(scope="module")
def days(dataset: Dataset) -> Iterator[Days]:
    found = Days(dataset)
    found.insert("well", healthy())
    for rule, (rows, _) in BAD.items():
        found.insert(rule, [*healthy(), *rows])
    for rule, table in ABSENT.items():
        found.insert(rule, [row for row in healthy() if row[0] != table])
    with pytest.MonkeyPatch.context() as patched:
        # On a busy machine the emulator takes longer than the default timeout to translate a statement of all rules.
        patched.setattr("tipoff_common.adapters.bigquery._TIMEOUT_SECONDS", 100.0)
        yield found


def scans(*errors: str | None, every: Any = 15 * MINUTE) -> Rows:
    """Return a healthy day with other scans: one a quarter of an hour with these errors, the newest last."""
    rows = [row for row in healthy() if row[0] != "cleanup_operations"]
    for number, error in enumerate(reversed(errors)):
        at = AT - MINUTE - number * every
        rows.append(
            ("cleanup_operations", scanned(at, created_at=at.isoformat(), errors=[error] if error else []))
        )
    return rows


DENIED = "BigQuery did not answer a query: 403 Access Denied"


@pytest.mark.parametrize(
    ("errors", "summary"),
    [
        (
            [DENIED] * 200,
            f"Every scan of cleanup has failed for two days; the last, at 2026-01-15 14:59, with: {DENIED}",
        ),
        (
            [None, *[DENIED] * 9],
            "Every scan of cleanup has failed since 2026-01-15 12:44; the last, at 2026-01-15 14:59,"
            f" with: {DENIED}",
        ),
        ([None, *[DENIED] * 7], None),  # not yet for two hours
        ([*[DENIED] * 99, None], None),
        ([NO_RECEIPTS] * 99, None),  # phase2-behind
        ([DATASET_BEHIND.format("2026-01-15 14:00")] * 99, None),  # dataset-behind
    ],
    ids=["always", "for-hours", "for-an-hour", "over", "no-receipts", "dataset-behind"],
)
def test_cleanup_failing_for_over_two_hours_fires_with_last_error(
    days: Days, request: pytest.FixtureRequest, errors: list[str | None], summary: str | None
) -> None:
    environment = request.node.callspec.id
    summaries = [
        it.summary for it in judged(days, f"cleanup-{environment}", scans(*errors), "cleanup-silent")
    ]
    assert summaries == ([summary] if summary else [])


def test_healthy_day_fires_no_rule(days: Days) -> None:
    assert days.conditions("well") == []


def test_every_rule_with_a_query_is_tested() -> None:
    own = {"dataset-behind", "versions-differ"}  # tests of their own below
    assert {*BAD, *ABSENT, *own} == set(BOOK.queries)


@pytest.mark.parametrize("rule", BAD)
def test_a_rule_fires_on_its_bad_rows(days: Days, rule: str) -> None:
    assert [it.subject for it in days.conditions(rule, AT, rule)] == [BAD[rule][1]]


def test_stale_calendar_alert_names_fetching_workflow(days: Days) -> None:
    """The rule's command named that of one fleet."""
    (found,) = days.conditions("calendar-stale", AT, "calendar-stale")
    assert found.workflow == "feeds"


@pytest.mark.parametrize("rule", BAD)
def test_copied_rows_change_no_condition(days: Days, rule: str) -> None:
    """Rows are delivered at least once, and a copy may come long after the first."""
    rows = [*healthy(), *BAD[rule][0]]
    later = [
        (table, {**row, "created_at": (datetime.fromisoformat(row["created_at"]) + 20 * MINUTE).isoformat()})
        for table, row in rows
    ]
    days.insert(f"{rule}-twice", [*rows, *later])
    for asked in {rule, "dataset-behind"}:
        assert days.conditions(f"{rule}-twice", AT, asked) == days.conditions(rule, AT, asked)


@pytest.mark.parametrize("rule", ABSENT)
def test_absence_rule_fires_without_any_row(days: Days, rule: str) -> None:
    """Incident 10 of docs/explanation/incidents.md: absence raises no row."""
    assert [it.rule for it in days.conditions(rule, AT, rule)] == [rule]


def test_failure_conditions_have_error_type(days: Days) -> None:
    """The kind groups them with other failures of the same source as one cause."""
    found = {rule: days.conditions(rule, AT, rule)[0].error_type for rule in ("quota-low", "volume-unusual")}
    assert found == {"quota-low": "quota", "volume-unusual": "source_changed"}


def retry_after(until: datetime) -> Row:
    """Return a 429 with Retry-After."""
    return {
        "error_type": "quota",
        "data_summary": {"not_before": until.isoformat(), "paused_host": "api.example.com"},
    }


FOUND: Row = {"status": "success", "data_summary": {"record_count": 5}}
LOW: Row = {"status": "success", "data_summary": {"quota": {"used": 450, "remaining": 50, "warning": True}}}
WELL: Row = {"status": "success", "data_summary": {"quota": {"used": 50, "remaining": 450, "warning": False}}}
SPENT: Row = {
    "error_type": "quota",
    "data_summary": {"quota": {"used": 500, "remaining": 0, "warning": True}},
}
REFUSED: Row = {"error_type": "quota"}
CHANGED: Row = {"error_type": "source_changed"}
TIMED_OUT: Row = {"error_type": "timeout"}
WAITS = "s: api.example.com demands no requests until 2026-01-15 15:10."
LITTLE_LEFT = "s: four fifths of the allowance are used, 50 left."
NOTHING_LEFT = "s: the allowance is spent, 0 left."


@pytest.mark.parametrize(
    ("results", "summary"),
    [
        ([FOUND, retry_after(AT + 10 * MINUTE)], WAITS),
        ([retry_after(AT)], None),
        ([retry_after(AT + 10 * MINUTE), FOUND], None),
        ([retry_after(AT + 10 * MINUTE), CHANGED], None),
        ([retry_after(AT + 10 * MINUTE), {"status": "no_data"}], None),
        ([LOW, retry_after(AT + 10 * MINUTE)], WAITS),
        ([LOW, retry_after(AT)], LITTLE_LEFT),
        ([LOW], LITTLE_LEFT),
        ([LOW, TIMED_OUT], LITTLE_LEFT),
        ([LOW, WELL], None),
        ([SPENT], NOTHING_LEFT),
        ([SPENT, TIMED_OUT], NOTHING_LEFT),
        ([SPENT, WELL], None),
        ([REFUSED], "s: the allowance is spent."),
        ([REFUSED, FOUND], None),
    ],
    ids=[
        "told-to-wait", "waited", "found-since", "changed-since", "no-data-since", "low-and-told-to-wait",
        "low-and-waited", "low", "low-and-timed-out", "well-again", "spent", "spent-and-timed-out", "bought",
        "refused", "refused-and-found-since",
    ],
)  # fmt: skip
def test_quota_alert_distinguishes_allowance_from_pause_and_ends(
    days: Days, request: pytest.FixtureRequest, results: list[Row], summary: str | None
) -> None:
    found = judged(days, f"quota-{request.node.callspec.id}", outcomes(*results), "quota-low")
    assert [it.summary for it in found] == ([summary] if summary else [])


def test_quota_alert_stands_through_pause_of_days(days: Days) -> None:
    ((table, row),) = outcomes(retry_after(AT + DAY))
    rows = [(table, {**row, "triggered_at": (AT - 5 * DAY).isoformat()})]
    assert len(judged(days, "quota-days", rows, "quota-low")) == 1


def test_differing_scoreboards_are_reported(days: Days) -> None:
    """The rule names the two scoreboards, as another fleet has neither."""
    rows: Rows = [
        ("scraper_execution_log", executed(name, AT - 2 * HOUR, "success", records, scraper_name=name))
        for name, records in (("nbac_scoreboard", 9), ("espn_scoreboard", 8))
    ]
    (found,) = judged(days, "scoreboards", rows, "sources-contradict")
    assert (found.subject, found.summary) == (
        "nbac_scoreboard/espn_scoreboard",
        "nbac_scoreboard has 9 records for 2026-01-15, and espn_scoreboard has 8.",
    )


def lost(records: int, count: int, *examples: str) -> Row:
    summary = {"record_count": records, "set_aside": {"count": count, "examples": examples}}
    return {"status": "success", "data_summary": summary}


@pytest.mark.parametrize(
    ("results", "summary"),
    [
        (
            [lost(3, 2, "items[1] has no name")],
            "s set aside 2 of 5 items, e.g. items[1] has no name.",
        ),
        ([lost(9, 1)], None),  # a tenth
        ([lost(8, 1)], "s set aside 1 of 9 items."),
        ([lost(3, 2), FOUND], None),
        ([lost(3, 2), TIMED_OUT], "s set aside 2 of 5 items."),
        ([{**lost(3, 2), "source": "LOCAL"}], None),
    ],
    ids=["two-of-five", "a-tenth", "above", "over", "failed-since", "local"],
)
def test_items_set_aside_above_a_tenth_are_reported(
    days: Days, request: pytest.FixtureRequest, results: list[Row], summary: str | None
) -> None:
    """Regression: two of five items were lost each time, and no alert reported it."""
    found = judged(days, f"aside-{request.node.callspec.id}", outcomes(*results), "items-set-aside")
    assert [it.summary for it in found] == ([summary] if summary else [])


def day_off() -> Rows:
    """Return the rows of a day without games, of a fleet that fetches nothing then: the schedule has no rows."""
    return [
        (table, {**row, "reason_code": "no_games"} if "reason_code" in row else row)
        for table, row in healthy()
        if table in ("workflow_decisions", "cleanup_operations")
    ]


MANUAL_RUN = decided("manual", AT - MINUTE, "RUN", "manual", scrapers_triggered=[], alert_level="NONE")


def test_off_season_day_fires_no_rule(days: Days) -> None:
    days.insert("off-season", day_off())
    assert [it.rule for it in days.conditions("off-season")] == []


def test_manual_run_on_day_off_fires_no_schedule_rule(days: Days) -> None:
    days.insert("manual-on-day-off", [*day_off(), ("workflow_decisions", MANUAL_RUN)])
    assert days.conditions("manual-on-day-off", AT, "schedule-not-locked") == []


def test_manual_run_hides_no_silent_controller(days: Days) -> None:
    silent = [
        row
        for row in healthy()
        if row[0] != "workflow_decisions" or row[1]["decision_time"] < (AT - HOUR).isoformat()
    ]
    days.insert("manual-only", [*silent, ("workflow_decisions", MANUAL_RUN)])
    assert [it.rule for it in days.conditions("manual-only", AT, "no-decisions")] == ["no-decisions"]


@pytest.mark.parametrize(("minutes", "fires"), [(330, True), (450, False), (901, False)])
def test_day_off_is_judged_by_decisions_since_the_tick(days: Days, minutes: int, fires: bool) -> None:
    """The tick is 30 minutes before the schedule has to be locked; 901 minutes after midnight are yet to come."""
    tick = ELEVEN - 4 * HOUR  # 07:00
    told = {"scrapers_triggered": [], "alert_level": "NONE"}
    name = f"locked-by-{minutes}"
    rows = [decided("night", tick - MINUTE, "SKIP", "under_way", **told)]
    rows += [decided(f"off{number}", tick + number * HOUR, "SKIP", "no_games", **told) for number in range(8)]
    days.insert(name, [("workflow_decisions", row) for row in rows])
    rule = BOOK.rules["schedule-not-locked"].model_copy(update={"parameters": {"minutes": minutes}})
    found = days.conditions(name, AT, "schedule-not-locked", changed={"schedule-not-locked": rule})
    assert bool(found) is fires


def test_empty_dataset_fires_only_absence_rules(days: Days) -> None:
    found = {it.rule for it in days.conditions("nowhere")}
    assert found == {"dataset-behind", "no-decisions", "cleanup-silent", "schedule-not-locked"}


def test_retry_executed_under_first_decision_counts_as_executed(days: Days) -> None:
    """The decision to retry lists the scraper, and its execution names the first decision of the occurrence."""
    first, again = AT - 3 * HOUR, AT - 2 * HOUR
    run = {"scrapers_triggered": ["s"], "alert_level": "NONE"}
    planned = decided("x", first, "RUN", "due", **run)
    retry = decided("x", again, "RUN", "partly_due", **run)
    ran = [
        executed(
            f"x{n}",
            at + MINUTE / 2,
            "failed",
            occurrence_id="x",
            decision_id=planned["decision_id"],
        )
        for n, at in enumerate((first, again))
    ]
    decisions: Rows = [("workflow_decisions", planned), ("workflow_decisions", retry)]
    days.insert("retried", [*healthy(), *decisions, *(("scraper_execution_log", row) for row in ran)])
    assert days.conditions("retried", AT, "decisions-not-executed") == []
    days.insert("unretried", [*healthy(), *decisions, ("scraper_execution_log", ran[0])])
    (found,) = days.conditions("unretried", AT, "decisions-not-executed")
    assert found.value == 1.0


def test_late_row_fires_dataset_behind(days: Days) -> None:
    late = [("workflow_decisions", decided("l", AT - HOUR / 2, "SKIP", "too_early", alert_level="NONE",
                                           created_at=AT.isoformat()))]  # fmt: skip
    days.insert("late", [*healthy(), *late])
    assert [it.rule for it in days.conditions("late", AT, "dataset-behind")] == ["dataset-behind"]


AT_ONCE = [
    ("workflow_decisions", decided("copied", AT - 40 * MINUTE, "SKIP", "too_early", alert_level="NONE")),
    ("scraper_execution_log", executed("copied", AT - 40 * MINUTE, "success", 5)),
    ("cleanup_operations", scanned(AT - 40 * MINUTE)),
]


@pytest.mark.parametrize(("table", "row"), AT_ONCE, ids=[table for table, _ in AT_ONCE])
def test_late_copy_of_timely_row_is_not_dataset_behind(days: Days, table: str, row: Row) -> None:
    """A message is delivered again when its response is lost, and cleanup republishes a run with the next tick."""
    at = AT - 40 * MINUTE
    environment = f"copied-{table}"
    own = [{**row, "created_at": (at + after * MINUTE).isoformat()} for after in (20, 1)]
    rows: Rows = [*healthy(), *((table, copy) for copy in own)]
    assert judged(days, environment, rows, "dataset-behind") == []
    late: Rows = [*healthy(), (table, own[0])]
    assert len(judged(days, f"{environment}-late", late, "dataset-behind")) == 1


def test_abort_of_late_tick_is_not_dataset_behind(days: Days) -> None:
    """It has the time of its tick, so that two controllers publish the same event: no time of the logger's row."""
    at = AT - 30 * MINUTE
    row = decided("aborted", at, "ABORT", "history_unavailable", created_at=(AT - MINUTE).isoformat())
    assert judged(days, "late-abort", [*healthy(), ("workflow_decisions", row)], "dataset-behind") == []
    assert judged(days, "abort-alone", [("workflow_decisions", row)], "dataset-behind") == []


def test_presumed_failure_is_not_dataset_behind(days: Days) -> None:
    """Its end is the expiry of the lease, and the first evaluation after that publishes it."""
    at = AT - 30 * MINUTE
    row = executed("dead", at, "failed", completed_at=at.isoformat(), error_type="timeout",
                   data_summary=json.dumps({"presumed": True}), created_at=(at + 20 * MINUTE).isoformat())  # fmt: skip
    assert judged(days, "presumed", [*healthy(), ("scraper_execution_log", row)], "dataset-behind") == []


def silent(settle: Callable[[str, datetime], Rows], *, days: int = 5) -> Rows:
    """Return rows of a scraper that last found something six days ago and was expected on each of the last five.

    settle: returns the outcome rows of an occurrence, by its id and deadline; days: for how many of the last days.
    """
    rows = BAD["source-silent"][0]
    expectations: Rows = []
    for number, (table, row) in enumerate(rows[-5:]):
        expected = datetime.fromisoformat(row["expected_run_time"])
        expectations.append((table, {**row, "locked_at": (expected - 3 * HOUR).isoformat()}))
        if number < days:
            expectations += settle(row["occurrence_id"], datetime.fromisoformat(row["deadline"]))
    return [*healthy(), *rows[:-5], *expectations]


def _called_off(occurrence: str, deadline: datetime) -> Rows:
    expected = deadline - 2 * HOUR
    row = scheduled(occurrence, expected, scrapers=["old"], date=str(deadline.date()), state="CANCELLED",
                    locked_at=(expected - HOUR).isoformat(), schedule_version="v2")  # fmt: skip
    return [("daily_expected_schedule", row)]


def _skipped(code: str) -> Callable[[str, datetime], Rows]:
    def rows(occurrence: str, deadline: datetime) -> Rows:
        at = deadline - HOUR
        earlier = decided(occurrence, at - 3 * HOUR, "SKIP", "too_early", created_at=at.isoformat())
        last = decided(occurrence, at, "SKIP", code, created_at=at.isoformat())
        return [("workflow_decisions", earlier), ("workflow_decisions", last)]

    return rows


def _paused_scraper(_: str, deadline: datetime) -> Rows:
    began = paused("old", deadline - 3 * HOUR, deadline + DAY, "scraper")
    over = {
        **began,
        "event_id": f"over-{deadline}",
        "state": "resumed",
        "changed_at": (deadline + HOUR).isoformat(),
    }
    return [("pause_events", began), ("pause_events", over)]


SETTLED = {
    "called-off": _called_off,
    "paused-scraper": _paused_scraper,
    **{code: _skipped(code) for code in ("paused", "no_games", "already_found", "superseded")},
}


@pytest.mark.parametrize("how", SETTLED)
def test_settled_occurrences_do_not_count_as_silence(days: Days, how: str) -> None:
    assert judged(days, f"silent-{how}", silent(SETTLED[how]), "source-silent") == []
    (found,) = judged(days, f"silent-{how}-but-two", silent(SETTLED[how], days=3), "source-silent")
    assert found.value == 2.0


@pytest.mark.parametrize(
    "settle",
    [
        _skipped("not_published"),
        # Paused, and resumed in time.
        lambda occurrence, deadline: [
            *_skipped("paused")(occurrence, deadline - HOUR),
            ("workflow_decisions", decided(occurrence, deadline - HOUR, "RUN", "due")),
        ],
        # The game was called off and then added again.
        lambda occurrence, deadline: [
            *_called_off(occurrence, deadline),
            (
                "daily_expected_schedule",
                {
                    **_called_off(occurrence, deadline)[0][1],
                    "state": "ADDED",
                    "locked_at": (deadline - HOUR).isoformat(),
                    "schedule_version": "v3",
                },
            ),
        ],
        # Another scraper was paused, and this one was until an hour before.
        lambda _, deadline: [
            ("pause_events", paused("other", deadline - 3 * HOUR, deadline + DAY, "scraper")),
            ("pause_events", paused("old", deadline - 3 * HOUR, deadline - HOUR, "scraper")),
        ],
    ],
    ids=["not-published", "resumed", "added-again", "paused-before"],
)
def test_unsettled_occurrences_count_as_silence(
    days: Days, request: pytest.FixtureRequest, settle: Callable[[str, datetime], Rows]
) -> None:
    (found,) = judged(days, f"vain-{request.node.callspec.id}", silent(settle), "source-silent")
    assert found.value == 5.0


def test_differing_controller_version_is_reported(days: Days) -> None:
    assert days.conditions("well", AT, "versions-differ") == []
    other = decided("v", AT - MINUTE, "SKIP", "too_early", alert_level="NONE", created_at=AT.isoformat(),
                    controller_version="2", config_hash="h")  # fmt: skip
    days.insert("other", [*healthy(), ("workflow_decisions", other)])
    assert [it.subject for it in days.conditions("other", AT, "versions-differ")] == ["controller"]


def test_every_service_with_differing_version_is_reported(days: Days) -> None:
    at = AT - 5 * MINUTE
    days.insert(
        "half-deployed",
        [
            *healthy(),
            ("scraper_execution_log", executed("a", at, "success", service_version="2")),
            (
                "scraper_execution_log",
                executed("b", at + MINUTE, "success", source="LOCAL", service_version="3"),
            ),
            ("cleanup_operations", scanned(at, service_version="1", logger_version="0")),
        ],
    )
    found = days.conditions("half-deployed", AT, "versions-differ")
    assert sorted(it.subject for it in found) == ["logger", "scraper-runner"]


def test_foreign_runner_configuration_is_reported_unless_before_deployment(
    days: Days,
) -> None:
    """A forgotten second controller also sends requests to the runner; a run of 31 minutes ago predates the deploy."""
    asked = executed("a", AT - 5 * MINUTE, "success", service_version="1", config_hash="of-yesterday")
    before = executed("b", AT - 31 * MINUTE, "success", service_version="0", config_hash="of-yesterday")
    days.insert("forgotten", [*healthy(), ("scraper_execution_log", asked)])
    days.insert("deployed", [*healthy(), ("scraper_execution_log", before)])
    (found,) = days.conditions("forgotten", AT, "versions-differ")
    assert found.subject == "scraper-runner"
    assert "by configuration of-yesterday" in found.summary
    assert days.conditions("deployed", AT, "versions-differ") == []


def test_batch_query_returns_active_pauses(days: Days) -> None:
    days.insert(
        "paused",
        [
            ("pause_events", paused("w", AT - HOUR, AT + HOUR)),
            ("pause_events", paused("s", AT - HOUR, AT + HOUR, "scraper")),
            ("pause_events", paused("over", AT - 2 * HOUR, AT - HOUR)),
        ],
    )
    assert days.paused("paused") == ActivePauses(frozenset({"w"}), frozenset({"s"}))
    assert days.paused("well") == ActivePauses()


@pytest.mark.parametrize("code", ["history_unavailable", "undecidable", "no_calendar"])
@pytest.mark.parametrize(
    ("next_at", "action", "next_code", "stands"),
    [
        (AT - 10 * MINUTE + MINUTE / 3, "SKIP", "too_early", False),
        (AT - 10 * MINUTE + MINUTE / 3, "RUN", "due", False),
        (AT - 10 * MINUTE, "SKIP", "too_early", True),  # another occurrence, in the same evaluation
        (AT - 25 * MINUTE, "SKIP", "too_early", True),
        (AT - 5 * MINUTE, "ABORT", "undecidable", True),
        (AT - 5 * MINUTE, "RUN", "manual", True),  # a manual run has a decision without an evaluation
        (AT - 5 * MINUTE, "SKIP", "parent_unfruitful", True),
    ],
)
def test_abort_alert_ends_with_next_deciding_evaluation(
    days: Days, code: str, next_at: datetime, action: str, next_code: str, stands: bool
) -> None:
    """The delivery of a tick failed, and the next one came twenty seconds later."""
    environment = f"abort-{code}-{next_at:%M%S}-{next_code}"
    aborted = decided(
        "placeholder", AT - 10 * MINUTE, "ABORT", code, workflow_name="w", alert_level="CRITICAL"
    )
    following = decided("real", next_at, action, next_code, workflow_name="w", alert_level="NONE")
    rows: Rows = [("workflow_decisions", aborted), ("workflow_decisions", following)]
    assert [it.subject for it in judged(days, environment, rows, "decision-aborted")] == ["w"] * stands


def run_of(occurrence: str, scraper: str, minutes: int, **changes: Any) -> tuple[str, Row]:
    """Return a success of one scraper, so many minutes before AT."""
    at = AT - minutes * MINUTE
    own: Row = {"status": "success", "scraper_name": scraper, "occurrence_id": occurrence, "workflow": "lines",
                "opts": json.dumps({"market": "h2h"}), "created_at": at.isoformat(), **changes}  # fmt: skip
    return "scraper_execution_log", executed(f"{occurrence}/{scraper}/{minutes}", at, **own)


IN_VAIN: Row = {"status": "failed", "error_type": "http"}
PART: Row = {"data_summary": json.dumps({"completeness": {"missing": ["NYK@PHI"]}})}


@pytest.mark.parametrize("code", ["budget_used", "not_found"])
@pytest.mark.parametrize(
    ("rows", "stands"),
    [
        ([run_of("manual", "a", 7), run_of("manual", "b", 7)], False),
        ([run_of("manual", "a", 7)], True),
        ([run_of("own", "b", 29), run_of("manual", "a", 7)], False),
        ([run_of("manual", "a", 7), run_of("manual", "b", 7, game_date="2026-01-14")], True),
        ([run_of("manual", "a", 7), run_of("manual", "b", 7, opts='{"market": "spreads"}')], True),
        ([run_of("manual", "a", 7), run_of("manual", "b", 7, **PART)], True),
        ([run_of("manual", "a", 7), run_of("mine", "b", 7, source="LOCAL")], True),
        ([run_of("morning", "a", 300), run_of("morning", "b", 300)], True),
        ([run_of("own", "a", 25, **PART), run_of("own", "b", 25)], True),
        ([run_of("own", "a", 25), run_of("own", "b", 25)], True),  # the occurrence still lacks units of the calendar
    ],
    ids=[
        "both-found", "one-found", "one-found-before", "another-date", "another-unit", "a-part", "local", "earlier",
        "a-part-of-its-own", "all-of-its-own",
    ],
)  # fmt: skip
def test_failed_search_alert_ends_when_other_runs_find_all_missing_units(
    days: Days, request: pytest.FixtureRequest, code: str, rows: Rows, stands: bool
) -> None:
    """Regression: a workflow failed for good at 19:31 and was run manually at 19:53; at 20:00 the alert still fired."""
    gave_up = decided("own", AT - 5 * MINUTE, "SKIP", code, workflow_name="lines", alert_level="WARNING")
    asked = [run_of("own", scraper, 30, **IN_VAIN) for scraper in ("a", "b")]
    rule = "workflow-gave-up" if code == "budget_used" else "search-ended-in-vain"
    environment = f"since-{request.node.callspec.id}"
    found = judged(days, environment, [("workflow_decisions", gave_up), *asked, *rows], rule)
    assert [it.subject for it in found] == ["lines"] * stands


def test_condition_severity_is_alert_level_of_decision(days: Days) -> None:
    (found,) = days.conditions("workflow-gave-up", AT, "workflow-gave-up")
    assert found.severity is AlertLevel.CRITICAL


@pytest.mark.parametrize(
    ("statuses", "fires"),
    [
        (("success", "success", "success", "success", "failed"), False),  # one of five is no rate
        (("failed", "failed", "failed", "success"), False),  # the newest run succeeded
        (("failed", "failed"), True),
        (("failed",), False),
        (("no_data", "no_data", "failed", "failed"), True),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_a_daily_scraper_is_judged_by_its_last_runs(
    days: Days, statuses: tuple[str, ...], fires: bool
) -> None:
    environment = f"daily-{'-'.join(statuses)}"
    days.insert(
        environment, [*[row for row in healthy() if row[0] != "scraper_execution_log"], *runs(*statuses)]
    )
    assert (
        "scraper-failing" in {it.rule for it in days.conditions(environment, AT, "scraper-failing")}
    ) is fires


@pytest.mark.parametrize(("well", "fires"), [(4, True), (5, False)])
def test_scraper_alert_ends_after_five_successes(days: Days, well: int, fires: bool) -> None:
    """Otherwise one bad evening would keep the alert firing for a day, and hide that the scraper fails anew."""
    environment = f"well-again-{well}"
    statuses = (*["failed"] * 5, *["success"] * well)
    others = [row for row in healthy() if row[0] != "scraper_execution_log"]
    days.insert(environment, [*others, *runs(*statuses, every=HOUR / 2, error_type="http")])
    found = days.conditions(environment, AT, "scraper-failing")
    assert [(it.subject, it.error_type) for it in found] == ([("s", "http")] if fires else [])


def test_republished_files_stay_missing_until_receipt(days: Days) -> None:
    announced = scanned(
        AT - MINUTE, *[missing(f"gs://b/{n}", AT - 8 * HOUR, AT, republished=True) for n in range(11)],
        created_at=AT.isoformat(),
    )  # fmt: skip
    days.insert("again", [*healthy(), *files(11), ("cleanup_operations", announced)])
    assert [(it.rule, it.value) for it in days.conditions("again", AT, "files-missing")] == [
        ("files-missing", 11.0)
    ]
    receipts: Rows = [("file_receipts", received("gs://b/0", AT - HOUR))]
    days.insert("again", receipts)
    assert days.conditions("again", AT, "files-missing") == []


def judged(days: Days, environment: str, rows: Rows, rule: str) -> list[Condition]:
    days.insert(environment, rows)
    return days.conditions(environment, AT, rule)


def test_phase_2_behind_summary_has_counts_and_start(days: Days) -> None:
    since = AT - 3 * HOUR
    rows: Rows = [
        ("cleanup_operations", scanned(
            AT - minutes * MINUTE, created_at=AT.isoformat(), phase2_behind=minutes < 40,
            behind_since=(since + (40 - minutes) * MINUTE).isoformat() if minutes < 40 else None,
            files_checked=60, waiting_count=43, missing_files_found=41, republished_count=40,
        ))
        for minutes in (45, 30, 15)
    ]  # fmt: skip
    (found,) = judged(days, "behind", rows, "phase2-behind")
    assert (found.since, found.value) == (since + 10 * MINUTE, 43.0)
    assert found.summary == (
        "Phase 2 is behind: 43 of 60 files have no receipt, 41 of them are lost and 40 of those were republished;"
        " the oldest file not overtaken by a later one has been waiting for 140 minutes."
    )


@pytest.mark.parametrize("waiting", [1, 2])
def test_one_or_two_waiting_files_are_not_phase_2_behind(days: Days, waiting: int) -> None:
    """No later file has a receipt, so they look like a halt of Phase 2; cleanup republishes them by itself."""
    rows = scan(phase2_behind=True, waiting_count=waiting, missing_files_found=0)
    assert judged(days, f"quiet-hour-{waiting}", rows, "phase2-behind") == []


def test_phase_2_behind_fires_in_scan_with_errors(days: Days) -> None:
    """Without any receipt each scan has an error, and the alert has to fire all the more."""
    rows = scan(
        phase2_behind=True, waiting_count=3, errors=["no receipts to compare with; nothing is republished"]
    )
    assert [it.subject for it in judged(days, "behind-in-error", rows, "phase2-behind")] == ["-"]


def test_failed_scan_ends_no_condition(days: Days) -> None:
    rows: Rows = [
        ("cleanup_operations", scanned(AT - 20 * MINUTE, created_at=AT.isoformat(), storm_guard=True)),
        *scan(errors=["file_receipts cannot be read"]),
    ]
    assert [it.since for it in judged(days, "blind", rows, "storm-guard")] == [AT - 20 * MINUTE]
    mended = [("cleanup_operations", scanned(AT - MINUTE / 2, created_at=AT.isoformat()))]
    assert judged(days, "blind", mended, "storm-guard") == []


def test_storm_guard_summary_has_counts_and_start(days: Days) -> None:
    lost = [missing(f"gs://b/{n}", AT - (8 - n) * HOUR, AT) for n in range(2)]
    finding = {"kind": "orphan_storm", "gcs_path": "-", "detail": "60 of 60 objects have no execution"}
    row = scanned(
        AT - MINUTE, *lost, created_at=AT.isoformat(), storm_guard=True, files_checked=5, findings=[finding]
    )
    (found,) = judged(days, "storm", [("cleanup_operations", row)], "storm-guard")
    assert (found.since, found.value, found.severity) == (AT - 8 * HOUR, 2.0, AlertLevel.CRITICAL)
    assert found.summary == (
        "Nothing is republished or adopted, as an implausible number of files looks lost: 2 of 5 files are lost;"
        " 60 of 60 objects have no execution."
    )


@pytest.mark.parametrize("kind", ["given_up", "object_missing", "content_differs", "foreign_path"])
def test_stuck_file_is_reported_with_fault_until_receipt(days: Days, kind: str) -> None:
    path, landed = f"gs://b/{kind}", AT - 9 * HOUR
    finding = {"kind": kind, "gcs_path": path, "detail": "what is wrong"}
    rows: Rows = [
        (
            "cleanup_operations",
            scanned(at, missing(path, landed, at), created_at=AT.isoformat(), findings=[finding]),
        )
        for at in (AT - 20 * MINUTE, AT - 5 * MINUTE)
    ]
    (found,) = judged(days, f"stuck-{kind}", rows, "files-stuck")
    assert (found.subject, found.since, found.value) == (kind, landed, 1.0)
    assert found.summary == f"1 file: {kind}; the newest is {path}: what is wrong."
    assert (
        judged(days, f"stuck-{kind}", [("file_receipts", received(path, AT - MINUTE))], "files-stuck") == []
    )


def test_file_republished_after_finding_is_not_stuck(days: Days) -> None:
    finding = {"kind": "content_differs", "gcs_path": "gs://b/1", "detail": "x"}
    again = missing("gs://b/1", AT - 9 * HOUR, AT, republished=True)
    rows: Rows = [
        ("cleanup_operations", scanned(AT - 20 * MINUTE, created_at=AT.isoformat(), findings=[finding])),
        ("cleanup_operations", scanned(AT - 5 * MINUTE, again, created_at=AT.isoformat())),
    ]
    assert judged(days, "mended", rows, "files-stuck") == []


def test_receipt_before_lookback_of_findings_clears_stuck_file(
    days: Days,
) -> None:
    """The receipt's row came half an hour late, and cleanup scanned in between, after midnight."""
    found_at = AT.replace(hour=0, minute=15) - 30 * DAY
    finding = {"kind": "given_up", "gcs_path": "gs://b/1", "detail": "x"}
    rows: Rows = [
        ("cleanup_operations", scanned(found_at, created_at=found_at.isoformat(), findings=[finding])),
        ("file_receipts", received("gs://b/1", found_at - 20 * MINUTE)),
    ]
    assert judged(days, "received-late", rows, "files-stuck") == []


def test_file_with_unnameable_path_is_not_reported(days: Days) -> None:
    """No receipt could resolve such an alert."""
    finding = {"kind": "unnameable_path", "gcs_path": "no path", "detail": "x"}
    assert judged(days, "unnameable", scan(findings=[finding]), "files-stuck") == []


def test_dead_letter_after_as_of_is_not_counted(days: Days) -> None:
    """An event three minutes ahead of the reader's clock."""
    ahead = [("dead_letters", {**BAD["dead-letters"][0][0][1], "rejected_at": (AT + 3 * MINUTE).isoformat()})]
    days.insert("ahead", [*healthy(), *ahead])
    assert days.conditions("ahead", AT, "dead-letters") == []
    assert [it.rule for it in days.conditions("ahead", AT + 5 * MINUTE, "dead-letters")] == ["dead-letters"]


def letter(rejected: datetime, *written: datetime) -> Rows:
    """Return copies of a dead letter."""
    row = BAD["dead-letters"][0][0][1]
    return [
        (
            "dead_letters",
            {**row, "rejected_at": rejected.isoformat(), "created_at": at.isoformat()},
        )
        for at in written
    ]


@pytest.mark.parametrize(
    ("rejected", "written", "is_reported"),
    [
        (AT - 3 * HOUR, [AT - MINUTE], True),
        (AT - 6 * DAY, [AT - MINUTE], True),
        (AT - HOUR, [AT - HOUR, AT - MINUTE], True),
        (AT - 3 * HOUR, [AT - 3 * HOUR], False),
        (AT - 3 * HOUR, [AT - MINUTE, AT - 3 * HOUR], False),  # a late copy of an old letter
        (AT - HOUR, [AT - 3 * HOUR], True),  # the logger's clock is behind
        (AT - HOUR, [AT + MINUTE], False),  # not there yet
    ],
)
def test_delayed_dead_letter_is_reported_on_arrival(
    days: Days, rejected: datetime, written: list[datetime], is_reported: bool
) -> None:
    environment = f"letter-{rejected:%d%H}-{'-'.join(f'{at:%H%M}' for at in written)}"
    rows = letter(rejected, *written)
    assert [it.value for it in judged(days, environment, rows, "dead-letters")] == [1.0] * is_reported


@pytest.mark.parametrize(
    ("service", "detail", "summary"),
    [
        ("logger", "no JSON", "1 message was rejected, the last by logger (undecodable): no JSON"),
        (None, None, "1 message was rejected, the last (undecodable)"),
    ],
)
def test_dead_letter_summary_omits_unknown_service_and_detail(
    days: Days, service: str | None, detail: str | None, summary: str
) -> None:
    ((table, row),) = letter(AT - HOUR, AT - HOUR)
    rows = [(table, {**row, "service": service, "detail": detail})]
    (found,) = judged(days, f"letter-{service}", rows, "dead-letters")
    assert found.summary == summary


def test_unhealthy_scrapers_are_listed_first_with_cause(dataset: Dataset, days: Days) -> None:
    rows: Rows = [
        *runs("success", "success", name="fine"),
        *runs("success", "failed", "failed", name="dead", error_type="blocked", error_message="403"),
        *runs("success", name="other", data_summary=json.dumps({"drift": {"added": ["x"]}})),
        *runs("no_data", "no_data", "no_data", name="mute"),
        *runs("success", name="half", data_summary=json.dumps(lost(3, 2, "x")["data_summary"])),
    ]
    days.insert("ill", rows)
    found = dataset.ask("scraper_health", as_of=AT, environment="ill")
    causes = {row["scraper_name"]: row["cause"] for row in found}
    assert causes == {
        "dead": "blocked",
        "mute": "found nothing",
        "half": "items set aside",
        "other": "drift",
        "fine": "well",
    }
    assert [row["scraper_name"] for row in found][-3:] == ["half", "other", "fine"]
    errors = {row["scraper_name"]: row["last_error"] for row in found}
    assert (errors["dead"], errors["half"]) == ("403", "2 of 5 items set aside, e.g. x")
