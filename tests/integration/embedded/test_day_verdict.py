"""The verdict on a day, from rows in the embedded warehouse to the answer."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.dataset_rows import DAY, ELEVEN, HOUR, MINUTE, decided, executed, paused, scheduled

from tipoff_common.adapters.bigquery import BigQueryWarehouse
from tipoff_planning.expectations import DayExpectations, read_expectations, read_last_decision
from tipoff_planning.verdict import Color, DayVerdict, FaultKind, judge_day

if TYPE_CHECKING:
    from conftest import Dataset

MIDNIGHT = ELEVEN - 11 * HOUR


@pytest.fixture(scope="module")
def warehouse(dataset: Dataset) -> BigQueryWarehouse:
    both = ["well", "dead"]
    late_night = ELEVEN - 12 * HOUR
    dataset.insert(
        "daily_expected_schedule",
        scheduled("lines0", workflow_name="lines", scrapers=both, subject="-", priority="HIGH"),
        scheduled(
            "lines1", ELEVEN + 3 * HOUR, workflow_name="lines", scrapers=both, subject="-", priority="HIGH"
        ),
        scheduled("stopped", workflow_name="stopped", scrapers=["well"], subject="-", priority="HIGH"),
        scheduled(
            "night",
            late_night,
            date="2026-01-14",
            locked_at="2026-01-14T10:00:00Z",
            scrapers=["well"],
            subject="0022500001",
            priority="HIGH",
        ),
        scheduled(
            "evening",
            late_night - 9 * HOUR,
            date="2026-01-14",
            locked_at="2026-01-14T10:00:00Z",
            scrapers=["well"],
            subject="0022500002",
            priority="HIGH",
        ),
    )
    dataset.insert(
        "workflow_decisions",
        decided("lines0", ELEVEN, "RUN", "due", workflow_name="lines"),
        decided("lines0", ELEVEN + 30 * MINUTE, "SKIP", "budget_used", workflow_name="lines"),
        decided("stopped", ELEVEN + 15 * MINUTE, "SKIP", "paused", workflow_name="stopped"),
    )
    dataset.insert(
        "pause_events",
        paused("stopped", ELEVEN, ELEVEN + 6 * HOUR),
        paused("dead", ELEVEN + 2 * HOUR, ELEVEN + 8 * HOUR, "scraper"),
        paused(
            "dead",
            ELEVEN + 2 * HOUR,
            ELEVEN + 8 * HOUR,
            "scraper",
            state="resumed",
            changed_at=(ELEVEN + 3 * HOUR).isoformat(),
            event_id="r",
        ),
    )
    own = {"occurrence_id": "lines0", "workflow": "lines"}
    dataset.insert(
        "scraper_execution_log",
        executed("a1", ELEVEN, "success", 5, scraper_name="well", **own),
        *(
            executed(
                f"b{n}",
                ELEVEN + n * MINUTE,
                "failed",
                scraper_name="dead",
                error_type="http",
                error_message=f"503 no {n}",
                **own,
            )
            for n in range(3)
        ),
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("BIGQUERY_EMULATOR_HOST", dataset.url)
        return BigQueryWarehouse(dataset.project, dataset.url)


def read(warehouse: BigQueryWarehouse, at: datetime) -> DayExpectations:
    return read_expectations(warehouse, "prod", date(2026, 1, 15), at, midnight=MIDNIGHT)


@pytest.mark.parametrize(("after", "color"), [(40 * MINUTE, Color.YELLOW), (DAY, Color.RED)])
def test_successful_step_does_not_hide_failing_step(
    warehouse: BigQueryWarehouse, after: timedelta, color: Color
) -> None:
    """It is yellow while the slot of 14:00 is to come."""
    verdict = judge_day(read(warehouse, ELEVEN + after))
    (fault,) = [it for it in verdict.faults if it.kind is FaultKind.FAILING]
    assert (fault.workflow, fault.scraper, fault.color) == ("lines", "dead", color)
    assert (fault.since, fault.count, fault.error) == (ELEVEN, 3, "503 no 2")


def test_failing_step_is_yellow_while_retries_continue(warehouse: BigQueryWarehouse) -> None:
    verdict = judge_day(read(warehouse, ELEVEN + 5 * MINUTE))
    assert [it.color for it in verdict.faults if it.scraper == "dead"] == [Color.YELLOW]


def test_paused_occurrence_has_status_paused(warehouse: BigQueryWarehouse) -> None:
    day = read(warehouse, ELEVEN + DAY)
    statuses = {row.occurrence_id: row.status for row in day.expectations}
    assert statuses["stopped"] == "PAUSED"


def test_operator_reason_and_end_of_pause_are_read_until_pause_ends(warehouse: BigQueryWarehouse) -> None:
    def at(hours: float) -> tuple[DayExpectations, dict[str, datetime | None]]:
        day = read(warehouse, ELEVEN + hours * HOUR)
        steps = {it.scraper: it.scraper_paused_until for row in day.expectations for it in row.steps}
        return day, steps

    day, steps = at(2.5)
    (stopped,) = [row for row in day.expectations if row.workflow_name == "stopped"]
    assert (stopped.paused_by, stopped.paused_why) == ("ann@example.com", "the source moved")
    assert stopped.paused_until == ELEVEN + 6 * HOUR
    assert (steps["dead"], steps["well"]) == (ELEVEN + 8 * HOUR, None)
    verdict = judge_day(day)
    assert [it.color for it in verdict.faults if it.scraper == "dead"] == [Color.YELLOW]
    assert at(3.5)[1]["dead"] is None, "somebody let it go on"
    day, _ = at(6.5)
    assert {row.paused_until for row in day.expectations} == {None}, "it was over by itself"


def test_day_off_is_recognized_by_no_games_decisions(warehouse: BigQueryWarehouse, dataset: Dataset) -> None:
    summer, noon = date(2026, 7, 15), datetime(2026, 7, 15, 16, tzinfo=UTC)
    quiet = [decided(f"q{n}", noon - n * HOUR, "SKIP", "no_games", environment="quiet") for n in range(3)]
    busy = [decided("b", noon - HOUR, "SKIP", "too_early", environment="busy")]
    dataset.insert("workflow_decisions", *quiet, *busy)

    def judged(environment: str) -> DayVerdict:
        day = read_expectations(warehouse, environment, summer, noon)
        assert day.expectations == ()
        return judge_day(day)

    assert judged("quiet").headline == "nothing is expected on this day"
    assert FaultKind.NOT_LOCKED in {it.kind for it in judged("busy").faults}
    assert FaultKind.NOT_LOCKED in {it.kind for it in judged("empty").faults}


def test_known_since_is_the_first_lock_or_decision(warehouse: BigQueryWarehouse, dataset: Dataset) -> None:
    own: dict[str, Any] = {"environment": "new"}
    dataset.insert("daily_expected_schedule", scheduled("new0", locked_at=ELEVEN.isoformat(), **own))
    dataset.insert("workflow_decisions", decided("new0", ELEVEN + MINUTE, "SKIP", "too_early", **own))

    def known(day: int, environment: str = "new", later: timedelta = DAY) -> datetime | None:
        noon = datetime(2026, 1, day, 17, tzinfo=UTC)
        return read_expectations(warehouse, environment, date(2026, 1, day), noon + later).known_since

    assert (known(14), known(15), known(14, "unheard-of")) == (ELEVEN, None, None)
    # Without --date: the day of an instant before the history, which is not over by then.
    assert [known(day, later=timedelta()) for day in (10, 14, 15)] == [ELEVEN, ELEVEN, None]
    early = read_expectations(warehouse, "new", date(2026, 1, 15), ELEVEN - MINUTE)
    assert (early.known_since, judge_day(early).color) == (ELEVEN, Color.GREEN)
    dataset.insert("workflow_decisions", decided("new0", ELEVEN - MINUTE, "SKIP", "too_early", **own))
    assert known(14) == ELEVEN - MINUTE


def test_manual_run_keeps_next_check_and_counts_as_no_evaluation(
    warehouse: BigQueryWarehouse, dataset: Dataset
) -> None:
    """Regression: a manual run's decision has no next check, so status showed none until the next evaluation."""
    own = {"workflow_name": "levels", "environment": "asked"}
    upcoming = (ELEVEN + HOUR).isoformat()
    dataset.insert("daily_expected_schedule", scheduled("levels0", ELEVEN, **own))
    dataset.insert(
        "workflow_decisions",
        decided("levels0", ELEVEN, "RUN", "due", next_check_time=upcoming, **own),
        decided("by-hand", ELEVEN + 5 * MINUTE, "RUN", "manual", next_check_time=None, **own),
        decided("levels0", ELEVEN + 6 * MINUTE, "SKIP", "parent_unfruitful", next_check_time=None, **own),
    )
    day = read_expectations(warehouse, "asked", date(2026, 1, 15), ELEVEN + 10 * MINUTE)
    assert day.last_decided_at == ELEVEN
    assert [it.next_check for it in judge_day(day).workflows] == [ELEVEN + HOUR]
    # The decision of a triggered run shows no evaluation there either.
    assert read_last_decision(warehouse, "asked", ELEVEN + 10 * MINUTE) == ELEVEN
    assert read_last_decision(warehouse, "asked", ELEVEN - MINUTE) is None


def test_next_check_is_the_earliest_of_the_newest_evaluation(
    warehouse: BigQueryWarehouse, dataset: Dataset
) -> None:
    own = {"workflow_name": "games", "environment": "next"}
    checks = {"g1": ELEVEN + 3 * HOUR, "g2": ELEVEN + 2 * HOUR, "g3": None}
    for name, instant in checks.items():
        dataset.insert("daily_expected_schedule", scheduled(name, ELEVEN, subject=name, **own))
        upcoming = instant.isoformat() if instant else None
        dataset.insert(
            "workflow_decisions", decided(name, ELEVEN, "SKIP", "under_way", next_check_time=upcoming, **own)
        )
    before = (ELEVEN + HOUR).isoformat()
    dataset.insert(
        "workflow_decisions",
        decided("g1", ELEVEN - MINUTE, "SKIP", "too_early", next_check_time=before, **own),
    )
    day = read_expectations(warehouse, "next", date(2026, 1, 15), ELEVEN + 10 * MINUTE)
    assert [it.next_check for it in judge_day(day).workflows] == [ELEVEN + 2 * HOUR]


def test_later_outcomes_are_matched_by_parameters_and_date(
    warehouse: BigQueryWarehouse, dataset: Dataset
) -> None:
    """A run for other markets of the scraper, or another day, neither makes a failure good nor adds to it."""
    slots = ("mended", "worse", "emptied", "other", "found", "partly")
    first = {"emptied": "no_data", "found": "success", "partly": "success"}
    dataset.insert(
        "daily_expected_schedule",
        *(
            scheduled(f"u-{name}", scrapers=["lines"], game_date="2026-01-15", environment="units")
            for name in slots
        ),
    )

    def ran(name: str, minutes: int, status: str, market: str, **changes: Any) -> dict[str, Any]:
        return executed(
            f"u{name}{minutes}{market}", ELEVEN + minutes * MINUTE, status, scraper_name="lines",
            environment="units", opts=json.dumps({"market": market}), **changes,
        )  # fmt: skip

    failures = {"error_type": "blocked", "error_message": "403"}
    quota = {"error_type": "quota", "error_message": "429"}
    dataset.insert(
        "scraper_execution_log",
        *(
            ran(name, 0, first.get(name, "failed"), name, occurrence_id=f"u-{name}", **failures)
            for name in slots
        ),
        ran("p", 1, "no_data", "unpublished", occurrence_id="u-partly"),
        ran("f", 10, "failed", "found", **quota),
        ran("q", 10, "failed", "partly", **quota),
        ran("m", 10, "success", "mended"),
        ran("m", 11, "failed", "mended", **quota),
        ran("w", 10, "failed", "worse", **failures),
        ran("w", 20, "failed", "worse", **quota),
        ran("w", 90, "success", "worse"),
        ran("e", 10, "failed", "emptied", **quota),
        ran("o", -10, "failed", "other", **quota),
        ran("o", 10, "success", "other", game_date="2026-01-14"),
        ran("o", 20, "failed", "other", game_date="2026-01-16", **quota),
    )  # fmt: skip
    day = read_expectations(warehouse, "units", date(2026, 1, 15), ELEVEN + HOUR)
    steps = {row.occurrence_id[2:]: row.steps[0] for row in day.expectations}
    assert {name: (it.found_later, it.later_error_type, it.later_error_message) for name, it in steps.items()} == {
        "mended": (True, "quota", "429"),
        "worse": (False, "quota", "429"),
        "emptied": (False, "quota", "429"),
        "other": (False, None, None),
        "found": (False, "quota", "429"),
        "partly": (False, None, None),
    }  # fmt: skip
    assert steps["worse"].failed_later_at == ELEVEN + 20 * MINUTE
    assert steps["other"].failed_later_at is None


def test_find_of_run_at_another_hour_counts_for_slot(warehouse: BigQueryWarehouse, dataset: Dataset) -> None:
    """A parameter that holds the slot's instant differs with each run."""
    own: dict[str, Any] = {"environment": "hours", "scraper_name": "lines"}

    def at(hour: int) -> dict[str, str]:
        return {"opts": json.dumps({"as_of": f"2026-01-15T{hour}:00:00-05:00", "market": "totals"})}

    dataset.insert(
        "daily_expected_schedule",
        scheduled("hour0", scrapers=["lines"], environment="hours", game_date="2026-01-15"),
    )
    dataset.insert(
        "scraper_execution_log",
        executed("h1", ELEVEN, "failed", occurrence_id="hour0", **at(11), **own),
        executed("h2", ELEVEN + 10 * MINUTE, "success", **at(12), **own),
    )
    (row,) = read_expectations(warehouse, "hours", date(2026, 1, 15), ELEVEN + HOUR).expectations
    assert row.steps[0].found_later


@pytest.mark.parametrize(
    ("workflow", "minutes", "found"), [("both", 5, True), ("one", 5, False), ("both", -5, False)]
)
def test_unrequested_step_is_found_by_later_run_of_its_workflow(
    warehouse: BigQueryWarehouse, dataset: Dataset, workflow: str, minutes: int, found: bool
) -> None:
    # Ids have to be unique across environments, as UUIDs are.
    case = f"{workflow}{minutes}"
    own: dict[str, Any] = {"environment": f"left-{case}"}
    dataset.insert(
        "daily_expected_schedule",
        scheduled(case, workflow_name="both", scrapers=["a", "b"], game_date="2026-01-15", **own),
    )
    dataset.insert(
        "workflow_decisions",
        decided(case, ELEVEN, "RUN", "due", workflow_name="both", **own),
        decided(
            case, ELEVEN + MINUTE, "SKIP", "parent_unfruitful", workflow_name="both",
            context=json.dumps({"scraper": "b"}), **own,
        ),
        decided(case, ELEVEN + 2 * MINUTE, "SKIP", "budget_used", workflow_name="both", **own),
    )  # fmt: skip
    dataset.insert(
        "scraper_execution_log",
        executed(f"l1{case}", ELEVEN, "failed", scraper_name="a", occurrence_id=case, workflow="both", **own),
        executed(f"l2{case}", ELEVEN + HOUR, "success", scraper_name="a", workflow="one", **own),
        executed(
            f"l3{case}", ELEVEN + minutes * MINUTE, "success", scraper_name="b", workflow=workflow, **own
        ),
    )
    day = read_expectations(warehouse, own["environment"], date(2026, 1, 15), ELEVEN + 3 * HOUR)
    faults = [fault.sentence for fault in judge_day(day).faults if fault.kind is FaultKind.FAILING]
    assert faults == ([] if found else ["b of both was not requested, because a failed"])


def test_day_off_with_manual_run_still_expects_nothing(
    warehouse: BigQueryWarehouse, dataset: Dataset
) -> None:
    summer, noon = date(2026, 7, 15), datetime(2026, 7, 15, 16, tzinfo=UTC)
    dataset.insert(
        "workflow_decisions",
        decided("q", noon - 5 * MINUTE, "SKIP", "no_games", environment="off"),
        decided("m", noon - MINUTE, "RUN", "manual", environment="off"),
    )
    day = read_expectations(warehouse, "off", summer, noon)
    assert judge_day(day).headline == "nothing is expected on this day"


def test_verdict_includes_previous_days_runs_due_after_midnight(warehouse: BigQueryWarehouse) -> None:
    day = read(warehouse, ELEVEN - 9 * HOUR)
    assert {row.occurrence_id for row in day.expectations if row.date == date(2026, 1, 14)} == {"night"}
    assert ("night", FaultKind.MISSING) in {(it.workflow, it.kind) for it in judge_day(day).faults}


def test_late_row_across_midnight_counts_for_its_own_occurrence(
    warehouse: BigQueryWarehouse, dataset: Dataset
) -> None:
    """A run that ended at 23:50 belongs to the previous day, even when its row is written at 01:50."""
    late, ended = {"environment": "late"}, MIDNIGHT - 10 * MINUTE
    own = {"scrapers": ["well"], "subject": "-", "priority": "HIGH", "workflow_name": "scores", **late}
    dataset.insert(
        "daily_expected_schedule",
        scheduled("last", ended - 20 * MINUTE, date="2026-01-14", locked_at="2026-01-14T10:00:00Z", **own),
        scheduled("first", MIDNIGHT + HOUR, locked_at="2026-01-15T05:00:00Z", **own),
    )
    dataset.insert(
        "workflow_decisions", decided("last", ended - MINUTE, "RUN", "due", workflow_name="scores", **late)
    )
    as_of = MIDNIGHT + 2 * HOUR

    def outcomes() -> dict[str, tuple[date, str, int, bool]]:
        day = read_expectations(warehouse, "late", date(2026, 1, 15), as_of, midnight=MIDNIGHT)
        return {it.occurrence_id: (it.date, it.status, it.executions, it.found) for it in day.expectations}

    first = (date(2026, 1, 15), "PENDING", 0, False)
    assert outcomes() == {"last": (date(2026, 1, 14), "ON_TIME", 0, False), "first": first}
    dataset.insert(
        "scraper_execution_log",
        executed(
            "late", ended - MINUTE, "success", 5, scraper_name="well", occurrence_id="last", workflow="scores",
            completed_at=ended.isoformat(), created_at=(ended + 2 * HOUR).isoformat(), game_date="2026-01-14", **late,
        ),
    )  # fmt: skip
    assert outcomes() == {"last": (date(2026, 1, 14), "ON_TIME", 1, True), "first": first}
