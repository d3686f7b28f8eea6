"""Read-only look-ups in the controller's memory: the occurrences of an id, and the record of an occurrence."""

from collections.abc import Collection, Iterable
from datetime import date

from tipoff_common.events import ScrapeRequested
from tipoff_common.identity import event_id
from tipoff_controller.deps import Deps
from tipoff_controller.occurrence_store import Key
from tipoff_planning.plans import Plan
from tipoff_planning.progress import PlanProgress
from tipoff_planning.remembered import FoundOccurrence, RememberedOccurrence, requests_of

_LONGEST = 36
"""An id is a UUID as text. What is longer names nothing, and might make a name that no object can have."""
_LATEST_RUNS = 20
"""More manual runs than are written down before the decision of the first of them comes back, which takes a second."""


def find_occurrences(identifier: str, days: Collection[date], deps: Deps) -> list[FoundOccurrence]:
    """Find the occurrences with this id, or with a request, or a request's event, of this id.

    Manual runs are found whatever their date, by a request of theirs the latest ones; others among the game dates
    `days`.

    Raises:
        Unavailable
    """
    if len(identifier) > _LONGEST:
        return []
    # First, since its id is its object's name: one read in place of a listing for each day.
    if (manual := deps.ledger.manual_run(identifier)) is not None:
        return [FoundOccurrence(game_date=plan.game_date, occurrence_id=identifier) for plan in manual.plans]
    found = []
    for key in (key for day in sorted(days) for key in deps.occurrences.logged(day)):
        if identifier == key.occurrence_id or _is_of_a_request(identifier, key, deps):
            found.append(FoundOccurrence(game_date=key.game_date, occurrence_id=key.occurrence_id))
    return found or _answered(identifier, deps)


def recall(occurrence: str, days: Collection[date], deps: Deps) -> list[RememberedOccurrence]:
    """Return what is remembered of an occurrence about each of the game dates; a manual run is about its own.

    Raises:
        Unavailable
    """
    if len(occurrence) > _LONGEST:
        return []
    if (manual := deps.ledger.manual_run(occurrence)) is not None:
        days = {plan.game_date for plan in manual.plans}
    recalled = []
    for key in (Key(day, occurrence) for day in sorted(days)):
        with deps.occurrences.lock(key):
            answer = RememberedOccurrence.of(deps.occurrences.load(key))
        if answer is not None:
            recalled.append(answer)
    if manual is not None and not recalled:
        # Written down and answered; its decision has not come back yet, upon which its requests go out.
        return [RememberedOccurrence(plan=plan) for plan in manual.plans]
    return recalled


def _answered(identifier: str, deps: Deps) -> list[FoundOccurrence]:
    """Find the manual run that was answered with a request of this id, and may not have begun."""
    # Who asked for it has its requests' ids at once; its log has them when its decision has come back.
    return [
        FoundOccurrence(game_date=plan.game_date, occurrence_id=plan.occurrence_id)
        for run in deps.ledger.latest_manual_runs(_LATEST_RUNS)
        for plan in run.plans
        if _is_among(_first_requests(plan), identifier)
    ]


def _first_requests(plan: Plan) -> list[str]:
    standing = PlanProgress(plan)
    return [standing.request_id(attempt) for attempt in standing.due(plan.decided_at)]


def _is_of_a_request(identifier: str, key: Key, deps: Deps) -> bool:
    with deps.occurrences.lock(key):
        requests = [item.request_id for item in requests_of(deps.occurrences.load(key))]
    return _is_among(requests, identifier)


def _is_among(requests: Iterable[str], identifier: str) -> bool:
    # People paste either id: the row has the request's, Pub/Sub's message has its event's.
    return any(identifier in (item, event_id(ScrapeRequested.TYPE, item)) for item in requests)
