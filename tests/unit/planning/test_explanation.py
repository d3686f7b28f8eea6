"""Tests of the explanation of a decision by its conditions."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.controller import (
    DAY,
    NO_DATA,
    SUCCESS,
    at,
    at_times,
    calendar,
    configured,
    daily,
    decided,
    discovery,
    fact,
    failed,
    history,
    per_game,
    plan_of,
    slate,
    workflow,
)
from tipoff_common.events import PauseTarget, Source
from tipoff_common.outcomes import Failed, FailureKind, NoData, Outcome
from tipoff_planning.calendar import Calendar
from tipoff_planning.context import EvaluationContext
from tipoff_planning.explanation import RunCondition, explain_workflow
from tipoff_planning.history import ExecutionFact, Outputs, ReportedCompleteness
from tipoff_planning.occurrences import occurrences
from tipoff_planning.pauses import Pause, Pauses
from tipoff_planning.plans import Plan, freeze, units
from tipoff_planning.workflows import Configuration


def test_missing_games_explain_repeated_run() -> None:
    configuration = configured(one=workflow(discovery("11:00", "14:00", until="complete"), "bulletin"))
    known = [fact("bulletin", completeness=ReportedCompleteness(9, ("NYK@PHI",)))]
    explanation = explain_workflow("one", at("12:05"), configuration, calendar(fetched_at=at("05:00")), known)
    ((decision, conditions),) = explanation.decisions
    assert (decision.action.value, decision.code.value) == ("RUN", "incomplete")
    assert RunCondition("history", True, "found without NYK@PHI") in conditions


def test_failing_source_is_named_with_its_last_error() -> None:
    """A failing source looked like a late one (incident 24)."""
    configuration = configured(one=workflow(discovery("11:00", "14:00"), "bulletin", "digest"))
    known = [
        _known("bulletin", "10:00", NoData(reason="404")),
        _known("bulletin", "11:00", Failed(kind=FailureKind.TIMEOUT, message="no answer")),
        _known("bulletin", "12:00", Failed(kind=FailureKind.BLOCKED, message="the key is refused")),
        _known("digest", "11:00", Failed(kind=FailureKind.HTTP, message="503")),
        _known("digest", "12:00", NoData(reason="404")),
    ]
    explanation = explain_workflow("one", at("12:05"), configuration, calendar(fetched_at=at("05:00")), known)
    (source,) = [it for it in explanation.general if it.name == "source"]
    assert source.detail == (
        "bulletin has been failing since 2025-01-15 11:00 (2 failures), most recently blocked: the key is refused"
    )
    assert not source.met


def test_find_leaves_budget_condition_met() -> None:
    """A used-up budget calls for action by an operator; a search that ended with a find does not."""
    configuration = configured(one=workflow(discovery("11:00", "14:00"), "bulletin"))
    games = calendar(fetched_at=at("05:00"))
    (unit,) = units(plan_of(configuration, "one", games).steps[0], ("-",))
    executed_search = unit.request_id(plan_of(configuration, "one", games).occurrence_id, 1)
    known = [fact("bulletin", request_id=executed_search, triggered_at=at("11:00"))]
    ((decision, conditions),) = explain_workflow("one", at("11:05"), configuration, games, known).decisions
    assert decision.code.value == "already_found"
    met = {it.name: it.met for it in conditions}
    assert met == {"window": True, "history": False, "budget": True, "attempt": False}


def test_window_absent_from_locked_schedule_is_not_explained_as_unfound() -> None:
    configuration = configured(one=workflow(discovery("11:00", "14:00"), "bulletin"))

    def code(**more: Any) -> str:
        ((decision, _),) = explain_workflow("one", at("15:00"), configuration, None, **more).decisions
        return decision.code.value

    assert code() == "not_found"
    assert code(locked={DAY: frozenset()}) == "day_done"


def _known(scraper: str, clock: str, outcome: Outcome) -> ExecutionFact:
    message = outcome.message if isinstance(outcome, Failed) else ""
    return fact(
        scraper, outcome=outcome, request_id=f"{scraper} {clock}", triggered_at=at(clock), message=message
    )


def test_later_find_by_another_run_is_the_verdict() -> None:
    """The conditions reported everything as found, but the verdict was that the source answers 404."""
    triggered = fact("bulletin", request_id="by-hand", triggered_at=at("12:18"))
    first = fact_of(SEARCH, NoData(reason="404"))
    ((decision, conditions),) = explain_workflow(
        "one", at("12:20"), SEARCH, None, [first, triggered]
    ).decisions
    assert (decision.code.value, decision.sentence) == (
        "already_found",
        "Already found for 2025-01-15 at 2025-01-15 12:18 EST, by another run after this one.",
    )
    found = "everything for 2025-01-15 was found, last at 2025-01-15 12:18"
    assert RunCondition("history", False, found) in conditions


def test_later_failure_of_another_run_is_the_verdict() -> None:
    refused = Failed(kind=FailureKind.BLOCKED, message="403")
    triggered = replace(_known("bulletin", "12:18", refused), request_id="by-hand")
    first = fact_of(SEARCH, NoData(reason="404"))
    ((decision, conditions),) = explain_workflow(
        "one", at("12:20"), SEARCH, None, [first, triggered]
    ).decisions
    assert (decision.code.value, decision.sentence) == (
        "budget_used",
        "Requested for 2025-01-15 without a result, and a later run failed; the next slot retries."
        " Last, by another run at 2025-01-15 12:18 EST: blocked: 403",
    )
    message = "not found yet: bulletin; last requested at 2025-01-15 12:18: failed: blocked: 403"
    assert RunCondition("history", True, message) in conditions


def fact_of(configuration: Configuration, outcome: Outcome) -> ExecutionFact:
    """Return the execution of the slot of 12:00 at 12:01."""
    slots = [it for it in occurrences(configuration, None, DAY) if it.expected == at("12:00")]
    context = EvaluationContext(at("12:00"), at("12:00"), at("12:00"), "tick", Source.CONTROLLER, "local")
    plan = freeze(slots[0], configuration, context, None)
    (unit,) = units(plan.steps[0], ())
    name = unit.request_id(plan.occurrence_id, 1)
    return fact("bulletin", outcome=outcome, request_id=name, triggered_at=at("12:01"))


@pytest.mark.parametrize(
    ("target", "name", "what"),
    [("workflow", "one", "paused"), ("scraper", "bulletin", "bulletin is paused")],
)
@pytest.mark.parametrize("planned", [False, True])
def test_active_pause_is_a_condition_and_the_verdict(
    target: str, name: str, what: str, planned: bool
) -> None:
    """An explanation without the pause returned RUN for a paused target."""
    known = executed_search(SEARCH, NO_DATA) if planned else []
    message = f"{what} by ann@example.com until 2025-01-15 12:30: it moved"
    for clock, stands in (("12:04", False), ("12:05", True), ("12:29", True), ("12:30", False)):
        explanation = explain_workflow(
            "one", at(clock), SEARCH, None, known, pauses=paused(target, name, "12:05", "12:30")
        )
        conditions = [it for it in explanation.general if it.name == "pause"]
        assert conditions == ([RunCondition("pause", False, message)] if stands else [])
        ((decision, _),) = explanation.decisions
        assert (decision.code.value == "paused") == stands


@pytest.mark.parametrize(
    ("target", "name", "what"), [("workflow", "one", ""), ("scraper", "bulletin", "bulletin ")]
)
@pytest.mark.parametrize(
    ("schedule", "since", "until", "named"),
    [
        (daily("11:00", "12:00"), "10:30", "12:30", True),
        (daily("11:00", "12:00"), "11:10", "11:20", True),
        (daily("11:00", "12:00"), "12:05", "12:30", False),
        (at_times("11:00"), "10:30", "12:30", True),
        (discovery("11:00", "12:00"), "10:30", "12:30", True),
    ],
)
def test_a_pause_that_a_window_did_not_outlast_is_named_once_it_is_over(
    target: str, name: str, what: str, schedule: dict[str, Any], since: str, until: str, named: bool
) -> None:
    """The decision says that today is done, and the explanation did not say why nothing was fetched."""
    configuration = configured(one=workflow(schedule, "bulletin"))
    pauses = paused(target, name, since, until)
    message = (
        f"{what}was paused by ann@example.com from 2025-01-15 {since} until 2025-01-15 {until}: it moved"
    )
    explanation = explain_workflow("one", at("13:00"), configuration, None, pauses=pauses)
    conditions = [it for it in explanation.general if it.name == "pause"]
    assert conditions == ([RunCondition("pause", False, message)] if named else [])
    found = [fact("bulletin", triggered_at=at("12:40"))]
    healed = explain_workflow("one", at("13:00"), configuration, None, found, pauses=pauses)
    assert not [it for it in healed.general if it.name == "pause"]
    local = [replace(it, source=Source.LOCAL) for it in found]
    assert explain_workflow("one", at("13:00"), configuration, None, local, pauses=pauses) == explanation


@pytest.mark.parametrize("scraper", ["bulletin", "digest"], ids=["its own", "another that needs the host"])
def test_pause_by_source_is_a_condition_and_the_verdict_until_its_end(scraper: str) -> None:
    """The explanation was RUN where the controller had decided SKIP."""
    known = fact(
        scraper,
        outcome=Failed(kind=FailureKind.QUOTA, message="429"),
        triggered_at=at("11:10"),
        not_before=at("12:30"),
        paused_host="news.example",
    )
    for clock, code in (
        ("11:05", "due"),
        ("11:15", "source_paused"),
        ("12:29", "source_paused"),
        ("12:30", "due"),
    ):
        explanation = explain_workflow("one", at(clock), SEARCH, None, [known])
        conditions = [it for it in explanation.general if it.name == "pause"]
        detail = "the source of bulletin demanded a pause until 2025-01-15 12:30"
        stands = code == "source_paused"
        assert conditions == ([RunCondition("pause", False, detail)] if stands else [])
        assert [decision.code.value for decision, _ in explanation.decisions] == [code]


def test_a_pause_of_another_workflow_is_no_condition() -> None:
    other = paused("workflow", "two", "12:00", "13:00")
    assert "pause" not in conditions(SEARCH, "12:05", pauses=other)


def test_pause_is_named_before_window_opens() -> None:
    found = conditions(SEARCH, "10:00", pauses=paused("workflow", "one", "09:00", "13:00"))
    assert found["pause"] == (False, "paused by ann@example.com until 2025-01-15 13:00: it moved")


def paused(target: str, name: str, since: str, until: str) -> Pauses:
    pause = Pause(
        id="p",
        target=PauseTarget(target),
        name=name,
        since=at(since),
        until=at(until),
        by="ann@example.com",
        why="it moved",
    )
    return Pauses(items=(pause,))


def test_day_outside_calendar_is_explained_as_not_covered() -> None:
    """Eleven games were played on the day, which another season's calendar does not contain."""
    games = calendar(*slate(1, DAY + timedelta(days=300)), *slate(1, DAY + timedelta(days=310)))
    explanation = explain_workflow("one", at("12:00"), GAMES, games)
    message = "the calendar does not cover 2025-01-15 (it has games from 2025-11-11 to 2025-11-21)"
    assert RunCondition("games", False, message) in explanation.general
    ((decision, _),) = explanation.decisions
    assert decision.code.value == "no_games"
    assert decision.sentence == f"T{message[1:]}, so there is nothing to fetch."


# Each condition by itself


def conditions(
    configuration: Configuration,
    clock: str,
    *known: ExecutionFact,
    games: Calendar | None = None,
    fetched: str = "05:00",
    **more: Any,
) -> dict[str, tuple[bool, str]]:
    """Return the general conditions and those of the first decision, by name."""
    games = games or calendar(fetched_at=at(fetched))
    explanation = explain_workflow("one", at(clock), configuration, games, known, **more)
    found = [*explanation.general, *(explanation.decisions[0][1] if explanation.decisions else ())]
    return {item.name: (item.met, item.detail) for item in found}


GAMES = configured(one=workflow(per_game("2h", "30m", "3h"), "box_score"))
SEARCH = configured(one=workflow(discovery("11:00", "14:00"), "bulletin", max_retries=0))
CLOCK = configured(one=workflow(at_times("12:00"), "bulletin", "summary", max_retries=1))


def test_games_are_no_condition_of_a_workflow_that_needs_none() -> None:
    assert not {"calendar", "games"} & conditions(SEARCH, "12:05").keys()


def test_missing_calendar_fails_calendar_and_games_conditions() -> None:
    found = {it.name: it for it in explain_workflow("one", at("12:00"), GAMES, None).general}
    assert not found["calendar"].met
    assert found["calendar"].detail == "no schedule of games has landed yet"
    assert not found["games"].met
    assert found["games"].detail == "0 games on 2025-01-15"


@pytest.mark.parametrize(
    ("age", "met", "message"),
    [
        (timedelta(minutes=119), True, "fetched 119 min before, old after 36 h"),
        (timedelta(hours=2), True, "fetched 2 h before, old after 36 h"),
        (timedelta(hours=47), False, "fetched 47 h before, old after 36 h"),
        (timedelta(hours=48), False, "fetched 2 days before, old after 36 h"),
        (timedelta(), True, "fetched 0 min before, old after 36 h"),
        (
            timedelta(hours=-3),
            True,
            "fetched 3 h afterwards: the games as known then, not at the explained instant",
        ),
    ],
)
def test_the_age_of_the_calendar_is_a_condition(age: timedelta, met: bool, message: str) -> None:
    games = calendar(*slate(2), fetched_at=at("12:00") - age)
    found = conditions(GAMES, "12:00", games=games)
    assert found["calendar"] == (met, message)
    assert found["games"] == (True, "2 games on 2025-01-15")


@pytest.mark.parametrize(
    ("clock", "met", "message"),
    [
        ("10:59", False, "not before 2025-01-15 11:00: "),
        ("11:00", True, "due from 2025-01-15 11:00 until 2025-01-15 12:00: "),
        ("13:59", True, "due from 2025-01-15 13:00 until 2025-01-15 14:00: "),
        ("15:00", False, "closed since 2025-01-15 15:00: "),
    ],
)
def test_the_window_is_a_condition(clock: str, met: bool, message: str) -> None:
    found_met, detail = conditions(SEARCH, clock)["window"]
    assert (found_met, detail.startswith(message)) == (met, True), detail


def test_window_on_clock_change_day_names_zone_abbreviations() -> None:
    """The text was "due from 2026-11-01 01:30 until 2026-11-01 01:00"."""
    search = configured(one=workflow(discovery("00:00", "04:00", every="30m"), "bulletin"))
    now = datetime(2026, 11, 1, 5, 45, tzinfo=UTC)
    games = calendar(fetched_at=now - timedelta(hours=1))
    ((_, own),) = explain_workflow("one", now, search, games).decisions
    (window,) = [it.detail for it in own if it.name == "window"]
    assert window.startswith("due from 2026-11-01 01:30 EDT until 2026-11-01 01:00 EST: ")


def test_workflow_without_upcoming_run_has_unmet_window() -> None:
    never = configured(one=workflow(daily("05:00", "10:00", days=["mon"]), "bulletin"))
    assert conditions(never, "12:00")["window"] == (False, "nothing is expected today or tomorrow")


FOUND = fact("bulletin", triggered_at=at("11:01"))


def test_unfound_part_is_named_with_its_last_result() -> None:
    empty = [
        replace(_known("bulletin", clock, NO_DATA), message=f"{clock} has none")
        for clock in ("11:00", "11:30", "11:15")
    ]
    assert conditions(SEARCH, "12:05")["history"] == (True, "not found yet: bulletin")
    assert conditions(SEARCH, "12:05", *empty)["history"] == (
        True,
        "not found yet: bulletin; last requested at 2025-01-15 11:30: 11:30 has none",
    )


def test_results_of_other_scrapers_and_days_are_not_shown() -> None:
    other = _known("digest", "11:00", NoData(reason="404"))
    past = replace(_known("bulletin", "11:00", NoData(reason="404")), game_date=DAY - timedelta(days=1))
    assert conditions(SEARCH, "12:05", other, past)["history"] == (True, "not found yet: bulletin")


def test_found_condition_names_time_and_due_refresh() -> None:
    again = configured(one=workflow(discovery("11:00", "14:00", refresh_after_found="2h"), "bulletin"))
    message = "everything for 2025-01-15 was found, last at 2025-01-15 11:01"
    assert conditions(SEARCH, "13:05", FOUND)["history"] == (False, message)
    assert conditions(again, "12:05", FOUND)["history"] == (False, message)
    assert conditions(again, "13:05", FOUND)["history"] == (True, f"{message}; a later version is due")


def test_executions_after_explained_instant_do_not_count() -> None:
    assert conditions(SEARCH, "12:05", fact("bulletin", triggered_at=at("12:06")))["history"][0]
    assert not conditions(SEARCH, "12:05", fact("bulletin", triggered_at=at("12:05")))["history"][0]


def test_at_workflow_runs_despite_earlier_find() -> None:
    assert conditions(CLOCK, "12:05", FOUND)["history"] == (True, "at runs even if data was found before")
    empty = _known("summary", "12:01", NO_DATA)
    assert conditions(CLOCK, "12:05", empty)["history"] == (
        True,
        "at runs even if data was found before; last requested at 2025-01-15 12:01: no data",
    )


@pytest.mark.parametrize(
    ("retries", "message"),
    [
        (0, "slot 2 of 4, counting unused ones; no retry of a transient failure"),
        (1, "slot 2 of 4, counting unused ones; 1 retry at once of a transient failure"),
        (
            2,
            "slot 2 of 4, counting unused ones; 2 retries, the first at once and the last before 2025-01-15 13:00,"
            " of a transient failure",
        ),
    ],
)
def test_the_budget_of_a_search_and_its_retries_are_a_condition(retries: int, message: str) -> None:
    configuration = configured(
        one=workflow(discovery("11:00", "14:00"), "bulletin", max_retries=retries),
        two=workflow(discovery("11:00", "14:00"), "bulletin"),
    )
    assert conditions(configuration, "12:05")["budget"] == (True, message)


def executed_search(configuration: Configuration, *outcomes: Outcome) -> list[ExecutionFact]:
    """Return executions with these outcomes for the first steps of the workflow's first occurrence."""
    plan = plan_of(configuration, "one")
    ids = [unit.request_id(plan.occurrence_id, 1) for step in plan.steps for unit in units(step, ())]
    return [
        fact(step.scraper, outcome=outcome, request_id=name, triggered_at=at("12:01"))
        for name, step, outcome in zip(ids, plan.steps, outcomes, strict=False)
    ]


def test_attempt_condition_names_states_of_requests() -> None:
    found = conditions(CLOCK, "12:05", *executed_search(CLOCK, NoData(reason="404"), failed()))
    assert found["attempt"] == (True, "its own requests: no data, open")
    assert found["budget"][0]
    assert "attempt" not in conditions(CLOCK, "12:05")


def test_search_with_an_immediate_result_has_begun() -> None:
    """The plan was frozen from the history before its time, so it contains that part as well."""
    both = configured(one=workflow(discovery("11:00", "14:00"), "bulletin", "summary"))
    (found, _) = executed_search(both, SUCCESS, NO_DATA)
    result = conditions(both, "11:05", replace(found, triggered_at=at("11:00")))
    assert result["attempt"] == (True, "its own requests: open, success")


def test_single_game_is_worded_in_singular() -> None:
    assert conditions(GAMES, "12:00", games=calendar(*slate(1)))["games"] == (True, "1 game on 2025-01-15")


def test_attempt_with_exhausted_retries_has_no_budget() -> None:
    once = configured(one=workflow(at_times("12:00"), "bulletin", max_retries=0))
    found = conditions(once, "12:05", *executed_search(once, failed()))
    assert found["attempt"] == (False, "its own requests: given up")
    assert not found["budget"][0]


def test_success_clears_earlier_failure() -> None:
    broken = _known("bulletin", "11:30", failed())
    assert conditions(SEARCH, "12:05", broken)["source"] == (
        False,
        "bulletin has been failing since 2025-01-15 11:30 (1 failure), most recently http: it failed: http",
    )
    assert "source" not in conditions(SEARCH, "12:05", broken, fact("bulletin", triggered_at=at("11:45")))
    assert "source" not in conditions(SEARCH, "12:05", _known("digest", "11:30", failed()))


@pytest.mark.parametrize("outcome", [failed(), NO_DATA, SUCCESS], ids=["failed", "no data", "success"])
@pytest.mark.parametrize("before", [failed(), NO_DATA], ids=["after a failure", "after no data"])
@pytest.mark.parametrize("configuration", [SEARCH, CLOCK], ids=["search", "at"])
def test_local_execution_changes_no_condition(
    configuration: Configuration, before: Outcome, outcome: Outcome
) -> None:
    """A failed reparse was reported as a failure of the source, at a time without a request."""
    own = _known("bulletin", "11:30", before)
    local = replace(_known("bulletin", "11:45", outcome), source=Source.LOCAL)
    assert conditions(configuration, "12:05", local) == conditions(configuration, "12:05")
    assert conditions(configuration, "12:05", own, local) == conditions(configuration, "12:05", own)


FAN_OUT = configured(
    one=workflow(
        at_times("12:00"),
        {"scraper": "event_list", "name": "events"},
        {"scraper": "event_props", "name": "props", "for_each": {"step": "events", "key": "event_id"}},
        max_retries=1,
    )
)


def _fan_out(parent: Outcome, *children: Outcome) -> tuple[Plan, list[ExecutionFact], Outputs]:
    """Return the plan with its executions, and the output that named the children."""
    plan = plan_of(FAN_OUT, "one")
    events, props = plan.steps
    (events_unit,) = units(events, ())
    request = events_unit.request_id(plan.occurrence_id, 1)
    values = tuple(f"e{number}" for number in range(len(children)))
    facts = [fact("event_list", outcome=parent, request_id=request, triggered_at=at("12:01"))]
    facts += [
        fact(
            "event_props",
            unit.parameters["event_id"],
            outcome,
            request_id=unit.request_id(plan.occurrence_id, 1),
            triggered_at=at("12:02"),
        )
        for unit, outcome in zip(units(props, values), children, strict=True)
    ]
    return plan, facts, {request: {"event_id": values}}


BLOCKED = Failed(kind=FailureKind.BLOCKED, message="403")


@pytest.mark.parametrize(
    ("parent", "children", "code"),
    [
        (SUCCESS, [BLOCKED, BLOCKED], "budget_used"),
        (SUCCESS, [SUCCESS, BLOCKED], "budget_used"),
        (SUCCESS, [SUCCESS, failed()], "partly_due"),
        (SUCCESS, [NO_DATA, SUCCESS], "not_published"),
        (SUCCESS, [SUCCESS, SUCCESS], "already_found"),
        (NO_DATA, [], "not_published"),
        (BLOCKED, [], "budget_used"),
    ],
)
def test_fan_out_over_output_is_explained_as_decided(
    parent: Outcome, children: list[Outcome], code: str
) -> None:
    """Everything counted as collected while each request for the parent's values failed."""
    plan, facts, outputs = _fan_out(parent, *children)
    other_day = fact(
        "event_props", "e9", BLOCKED, game_date=DAY - timedelta(days=1), triggered_at=at("12:02")
    )
    other_run = fact("event_props", "e8", BLOCKED, triggered_at=at("11:02"))
    facts += [other_day, other_run]
    games = calendar(fetched_at=at("05:00"))
    decision = decided(
        FAN_OUT,
        at("12:05"),
        games=games,
        history=history(*facts),
        plans={plan.occurrence_id: plan},
        outputs=outputs,
    )
    ((explained, _),) = explain_workflow("one", at("12:05"), FAN_OUT, games, facts).decisions
    assert (explained.code.value, explained.sentence) == (decision.code.value, decision.sentence)
    assert explained.code.value == code


def test_fan_out_value_is_found_in_subject_of_several_parameters() -> None:
    _, facts, _ = _fan_out(SUCCESS, BLOCKED)
    known = [facts[0], replace(facts[1], subject=f"h2h&{facts[1].subject}")]
    ((explained, _),) = explain_workflow("one", at("12:05"), FAN_OUT, None, known).decisions
    assert explained.code.value == "budget_used"


def test_fan_out_over_output_without_result_is_not_collected() -> None:
    _, facts, _ = _fan_out(SUCCESS)
    ((explained, _),) = explain_workflow("one", at("12:05"), FAN_OUT, None, facts).decisions
    assert (explained.action.value, explained.code.value, explained.sentence) == (
        "SKIP",
        "under_way",
        "props has no result yet, or events named nothing to request it for.",
    )


def test_waiting_failure_names_time_of_retry() -> None:
    patient = configured(one=workflow(daily("05:00", "10:00"), "bulletin", max_retries=3))
    plan = plan_of(patient, "one")
    (unit,) = units(plan.steps[0], ())
    tries = [
        fact(
            "bulletin",
            outcome=failed(),
            request_id=unit.request_id(plan.occurrence_id, number),
            triggered_at=at(f"05:0{number}"),
        )
        for number in (1, 2)
    ]
    met, result = conditions(patient, "05:15", *tries)["attempt"]
    assert not met
    assert result.startswith("its own requests: waiting; again from 2025-01-15 0")
    assert result.endswith(" on")


def test_instants_in_another_zone_name_the_zone() -> None:
    tokyo = configured(one=workflow(at_times("12:00"), "bulletin", timezone="Asia/Tokyo"))
    assert "2025-01-16 12:00 JST" in conditions(tokyo, "22:05")["window"][1]
