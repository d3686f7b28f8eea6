"""Tests of decisions: RUN, SKIP or ABORT for each workflow at a tick, with code, sentence and context."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from tests.support.controller import (
    DAY,
    Json,
    at,
    at_times,
    calendar,
    configured,
    daily,
    decided,
    decision_inputs,
    discovery,
    fact,
    failed,
    fixture_file,
    game,
    history,
    interval,
    per_game,
    plan_of,
    slate,
    workflow,
)
from tipoff_common.clock import EASTERN
from tipoff_common.events import Action, AlertLevel, PauseTarget
from tipoff_common.outcomes import FailureKind, NoData, Outcome, Success
from tipoff_planning.calendar import Calendar
from tipoff_planning.decision import Decision
from tipoff_planning.decisions import considered, decide, unable_to_decide, undecidable
from tipoff_planning.history import ExecutionFact, History, ReportedCompleteness
from tipoff_planning.occurrences import REPORT_UNFOUND_FOR, agenda, occurrences
from tipoff_planning.pauses import Pause, Pauses
from tipoff_planning.plans import Plan, units
from tipoff_planning.progress import PlanProgress
from tipoff_planning.reasons import Reason
from tipoff_planning.workflows import CalendarSource, Configuration

TOMORROW = DAY + timedelta(days=1)
YESTERDAY = DAY - timedelta(days=1)
DAILY = configured(one=workflow(daily("05:00", "10:00"), "bulletin"))
REPORT = configured(one=workflow(discovery("11:00", "14:00"), "bulletin", alert_level="CRITICAL"))


def action_and_code(decision: Decision) -> tuple[str, str]:
    return decision.action.value, decision.code.value


def test_occurrence_before_its_time_is_skipped_with_due_time() -> None:
    """Alerts came before the window opened (incident 24)."""
    decision = decided(DAILY, at("04:45"))
    assert action_and_code(decision) == ("SKIP", "too_early")
    assert decision.sentence == "Not due before 2025-01-15 05:00 EST."
    assert decision.next_check == at("05:00")
    assert decision.alert_level is AlertLevel.NONE


@pytest.mark.parametrize(("clock", "action"), [("04:59", "SKIP"), ("05:00", "RUN"), ("09:59", "RUN")])
def test_occurrence_is_due_from_expected_instant_until_deadline(clock: str, action: str) -> None:
    assert decided(DAILY, at(clock)).action.value == action


def test_day_is_done_after_deadline() -> None:
    decision = decided(DAILY, at("10:00"))
    assert action_and_code(decision) == ("SKIP", "day_done")
    assert decision.sentence == "Today is done; next is 2025-01-16 05:00 EST."


def test_due_run_names_due_time_and_scraper() -> None:
    decision = decided(DAILY, at("05:10"))
    assert action_and_code(decision) == ("RUN", "due")
    assert decision.sentence == "Due since 2025-01-15 05:00 EST: bulletin."
    assert decision.next_check == at("05:00", TOMORROW)


@pytest.mark.parametrize(("clock", "late"), [("05:30", False), ("05:31", True), ("08:00", True)])
def test_a_late_tick_catches_up_and_is_marked_late(clock: str, late: bool) -> None:
    """No tick came while the windows were open (incident 12)."""
    decision = decided(DAILY, at(clock))
    assert decision.action is Action.RUN
    assert ("Late by" in decision.sentence) is late
    assert decision.context["late_minutes"] == (at(clock) - at("05:00")).total_seconds() // 60


def test_decision_context_contains_its_inputs() -> None:
    games = calendar(*slate(2), fetched_at=at("04:00"))
    context = decided(DAILY, at("06:00"), games=games).context
    assert context["calendar_age_minutes"] == 120
    assert context["games"] == 2
    assert (context["calendar_stale"], context["history_stale"]) == (False, False)
    assert "calendar_workflow" not in context
    assert context["deadline"] == at("10:00").isoformat()


def test_success_stops_search_for_its_date() -> None:
    decision = decided(REPORT, at("12:05"), history=history(fact("bulletin", triggered_at=at("11:02"))))
    assert action_and_code(decision) == ("SKIP", "already_found")
    assert decision.sentence == "Already found for 2025-01-15 at 2025-01-15 11:02 EST."


def test_a_report_fetched_yesterday_evening_is_no_success_of_today() -> None:
    """The run was on this day in UTC, but for the day before (incident 2)."""
    known = history(fact("bulletin", game_date=YESTERDAY, triggered_at=at("19:05", YESTERDAY)))
    assert decided(REPORT, at("12:05"), history=known).action is Action.RUN


def test_partial_success_leaves_the_rest_due() -> None:
    """One scraper closed a whole workflow (incident 33)."""
    both = configured(one=workflow(discovery("11:00", "14:00"), "bulletin", "digest"))
    games = calendar(*slate(1), fetched_at=at("05:00"))
    decision = decided(both, at("12:05"), games=games, history=history(fact("bulletin")))
    assert decision.action is Action.RUN
    assert decision.outstanding is not None
    assert set(decision.outstanding.steps or {}) == {"digest"}
    assert "digest" in decision.sentence
    assert "bulletin" not in decision.sentence


def test_search_is_refreshed_after_configured_time() -> None:
    """The first report ended the search for corrections (incident 4)."""
    again = configured(one=workflow(discovery("11:00", "15:00", refresh_after_found="2h"), "bulletin"))
    known = history(fact("bulletin", triggered_at=at("11:02")))
    assert action_and_code(decided(again, at("12:00"), history=known)) == ("SKIP", "already_found")
    later = decided(again, at("13:00"), history=known)
    assert action_and_code(later) == ("RUN", "refresh")
    assert later.sentence == "Found at 2025-01-15 11:02 EST; looking for a later version."


def test_search_until_complete_continues_while_games_are_missing() -> None:
    """One of nine games counted as all (incident 9): the slot lists the missing games, the next slot asks again."""
    whole = configured(one=workflow(discovery("11:00", "14:00", until="complete"), "bulletin"))
    plan, identifier = plan_of(whole, "one"), _request(whole)
    known = history(
        fact("bulletin", request_id=identifier, completeness=ReportedCompleteness(9, ("NYK@PHI", "DAL@NOP")))
    )

    slot = decided(whole, at("11:15"), history=known, plans={plan.occurrence_id: plan})
    later = decided(whole, at("12:00"), history=known)
    closed = decided(whole, at("15:30"), history=known)

    assert action_and_code(slot) == ("SKIP", "incomplete")
    assert (
        slot.sentence
        == "Found for 2025-01-15 without NYK@PHI, DAL@NOP; this slot is done, the next searches again."
    )
    assert action_and_code(later) == ("RUN", "incomplete")
    assert later.sentence.endswith("The data found so far lacks NYK@PHI, DAL@NOP.")
    assert action_and_code(closed) == ("SKIP", "not_found")
    assert closed.sentence.endswith("Missing: NYK@PHI, DAL@NOP.")


@pytest.mark.parametrize(
    ("outcome", "code", "alert"),
    [
        (None, "under_way", "NONE"),
        (NoData(reason="404"), "not_published", "NONE"),
        (failed(FailureKind.BLOCKED), "budget_used", "CRITICAL"),
        (Success(record_count=1, gcs_path=None), "already_found", "NONE"),
    ],
)
def test_planned_occurrence_is_skipped_with_state_of_its_plan(
    outcome: Outcome | None, code: str, alert: str
) -> None:
    plan = plan_of(REPORT, "one")
    identifier = _request(REPORT)
    facts = {identifier: fact("bulletin", outcome=outcome, request_id=identifier)} if outcome else {}
    known = History(facts, {identifier: at("11:00")})
    decision = decided(REPORT, at("11:15"), history=known, plans={plan.occurrence_id: plan})
    assert action_and_code(decision) == ("SKIP", code)
    assert decision.alert_level.value == alert


def _request(configuration: Configuration, attempt: int = 1) -> str:
    plan = plan_of(configuration, "one")
    (unit,) = units(plan.steps[0], ())
    return unit.request_id(plan.occurrence_id, attempt)


def test_transient_failure_is_retried_within_same_occurrence() -> None:
    plan = plan_of(REPORT, "one")
    identifier = _request(REPORT)
    known = History(
        {identifier: fact("bulletin", outcome=failed(), request_id=identifier)}, {identifier: at("11:00")}
    )
    decision = decided(REPORT, at("11:15"), history=known, plans={plan.occurrence_id: plan})
    assert action_and_code(decision) == ("RUN", "partly_due")
    assert [attempt.number for attempt in decision.due] == [2]


def test_unsuccessful_search_is_reported_with_alert_level() -> None:
    decision = decided(REPORT, at("15:00"))
    assert action_and_code(decision) == ("SKIP", "not_found")
    assert decision.alert_level is AlertLevel.CRITICAL
    assert decision.occurrence.expected == at("14:00")
    assert decision.sentence == "The publication window closed before all data for 2025-01-15 was found."


def test_window_absent_from_locked_schedule_is_not_reported_unfound() -> None:
    """The stack was started, or the workflow added, in the afternoon."""
    ended = {item.id for item in occurrences(REPORT, None, DAY)}
    assert action_and_code(decided(REPORT, at("15:00"), locked={DAY: frozenset()})) == ("SKIP", "day_done")
    assert action_and_code(decided(REPORT, at("15:00"), locked={DAY: ended})) == ("SKIP", "not_found")


def test_successful_search_is_done_after_window() -> None:
    decision = decided(REPORT, at("15:00"), history=history(fact("bulletin")))
    assert action_and_code(decision) == ("SKIP", "day_done")


def test_day_without_planned_run_names_next_run() -> None:
    """The day is a Wednesday, and the search runs on other days."""
    configuration = configured(one=workflow(discovery("11:00", "14:00", days=["thu"]), "bulletin"))
    decision = decided(configuration, at("15:00"))
    assert action_and_code(decision) == ("SKIP", "day_done")
    assert decision.sentence == "Nothing is planned today; next is 2025-01-16 11:00 EST."


def test_fleet_without_games_has_no_calendar_context() -> None:
    configuration = replace(REPORT, file=REPORT.file.model_copy(update={"calendar": CalendarSource()}))
    context = decided(configuration, at("12:05")).context
    assert not {"games", "calendar_stale", "calendar_age_minutes"} & context.keys()


def _per_game(now: str, day: date = DAY, *facts: ExecutionFact) -> tuple[Decision, ...]:
    configuration = configured(one=workflow(per_game("2h", "30m", "3h"), "box_score"))
    games = calendar(game(1, at("19:00")), game(2, at("22:00")), fetched_at=at("12:00"))
    return decide(decision_inputs(configuration, at(now, day), games=games, history=history(*facts)))


def test_unfound_game_is_reported_while_another_is_collected() -> None:
    decisions = {item.occurrence.subject: action_and_code(item) for item in _per_game("00:05", TOMORROW)}
    assert decisions == {"0022400001": ("SKIP", "not_found"), "0022400002": ("RUN", "due")}


def test_unsuccessful_search_is_reported_after_midnight() -> None:
    """A post-game night was lost at midnight (incident 1): the night belongs to the day before."""
    decisions = {item.occurrence.subject: action_and_code(item) for item in _per_game("02:00", TOMORROW)}
    assert decisions == {"0022400001": ("SKIP", "not_found"), "0022400002": ("SKIP", "not_found")}


def test_report_of_unfound_game_names_the_game() -> None:
    first, _ = _per_game("02:00", TOMORROW)
    assert first.sentence.endswith(" for 2025-01-15 of 0022400001 was found.")


def test_unsuccessful_night_search_is_reported_for_limited_time() -> None:
    configuration = configured(one=workflow(per_game("2h", "30m", "3h"), "box_score"))
    games = calendar(game(1, at("19:00")), game(2, at("22:00")), fetched_at=at("12:00"))
    over = max(item.deadline for item in occurrences(configuration, games, DAY)) + REPORT_UNFOUND_FOR
    notified_at = {
        now: {action_and_code(item) for item in decide(decision_inputs(configuration, now, games=games))}
        for now in (over - timedelta(seconds=1), over)
    }
    assert list(notified_at.values()) == [{("SKIP", "not_found")}, {("SKIP", "no_games")}]


def test_yesterdays_unsuccessful_search_is_not_reported_at_noon() -> None:
    (decision,) = _per_game("12:00", TOMORROW)
    assert action_and_code(decision) == ("SKIP", "no_games")


def test_found_game_is_not_collected_again() -> None:
    """One of nine games counted as all (incident 9)."""
    decisions = {
        item.occurrence.subject: action_and_code(item)
        for item in _per_game("22:00", DAY, fact("box_score", "0022400001"))
    }
    assert decisions == {"0022400001": ("SKIP", "already_found")}


def test_a_night_game_is_due_after_midnight() -> None:
    """A night was lost at midnight; a late game fell on the wrong day (incidents 1 and 21)."""
    due = [item for item in _per_game("01:10", TOMORROW) if item.action is Action.RUN]
    assert [(item.occurrence.subject, item.occurrence.game_date) for item in due] == [("0022400002", DAY)]


def test_a_day_without_games_has_nothing_to_fetch() -> None:
    """Days off looked degraded (incident 31)."""
    decision = decided(configured(one=workflow(interval(), "bulletin")), at("12:00"))
    assert action_and_code(decision) == ("SKIP", "no_games")
    assert decision.sentence == "No games on 2025-01-15, so there is nothing to fetch."
    assert decision.alert_level is AlertLevel.NONE


def test_run_about_yesterday_needs_yesterdays_games() -> None:
    """Parameters and games were of different days (incident 18)."""
    configuration = configured(one=workflow(daily("06:00", "09:00", about="yesterday"), "digest"))
    games = calendar(*slate(2, YESTERDAY), fetched_at=at("05:00"))
    assert action_and_code(decided(configuration, at("05:30"), games=games)) == ("SKIP", "too_early")
    assert action_and_code(decided(configuration, at("06:30"), games=games)) == ("RUN", "due")
    none = calendar(*slate(2), fetched_at=at("05:00"))
    decision = decided(configuration, at("06:30"), games=none)
    assert action_and_code(decision) == ("SKIP", "no_games")
    assert "2025-01-14" in decision.sentence


def test_undecided_teams_leave_nothing_to_fetch() -> None:
    undecided = calendar(game(1, at("19:00"), home_team=None, away_team=None), fetched_at=at("05:00"))
    for schedule in (at_times("11:00"), discovery("11:00", "14:00")):
        configuration = configured(one=workflow(schedule, {"scraper": "roster", "for_each": "team"}))
        assert action_and_code(decided(configuration, at("11:15"), games=undecided)) == ("SKIP", "no_games")


def test_only_workflows_needing_games_abort_without_calendar() -> None:
    configuration = configured(
        games=workflow(interval(), "bulletin", alert_level="CRITICAL"),
        plain=workflow(daily(), "bulletin"),
        feeds=workflow(daily(), "slate"),
    )
    decisions = {
        item.occurrence.workflow: item for item in decide(decision_inputs(configuration, at("06:00")))
    }
    assert action_and_code(decisions["games"]) == ("ABORT", "no_calendar")
    assert decisions["games"].alert_level is AlertLevel.CRITICAL
    assert action_and_code(decisions["plain"]) == ("RUN", "due")
    assert action_and_code(decisions["feeds"]) == ("RUN", "due")


FEEDS = configured(feeds=workflow(daily("05:00", "06:00"), "slate", "bulletin"))


@pytest.mark.parametrize("games", [None, calendar(fetched_at=at("05:00", YESTERDAY - timedelta(days=1)))])
def test_missing_or_stale_calendar_is_refreshed(games: Calendar | None) -> None:
    """A stale calendar was relied on (incident 32)."""
    refresh, _ = decide(decision_inputs(FEEDS, at("12:20"), games=games))
    assert action_and_code(refresh) == ("RUN", "calendar_stale")
    assert refresh.outstanding is not None
    assert set(refresh.outstanding.steps or {}) == {"slate"}
    assert refresh.context["calendar_stale"] is True
    assert refresh.context["calendar_workflow"] == "feeds"


def test_calendar_refresh_is_requested_once_an_hour() -> None:
    refresh, _ = decide(decision_inputs(FEEDS, at("12:20")))
    plans = {refresh.occurrence.id: plan_of(FEEDS, "feeds")}
    assert len(decide(decision_inputs(FEEDS, at("12:35"), plans=plans))) == 1
    assert len(decide(decision_inputs(FEEDS, at("13:05"), plans=plans))) == 2


def test_no_refresh_is_requested_while_calendar_workflow_is_due() -> None:
    (only,) = decide(decision_inputs(FEEDS, at("05:15")))
    assert action_and_code(only) == ("RUN", "due")


def test_stale_calendar_is_used_and_flagged_with_its_age() -> None:
    configuration = configured(one=workflow(interval(), "bulletin"))
    games = calendar(*slate(2), fetched_at=at("12:00", DAY - timedelta(days=3)))
    decision = decided(configuration, at("14:00"), games=games)
    assert decision.action is Action.RUN
    assert decision.context["calendar_stale"] is True
    assert decision.context["calendar_age_minutes"] == (3 * 24 + 2) * 60


UNDECIDED = game(7, None, home_team=None, away_team=None)


def test_games_without_a_time_are_named_instead_of_calling_the_day_done() -> None:
    configuration = configured(one=workflow(per_game("2h", "30m", "3h"), "box_score"))
    decision = decided(configuration, at("06:00"), games=calendar(UNDECIDED))
    assert action_and_code(decision) == ("SKIP", "times_unknown")
    assert decision.sentence == ("1 of 1 games on 2025-01-15 have no time yet: 0022400007 (teams undecided).")
    assert decision.context["games_without_time"] == 1


def test_games_without_time_are_named_beside_timed_games() -> None:
    configuration = configured(one=workflow(per_game("2h", "30m", "3h"), "box_score"))
    open_game = game(8, None)
    decision = decided(configuration, at("06:00"), games=calendar(game(1, at("19:00")), open_game))
    assert action_and_code(decision) == ("SKIP", "too_early")
    assert decision.sentence.endswith(" No time yet: 0022400008 (A08@H08).")
    assert decision.context["games_without_time"] == 1


def test_games_without_time_do_not_affect_workflow_without_games() -> None:
    decision = decided(DAILY, at("04:45"), games=calendar(UNDECIDED))
    assert decision.sentence == "Not due before 2025-01-15 05:00 EST."


@pytest.mark.parametrize(
    ("schedule", "clock"),
    [(daily("05:00", "10:00", days=["wed"]), "12:00"), (at_times("08:00", days=["wed"]), "12:00")],
)
def test_day_done_decision_has_no_expected_occurrence_id(schedule: Json, clock: str) -> None:
    """The SKIP at the end of the day must not change the status of a morning's slot."""
    configuration = configured(one=workflow(schedule, "bulletin"))
    expected = {item.id for item in occurrences(configuration, calendar(), DAY)}
    decision = decided(configuration, at(clock))
    assert action_and_code(decision) == ("SKIP", "day_done")
    assert decision.occurrence.id not in expected


def test_next_check_is_the_earliest_upcoming_occurrence() -> None:
    configuration = configured(one=workflow(per_game("2h", "1h", "5h"), "box_score"))
    games = calendar(game(1, at("22:30")), game(2, at("19:00")), fetched_at=at("12:00"))
    upcoming = decide(decision_inputs(configuration, at("23:45"), games=games))
    assert {item.next_check for item in upcoming} == {at("00:00", TOMORROW)}


def test_unreadable_history_aborts_every_workflow_with_alert_level() -> None:
    """A lost permission stopped every evaluation silently (incident 11)."""
    decisions = unable_to_decide(fixture_file("schedules"), at("12:00"))
    assert {item.action for item in decisions} == {Action.ABORT}
    assert {item.code for item in decisions} == {Reason.HISTORY_UNAVAILABLE}
    assert {item.occurrence.workflow for item in decisions} == set(fixture_file("schedules").workflows)
    assert {item.alert_level for item in decisions} == {AlertLevel.WARNING, AlertLevel.CRITICAL}
    assert "log has the error" in decisions[0].sentence
    assert decisions[0].context["history_stale"] is True


def test_abort_and_later_decision_have_different_occurrence_ids() -> None:
    configuration = configured(one=workflow(daily(days=["mon"]), "bulletin"))
    (aborted,) = unable_to_decide(configuration, at("12:00"))
    assert aborted.occurrence.id != decided(configuration, at("12:00")).occurrence.id


def test_same_inputs_give_same_decisions() -> None:
    configuration = fixture_file("schedules")
    games = calendar(*slate(4), fetched_at=at("05:00"))
    known = history(fact("digest"), fact("box_score", slate(4)[0].game_id))
    once, again = (
        decide(decision_inputs(configuration, at("21:40"), games=games, history=known)) for _ in "ab"
    )
    assert once == again


def test_stale_history_is_flagged_in_context() -> None:
    assert decided(REPORT, at("12:00"), history=History(stale=True)).context["history_stale"] is True


# Occurrences under consideration, and errors


@pytest.mark.parametrize(
    ("clock", "slots"),
    [("10:59", []), ("11:00", ["11:00"]), ("12:00", ["12:00"]), ("14:59", ["14:00"]), ("15:00", ["14:00"])],
)
def test_considered_slot_is_the_due_or_the_last_closed_slot(clock: str, slots: list[str]) -> None:
    """Each slot is considered once: a plan that is not read counts as missing and would be requested again."""
    configuration = configured(
        one=workflow(discovery("11:00", "14:00"), "bulletin"),
        feeds=workflow(daily("05:00", "06:00"), "slate"),
    )
    found = considered(configuration, agenda(configuration, None, DAY), at(clock))
    assert [item.expected for item in found if item.workflow == "one"] == [at(slot) for slot in slots]
    refreshes = [item.subject for item in found if item.subject.startswith("calendar")]
    assert refreshes == ["calendar-refresh", "calendar-contradicted"]


def test_no_refresh_is_considered_without_calendar_workflow() -> None:
    assert [item.subject for item in considered(DAILY, agenda(DAILY, None, DAY), at("05:10"))] == ["-"]


class Unreadable(dict[str, PlanProgress]):
    """Plan progress that raises for some occurrences."""

    def __init__(self, broken: Iterable[str]) -> None:
        self.broken = set(broken)

    def __contains__(self, key: object) -> bool:
        if key in self.broken:
            raise ValueError("odd")
        return False


def test_error_in_decision_aborts_only_its_workflow_with_alert() -> None:
    configuration = configured(
        one=workflow(daily("05:00", "10:00"), "bulletin"), two=workflow(daily("05:00", "10:00"), "bulletin")
    )
    broken = [item.id for item in occurrences(configuration, None, DAY) if item.workflow == "one"]
    inputs = decision_inputs(configuration, at("06:00"), games=calendar(), standings=Unreadable(broken))
    one, two = decide(inputs)
    assert (action_and_code(one), one.alert_level) == (("ABORT", "undecidable"), AlertLevel.CRITICAL)
    assert (
        one.sentence
        == "The decision about this workflow failed; the other workflows were decided: ValueError: odd"
    )
    assert action_and_code(two) == ("RUN", "due")


def test_undecidable_run_becomes_abort_without_requests() -> None:
    run = decided(DAILY, at("05:10"))
    aborted = undecidable(run, at("05:10"), KeyError("gone"))
    assert (action_and_code(aborted), aborted.alert_level) == (("ABORT", "undecidable"), AlertLevel.CRITICAL)
    assert aborted.occurrence == run.occurrence
    assert "KeyError: 'gone'" in aborted.sentence
    assert (aborted.outstanding, aborted.plan, aborted.due) == (None, None, ())
    assert aborted.context == {"decided_at": at("05:10").isoformat()}


# States of a plan


def standing(configuration: Configuration, now: datetime, *facts: Outcome, **more: Any) -> Decision:
    """Return the decision for the plan of the workflow's first occurrence, given the outcomes of its steps."""
    plan = plan_of(configuration, "one")
    ids = [unit.request_id(plan.occurrence_id, 1) for step in plan.steps for unit in units(step, ())]
    known = {
        identifier: fact(step.scraper, outcome=outcome, request_id=identifier, message="it is down")
        for identifier, step, outcome in zip(ids, plan.steps, facts, strict=True)
    }
    past = History(known, dict.fromkeys(ids, at("05:00")))
    return decided(configuration, now, history=past, plans={plan.occurrence_id: plan}, **more)


ONCE = configured(one=workflow(daily("05:00", "10:00"), "bulletin", max_retries=0))


def test_window_closed_on_failures_names_scraper_and_error() -> None:
    decision = standing(ONCE, at("10:00"), failed(FailureKind.HTTP))
    assert (action_and_code(decision), decision.alert_level) == (
        ("SKIP", "source_failing"),
        AlertLevel.WARNING,
    )
    assert decision.sentence == (
        "The window closed and bulletin kept failing for 2025-01-15. Last: http: it is down"
    )
    assert (decision.context["failing_scraper"], decision.context["error_type"]) == ("bulletin", "http")


def test_waiting_failure_names_time_of_retry() -> None:
    patient = configured(one=workflow(daily("05:00", "10:00"), "bulletin", max_retries=3))
    plan = plan_of(patient, "one")
    (unit,) = units(plan.steps[0], ())
    sent = {unit.request_id(plan.occurrence_id, number): at(f"05:0{number}") for number in (1, 2)}
    known = {
        name: fact("bulletin", outcome=failed(), request_id=name, message="it is down", triggered_at=instant)
        for name, instant in sent.items()
    }
    decision = decided(patient, at("05:15"), history=History(known, sent), plans={plan.occurrence_id: plan})
    assert action_and_code(decision) == ("SKIP", "under_way")
    assert decision.sentence.startswith("Failed; a retry follows from 2025-01-15 0")
    assert decision.sentence.endswith(" EST on. Last: http: it is down")
    assert decision.next_check is not None
    assert f"from {decision.next_check.astimezone(EASTERN):%Y-%m-%d %H:%M} EST on" in decision.sentence


def test_next_check_of_failure_is_its_retry_after_time() -> None:
    """The sentence named 07:00, but the next check was tomorrow's."""
    plan, name = plan_of(DAILY, "one"), _request(DAILY)
    answered = fact(
        "bulletin",
        outcome=failed(FailureKind.QUOTA),
        request_id=name,
        triggered_at=at("05:00"),
        not_before=at("07:00"),
    )
    past = History({name: answered}, {name: at("05:00")})
    decision = decided(DAILY, at("05:15"), history=past, plans={plan.occurrence_id: plan})
    assert "a retry follows from 2025-01-15 07:00 EST" in decision.sentence
    assert decision.next_check == at("07:00")


LOOKS = configured(one=workflow(at_times("05:00"), "bulletin"))


@pytest.mark.parametrize(
    ("before", "code", "level"), [("a", "not_published", "NONE"), ("ab", "nothing_for_long", "WARNING")]
)
def test_third_empty_run_raises_warning(before: str, code: str, level: str) -> None:
    decision = standing(LOOKS, at("05:15"), NoData(reason="404"), empty_looks={"one": tuple(before)})
    assert (action_and_code(decision), decision.alert_level.value) == (("SKIP", code), level)
    if code == "nothing_for_long":
        assert decision.context["empty_looks"] == 3
        assert "The last 3 runs found nothing" in decision.sentence


def test_empty_runs_of_open_search_raise_no_warning() -> None:
    decision = standing(REPORT, at("11:15"), NoData(reason="404"), empty_looks={"one": tuple("abcdef")})
    assert action_and_code(decision) == ("SKIP", "not_published")


@pytest.mark.parametrize("configuration", [REPORT, DAILY, LOOKS])
@pytest.mark.parametrize("outcome", [NoData(reason="404"), failed(FailureKind.DECODE)])
@pytest.mark.parametrize(("minutes", "found"), [(-1, False), (0, False), (1, True)])
def test_later_find_by_another_run_counts_for_unsuccessful_plan(
    configuration: Configuration, outcome: Outcome, minutes: int, found: bool
) -> None:
    """A find before the plan's own request is the older version, which does not end the search."""
    plan = plan_of(configuration, "one")
    expected = plan.deadline - timedelta(hours=1) if plan.deadline else at("11:00")
    (unit,) = units(plan.steps[0], ())
    own = fact(
        "bulletin",
        outcome=outcome,
        request_id=unit.request_id(plan.occurrence_id, 1),
        triggered_at=expected,
    )
    other = fact("bulletin", request_id="m", triggered_at=expected + timedelta(minutes=minutes))
    plans = {plan.occurrence_id: plan}
    decision = decided(
        configuration, expected + timedelta(minutes=5), history=history(own, other), plans=plans
    )
    assert (decision.code is Reason.ALREADY_FOUND) == found
    assert decision.alert_level is AlertLevel.NONE or not found


def test_failure_remedied_by_manual_run_raises_no_alert_at_window_close() -> None:
    plan = plan_of(DAILY, "one")
    (unit,) = units(plan.steps[0], ())
    own = fact(
        "bulletin",
        outcome=failed(FailureKind.DECODE),
        request_id=unit.request_id(plan.occurrence_id, 1),
        triggered_at=at("05:00"),
    )
    plans = {plan.occurrence_id: plan}
    assert action_and_code(decided(DAILY, at("10:00"), history=history(own), plans=plans)) == (
        "SKIP",
        "source_failing",
    )
    mended = history(own, fact("bulletin", request_id="m", triggered_at=at("09:00")))
    assert action_and_code(decided(DAILY, at("10:00"), history=mended, plans=plans)) == ("SKIP", "day_done")


def nothing_found(plan: Plan, when: datetime) -> list[ExecutionFact]:
    """A `no_data` for the first request of each unit of a plan."""
    return [
        fact(
            step.scraper,
            outcome=NoData(reason="404"),
            request_id=unit.request_id(plan.occurrence_id, 1),
            triggered_at=when,
        )
        for step in plan.steps
        for unit in units(step, ())
    ]


def test_later_find_of_a_part_does_not_complete_the_plan() -> None:
    two = configured(one=workflow(daily("05:00", "10:00"), "bulletin", "summary", max_retries=0))
    plan = plan_of(two, "one")
    own = nothing_found(plan, at("05:00"))
    plans = {plan.occurrence_id: plan}
    later = fact("bulletin", request_id="m", triggered_at=at("05:30"))
    known = history(*own, later)
    assert action_and_code(decided(two, at("06:00"), history=known, plans=plans)) == ("SKIP", "not_published")


@pytest.mark.parametrize("configuration", [REPORT, DAILY, LOOKS])
@pytest.mark.parametrize("outcome", [NoData(reason="404"), failed(FailureKind.SOURCE_CHANGED)])
@pytest.mark.parametrize("minutes", [-1, 1])
def test_later_failure_of_another_run_is_not_reported_as_unpublished(
    configuration: Configuration, outcome: Outcome, minutes: int
) -> None:
    """The sentence of a SKIP was "not published yet. Last, by another run ...: source_changed"."""
    plan = plan_of(configuration, "one")
    expected = plan.deadline - timedelta(hours=1) if plan.deadline else at("11:00")
    (unit,) = units(plan.steps[0], ())
    own = fact(
        "bulletin",
        outcome=NoData(reason="404"),
        request_id=unit.request_id(plan.occurrence_id, 1),
        triggered_at=expected,
    )
    other = fact(
        "bulletin", outcome=outcome, request_id="m", triggered_at=expected + timedelta(minutes=minutes)
    )
    decision = decided(
        configuration,
        expected + timedelta(minutes=5),
        history=history(own, other),
        plans={plan.occurrence_id: plan},
    )
    changed = outcome.status.value == "failed" and minutes > 0
    assert action_and_code(decision) == ("SKIP", "budget_used" if changed else "not_published")
    assert ("not published yet" in decision.sentence) is not changed
    assert ("source_changed: " in decision.sentence) is changed


def test_failure_of_a_part_is_reported_despite_later_run_of_another_part() -> None:
    two = configured(one=workflow(daily("05:00", "10:00"), "bulletin", "summary", max_retries=0))
    plan = plan_of(two, "one")
    own = nothing_found(plan, at("05:00"))
    failure = fact(
        "bulletin",
        outcome=failed(FailureKind.SOURCE_CHANGED),
        request_id="m1",
        triggered_at=at("05:30"),
    )
    empty = fact("summary", outcome=NoData(reason="404"), request_id="m2", triggered_at=at("05:40"))
    known = history(*own, failure, empty)
    decision = decided(two, at("06:00"), history=known, plans={plan.occurrence_id: plan})
    assert action_and_code(decision) == ("SKIP", "budget_used")
    assert "by another run at 2025-01-15 05:30 EST: source_changed" in decision.sentence


# Sources that asked for a pause

BOTH = configured(one=workflow(daily("05:00", "10:00"), "slate", "summary"))
"""The two steps use different hosts."""


def retry_after(scraper: str, until: str) -> ExecutionFact:
    return fact(scraper, outcome=failed(), request_id=f"w-{scraper}", not_before=at(until))


def test_workflow_waits_when_all_its_sources_are_paused() -> None:
    known = history(retry_after("slate", "09:00"), retry_after("summary", "08:00"))
    decision = decided(BOTH, at("06:00"), history=known)
    assert (action_and_code(decision), decision.alert_level) == (
        ("SKIP", "source_paused"),
        AlertLevel.WARNING,
    )
    assert decision.sentence == ("slate, summary: the source allows no requests before 2025-01-15 08:00 EST.")
    assert decision.next_check == at("08:00")


def test_next_check_after_pause_past_deadline_is_next_occurrence() -> None:
    known = history(retry_after("slate", "10:00"), retry_after("summary", "10:00"))
    assert decided(BOTH, at("06:00"), history=known).next_check == at("05:00", TOMORROW)


def test_workflow_runs_with_a_single_unpaused_source() -> None:
    known = history(retry_after("slate", "09:00"))
    assert action_and_code(decided(BOTH, at("06:00"), history=known)) == ("RUN", "due")


def test_retry_waits_for_paused_source() -> None:
    plan = plan_of(REPORT, "one")
    answered = fact("bulletin", outcome=failed(), request_id=_request(REPORT))
    pause = fact("bulletin", outcome=failed(), request_id="another", not_before=at("11:50"))
    known = History({it.request_id: it for it in (answered, pause)}, {_request(REPORT): at("11:00")})
    decision = decided(REPORT, at("11:15"), history=known, plans={plan.occurrence_id: plan})
    assert action_and_code(decision) == ("SKIP", "source_paused")
    assert decision.sentence == ("bulletin: the source allows no requests before 2025-01-15 11:50 EST.")


# Pauses by operators


def paused(target: str, name: str, since: str, until: str, ended: str | None = None) -> Pauses:
    pause = Pause(
        id="p",
        target=PauseTarget(target),
        name=name,
        since=at(since),
        until=at(until),
        by="ann@example.com",
        why="it moved",
        ended_at=at(ended) if ended else None,
    )
    return Pauses(items=(pause,))


@pytest.mark.parametrize(
    ("pauses", "sentence"),
    [
        (paused("workflow", "one", "04:00", "09:30"), "Paused by"),
        (paused("scraper", "bulletin", "04:00", "09:30"), "bulletin is paused by"),
    ],
)
def test_paused_skip_names_operator_end_and_reason(pauses: Pauses, sentence: str) -> None:
    decision = decided(DAILY, at("06:00"), pauses=pauses)
    assert (action_and_code(decision), decision.alert_level) == (("SKIP", "paused"), AlertLevel.NONE)
    assert decision.sentence == f"{sentence} ann@example.com until 2025-01-15 09:30 EST: it moved"


TWO = configured(one=workflow(daily("05:00", "10:00"), "bulletin", "summary", max_retries=0))
BULLETIN_FOUND = (Success(record_count=1, gcs_path=None), failed(FailureKind.HTTP))


@pytest.mark.parametrize(
    ("pauses", "code"),
    [
        (Pauses(), "budget_used"),
        (paused("scraper", "bulletin", "04:00", "09:30"), "budget_used"),
        (paused("scraper", "summary", "04:00", "09:30"), "paused"),
        (paused("workflow", "one", "04:00", "09:30"), "paused"),
        (paused("workflow", "other", "04:00", "09:30"), "budget_used"),
    ],
)
def test_plan_is_paused_while_an_outstanding_part_is_paused(pauses: Pauses, code: str) -> None:
    assert action_and_code(standing(TWO, at("06:00"), *BULLETIN_FOUND, pauses=pauses)) == ("SKIP", code)


def test_complete_plan_is_found_despite_pause() -> None:
    found = [Success(record_count=1, gcs_path=None)] * 2
    decision = standing(TWO, at("06:00"), *found, pauses=paused("workflow", "one", "04:00", "09:30"))
    assert action_and_code(decision) == ("SKIP", "already_found")


@pytest.mark.parametrize(
    ("pauses", "alarms"),
    [
        (Pauses(), True),
        (paused("workflow", "one", "11:01", "12:00"), True),  # begins later
        (paused("workflow", "one", "10:30", "12:00"), False),  # stands now
        (paused("workflow", "one", "11:00", "12:00"), False),  # begins at this instant
        (paused("workflow", "one", "09:00", "10:15"), False),  # stood at the end of the window
        (paused("workflow", "one", "09:00", "10:00"), False),  # ends with the window
        (paused("workflow", "one", "05:00", "09:59"), True),  # ends before the window
        (paused("workflow", "one", "09:00", "10:15", ended="09:30"), True),  # ended by an operator
        (paused("workflow", "one", "10:10", "10:20"), True),  # begins after the window
    ],
)
def test_failure_raises_no_alert_if_paused_at_window_end_or_now(pauses: Pauses, alarms: bool) -> None:
    decision = standing(ONCE, at("11:00"), failed(FailureKind.HTTP), pauses=pauses)
    assert action_and_code(decision) == ("SKIP", "source_failing" if alarms else "day_done")


@pytest.mark.parametrize(
    ("pauses", "alarms"),
    [
        (Pauses(), True),
        (paused("workflow", "one", "14:10", "14:20"), False),  # within the last slot's window
        (paused("workflow", "one", "12:00", "13:00"), True),  # ends before that window
    ],
)
def test_unrequested_paused_slot_is_not_reported_unfound(pauses: Pauses, alarms: bool) -> None:
    decision = decided(REPORT, at("15:30"), pauses=pauses)
    assert action_and_code(decision) == ("SKIP", "not_found" if alarms else "day_done")
