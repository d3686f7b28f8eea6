"""Tests of settled occurrences: the results that later decisions need, and no more."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from tests.support.controller import DAY, at, at_times, configured, discovery, per_game, plan_of, workflow
from tipoff_common.events import Source
from tipoff_common.outcomes import FailureKind, Status
from tipoff_planning.history import HostPause
from tipoff_planning.occurrence_log import Entry, LoggedExecution, OccurrenceState
from tipoff_planning.plans import units
from tipoff_planning.settled import LOOKS_KEPT, Settled, searched_scrapers
from tipoff_planning.workflows import Configuration

SEARCH = configured(
    one=workflow(discovery("11:00", "14:00"), "bulletin"), two=workflow(at_times("12:00"), "summary")
)
YESTERDAY = DAY - timedelta(days=1)


def execution(request: str = "r-1", clock: str = "11:00", **changes: Any) -> LoggedExecution:
    return LoggedExecution.model_validate(
        {
            "request_id": request,
            "scraper": "bulletin",
            "subject": "-",
            "status": Status.SUCCESS,
            "source": Source.CONTROLLER,
            "triggered_at": at(clock),
            **changes,
        }
    )


def occurrence(*executions: LoggedExecution, day: date = DAY, name: str = "o-1") -> OccurrenceState:
    """Return an occurrence without a plan."""
    state = OccurrenceState(day, name)
    state.apply(Entry(at=at("11:00"), executions=executions))
    return state


def planned(status: Status, workflow_name: str = "one", name: str | None = None) -> OccurrenceState:
    """Return an occurrence whose only request has this status."""
    plan = plan_of(SEARCH, workflow_name)
    (unit,) = units(plan.steps[0], ())
    request = unit.request_id(plan.occurrence_id, 1)
    kind = FailureKind.BLOCKED if status is Status.FAILED else None
    state = OccurrenceState(DAY, name or plan.occurrence_id)
    done = execution(request, scraper=plan.steps[0].scraper, status=status, kind=kind)
    state.apply(Entry(at=at("11:00"), plan=plan, requested=(request,)))
    state.apply(Entry(at=at("11:01"), executions=(done,)))
    return state


def taken(*states: OccurrenceState, before: Settled | None = None, since: date = DAY) -> Settled:
    settled = before or Settled()
    for state in states:
        settled = settled.with_occurrence(state, SEARCH, since)
    return settled


def found(settled: Settled, day: date = DAY) -> list[str]:
    return [item.request_id for item in settled.found.get(day, ())]


# Successes


def test_successes_of_searched_scrapers_are_kept_as_facts() -> None:
    settled = taken(occurrence(execution(), execution("r-2", scraper="digest")))
    assert found(settled) == ["r-1"]
    assert [(fact.request_id, fact.game_date) for fact in settled.facts] == [("r-1", DAY)]


def test_local_empty_and_failed_executions_are_not_kept() -> None:
    others = (
        execution("r-1", source=Source.LOCAL),
        execution("r-2", status=Status.NO_DATA),
        execution("r-3", status=Status.FAILED, kind=FailureKind.HTTP),
    )
    assert found(taken(occurrence(*others))) == []


def test_adding_an_occurrence_twice_changes_nothing() -> None:
    state = planned(Status.NO_DATA)
    once = taken(occurrence(execution()), state)
    assert taken(occurrence(execution()), state, before=once) == once


def test_first_first_complete_and_newest_success_are_kept_per_subject() -> None:
    clocks = ("13:00", "11:00", "12:00", "12:30", "12:45")
    short = {"11:00", "12:45", "13:00"}
    every = [
        execution(f"r-{clock}", clock, missing=("NYK@PHI",) if clock in short else ()) for clock in clocks
    ]
    assert found(taken(occurrence(*every))) == ["r-11:00", "r-12:00", "r-13:00"]
    assert found(taken(occurrence(*every[:2]))) == ["r-11:00", "r-13:00"]
    assert found(taken(occurrence(every[2]))) == ["r-12:00"]
    other = execution("r-game", subject="0022400001")
    assert sorted(found(taken(occurrence(every[2], other)))) == ["r-12:00", "r-game"]


def test_outputs_of_a_success_are_not_kept() -> None:
    (kept,) = taken(occurrence(execution(outputs={"event_id": ("a",)}))).found[DAY]
    assert kept.outputs == {}


@pytest.mark.parametrize(("since", "days"), [(YESTERDAY, {YESTERDAY, DAY}), (DAY, {DAY})])
def test_days_no_longer_decided_are_dropped(since: date, days: set[date]) -> None:
    before = taken(occurrence(execution("r-0"), day=YESTERDAY), since=YESTERDAY)
    assert set(taken(occurrence(execution()), before=before, since=since).found) == days


def test_occurrence_of_past_day_is_not_added() -> None:
    assert taken(occurrence(execution(), day=YESTERDAY)).found == {}
    assert found(taken(occurrence(execution(), day=YESTERDAY), since=YESTERDAY), YESTERDAY) == ["r-1"]


def test_searched_scrapers_are_those_of_search_workflows() -> None:
    configuration: Configuration = configured(
        one=workflow(discovery("11:00", "14:00"), "bulletin"),
        two=workflow(per_game("2h"), "box_score"),
        three=workflow(at_times("12:00"), "digest"),
    )
    assert searched_scrapers(configuration) == {"bulletin", "box_score"}


# Checks that found nothing


def test_empty_checks_are_counted_since_last_success() -> None:
    settled = taken(planned(Status.NO_DATA, name="a"), planned(Status.NO_DATA, name="b"))
    assert settled.empty_looks == {"one": ("a", "b")}
    other = taken(planned(Status.NO_DATA, "two", name="c"), before=settled)
    assert other.empty_looks == {"one": ("a", "b"), "two": ("c",)}
    assert taken(planned(Status.SUCCESS, name="d"), before=other).empty_looks == {"two": ("c",)}


def test_failure_is_not_an_empty_check() -> None:
    before = taken(planned(Status.NO_DATA, name="a"))
    assert taken(planned(Status.FAILED, name="b"), before=before).empty_looks == {"one": ("a",)}


def test_occurrence_without_plan_does_not_change_empty_checks() -> None:
    before = taken(planned(Status.NO_DATA, name="a"))
    assert taken(occurrence(execution()), before=before).empty_looks == {"one": ("a",)}


def test_oldest_empty_checks_are_dropped_above_limit() -> None:
    settled = taken(*(planned(Status.NO_DATA, name=f"o-{number}") for number in range(LOOKS_KEPT + 2)))
    assert settled.empty_looks["one"] == tuple(f"o-{number}" for number in range(2, LOOKS_KEPT + 2))


# Pauses that sources asked for


def retry_after(
    request: str, until: datetime, host: str | None = "a.example", **more: Any
) -> LoggedExecution:
    failure = {"status": Status.FAILED, "kind": FailureKind.QUOTA, "not_before": until, "paused_host": host}
    return execution(request, **failure, **more)


def test_the_longest_pause_of_each_scraper_and_host_is_kept() -> None:
    settled = taken(
        occurrence(
            retry_after("r-1", at("13:00")),
            retry_after("r-2", at("15:00")),
            retry_after("r-3", at("14:00")),
            retry_after("r-4", at("12:00"), None),
            retry_after("r-5", at("12:00"), "b.example"),
        ),
        occurrence(retry_after("r-6", at("11:30"), scraper="digest")),
    )
    assert [(item.scraper, item.host, item.until) for item in settled.pauses] == [
        ("bulletin", None, at("12:00")),
        ("bulletin", "a.example", at("15:00")),
        ("bulletin", "b.example", at("12:00")),
        ("digest", "a.example", at("11:30")),
    ]


@pytest.mark.parametrize(("day", "kept"), [(DAY, True), (YESTERDAY, False)])
def test_a_pause_is_kept_until_its_day_is_over(day: date, kept: bool) -> None:
    before = Settled(pauses=(HostPause(scraper="bulletin", host=None, until=at("12:00", day)),))
    assert bool(taken(occurrence(), before=before).pauses) is kept
