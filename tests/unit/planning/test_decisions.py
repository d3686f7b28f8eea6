"""Decisions: for each workflow at one tick, RUN, SKIP or ABORT, with a code, one sentence and what led to it."""

from dataclasses import replace
from datetime import date, timedelta

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
from tipoff_common.events import Action, AlertLevel
from tipoff_common.outcomes import FailureKind, NoData, Outcome, Success
from tipoff_planning.calendar import Calendar
from tipoff_planning.decision import Decision, Reason
from tipoff_planning.decisions import decide, unable_to_decide
from tipoff_planning.history import ExecutionFact, History, KnownCompleteness
from tipoff_planning.occurrences import occurrences
from tipoff_planning.plans import units
from tipoff_planning.workflows import CalendarSource, Configuration

TOMORROW = DAY + timedelta(days=1)
YESTERDAY = DAY - timedelta(days=1)
DAILY = configured(one=workflow(daily("05:00", "10:00"), "bulletin"))
REPORT = configured(one=workflow(discovery("11:00", "14:00"), "bulletin", alert_level="CRITICAL"))


def told(decision: Decision) -> tuple[str, str]:
    return decision.action.value, decision.code.value


def test_before_its_time_it_is_too_early_and_says_when() -> None:
    """24: too early is a state, no alert."""
    decision = decided(DAILY, at("04:45"))
    assert told(decision) == ("SKIP", "too_early")
    assert decision.sentence == "Not due before 2025-01-15 05:00 EST."
    assert decision.next_check == at("05:00")
    assert decision.alert_level is AlertLevel.NONE


@pytest.mark.parametrize(("clock", "action"), [("04:59", "SKIP"), ("05:00", "RUN"), ("09:59", "RUN")])
def test_due_is_from_the_expected_instant_until_before_the_deadline(clock: str, action: str) -> None:
    assert decided(DAILY, at(clock)).action.value == action


def test_after_its_deadline_the_day_is_done() -> None:
    decision = decided(DAILY, at("10:00"))
    assert told(decision) == ("SKIP", "day_done")
    assert decision.sentence == "Today is done; next is 2025-01-16 05:00 EST."


def test_what_is_due_runs_and_says_since_when_and_what() -> None:
    decision = decided(DAILY, at("05:10"))
    assert told(decision) == ("RUN", "due")
    assert decision.sentence == "Due since 2025-01-15 05:00 EST: bulletin."
    assert decision.next_check == at("05:00", TOMORROW)


@pytest.mark.parametrize(("clock", "late"), [("05:30", False), ("05:31", True), ("08:00", True)])
def test_a_late_tick_catches_up_and_is_marked_late(clock: str, late: bool) -> None:
    """12."""
    decision = decided(DAILY, at(clock))
    assert decision.action is Action.RUN
    assert ("Late by" in decision.sentence) is late
    assert decision.context["late_minutes"] == (at(clock) - at("05:00")).total_seconds() // 60


def test_a_decision_says_what_led_to_it() -> None:
    games = calendar(*slate(2), fetched_at=at("04:00"))
    context = decided(DAILY, at("06:00"), games=games).context
    assert context["calendar_age_minutes"] == 120
    assert context["games"] == 2
    assert (context["calendar_stale"], context["history_stale"]) == (False, False)
    assert context["deadline"] == at("10:00").isoformat()


def test_found_stops_the_search_for_that_date() -> None:
    decision = decided(REPORT, at("12:05"), history=history(fact("bulletin", triggered_at=at("11:02"))))
    assert told(decision) == ("SKIP", "already_found")
    assert decision.sentence == "Already found for 2025-01-15 at 2025-01-15 11:02 EST."


def test_a_report_fetched_yesterday_evening_is_no_success_of_today() -> None:
    """2: it ran on this day in UTC, and was about the day before."""
    known = history(fact("bulletin", game_date=YESTERDAY, triggered_at=at("19:05", YESTERDAY)))
    assert decided(REPORT, at("12:05"), history=known).action is Action.RUN


def test_partial_success_leaves_the_rest_due() -> None:
    """33."""
    both = configured(one=workflow(discovery("11:00", "14:00"), "bulletin", "digest"))
    games = calendar(*slate(1), fetched_at=at("05:00"))
    decision = decided(both, at("12:05"), games=games, history=history(fact("bulletin")))
    assert decision.action is Action.RUN
    assert decision.outstanding is not None
    assert set(decision.outstanding.steps or {}) == {"digest"}
    assert "digest" in decision.sentence
    assert "bulletin" not in decision.sentence


def test_found_long_enough_ago_is_looked_for_again() -> None:
    """4."""
    again = configured(one=workflow(discovery("11:00", "15:00", refresh_after_found="2h"), "bulletin"))
    known = history(fact("bulletin", triggered_at=at("11:02")))
    assert told(decided(again, at("12:00"), history=known)) == ("SKIP", "already_found")
    assert told(decided(again, at("13:00"), history=known)) == ("RUN", "refresh")


def test_what_is_found_without_a_game_is_asked_for_until_it_has_it() -> None:
    """9: the slot that found it says what it lacks, the next one asks again, and the end of the window is told."""
    whole = configured(one=workflow(discovery("11:00", "14:00", until="complete"), "bulletin"))
    plan, identifier = plan_of(whole, "one"), _request(whole)
    known = history(
        fact("bulletin", request_id=identifier, completeness=KnownCompleteness(9, ("NYK@PHI", "DAL@NOP")))
    )

    slot = decided(whole, at("11:15"), history=known, plans={plan.occurrence_id: plan})
    later = decided(whole, at("12:00"), history=known)
    closed = decided(whole, at("15:30"), history=known)

    assert told(slot) == ("SKIP", "incomplete")
    assert (
        slot.sentence
        == "Found for 2025-01-15 without NYK@PHI, DAL@NOP; this slot is done, the next asks again."
    )
    assert told(later) == ("RUN", "incomplete")
    assert later.sentence.endswith("What was found lacks NYK@PHI, DAL@NOP.")
    assert told(closed) == ("SKIP", "not_found")
    assert closed.sentence.endswith("It lacks NYK@PHI, DAL@NOP.")


@pytest.mark.parametrize(
    ("outcome", "code", "alert"),
    [
        (None, "under_way", "NONE"),
        (NoData(reason="404"), "not_published", "NONE"),
        (failed(FailureKind.BLOCKED), "budget_used", "CRITICAL"),
        (Success(record_count=1, gcs_path=None), "already_found", "NONE"),
    ],
)
def test_what_was_decided_before_says_how_it_stands(outcome: Outcome | None, code: str, alert: str) -> None:
    plan = plan_of(REPORT, "one")
    identifier = _request(REPORT)
    facts = {identifier: fact("bulletin", outcome=outcome, request_id=identifier)} if outcome else {}
    known = History(facts, {identifier: at("11:00")})
    decision = decided(REPORT, at("11:15"), history=known, plans={plan.occurrence_id: plan})
    assert told(decision) == ("SKIP", code)
    assert decision.alert_level.value == alert


def _request(configuration: Configuration, attempt: int = 1) -> str:
    plan = plan_of(configuration, "one")
    (unit,) = units(plan.steps[0], ())
    return unit.request_id(plan.occurrence_id, attempt)


def test_a_transient_failure_is_asked_for_again_within_the_same_occurrence() -> None:
    plan = plan_of(REPORT, "one")
    identifier = _request(REPORT)
    known = History(
        {identifier: fact("bulletin", outcome=failed(), request_id=identifier)}, {identifier: at("11:00")}
    )
    decision = decided(REPORT, at("11:15"), history=known, plans={plan.occurrence_id: plan})
    assert told(decision) == ("RUN", "partly_due")
    assert [attempt.number for attempt in decision.due] == [2]


def test_a_search_that_ends_in_vain_says_so_with_its_alert_level() -> None:
    """5: a used-up budget of not-yet is an alert on a game day."""
    decision = decided(REPORT, at("15:00"))
    assert told(decision) == ("SKIP", "not_found")
    assert decision.alert_level is AlertLevel.CRITICAL
    assert decision.occurrence.slot == 3


def test_a_window_that_was_over_before_anybody_expected_it_is_no_search_in_vain() -> None:
    """Of a stack that was started, or a workflow that was added, in the afternoon."""
    ended = {item.id for item in occurrences(REPORT, None, DAY)}
    assert told(decided(REPORT, at("15:00"), locked={DAY: frozenset()})) == ("SKIP", "day_done")
    assert told(decided(REPORT, at("15:00"), locked={DAY: ended})) == ("SKIP", "not_found")


def test_a_search_that_found_is_done() -> None:
    decision = decided(REPORT, at("15:00"), history=history(fact("bulletin")))
    assert told(decision) == ("SKIP", "day_done")


def test_a_day_on_which_nothing_is_planned_is_not_done() -> None:
    """A Wednesday, of a search that is planned for other days."""
    configuration = configured(one=workflow(discovery("11:00", "14:00", days=["thu"]), "bulletin"))
    decision = decided(configuration, at("15:00"))
    assert told(decision) == ("SKIP", "day_done")
    assert decision.sentence == "Nothing is planned today; next is 2025-01-16 11:00 EST."


def test_a_fleet_without_games_has_no_calendar_that_could_be_old() -> None:
    configuration = replace(REPORT, file=REPORT.file.model_copy(update={"calendar": CalendarSource()}))
    context = decided(configuration, at("12:05")).context
    assert not {"games", "calendar_stale", "calendar_age_minutes"} & context.keys()


def _per_game(now: str, day: date = DAY, *facts: ExecutionFact) -> tuple[Decision, ...]:
    configuration = configured(one=workflow(per_game("2h", "30m", "3h"), "box_score"))
    games = calendar(game(1, at("19:00")), game(2, at("22:00")), fetched_at=at("12:00"))
    return decide(decision_inputs(configuration, at(now, day), games=games, history=history(*facts)))


def test_a_game_in_vain_is_told_while_another_is_still_collected() -> None:
    decisions = {item.occurrence.subject: told(item) for item in _per_game("00:05", TOMORROW)}
    assert decisions == {"0022400001": ("SKIP", "not_found"), "0022400002": ("RUN", "due")}


def test_a_search_that_ends_after_midnight_is_told_too() -> None:
    """1: the night belongs to the day before."""
    decisions = {item.occurrence.subject: told(item) for item in _per_game("02:00", TOMORROW)}
    assert decisions == {"0022400001": ("SKIP", "not_found"), "0022400002": ("SKIP", "not_found")}


def test_yesterdays_vain_search_is_not_told_all_day() -> None:
    (decision,) = _per_game("12:00", TOMORROW)
    assert told(decision) == ("SKIP", "no_games")


def test_only_the_missing_games_are_due() -> None:
    """9."""
    decisions = {
        item.occurrence.subject: told(item)
        for item in _per_game("22:00", DAY, fact("box_score", "0022400001"))
    }
    assert decisions == {"0022400001": ("SKIP", "already_found")}


def test_a_night_game_is_due_after_midnight() -> None:
    """1, 21."""
    due = [item for item in _per_game("01:10", TOMORROW) if item.action is Action.RUN]
    assert [(item.occurrence.subject, item.occurrence.game_date) for item in due] == [("0022400002", DAY)]


def test_a_day_without_games_has_nothing_to_fetch() -> None:
    """31."""
    decision = decided(configured(one=workflow(interval(), "bulletin")), at("12:00"))
    assert told(decision) == ("SKIP", "no_games")
    assert decision.sentence == "No games on 2025-01-15, so there is nothing to fetch."
    assert decision.alert_level is AlertLevel.NONE


def test_a_morning_after_asks_about_the_games_of_the_night_before() -> None:
    """18: today's empty slate says nothing about yesterday's."""
    configuration = configured(one=workflow(daily("06:00", "09:00", about="yesterday"), "digest"))
    games = calendar(*slate(2, YESTERDAY), fetched_at=at("05:00"))
    assert told(decided(configuration, at("05:30"), games=games)) == ("SKIP", "too_early")
    assert told(decided(configuration, at("06:30"), games=games)) == ("RUN", "due")
    none = calendar(*slate(2), fetched_at=at("05:00"))
    decision = decided(configuration, at("06:30"), games=none)
    assert told(decision) == ("SKIP", "no_games")
    assert "2025-01-14" in decision.sentence


def test_teams_to_be_decided_leave_nothing_to_ask_for() -> None:
    undecided = calendar(game(1, at("19:00"), home_team=None, away_team=None), fetched_at=at("05:00"))
    for schedule in (at_times("11:00"), discovery("11:00", "14:00")):
        configuration = configured(one=workflow(schedule, {"scraper": "roster", "for_each": "team"}))
        assert told(decided(configuration, at("11:15"), games=undecided)) == ("SKIP", "no_games")


def test_without_any_calendar_what_needs_games_aborts_and_the_rest_runs() -> None:
    configuration = configured(
        games=workflow(interval(), "bulletin", alert_level="CRITICAL"),
        plain=workflow(daily(), "bulletin"),
        feeds=workflow(daily(), "slate"),
    )
    decisions = {
        item.occurrence.workflow: item for item in decide(decision_inputs(configuration, at("06:00")))
    }
    assert told(decisions["games"]) == ("ABORT", "no_calendar")
    assert decisions["games"].alert_level is AlertLevel.CRITICAL
    assert told(decisions["plain"]) == ("RUN", "due")
    assert told(decisions["feeds"]) == ("RUN", "due")


FEEDS = configured(feeds=workflow(daily("05:00", "06:00"), "slate", "bulletin"))


@pytest.mark.parametrize("games", [None, calendar(fetched_at=at("05:00", YESTERDAY - timedelta(days=1)))])
def test_an_old_calendar_is_fetched_before_it_is_relied_on(games: Calendar | None) -> None:
    """32."""
    refresh, _ = decide(decision_inputs(FEEDS, at("12:20"), games=games))
    assert told(refresh) == ("RUN", "calendar_stale")
    assert refresh.outstanding is not None
    assert set(refresh.outstanding.steps or {}) == {"slate"}
    assert refresh.context["calendar_stale"] is True


def test_a_refresh_is_asked_for_once_an_hour() -> None:
    refresh, _ = decide(decision_inputs(FEEDS, at("12:20")))
    plans = {refresh.occurrence.id: plan_of(FEEDS, "feeds")}
    assert len(decide(decision_inputs(FEEDS, at("12:35"), plans=plans))) == 1
    assert len(decide(decision_inputs(FEEDS, at("13:05"), plans=plans))) == 2


def test_no_refresh_is_asked_for_while_the_calendars_workflow_runs_anyway() -> None:
    (only,) = decide(decision_inputs(FEEDS, at("05:15")))
    assert told(only) == ("RUN", "due")


def test_an_old_calendar_still_decides_flagged_with_its_age() -> None:
    configuration = configured(one=workflow(interval(), "bulletin"))
    games = calendar(*slate(2), fetched_at=at("12:00", DAY - timedelta(days=3)))
    decision = decided(configuration, at("14:00"), games=games)
    assert decision.action is Action.RUN
    assert decision.context["calendar_stale"] is True
    assert decision.context["calendar_age_minutes"] == (3 * 24 + 2) * 60


@pytest.mark.parametrize(
    ("schedule", "clock"),
    [(daily("05:00", "10:00", days=["wed"]), "12:00"), (at_times("08:00", days=["wed"]), "12:00")],
)
def test_a_word_about_no_occurrence_is_none_about_the_first(schedule: Json, clock: str) -> None:
    """What was skipped in order in the morning stays so when the day is done."""
    configuration = configured(one=workflow(schedule, "bulletin"))
    expected = {item.id for item in occurrences(configuration, calendar(), DAY)}
    decision = decided(configuration, at(clock))
    assert told(decision) == ("SKIP", "day_done")
    assert decision.occurrence.id not in expected


def test_the_next_check_is_the_earliest_of_what_is_to_come() -> None:
    configuration = configured(one=workflow(per_game("2h", "1h", "5h"), "box_score"))
    games = calendar(game(1, at("22:30")), game(2, at("19:00")), fetched_at=at("12:00"))
    upcoming = decide(decision_inputs(configuration, at("23:45"), games=games))
    assert {item.next_check for item in upcoming} == {at("00:00", TOMORROW)}


def test_when_nothing_can_be_read_every_workflow_aborts_with_its_alert_level() -> None:
    """11."""
    decisions = unable_to_decide(fixture_file("schedules"), at("12:00"))
    assert {item.action for item in decisions} == {Action.ABORT}
    assert {item.code for item in decisions} == {Reason.HISTORY_UNAVAILABLE}
    assert {item.occurrence.workflow for item in decisions} == set(fixture_file("schedules").workflows)
    assert {item.alert_level for item in decisions} == {AlertLevel.WARNING, AlertLevel.CRITICAL}
    assert "log has the error" in decisions[0].sentence


def test_an_abort_takes_nothing_from_what_the_next_delivery_decides() -> None:
    configuration = configured(one=workflow(daily(days=["mon"]), "bulletin"))
    (aborted,) = unable_to_decide(configuration, at("12:00"))
    assert aborted.occurrence.id != decided(configuration, at("12:00")).occurrence.id


def test_the_same_situation_gives_the_same_decisions() -> None:
    configuration = fixture_file("schedules")
    games = calendar(*slate(4), fetched_at=at("05:00"))
    known = history(fact("digest"), fact("box_score", slate(4)[0].game_id))
    once, again = (
        decide(decision_inputs(configuration, at("21:40"), games=games, history=known)) for _ in "ab"
    )
    assert once == again


def test_what_the_dataset_could_not_say_is_flagged() -> None:
    assert decided(REPORT, at("12:00"), history=History(stale=True)).context["history_stale"] is True
