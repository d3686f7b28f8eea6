"""What the controller remembers of a chain in the state bucket, and the dataset lacks: requests, plans, and outcomes
that are not logged yet."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import date

from tipoff_cli.commands.trace.dataset import Scope
from tipoff_cli.commands.trace.facts import Decided, Executed, Expected, Facts
from tipoff_cli.commands.trace.links import requested_id
from tipoff_common.events import ScrapeExecuted, ScrapeRequested
from tipoff_common.identity import event_id
from tipoff_common.ports import Objects
from tipoff_controller.ledger import Ledger
from tipoff_controller.occurrence_store import Key, OccurrenceStore
from tipoff_planning.drafts import request
from tipoff_planning.occurrence_log import LoggedExecution, OccurrenceState
from tipoff_planning.plans import Plan
from tipoff_planning.progress import Attempt


class Remembered:
    """The controller's prefix, read as it reads it itself. Every method raises Unavailable."""

    def __init__(self, state: Objects) -> None:
        self._ledger, self._occurrences = Ledger(state), OccurrenceStore(state, ())

    def find(self, identifier: str, days: Collection[date]) -> Scope:
        """What the id belongs to: the occurrence of a manual run, or among the game dates `days` an occurrence, a
        request, or the event of a request."""
        if (manual := self._ledger.manual_run(identifier)) is not None:
            asked = frozenset(decision.decision_time.date() for decision in manual.decisions)
            return Scope(occurrences=frozenset({identifier}), days=asked)
        found = set[str]()
        for key in (key for day in sorted(days) for key in self._occurrences.logged(day)):
            requested = self._requested(self._occurrences.load(key))
            if identifier == key.occurrence_id or any(
                identifier in (item.request_id, requested_id(item.request_id)) for item in requested
            ):
                found.add(key.occurrence_id)
        return Scope(occurrences=frozenset(found), days=frozenset(days))

    def complete(self, facts: Facts, scope: Scope, days: Iterable[date]) -> Facts:
        """The facts with what is remembered of the scope's occurrences, and of those of the facts.

        days: game dates to look at beside those of the facts.
        """
        occurrences: dict[str, set[date]] = {name: set(days) for name in scope.occurrences}
        rows: list[Expected | Decided | Executed] = [*facts.expected, *facts.decided, *facts.executed]
        for item in rows:
            if item.occurrence_id:
                occurrences.setdefault(item.occurrence_id, set()).add(item.game_date)
        requested: list[ScrapeRequested] = []
        executed: list[Executed] = []
        plans: list[Plan] = []
        skips: set[tuple[str, str]] = set()
        logged = {item.execution_id for item in facts.executed}
        for occurrence, game_dates in occurrences.items():
            if (manual := self._ledger.manual_run(occurrence)) is not None:
                game_dates = {plan.game_date for plan in manual.plans}
            for game_date in sorted(game_dates):
                state = self._occurrences.load(Key(game_date, occurrence))
                if state.plan is None:
                    continue
                plans.append(state.plan)
                skips |= {(occurrence, step) for step in state.skipped}
                requested += self._requested(state)
                executed += [
                    self._executed(item, state, state.plan)
                    for item in state.executions.values()
                    if item.request_id not in logged
                ]
        return replace(
            facts,
            requested=requested,
            executed=[*facts.executed, *executed],
            plans=plans,
            skips=frozenset(skips),
        )

    def _requested(self, state: OccurrenceState) -> list[ScrapeRequested]:
        standing = state.progress
        if standing is None:
            return []
        attempts = ((standing.attempt(name), at) for name, at in standing.requested.items())
        return [request(standing.plan, attempt, at) for attempt, at in attempts if attempt is not None]

    def _executed(self, item: LoggedExecution, state: OccurrenceState, plan: Plan) -> Executed:
        attempt: Attempt | None = state.progress.attempt(item.request_id) if state.progress else None
        return Executed(
            execution_id=item.request_id,
            occurrence_id=plan.occurrence_id,
            decision_id=plan.decision_id,
            event_id=event_id(ScrapeExecuted.TYPE, item.request_id),
            scraper_name=item.scraper,
            workflow=plan.workflow,
            game_date=plan.game_date,
            status=item.status.value,
            triggered_at=item.triggered_at,
            completed_at=item.triggered_at,
            attempt=attempt.number if attempt else 1,
            source=item.source.value,
            gcs_path=None,
            record_count=None,
            error_type=item.kind.value if item.kind else None,
            error_message=item.message or None,
            retry_count=0,
            logged=False,
        )
