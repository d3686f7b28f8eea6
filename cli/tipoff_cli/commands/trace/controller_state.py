"""What the controller remembers of a chain in the state bucket, and the dataset lacks: requests, plans, and outcomes
that are not logged yet."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import date

from tipoff_cli.commands.trace.dataset import Scope
from tipoff_cli.commands.trace.facts import Decided, Executed, Expected, Facts
from tipoff_cli.commands.trace.links import requested_id
from tipoff_common.events import ScrapeExecuted, ScrapeRequested
from tipoff_common.outcomes import Failed, Success
from tipoff_common.ports import Objects
from tipoff_controller.ledger import Ledger, occurrence_in
from tipoff_planning.plans import Plan


class Remembered:
    """The controller's prefix, read as it reads it itself. Every method raises Unavailable."""

    def __init__(self, state: Objects) -> None:
        self._state, self._ledger = state, Ledger(state, ())

    def find(self, identifier: str, days: Collection[date]) -> Scope:
        """What the id belongs to: the occurrence of a run by hand, or among the game dates `days` an occurrence, a
        request, or the event of a request."""
        if (by_hand := self._ledger.manual_run(identifier)) is not None:
            asked = frozenset(decision.decision_time.date() for decision in by_hand.decisions)
            return Scope(occurrences=frozenset({identifier}), days=asked)
        known = self._ledger.days(days)
        found = {identifier} & known.plan_paths.keys()
        for request, path in known.request_paths.items():
            if identifier in (request, requested_id(request), occurrence_in(path)):
                found.add(occurrence_in(path))
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
            if (by_hand := self._ledger.manual_run(occurrence)) is not None:
                game_dates = {plan.game_date for plan in by_hand.plans}
            for game_date in sorted(game_dates):
                known = self._ledger.occurrence(game_date, occurrence)
                skips |= known.skips
                requested += filter(None, map(self._ledger.request, known.request_paths.values()))
                executed += [
                    self._executed(path)
                    for request, path in known.execution_paths.items()
                    if request not in logged
                ]
                if plan := self._ledger.plan(game_date, occurrence):
                    plans.append(plan)
        return replace(
            facts,
            requested=requested,
            executed=[*facts.executed, *executed],
            plans=plans,
            skips=frozenset(skips),
        )

    def _executed(self, path: str) -> Executed:
        event = ScrapeExecuted.model_validate_json(self._state.get(path) or b"")
        outcome = event.outcome
        return Executed(
            execution_id=event.execution_id,
            occurrence_id=event.occurrence_id,
            decision_id=event.decision_id,
            event_id=event.id,
            scraper_name=event.scraper_name,
            workflow=event.workflow,
            game_date=event.game_date,
            status=outcome.status.value,
            triggered_at=event.triggered_at,
            completed_at=event.completed_at,
            attempt=event.attempt,
            source=event.source.value,
            gcs_path=outcome.gcs_path if isinstance(outcome, Success) else None,
            record_count=outcome.record_count if isinstance(outcome, Success) else None,
            error_type=outcome.kind.value if isinstance(outcome, Failed) else None,
            error_message=outcome.message if isinstance(outcome, Failed) else None,
            retry_count=event.retry_count,
            logged=False,
        )
