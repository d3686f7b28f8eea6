"""Past events that decisions depend on: the controller's memory joined with the dataset."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial

from tipoff_common.clock import business_date
from tipoff_common.events import ScheduleLocked
from tipoff_common.ports import Unavailable
from tipoff_controller.deps import Deps
from tipoff_controller.discovery import ensure_plans
from tipoff_controller.occurrence_store import Key
from tipoff_planning.calendar import Calendar
from tipoff_planning.context import EvaluationContext
from tipoff_planning.decisions import considered
from tipoff_planning.discovery.plans import DiscoveryPlans
from tipoff_planning.execution_log import DatasetAnswer, DatasetQuestion, ask_dataset
from tipoff_planning.history import ExecutionFact, History, merge
from tipoff_planning.occurrence_log import OccurrenceState
from tipoff_planning.occurrences import Agenda, agenda, days_before
from tipoff_planning.progress import State
from tipoff_planning.settled import Settled, searched_scrapers

log = logging.getLogger(__name__)

# A request may wait in Pub/Sub for a free runner, and its execution takes time to reach the controller.
LEASE_SLACK = timedelta(minutes=5)
"""Time added to a scraper's timeout before a request without an execution counts as dead."""


@dataclass(frozen=True)
class Past:
    """Past events, as far as decisions at one tick depend on them."""

    calendar: Calendar | None
    agenda: Agenda
    """The expected occurrences around the business day."""
    states: Mapping[Key, OccurrenceState]
    """The due and the open occurrences."""
    opened: Mapping[Key, int]
    """The open occurrences, with the generations of their markers."""
    settled: Settled
    answer: DatasetAnswer
    discovery: DiscoveryPlans
    """Plans of the learned searches, on the days around now."""
    schedules: Mapping[date, Sequence[ScheduleLocked]]
    """Locked schedules of the days that decisions read; empty when the caller does not need schedules."""
    stale: bool
    """Whether the query to the dataset failed, so that only the controller's memory is used."""

    @property
    def outputs(self) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
        """Values of executions that later steps fan out over, by request id."""
        return {
            item.request_id: item.outputs
            for state in self.states.values()
            for item in state.executions.values()
            if item.outputs
        }

    @property
    def history(self) -> History:
        """The union of the executions in the dataset and in memory."""
        states = self.states.values()
        remembered: list[Iterable[ExecutionFact]] = [state.facts for state in states]
        requested = {
            identifier: at
            for state in states
            if state.progress
            for identifier, at in state.progress.requested.items()
        }
        executions = merge(self.answer.found, self.settled.facts, *remembered)
        return History(executions, requested, self.stale, self.settled.pauses)

    @property
    def damaged(self) -> dict[Key, OccurrenceState]:
        """Occurrences with unreadable entries."""
        return {key: state for key, state in self.states.items() if state.unreadable}


def read_past(context: EvaluationContext, deps: Deps, *, schedules: bool) -> Past:
    """Migrate the earlier layout, write missing plans of searches, and return past events.

    Reads due and open occurrences and queries the dataset, so the cost does not grow with settled occurrences.
    Independent reads run in parallel.

    schedules: whether to read the locked schedules as well.

    Raises:
        Unavailable: the calendar cannot be read, or the state bucket cannot be read or written.
    """
    # In event time `now` is a day of the past, while rows carry the day on which they were written.
    zone = deps.configuration.zone
    today, wall = business_date(context.now, zone), business_date(context.wall, zone)
    # Yesterday's windows may be open after midnight and use the games of the day
    # before them; tomorrow's windows may open early.
    back = max(len(days_before(name, deps.configuration, today)) for name in deps.configuration.workflows)
    offsets = range(-max(4, back + 2), 3) if deps.configuration.spans_zones else range(-back - 1, 2)
    days = [today + timedelta(days=offset) for offset in offsets]
    question = DatasetQuestion(game_dates=days, scrapers=sorted(searched_scrapers(deps.configuration)))
    # Begun first, since the warehouse takes longer than all the reads below together. Executions that arrive meanwhile
    # are in the logs, which are read later.
    asking = deps.occurrences.beside(partial(_query_dataset, question, deps))
    reading = deps.occurrences.beside(partial(deps.calendar.current, context.now))
    locked = {
        day: deps.occurrences.beside(partial(deps.ledger.schedules, day))
        for day in ([today + timedelta(days=offset) for offset in range(-back, 2)] if schedules else ())
    }
    deps.occurrences.migrate(days, [wall + timedelta(days=offset) for offset in (-2, -1, 0)])
    opened = deps.occurrences.opened()
    # Read after the open markers: another evaluation writes the results of an occurrence before it deletes the marker.
    settled = deps.occurrences.beside(deps.ledger.settled)
    plans, calendar = ensure_plans(context.now, deps), reading.result()
    expected = agenda(deps.configuration, calendar, today, plans)
    due = considered(deps.configuration, expected, context.now)
    states = deps.occurrences.load_all([*(Key(item.game_date, item.id) for item in due), *opened])
    # Only requests with an expired lease are looked up by id, which keeps the query small.
    overdue = [request for state in states.values() for request in expired(state, context.wall, deps)]
    damaged = [key for key, state in states.items() if state.unreadable]
    answer = asking.result()
    # A rare second query, after a lost message or with an unreadable object; its ids are known only now. No second
    # query after a failed first one.
    if answer is not None and (overdue or damaged):
        lost = replace(
            question,
            requests=overdue,
            occurrences=sorted(key.occurrence_id for key in damaged),
            # Limits the partitions that the query reads.
            since=min([wall - timedelta(days=2), *(key.game_date for key in damaged)]),
        )
        answer = _query_dataset(lost, deps)
    standing = {day: schedules_of.result() for day, schedules_of in locked.items()}
    logged = answer or DatasetAnswer()
    return Past(
        calendar, expected, states, opened, settled.result(), logged, plans, standing, stale=answer is None
    )


def _query_dataset(question: DatasetQuestion, deps: Deps) -> DatasetAnswer | None:
    """Query the dataset; None when the query fails.

    Decisions then use the memory alone and are marked stale. Treating the error as "no rows" would request all data
    again.
    """
    try:
        return ask_dataset(deps.warehouse, deps.environment, question, deps.configuration.subject_parameters)
    except Unavailable as error:
        log.error("dataset cannot be queried; deciding by the stored state", extra={"detail": str(error)})
        return None


def expired(state: OccurrenceState, wall: datetime, deps: Deps) -> list[str]:
    """Return the ids of an occurrence's requests whose lease has expired without an execution."""
    # A cheap check of a counter: it avoids walking the units of thousands of settled occurrences.
    if state.progress is None or not state.progress.under_way:
        return []
    found = []
    # An execution that arrives meanwhile may begin a retry: its attempt is not yet among the requests.
    with deps.occurrences.lock(Key(state.game_date, state.occurrence_id)):
        for unit, standing, number in state.progress.units():
            if standing is not State.UNDER_WAY:
                continue
            identifier = unit.request_id(state.occurrence_id, number)
            if wall - state.progress.requested[identifier] >= lease(unit.scraper, deps):
                found.append(identifier)
    return found


def lease(scraper: str, deps: Deps) -> timedelta:
    """Return how long a request may stay without an execution before it counts as dead."""
    spec = deps.configuration.catalog.get(scraper)
    # 540 s is the longest that a push can take; a deployment may remove a scraper from
    # the catalog while its requests are under way.
    return LEASE_SLACK + timedelta(seconds=spec.timeout_seconds if spec else 540)
