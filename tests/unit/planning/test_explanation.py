"""The conditions that led to a decision."""

from tests.support.controller import at, calendar, configured, discovery, fact, workflow
from tipoff_planning.explanation import Condition, explain_workflow
from tipoff_planning.history import Completeness


def test_what_a_success_lacks_is_why_it_is_asked_for_again() -> None:
    configuration = configured(one=workflow(discovery("11:00", "14:00", until="complete"), "bulletin"))
    known = [fact("bulletin", completeness=Completeness(9, ("NYK@PHI",)))]
    explanation = explain_workflow("one", at("12:05"), configuration, calendar(fetched_at=at("05:00")), known)
    ((decision, conditions),) = explanation.decisions
    assert (decision.action.value, decision.code.value) == ("RUN", "incomplete")
    assert Condition("history", True, "found, and it lacks NYK@PHI") in conditions
