"""Tests of the verdict on a day: each wrong all-clear and each false alarm that occurred."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tipoff_common.clock import local_instant
from tipoff_planning.expectations import DayExpectations, Expectation, StepOutcome
from tipoff_planning.verdict import Color, DayVerdict, FaultKind, judge_day

DAY = date(2026, 1, 15)
ELEVEN = datetime(2026, 1, 15, 16, 0, tzinfo=UTC)
"""11:00 in New York."""
LOCK = datetime(2026, 1, 15, 10, 30, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
FAILED = {"attempts": 3, "units": 1, "units_failed": 1, "error_type": "http", "failing_since": ELEVEN}
EMPTY = {"attempts": 1, "units": 1}
FOUND = {"attempts": 1, "units": 1, "units_found": 1}


def slot(number: int = 0, workflow: str = "daily", status: str = "ON_TIME", **changes: Any) -> Expectation:
    """Return an hourly slot from 11:00 on, with steps by scraper."""
    at = ELEVEN + number * HOUR
    steps = tuple(
        StepOutcome(scraper=name, **{"last_at": at, **step})
        for name, step in changes.pop("steps", {}).items()
    )
    ran = status in ("ON_TIME", "LATE")
    return Expectation.model_validate(
        {
            "date": DAY,
            "workflow_name": workflow,
            "occurrence_id": f"{workflow}{changes.get('subject', '-')}{number}",
            "subject": "-",
            "expected_run_time": at,
            "deadline": at + HOUR,
            "games_today": 1,
            "priority": "HIGH",
            "expected_reason": "expected",
            "actual_run_time": at if ran else None,
            "action": "RUN" if ran else None,
            "reason_code": "due" if ran else None,
            "actual_reason": None,
            "executions": sum(step.attempts for step in steps),
            "found": any(step.units_found for step in steps),
            "status": status,
            "next_check_time": None,
            "steps": steps,
            **changes,
        }
    )


def judge(*rows: Expectation, at: datetime, decided: datetime | None = None) -> DayVerdict:
    day = DayExpectations(
        date=DAY, as_of=at, environment="prod", expectations=rows, last_decided_at=decided or at
    )
    return judge_day(day, {"22": "CHA@LAL"})


def kinds(verdict: DayVerdict) -> list[tuple[FaultKind, Color]]:
    return [(fault.kind, fault.color) for fault in verdict.faults]


def test_final_failure_is_red_before_deadline() -> None:
    at_five = slot(deadline=ELEVEN + 5 * HOUR, steps={"s": FAILED}, last_reason_code="budget_used")
    assert kinds(judge(at_five, at=ELEVEN + 20 * MINUTE)) == [(FaultKind.FAILING, Color.RED)]


def test_a_failure_with_retries_under_way_is_yellow() -> None:
    under_way = slot(deadline=ELEVEN + 5 * HOUR, steps={"s": FAILED}, last_reason_code="under_way")
    assert judge(under_way, at=ELEVEN + MINUTE).color is Color.YELLOW


def test_always_failing_scraper_is_red_beside_a_healthy_scraper() -> None:
    rows = [slot(number, steps={"dead": FAILED, "well": FOUND}) for number in range(-6, 6)]
    verdict = judge(*rows, slot(20, status="TOO_EARLY", steps={"dead": {}, "well": {}}), at=ELEVEN + 6 * HOUR)
    assert kinds(verdict) == [(FaultKind.FAILING, Color.RED)]
    assert "dead of daily has been failing since" in verdict.headline
    assert "36 attempts" in verdict.headline


def test_scraper_and_workflow_of_same_name_are_named_once() -> None:
    rows = [slot(number, steps={"daily": FAILED}) for number in range(3)]
    assert judge(*rows, at=ELEVEN + 4 * HOUR).headline.startswith("daily has been failing since 11:00")


def test_found_nothing_fault_is_not_hidden_by_missed_slot() -> None:
    rows = [
        slot(0, steps={"s": EMPTY}),
        slot(1, status="MISSING", steps={"s": {}}),
        slot(2, steps={"s": EMPTY}),
    ]
    found = dict(kinds(judge(*rows, at=ELEVEN + 4 * HOUR)))
    assert found == {FaultKind.MISSING: Color.RED, FaultKind.FOUND_NOTHING: Color.RED}


def test_not_published_yet_is_no_fault() -> None:
    rows = [slot(0, steps={"s": EMPTY}), slot(1, status="TOO_EARLY", steps={"s": {}})]
    assert judge(*rows, at=ELEVEN + 30 * MINUTE).color is Color.GREEN


def test_missed_slot_with_later_find_is_yellow() -> None:
    rows = [slot(0, status="MISSING"), slot(1, steps={"s": FOUND})]
    assert kinds(judge(*rows, at=ELEVEN + 2 * HOUR)) == [(FaultKind.MISSING, Color.YELLOW)]


@pytest.mark.parametrize("skipped", [0, 2])
def test_missed_slot_is_yellow_if_data_was_found(skipped: int) -> None:
    """The day stayed red: each later slot is skipped, so none could find the data again."""
    rows = [
        slot(number, status="MISSING")
        if number == 1
        else slot(number, status="SKIPPED_OK", last_reason_code="already_found")
        if number == skipped
        else slot(number, steps={"s": EMPTY})
        for number in range(3)
    ]
    found = kinds(judge(*rows, at=ELEVEN + 4 * HOUR))
    assert (FaultKind.MISSING, Color.YELLOW) in found


def test_failed_refresh_after_find_is_yellow() -> None:
    rows = [slot(0, steps={"s": FOUND}), slot(1, steps={"s": FAILED})]
    assert judge(*rows, at=ELEVEN + 3 * HOUR).color is Color.YELLOW


def test_final_failure_of_a_single_unit_is_red() -> None:
    rows = [slot(0, steps={"s": {"attempts": 12, "units": 9, "units_found": 8, "units_failed": 1}})]
    verdict = judge(*rows, at=ELEVEN + 2 * HOUR)
    assert verdict.color is Color.RED
    assert "for 1 of 9 units" in verdict.headline


@pytest.mark.parametrize(
    ("units", "message"),
    [(1, "has been failing since 11:00 (3"), (2, "has been failing since 11:00 for 1 of 2 units (3")],
)
def test_failed_units_are_counted_only_if_several(units: int, message: str) -> None:
    rows = [slot(0, steps={"s": {**FAILED, "units": units}})]
    assert message in judge(*rows, at=ELEVEN + 2 * HOUR).headline


def test_unexecuted_run_is_red() -> None:
    assert kinds(judge(slot(deadline=ELEVEN + 5 * HOUR), at=ELEVEN + HOUR)) == [
        (FaultKind.NOT_EXECUTED, Color.RED)
    ]


def test_missing_evaluations_are_red() -> None:
    verdict = judge(slot(3, status="TOO_EARLY"), at=ELEVEN, decided=ELEVEN - HOUR)
    assert kinds(verdict) == [(FaultKind.NOTHING_DECIDED, Color.RED)]


def test_two_days_without_decision_are_yellow_before_lock_time() -> None:
    """Before the lock time no run is expected, and no controller is running that would lock the schedule."""
    day = DayExpectations(date=DAY, as_of=LOCK - MINUTE, environment="prod", expectations=())
    verdict = judge_day(day)
    assert (verdict.color, verdict.headline) == (Color.YELLOW, "nothing was decided in the last two days")
    tomorrow = day.model_copy(update={"date": DAY + timedelta(days=1)})
    assert judge_day(tomorrow).color is Color.GREEN


@pytest.mark.parametrize(
    ("known_since", "color", "headline"),
    [
        (None, Color.RED, "no schedule was locked for 2026-01-15"),
        (ELEVEN + 12 * HOUR, Color.RED, "no schedule was locked for 2026-01-15"),
        (
            ELEVEN + 13 * HOUR,
            Color.GREEN,
            "no data for that day: the oldest schedule or decision is from 2026-01-16",
        ),
    ],
)
def test_day_before_oldest_data_is_green(known_since: datetime | None, color: Color, headline: str) -> None:
    """A new stack reported yesterday as red because its schedule was not locked."""
    day = DayExpectations(
        date=DAY,
        as_of=ELEVEN + 24 * HOUR,
        environment="prod",
        expectations=(),
        last_decided_at=known_since,
        known_since=known_since,
    )
    verdict = judge_day(day)
    assert (verdict.color, verdict.headline) == (color, headline)


def test_instant_before_oldest_data_is_green() -> None:
    """The day was yellow, "nothing was decided in the last two days", unless --date was given."""
    day = DayExpectations(
        date=DAY, as_of=ELEVEN, environment="prod", expectations=(), known_since=ELEVEN + HOUR
    )
    verdict = judge_day(day)
    assert (verdict.color, verdict.headline) == (
        Color.GREEN,
        "no data by that time: the oldest schedule or decision is from 2026-01-15 12:00 EST",
    )
    assert judge_day(day.model_copy(update={"known_since": ELEVEN})).color is Color.RED


def test_missing_schedule_is_red_from_lock_time() -> None:
    assert kinds(judge(at=LOCK)) == [(FaultKind.NOT_LOCKED, Color.RED)]
    assert judge(at=LOCK - MINUTE).headline == "nothing is expected yet"


@pytest.mark.parametrize("locks_at", [time(0), time(7), time(11, 45)])
def test_missing_schedule_is_red_half_an_hour_after_the_tick_of_the_fleet(locks_at: time) -> None:
    locked_by = local_instant(DAY, locks_at) + timedelta(minutes=30)

    def faults(as_of: datetime) -> list[FaultKind]:
        day = DayExpectations(
            date=DAY, as_of=as_of, environment="prod", expectations=(), last_decided_at=as_of
        )
        return [fault.kind for fault in judge_day(day, locks_at=locks_at).faults]

    assert (faults(locked_by - MINUTE), faults(locked_by)) == ([], [FaultKind.NOT_LOCKED])


def test_games_are_named_by_their_teams() -> None:
    rows = [slot(subject="22", steps={"s": EMPTY}, status="ON_TIME")]
    assert "of CHA@LAL ran 1 time" in judge(*rows, at=ELEVEN + 2 * HOUR).headline


def test_found_and_upcoming_games_are_counted_separately() -> None:
    """At night all games of the evening were found, but the line was '0 of 9 games found'."""
    rows = [
        slot(1, "post_game", "SKIPPED_OK", subject="21", last_reason_code="already_found"),
        slot(1, "post_game", "SKIPPED_OK", subject="22", last_reason_code="too_early"),
        slot(9, "post_game", "TOO_EARLY", subject="23"),
    ]
    (found,) = judge(*rows, at=ELEVEN + 2 * HOUR).workflows
    assert found.sentence == "1 of 2 games found, 1 to come"


def test_each_game_is_judged_separately() -> None:
    """One scraper closed a whole workflow (incident 33 of docs/explanation/incidents.md)."""
    rows = [slot(subject="21", steps={"s": FOUND}), slot(subject="22", steps={"s": EMPTY})]
    assert [fault.subject for fault in judge(*rows, at=ELEVEN + 2 * HOUR).faults] == ["22"]


@pytest.mark.parametrize("status", ["CANCELLED", "SKIPPED_OK", "PAUSED", "TOO_EARLY"])
def test_cancelled_skipped_paused_and_early_slots_are_green(status: str) -> None:
    assert judge(slot(status=status), at=ELEVEN + 5 * HOUR).color is Color.GREEN


def test_paused_slot_is_reported_as_paused() -> None:
    (workflow,) = judge(slot(status="PAUSED"), at=ELEVEN + HOUR).workflows
    assert workflow.sentence == "paused"


def test_missed_low_priority_slot_is_yellow() -> None:
    assert judge(slot(status="MISSING", priority="LOW"), at=ELEVEN + 5 * HOUR).color is Color.YELLOW


STEPS = st.sampled_from([FAILED, EMPTY, FOUND, {}])


@given(st.lists(STEPS, min_size=1, max_size=6), st.lists(STEPS, min_size=1, max_size=6))
def test_faults_of_a_scraper_do_not_depend_on_other_scrapers(
    ours: list[dict[str, Any]], theirs: list[dict[str, Any]]
) -> None:
    """Law: a scraper's faults do not depend on the other scrapers of its workflow."""
    count = min(len(ours), len(theirs))
    at = ELEVEN + 10 * HOUR

    def faults_of_ours(*names: str) -> list[tuple[FaultKind, Color, str]]:
        rows = [
            slot(
                number,
                steps={
                    name: step
                    for name, step in (("ours", ours[number]), ("theirs", theirs[number]))
                    if name in names
                },
            )
            for number in range(count)
        ]
        return [(it.kind, it.color, it.sentence) for it in judge(*rows, at=at).faults if it.scraper == "ours"]

    assert faults_of_ours("ours") == faults_of_ours("ours", "theirs")


PAUSED = {
    "paused_until": ELEVEN + 20 * HOUR,
    "paused_by": "ann@example.com",
    "paused_why": "the source moved",
}


class TestPause:
    def test_paused_slot_is_green_with_operator_end_and_reason(self) -> None:
        verdict = judge(slot(status="PAUSED", **PAUSED), at=ELEVEN + 20 * MINUTE)
        assert verdict.color is Color.GREEN
        assert verdict.workflows[0].sentence == "paused by ann@example.com until Fri 07:00: the source moved"

    def test_red_fault_is_yellow_during_pause_and_red_after(self) -> None:
        rows = [
            slot(steps={"s": FAILED}, last_reason_code="budget_used", **PAUSED),
            slot(1, status="PAUSED", **PAUSED),
        ]
        verdict = judge(*rows, at=ELEVEN + 2 * HOUR)
        assert kinds(verdict) == [(FaultKind.FAILING, Color.YELLOW)]
        assert verdict.faults[0].paused
        assert "and is paused until Fri 07:00" in verdict.workflows[0].sentence
        assert kinds(judge(*rows, at=ELEVEN + 21 * HOUR)) == [(FaultKind.FAILING, Color.RED)]

    def test_pause_is_named_before_retryable_failure(self) -> None:
        rows = [slot(0, steps={"s": FAILED}, **PAUSED), slot(9, status="PAUSED", **PAUSED)]
        (found,) = judge(*rows, at=ELEVEN + 30 * MINUTE).workflows
        assert found.color is Color.YELLOW
        assert found.sentence.startswith("paused by ann@example.com until ")
        assert "s of daily has been failing since" in found.sentence

    def test_scraper_pause_affects_only_faults_of_the_scraper(self) -> None:
        steps = {
            "paused": {**FAILED, "scraper_paused_until": ELEVEN + 20 * HOUR},
            "other": FAILED,
        }
        verdict = judge(slot(steps=steps, last_reason_code="budget_used"), at=ELEVEN + 20 * MINUTE)
        assert {fault.scraper: fault.color for fault in verdict.faults} == {
            "paused": Color.YELLOW,
            "other": Color.RED,
        }

    @pytest.mark.parametrize(("hours", "checked"), [(19, 20), (20, 20), (21, 21), (None, None)])
    def test_next_check_is_not_before_end_of_pause(self, hours: int | None, checked: int | None) -> None:
        decided = ELEVEN + hours * HOUR if hours else None
        row = slot(status="PAUSED", next_check_time=decided, **PAUSED)
        (found,) = judge(row, at=ELEVEN + HOUR).workflows
        assert found.next_check == (ELEVEN + checked * HOUR if checked else None)

    def test_day_paused_at_its_end_has_no_found_nothing_fault(self) -> None:
        rows = [slot(steps={"s": EMPTY}), slot(1, status="PAUSED")]
        assert judge(*rows, at=ELEVEN + 5 * HOUR).color is Color.GREEN


def test_idle_day_is_green_with_reason() -> None:
    """Examples are the All-Star break, and the summer in a fleet that fetches nothing without games."""
    day = DayExpectations(
        date=DAY, as_of=ELEVEN, environment="prod", expectations=(), last_decided_at=ELEVEN, idle=True
    )
    verdict = judge_day(day)
    assert (verdict.color, verdict.headline) == (Color.GREEN, "nothing is expected on this day")


# Sentences and edges


def sentence(*rows: Expectation, at: datetime) -> str:
    (found,) = judge(*rows, at=at).workflows
    return found.sentence


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (1, "daily did not run at 11:00"),
        (3, "daily did not run at 11:00, 12:00, 13:00"),
        (4, "daily did not run at 11:00, 12:00, 13:00 and 1 more times"),
    ],
)
def test_missed_slots_are_named_up_to_the_third(number: int, message: str) -> None:
    rows = [slot(n, status="MISSING") for n in range(number)]
    verdict = judge(*rows, at=ELEVEN + 9 * HOUR)
    assert verdict.headline == message
    assert (verdict.faults[0].count, verdict.faults[0].since) == (number, ELEVEN + HOUR)


def test_slots_in_repeated_hour_are_named_with_zone_abbreviations() -> None:
    first, second = (datetime(2026, 11, 1, hour, 30, tzinfo=UTC) for hour in (5, 6))
    rows = [
        slot(number, status="MISSING", expected_run_time=instant)
        for number, instant in enumerate((first, second))
    ]
    assert judge(*rows, at=second + HOUR).headline == "daily did not run at 01:30 EDT, 01:30 EST"


class TestSourcePause:
    """Pauses by a source: `tipoff status` showed a tick and "due" until the run was missing, without a reason."""

    TOLD = "s: the source allows no requests before 2026-01-15 14:52 EST"

    def waiting(self, number: int = 0, **changes: Any) -> Expectation:
        word = {"reason_code": "source_paused", "last_reason_code": "source_paused", "action": "SKIP"}
        return slot(number, **{"status": "PENDING", **word, "actual_reason": f"{self.TOLD}.", **changes})

    def test_source_pause_is_yellow_with_its_end_in_open_window(self) -> None:
        verdict = judge(self.waiting(), at=ELEVEN + 20 * MINUTE)
        assert kinds(verdict) == [(FaultKind.SOURCE_PAUSED, Color.YELLOW)]
        assert verdict.headline == f"daily has been due since 11:00 ({self.TOLD})"

    def test_source_pause_is_named_as_reason_of_missing_run(self) -> None:
        rows = [self.waiting(0, status="MISSING"), slot(1, status="MISSING", reason_code="not_found")]
        verdict = judge(*rows, at=ELEVEN + 3 * HOUR)
        assert kinds(verdict) == [(FaultKind.MISSING, Color.RED)]
        assert verdict.headline == f"daily did not run at 11:00, 12:00 ({self.TOLD})"

    @pytest.mark.parametrize(
        "changes",
        [
            {"status": "ON_TIME", "last_reason_code": "already_found"},
            {"last_reason_code": "too_early", "reason_code": "too_early"},
        ],
    )
    def test_past_source_pause_is_no_fault(self, changes: dict[str, Any]) -> None:
        assert judge(self.waiting(**changes), at=ELEVEN + 20 * MINUTE).color is Color.GREEN


def test_only_find_after_missed_slot_turns_fault_yellow() -> None:
    found, missed = {"s": FOUND}, slot(1, status="MISSING")
    assert judge(slot(0, steps=found), missed, at=ELEVEN + 9 * HOUR).color is Color.RED
    assert judge(missed, slot(2, steps=found), at=ELEVEN + 9 * HOUR).color is Color.YELLOW
    between = [missed, slot(2, steps=found), slot(3, status="MISSING")]
    assert judge(*between, at=ELEVEN + 9 * HOUR).color is Color.RED


@pytest.mark.parametrize(("minutes", "faulty"), [(30, False), (31, True)])
def test_run_is_not_lost_before_its_lease_expires(minutes: int, faulty: bool) -> None:
    verdict = judge(slot(deadline=ELEVEN + 5 * HOUR), at=ELEVEN + minutes * MINUTE)
    assert bool(verdict.faults) is faulty
    if faulty:
        assert verdict.headline == "daily was requested at 11:00 and nothing executed it"


def test_later_executed_run_clears_not_executed_fault() -> None:
    assert judge(slot(0), slot(1, steps={"s": FOUND}), at=ELEVEN + 3 * HOUR).color is Color.GREEN
    lost = judge(slot(0, steps={"s": FOUND}), slot(1), slot(2), at=ELEVEN + 4 * HOUR)
    assert kinds(lost) == [(FaultKind.NOT_EXECUTED, Color.RED)]
    assert (lost.faults[0].count, lost.faults[0].since) == (2, ELEVEN + HOUR)


@pytest.mark.parametrize(("minutes", "silent"), [(40, False), (41, True)])
def test_nothing_decided_is_reported_after_two_missed_evaluations(minutes: int, silent: bool) -> None:
    verdict = judge(slot(3, status="TOO_EARLY"), at=ELEVEN, decided=ELEVEN - minutes * MINUTE)
    assert verdict.headline == (
        f"nothing has been decided since 10:{60 - minutes}" if silent else "all right"
    )


def test_past_day_has_no_nothing_decided_fault() -> None:
    day = DayExpectations(
        date=DAY,
        as_of=ELEVEN + 48 * HOUR,
        environment="prod",
        expectations=(slot(steps={"s": FOUND}),),
        last_decided_at=ELEVEN,
    )
    assert judge_day(day).color is Color.GREEN


def test_slot_of_previous_night_is_no_schedule_of_today() -> None:
    night = slot(date=DAY - timedelta(days=1), steps={"s": FOUND})
    assert kinds(judge(night, at=LOCK)) == [(FaultKind.NOT_LOCKED, Color.RED)]


def test_headline_names_worst_then_oldest_fault_and_count_of_others() -> None:
    rows = [
        slot(0, "a", steps={"s": FAILED}, deadline=ELEVEN + 9 * HOUR),
        slot(2, "b", status="MISSING"),
        slot(1, "c", status="MISSING"),
    ]
    verdict = judge(*rows, at=ELEVEN + 4 * HOUR)
    assert [fault.workflow for fault in verdict.faults] == ["c", "b", "a"]
    assert verdict.headline == "c did not run at 12:00, and 1 more fault"
    assert judge(rows[2], at=ELEVEN + 4 * HOUR).headline == "c did not run at 12:00"


def test_workflow_sentence_names_worst_fault_and_count_of_others() -> None:
    failing = slot(0, steps={"s": FAILED}, deadline=ELEVEN + 9 * HOUR)
    missing = slot(1, status="MISSING", subject="22")
    faults = judge(failing, missing, at=ELEVEN + 4 * HOUR).faults
    assert [fault.color for fault in faults] == [Color.RED, Color.YELLOW]
    assert sentence(missing, at=ELEVEN + 4 * HOUR) == "daily of CHA@LAL did not run at 12:00"
    both = sentence(failing, missing, at=ELEVEN + 4 * HOUR)
    assert both == "daily of CHA@LAL did not run at 12:00 (and 1 more)"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([slot(status="CANCELLED")], "cancelled"),
        ([slot(0, status="PAUSED"), slot(9, status="TOO_EARLY")], "paused"),
        ([slot(0, steps={"s": FOUND}), slot(1, status="PAUSED")], "found"),
        ([slot(9, status="TOO_EARLY"), slot(8, status="TOO_EARLY")], "first at 19:00"),
        ([slot(0, steps={"s": FOUND})], "found"),
        ([slot(0, steps={"s": EMPTY}, deadline=ELEVEN + 9 * HOUR)], "requested, no data yet"),
        (
            [slot(0, steps={"s": EMPTY}, deadline=ELEVEN + 9 * HOUR), slot(1, status="PENDING")],
            "requested, no data yet",
        ),
        (
            [slot(0, steps={"s": EMPTY}, deadline=ELEVEN + 9 * HOUR, last_reason_code="budget_used")],
            "nothing found, no further check today",
        ),
        (
            [
                slot(0, steps={"s": EMPTY}, deadline=ELEVEN + 9 * HOUR, last_reason_code="budget_used"),
                slot(9, status="TOO_EARLY"),
            ],
            "requested, no data yet",
        ),
        ([slot(0, status="PENDING", deadline=ELEVEN + 9 * HOUR)], "due"),
        ([slot(0, steps={"s": FOUND, "t": EMPTY}, deadline=ELEVEN + 9 * HOUR)], "1 of 2 scrapers found"),
        ([slot(0, steps={"s": FOUND, "t": {}}), slot(1, steps={"s": {}, "t": FOUND})], "found"),
        (
            [
                slot(0, steps={"s": FOUND, "t": FOUND}, subject="21"),
                slot(0, steps={"s": FOUND, "t": EMPTY}, subject="22", deadline=ELEVEN + 9 * HOUR),
            ],
            "1 of 2 games found",
        ),
        ([slot(0, status="SKIPPED_OK", last_reason_code="already_found")], "found"),
        (
            [slot(0, steps={"s": FOUND}, subject="21"), slot(0, steps={"s": FOUND}, subject="22")],
            "2 of 2 games found",
        ),
        (
            [slot(0, steps={"s": FOUND}, subject="21"), slot(0, status="CANCELLED", subject="22")],
            "1 of 1 game found",
        ),
    ],
)
def test_workflow_sentence_states_its_progress(rows: list[Expectation], message: str) -> None:
    assert sentence(*rows, at=ELEVEN + 2 * HOUR) == message


def test_next_check_is_the_earliest_in_the_future() -> None:
    at = ELEVEN + 2 * HOUR
    rows = [
        slot(0, steps={"s": FOUND}, next_check_time=at + gap) for gap in (HOUR, MINUTE, timedelta(), -HOUR)
    ]
    (found,) = judge(*rows, at=at).workflows
    assert found.next_check == at + MINUTE
    assert found.statuses == {"ON_TIME": 4}


def test_empty_run_after_find_is_green() -> None:
    rows = [slot(0, steps={"s": FOUND}), slot(1, steps={"s": EMPTY})]
    assert judge(*rows, at=ELEVEN + 4 * HOUR).color is Color.GREEN


@pytest.mark.parametrize(("minutes", "color"), [(59, Color.GREEN), (60, Color.RED)])
def test_found_nothing_is_red_once_last_slot_is_over(minutes: int, color: Color) -> None:
    assert judge(slot(steps={"s": EMPTY}), at=ELEVEN + minutes * MINUTE).color is color


# Rows without steps, from an older controller


def test_without_steps_a_workflow_is_judged_by_its_executions() -> None:
    slots = [slot(number, executions=2) for number in range(2)]
    over, found = ELEVEN + 4 * HOUR, slot(1, executions=1, found=True)
    verdict = judge(*slots, at=over)
    assert kinds(verdict) == [(FaultKind.FOUND_NOTHING, Color.RED)]
    assert verdict.headline == "daily ran 2 times and found nothing"
    assert verdict.faults[0].since == ELEVEN + 2 * HOUR
    assert judge(slots[0], found, at=over).color is Color.GREEN
    assert judge(*slots, at=ELEVEN + 90 * MINUTE).color is Color.GREEN, "a slot is still open"
    assert judge(slot(status="SKIPPED_OK"), at=over).color is Color.GREEN


def test_rows_with_steps_are_judged_by_steps_only() -> None:
    rows = [slot(0, executions=1), slot(1, steps={"s": EMPTY})]
    verdict = judge(*rows, at=ELEVEN + 4 * HOUR)
    assert [(fault.kind, fault.scraper) for fault in verdict.faults] == [(FaultKind.FOUND_NOTHING, "s")]


# Failures


def failing(hours: int, **changes: Any) -> dict[str, Any]:
    return {**FAILED, "failing_since": ELEVEN + hours * HOUR, **changes}


def test_failure_lasts_since_first_of_consecutive_failures() -> None:
    rows = [
        slot(0, steps={"s": failing(0)}),
        slot(1, steps={"s": FOUND}),
        slot(2, steps={"s": failing(2)}),
        slot(3, steps={"s": failing(3)}, deadline=ELEVEN + 9 * HOUR),
    ]
    (fault,) = judge(*rows, at=ELEVEN + 4 * HOUR).faults
    assert (fault.since, fault.count, fault.color) == (ELEVEN + 2 * HOUR, 6, Color.YELLOW)
    assert fault.sentence == "s of daily has been failing since 13:00 (6 attempts, http)"


def test_partial_success_ends_series_of_failures() -> None:
    part = {"attempts": 4, "units": 3, "units_found": 1, "units_failed": 2, "error_type": "http"}
    rows = [
        slot(0, steps={"s": failing(0)}),
        slot(1, steps={"s": part}),
        slot(2, steps={"s": failing(2)}, deadline=ELEVEN + 9 * HOUR),
    ]
    (fault,) = judge(*rows, at=ELEVEN + 3 * HOUR).faults
    assert (fault.since, fault.count) == (ELEVEN + 2 * HOUR, 3)


@pytest.mark.parametrize(("number", "color"), [(2, Color.YELLOW), (3, Color.RED)])
def test_three_consecutive_failed_occurrences_are_red(number: int, color: Color) -> None:
    rows = [slot(n, steps={"s": failing(n)}) for n in range(number)]
    ahead = slot(9, status="TOO_EARLY", steps={"s": {}})
    last = rows[-1].model_copy(update={"deadline": ELEVEN + 9 * HOUR})
    assert judge(*rows[:-1], last, ahead, at=ELEVEN + number * HOUR).color is color


@pytest.mark.parametrize("step", [FAILED, EMPTY])
@pytest.mark.parametrize("units", [1, 2])
def test_find_by_later_run_clears_fault(step: dict[str, Any], units: int) -> None:
    """A manual run made up for a failed scheduled run, but the line was "requested, no data yet"."""
    changes = {**step, "units": units}
    mended = judge(slot(steps={"s": {**changes, "found_later": True}}), at=ELEVEN + 4 * HOUR)
    assert (mended.color, mended.workflows[0].sentence) == (Color.GREEN, "found")
    failed_since = {**changes, "failed_later_at": ELEVEN + HOUR}
    assert judge(slot(steps={"s": failed_since}), at=ELEVEN + 4 * HOUR).color is Color.RED


LATER = {
    "failed_later_at": ELEVEN + 2 * HOUR,
    "later_error_type": "quota",
    "later_error_message": "429",
}


@pytest.mark.parametrize(
    ("step", "message", "count"),
    [
        (
            FAILED,
            "s of daily has been failing since 11:00 (3 attempts, http), and later runs failed too, last at"
            " 13:00 (quota)",
            3,
        ),
        (EMPTY, "s of daily found nothing, and a later run failed at 13:00 (quota)", 1),
    ],
)
@pytest.mark.parametrize(("deadline", "color"), [(9, Color.YELLOW), (3, Color.RED)])
def test_error_of_later_failed_run_is_reported(
    step: dict[str, Any], message: str, count: int, deadline: int, color: Color
) -> None:
    """Nine manual runs failed, the last with `quota`; the line was "1 attempt, blocked" or "nothing there yet"."""
    row = slot(steps={"s": {**step, **LATER}}, deadline=ELEVEN + deadline * HOUR)
    (fault,) = judge(row, at=ELEVEN + 4 * HOUR).faults
    assert (fault.kind, fault.color, fault.count) == (FaultKind.FAILING, color, count)
    assert (fault.sentence, fault.error_type, fault.error) == (message, "quota", "429")


@pytest.mark.parametrize("occurrences", [1, 3])
@pytest.mark.parametrize("step", [FOUND, {**EMPTY, "found_later": True}, {**FAILED, "found_later": True}])
def test_a_run_that_failed_after_the_find_is_yellow(step: dict[str, Any], occurrences: int) -> None:
    """A manual run succeeded and the next one failed with source_changed, but the day was green."""
    rows = [slot(number, steps={"s": step}) for number in range(occurrences - 1)]
    last = slot(occurrences - 1, steps={"s": {**step, **LATER}})
    verdict = judge(*rows, last, at=ELEVEN + 9 * HOUR)
    assert kinds(verdict) == [(FaultKind.FAILING, Color.YELLOW)]
    assert verdict.headline == "s of daily was found, and a later run failed at 13:00 (quota)"
    assert (verdict.faults[0].since, verdict.faults[0].error) == (ELEVEN + 2 * HOUR, "429")


LEFT_OUT = {"parent_unfruitful": True}
MENDED = {"found_later": True}


class TestSkippedStep:
    @pytest.mark.parametrize(
        ("parent", "kind", "message"),
        [
            (FAILED, FaultKind.FAILING, "b of daily was not requested, because a failed (http)"),
            (EMPTY, FaultKind.FOUND_NOTHING, "b of daily was not requested, because a found nothing"),
        ],
    )
    def test_skipped_step_is_a_fault_even_if_its_parent_was_found_later(
        self, parent: dict[str, Any], kind: FaultKind, message: str
    ) -> None:
        """The only run of a day ended at its first step, and the day was green."""
        row = slot(steps={"a": {**parent, **MENDED}, "b": LEFT_OUT})
        verdict = judge(row, at=ELEVEN + 4 * HOUR)
        assert (kinds(verdict), verdict.headline) == ([(kind, Color.RED)], message)
        low = row.model_copy(update={"priority": "LOW"})
        assert judge(low, at=ELEVEN + 4 * HOUR).color is Color.YELLOW

    def test_skipped_step_is_no_fault_while_occurrence_is_open(self) -> None:
        row = slot(steps={"a": {**FAILED, **MENDED}, "b": LEFT_OUT})
        verdict = judge(row, at=ELEVEN + 30 * MINUTE)
        assert (verdict.color, verdict.workflows[0].sentence) == (Color.GREEN, "1 of 2 scrapers found")
        given_up = row.model_copy(update={"last_reason_code": "budget_used"})
        assert judge(given_up, at=ELEVEN + 30 * MINUTE).color is Color.RED

    def test_skipped_step_is_not_reported_beside_parents_fault(self) -> None:
        verdict = judge(slot(steps={"a": FAILED, "b": LEFT_OUT}), at=ELEVEN + 4 * HOUR)
        assert [fault.scraper for fault in verdict.faults] == ["a"]

    def test_skipped_step_is_cleared_by_its_later_find(self) -> None:
        left = slot(steps={"a": {**FAILED, **MENDED}, "b": LEFT_OUT})
        both = slot(steps={"a": {**FAILED, **MENDED}, "b": {**LEFT_OUT, **MENDED}})
        for rows in ([both], [left, slot(1, steps={"a": FOUND, "b": FOUND})]):
            verdict = judge(*rows, at=ELEVEN + 4 * HOUR)
            assert (verdict.color, verdict.workflows[0].sentence) == (Color.GREEN, "found")

    @pytest.mark.parametrize(("parent", "color"), [(FAILED, Color.YELLOW), (EMPTY, Color.GREEN)])
    def test_skipped_step_found_before_is_not_red(self, parent: dict[str, Any], color: Color) -> None:
        rows = [
            slot(0, steps={"a": FOUND, "b": FOUND}),
            slot(1, steps={"a": {**parent, **MENDED}, "b": LEFT_OUT}),
        ]
        assert judge(*rows, at=ELEVEN + 4 * HOUR).color is color

    def test_step_skipped_for_empty_parent_output_is_no_fault(self) -> None:
        verdict = judge(slot(steps={"a": FOUND, "b": LEFT_OUT}), at=ELEVEN + 4 * HOUR)
        assert (verdict.color, verdict.workflows[0].sentence) == (Color.GREEN, "found")


@pytest.mark.parametrize(("minutes", "color"), [(59, Color.YELLOW), (60, Color.RED)])
def test_failure_turns_red_at_deadline(minutes: int, color: Color) -> None:
    assert judge(slot(steps={"s": FAILED}), at=ELEVEN + minutes * MINUTE).color is color


@pytest.mark.parametrize("word", ["budget_used", "source_failing", None])
@pytest.mark.parametrize("minutes", [10, 61])
def test_failure_stays_yellow_while_a_later_slot_is_ahead(word: str | None, minutes: int) -> None:
    """A search every quarter of an hour was red at 13:08, although its next request was at 13:15."""
    failed, ahead = slot(steps={"s": FAILED}, last_reason_code=word), slot(9, status="TOO_EARLY")
    assert judge(failed, ahead, at=ELEVEN + minutes * MINUTE).color is Color.YELLOW
    left_out = slot(steps={"a": {**FAILED, "found_later": True}, "b": LEFT_OUT}, last_reason_code=word)
    assert judge(left_out, ahead, at=ELEVEN + 61 * MINUTE).color is Color.YELLOW


@pytest.mark.parametrize(
    "ahead",
    [
        {"status": "PAUSED"},
        {"status": "SKIPPED_OK", "last_reason_code": "superseded"},
        {"last_reason_code": "budget_used", "status": "LATE", "steps": {}, "executions": 1},
        {"status": "TOO_EARLY", "date": DAY + timedelta(days=1)},
    ],
)
def test_failure_is_red_if_later_slot_requests_nothing_of_the_day(ahead: dict[str, Any]) -> None:
    failed = slot(steps={"s": FAILED}, last_reason_code="budget_used")
    found = {it.kind: it.color for it in judge(failed, slot(1, **ahead), at=ELEVEN + 70 * MINUTE).faults}
    assert found[FaultKind.FAILING] is Color.RED


def test_failure_is_red_again_after_pause() -> None:
    row = slot(
        steps={"s": FAILED}, last_reason_code="budget_used", **{**PAUSED, "paused_until": ELEVEN + HOUR}
    )
    assert judge(row, at=ELEVEN + HOUR - MINUTE).color is Color.YELLOW
    assert judge(row, at=ELEVEN + HOUR).color is Color.RED


def test_workflow_without_priority_is_medium() -> None:
    verdict = judge(slot(0, "a", priority="CRITICAL"), slot(0, "b", priority=None), at=ELEVEN)
    assert [found.priority for found in verdict.workflows] == ["CRITICAL", "MEDIUM"]


def test_last_pause_to_end_is_named() -> None:
    step = {**FAILED, "scraper_paused_until": ELEVEN + 5 * HOUR}
    row = slot(
        steps={"s": step}, last_reason_code="budget_used", **{**PAUSED, "paused_until": ELEVEN + 4 * HOUR}
    )
    (fault,) = judge(row, at=ELEVEN + 20 * MINUTE).faults
    assert fault.sentence.endswith(", and is paused until Thu 16:00")


def test_a_pause_is_named_until_before_its_end() -> None:
    row = slot(status="PAUSED", **{**PAUSED, "paused_until": ELEVEN + HOUR})
    assert sentence(row, at=ELEVEN + HOUR - MINUTE).startswith("paused by ann@example.com")
    assert sentence(row, at=ELEVEN + HOUR) == "paused"


def test_due_slot_is_not_reported_as_paused_with_earlier_slot() -> None:
    rows = [slot(0, status="PAUSED"), slot(1, status="PENDING")]
    assert sentence(*rows, at=ELEVEN + HOUR - MINUTE) == "paused"
    assert sentence(*rows, at=ELEVEN + HOUR) == "due"
