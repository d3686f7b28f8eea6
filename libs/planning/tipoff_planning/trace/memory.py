"""The controller's records of a chain, for facts that the dataset lacks: requests, plans, and outcomes not logged
yet."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from tipoff_common.events import ScrapeExecuted, ScrapeRequested
from tipoff_common.execution_row import ExecutionRow
from tipoff_common.identity import event_id
from tipoff_planning.plans import Plan
from tipoff_planning.remembered import FoundOccurrence, RememberedExecution, RememberedOccurrence
from tipoff_planning.trace.dataset import Scope
from tipoff_planning.trace.facts import DecidedRow, ExpectedRow, Facts

T = TypeVar("T")
Fetch = Callable[[str, Mapping[str, str | Sequence[str]]], bytes]
"""Requests a path of the controller with a query, and returns the body. Raises MemoryUnavailable."""

_FOUND = TypeAdapter(list[FoundOccurrence])
_RECALLED = TypeAdapter(list[RememberedOccurrence])


class MemoryUnavailable(Exception):
    """The controller does not respond, or none is configured; the message names the reason."""


class ControllerMemory:
    """Client of the controller's routes for its records. Every method raises MemoryUnavailable."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch

    def find(self, identifier: str, days: Collection[date]) -> Scope:
        """Look up the occurrence of an id: the id of a manual run, or within the game dates `days` the id of an
        occurrence, a request, or a request's event."""
        body = self._fetch("/remembered", {"identifier": identifier, "day": _texts(days)})
        found = _read(_FOUND, body)
        return Scope(
            occurrences=frozenset(item.occurrence_id for item in found),
            days=frozenset(item.game_date for item in found),
        )

    def complete(self, facts: Facts, scope: Scope, days: Iterable[date]) -> Facts:
        """Return the facts with the controller's records of the occurrences in the scope and in the facts.

        days: game dates to search beside those of the facts.
        """
        occurrences: dict[str, set[date]] = {name: {*days, *scope.days} for name in scope.occurrences}
        rows: list[ExpectedRow | DecidedRow | ExecutionRow] = [
            *facts.expected,
            *facts.decided,
            *facts.executed,
        ]
        for row in rows:
            # Skip a row without a date; the scope may still contain its occurrence.
            if row.occurrence_id and row.game_date:
                occurrences.setdefault(row.occurrence_id, set()).add(row.game_date)
        requested: list[ScrapeRequested] = []
        executed: list[ExecutionRow] = []
        plans: list[Plan] = []
        skips: set[tuple[str, str]] = set()
        # The dataset's row has more fields (path, records, duration), so add only executions not logged yet.
        logged = {row.execution_id for row in facts.executed}
        for occurrence, game_dates in occurrences.items():
            body = self._fetch(f"/remembered/{occurrence}", {"day": _texts(game_dates)})
            for occurrence_record in _read(_RECALLED, body):
                plans.append(occurrence_record.plan)
                skips |= {(occurrence, step) for step in occurrence_record.skipped}
                requested += occurrence_record.requested
                executed += [
                    _executed(item, occurrence_record.plan)
                    for item in occurrence_record.executions
                    if item.request_id not in logged
                ]
        return replace(
            facts,
            requested=requested,
            executed=[*facts.executed, *executed],
            plans=plans,
            skips=frozenset(skips),
        )


def _read(adapter: TypeAdapter[T], body: bytes) -> T:
    """Parse a response. Raises MemoryUnavailable if its shape is wrong."""
    try:
        return adapter.validate_json(body)
    except ValidationError as error:
        raise MemoryUnavailable(
            "the controller's address is not a Tipoff controller, or it has another version"
        ) from error


def _texts(days: Iterable[date]) -> list[str]:
    return [day.isoformat() for day in sorted(days)]


def _executed(item: RememberedExecution, plan: Plan) -> ExecutionRow:
    return ExecutionRow(
        execution_id=item.request_id,
        occurrence_id=plan.occurrence_id,
        decision_id=plan.decision_id,
        event_id=event_id(ScrapeExecuted.TYPE, item.request_id),
        scraper_name=item.scraper,
        workflow=plan.workflow,
        game_date=plan.game_date,
        status=item.status.value,
        triggered_at=item.triggered_at,
        attempt=item.attempt,
        source=item.source.value,
        error_type=item.kind.value if item.kind else None,
        error_message=item.message,
        is_logged=False,
    )
