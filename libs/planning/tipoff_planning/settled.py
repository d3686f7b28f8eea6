"""Results of settled occurrences, so that decisions need not read their logs again. Pure.

The dataset has the same facts. This object bridges the time between an event and its row, and lets decisions continue
while the dataset is down. It stays small because it holds subjects, not all executions.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Literal

from pydantic import Field

from tipoff_planning.frozen import Frozen
from tipoff_planning.history import ExecutionFact, HostPause, pause_of
from tipoff_planning.occurrence_log import LoggedExecution, OccurrenceState
from tipoff_planning.progress import State
from tipoff_planning.schedules import Discovery, PerGame
from tipoff_planning.workflows import Configuration

LOOKS_KEPT = 30
"""Number of empty looks to store per workflow: the largest count that an alert uses."""


class Settled(Frozen):
    """Results of settled occurrences in one object, which only evaluations change."""

    version: Literal[1] = 1
    found: Mapping[date, tuple[LoggedExecution, ...]] = Field(
        default={}, description="successes of searched scrapers, by game date"
    )
    empty_looks: Mapping[str, tuple[str, ...]] = Field(
        default={},
        description="by workflow, its newest occurrences that ended with no_data, since its last success",
    )
    pauses: tuple[HostPause, ...] = Field(
        default=(), description="pauses demanded by sources, the longest of each scraper and host"
    )

    @property
    def facts(self) -> Iterable[ExecutionFact]:
        """The successes in the form that decisions read."""
        return (item.fact(day) for day, items in self.found.items() for item in items)

    def with_occurrence(self, state: OccurrenceState, configuration: Configuration, since: date) -> "Settled":
        """Return the object with a settled occurrence added, without days before `since`. Idempotent."""
        # Prune with every change, so that the object holds only days that decisions still concern.
        found = {day: items for day, items in self.found.items() if day >= since}
        if state.game_date >= since:
            searched = searched_scrapers(configuration)
            ours = [item for item in state.executions.values() if item.scraper in searched]
            # Merge and reduce again, so that a repeated addition changes nothing.
            known = found.get(state.game_date, ())
            found[state.game_date] = _first_and_newest([*known, *ours], state.game_date)
        looks = dict(self.empty_looks)
        if state.progress is not None:
            workflow, states = state.progress.plan.workflow, state.progress.counts
            # Failures are no empty looks: a source that is down was not seen to be empty.
            if states[State.SUCCESS]:
                looks.pop(workflow, None)
            elif states[State.NO_DATA] and state.occurrence_id not in looks.get(workflow, ()):
                looks[workflow] = (*looks.get(workflow, ()), state.occurrence_id)[-LOOKS_KEPT:]
        pauses = _longest(
            [*self.pauses, *(pause for fact in state.facts if (pause := pause_of(fact)) is not None)], since
        )
        return Settled(found=found, empty_looks=looks, pauses=pauses)


def _longest(pauses: Iterable[HostPause], since: date) -> tuple[HostPause, ...]:
    """Keep the longest pause of each scraper and host, without those that ended before `since`."""
    longest: dict[tuple[str, str], HostPause] = {}
    for pause in pauses:
        key = (pause.scraper, pause.host or "")
        if pause.until.date() >= since and (key not in longest or longest[key].until < pause.until):
            longest[key] = pause
    return tuple(longest[key] for key in sorted(longest))


def searched_scrapers(configuration: Configuration) -> frozenset[str]:
    """Return the scrapers of workflows that search until found."""
    # Decisions do not use past executions of the other kinds; keeping them would only make the object grow.
    return frozenset(
        step.scraper
        for workflow in configuration.workflows.values()
        if isinstance(workflow.schedule, Discovery | PerGame)
        for step in workflow.steps
    )


def _first_and_newest(items: Iterable[LoggedExecution], day: date) -> tuple[LoggedExecution, ...]:
    """Keep each subject's first, first complete and newest success, the only ones that decisions use."""
    subjects: dict[tuple[str, str], dict[str, LoggedExecution]] = {}
    for item in items:
        if item.fact(day).counts:
            # Fan-out values matter only to the execution's own occurrence.
            kept = item.model_copy(update={"outputs": {}})
            subjects.setdefault((item.scraper, item.subject), {})[item.request_id] = kept
    found: list[LoggedExecution] = []
    for _, by_request in sorted(subjects.items()):
        ordered = sorted(by_request.values(), key=lambda item: (item.triggered_at, item.request_id))
        # Decisions use the time of the first find, of the first complete one, and the age of the newest version.
        complete = next((item for item in ordered if not item.missing), ordered[0])
        found += {item.request_id: item for item in (ordered[0], complete, ordered[-1])}.values()
    return tuple(found)
