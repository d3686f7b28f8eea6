"""What is known of the past: the union, by request id, of the dataset and the controller's own ledger."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from tipoff_common.events import Source
from tipoff_common.outcomes import FailureKind, Status


@dataclass(frozen=True)
class ExecutionFact:
    """The result of one request."""

    request_id: str
    scraper: str
    game_date: date
    status: Status
    kind: FailureKind | None
    source: Source
    triggered_at: datetime


@dataclass(frozen=True)
class History:
    """What is known when a decision is taken.

    executions: results by request id.
    requested: when each request first went out, wall clock, by request id.
    stale: the dataset could not be asked; the ledger alone speaks.
    """

    executions: Mapping[str, ExecutionFact] = field(default_factory=dict)
    requested: Mapping[str, datetime] = field(default_factory=dict)
    stale: bool = False

    def found(self, scraper: str, game_date: date) -> ExecutionFact | None:
        """The first success for the date the data is about, whoever asked; somebody's local try does not count."""
        successes = [
            fact
            for fact in self.executions.values()
            if fact.scraper == scraper
            and fact.game_date == game_date
            and fact.status is Status.SUCCESS
            and fact.source is not Source.LOCAL
        ]
        return min(successes, key=lambda fact: fact.triggered_at, default=None)


def merge(*sources: Iterable[ExecutionFact]) -> dict[str, ExecutionFact]:
    """One fact a request. A request has one outcome, so it does not matter which source names it."""
    return {fact.request_id: fact for source in sources for fact in source}
