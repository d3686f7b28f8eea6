"""The conditions that led to a decision."""

from typing import Any

from tests.support.controller import DAY, at, calendar, configured, discovery, fact, plan_of, workflow
from tipoff_common.outcomes import Failed, FailureKind, NoData, Outcome
from tipoff_planning.explanation import RunCondition, explain_workflow
from tipoff_planning.history import ExecutionFact, KnownCompleteness
from tipoff_planning.plans import units


def test_what_a_success_lacks_is_why_it_is_asked_for_again() -> None:
    configuration = configured(one=workflow(discovery("11:00", "14:00", until="complete"), "bulletin"))
    known = [fact("bulletin", completeness=KnownCompleteness(9, ("NYK@PHI",)))]
    explanation = explain_workflow("one", at("12:05"), configuration, calendar(fetched_at=at("05:00")), known)
    ((decision, conditions),) = explanation.decisions
    assert (decision.action.value, decision.code.value) == ("RUN", "incomplete")
    assert RunCondition("history", True, "found, and it lacks NYK@PHI") in conditions


def test_a_source_that_fails_is_named_with_its_last_error() -> None:
    """Incident 24: what is broken looked as if it were late."""
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
        "bulletin fails since 2025-01-15 11:00 (2 failures), at last blocked: the key is refused"
    )
    assert not source.met


def test_what_was_found_leaves_its_budget_untouched() -> None:
    """Used up would be a reason for a person to look; that nothing more is asked for is none."""
    configuration = configured(one=workflow(discovery("11:00", "14:00"), "bulletin"))
    games = calendar(fetched_at=at("05:00"))
    (unit,) = units(plan_of(configuration, "one", games).steps[0], ("-",))
    asked = unit.request_id(plan_of(configuration, "one", games).occurrence_id, 1)
    known = [fact("bulletin", request_id=asked, triggered_at=at("11:00"))]
    ((decision, conditions),) = explain_workflow("one", at("11:05"), configuration, games, known).decisions
    assert decision.code.value == "already_found"
    met = {it.name: it.met for it in conditions}
    assert met == {"window": True, "history": False, "budget": True, "attempt": False}


def test_a_window_that_was_over_before_the_stack_was_started_is_not_explained_as_missed() -> None:
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
