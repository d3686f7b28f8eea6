"""Tests of the controller's answers about an occurrence in its memory."""

from tests.support.controller import DAY, at, at_times, configured, plan_of, workflow
from tipoff_common.events import Source
from tipoff_common.outcomes import Status
from tipoff_planning.occurrence_log import Entry, LoggedExecution, OccurrenceState
from tipoff_planning.plans import units
from tipoff_planning.remembered import RememberedExecution, RememberedOccurrence, requests_of

CONFIGURATION = configured(one=workflow(at_times("06:00"), "bulletin", max_retries=1))
PLAN = plan_of(CONFIGURATION, "one")
(UNIT,) = units(PLAN.steps[0], ())
FIRST, SECOND = (UNIT.request_id(PLAN.occurrence_id, number) for number in (1, 2))


def done(request: str, status: Status) -> LoggedExecution:
    return LoggedExecution.model_validate(
        {
            "request_id": request,
            "scraper": "bulletin",
            "subject": "-",
            "status": status,
            "source": Source.CONTROLLER,
            "triggered_at": at("06:01"),
            "message": "503",
        }
    )


def remembered() -> OccurrenceState:
    state = OccurrenceState(DAY, PLAN.occurrence_id)
    state.apply(Entry(at=at("06:00"), plan=PLAN, requested=(FIRST,)))
    state.apply(Entry(at=at("06:02"), executions=(done(FIRST, Status.FAILED),), requested=(SECOND,)))
    state.apply(Entry(at=at("06:03"), executions=(done(SECOND, Status.SUCCESS),), skipped=("late",)))
    return state


def test_remembered_plan_has_requests_and_attempt_numbers() -> None:
    found = RememberedOccurrence.of(remembered())
    assert found is not None
    assert found.plan == PLAN
    assert [(item.request_id, item.attempt, item.requested_at) for item in found.requested] == [
        (FIRST, 1, at("06:00")),
        (SECOND, 2, at("06:02")),
    ]
    assert [(item.request_id, item.attempt, item.status.value) for item in found.executions] == [
        (FIRST, 1, "failed"),
        (SECOND, 2, "success"),
    ]
    assert found.executions[0].message == "503"
    assert found.skipped == ("late",)


def test_occurrence_without_plan_is_not_remembered() -> None:
    state = OccurrenceState(DAY, "o-1")
    state.apply(Entry(at=at("06:02"), executions=(done("r-1", Status.SUCCESS),)))
    assert RememberedOccurrence.of(state) is None
    assert list(requests_of(state)) == []
    assert RememberedExecution.of(done("r-1", Status.SUCCESS), state).attempt == 1


def test_request_absent_from_plan_is_omitted() -> None:
    """A plan of another version may have had other units."""
    state = remembered()
    state.apply(Entry(at=at("06:05"), executions=(done("r-1", Status.SUCCESS),), requested=("r-1",)))
    assert [item.request_id for item in requests_of(state)] == [FIRST, SECOND]
    found = RememberedOccurrence.of(state)
    assert found is not None
    assert found.executions[-1].attempt == 1
