"""Read-only look-ups in the controller's memory: the occurrences of an id, and an occurrence's plan and executions."""

from collections.abc import Collection, Iterable
from datetime import date

from tipoff_common.events import ScrapeRequested
from tipoff_common.identity import event_id
from tipoff_controller.deps import Deps
from tipoff_controller.occurrence_store import Key
from tipoff_planning.plans import Plan
from tipoff_planning.progress import PlanProgress
from tipoff_planning.remembered import FoundOccurrence, RememberedOccurrence, requests_of

_ID_LENGTH = 36
"""The length of a UUID as text. A longer text is no id, and could exceed the longest name of an object."""
_SHORT_ID_LENGTH = 8
"""Fewest characters of a beginning: as many as `tipoff trace` prints of the id of a request."""
_LATEST_RUNS = 20
"""More manual runs than are written in the second before the first one's decision is delivered."""


def find_occurrences(identifier: str, days: Collection[date], deps: Deps) -> list[FoundOccurrence]:
    """Find the occurrences with this id, or with a request, or a request's event, of this id or this beginning of one.

    Manual runs are found for any date (by a request's id only the latest ones), other occurrences among the game dates
    `days`.

    Raises:
        Unavailable
    """
    if len(identifier) > _ID_LENGTH:
        return []
    # Manual runs first, since the id is the object's name: one read in place of a listing for each day.
    if (manual := deps.ledger.manual_run(identifier)) is not None:
        return [FoundOccurrence(game_date=plan.game_date, occurrence_id=identifier) for plan in manual.plans]
    found = []
    for key in (key for day in sorted(days) for key in deps.occurrences.logged(day)):
        if identifier == key.occurrence_id or _is_of_a_request(identifier, key, deps):
            found.append(FoundOccurrence(game_date=key.game_date, occurrence_id=key.occurrence_id))
    return found or _find_accepted_run(identifier, deps)


def recall(occurrence: str, days: Collection[date], deps: Deps) -> list[RememberedOccurrence]:
    """Return the stored record of an occurrence for each of the game dates; for a manual run, its own game dates.

    Raises:
        Unavailable
    """
    if len(occurrence) > _ID_LENGTH:
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
        # The run is accepted, and its requests are published once its decision is delivered.
        return [RememberedOccurrence(plan=plan) for plan in manual.plans]
    return recalled


def _find_accepted_run(identifier: str, deps: Deps) -> list[FoundOccurrence]:
    """Find the accepted manual run with a first request of this id, which may not have begun."""
    # The caller gets the ids of the requests in the response; the log has them only once the decision is delivered.
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
    # Operators paste either id: a row has the request's id, a Pub/Sub message the id of its event.
    if len(identifier) < _SHORT_ID_LENGTH:
        return False
    return any(
        complete.startswith(identifier)
        for item in requests
        for complete in (item, event_id(ScrapeRequested.TYPE, item))
    )
