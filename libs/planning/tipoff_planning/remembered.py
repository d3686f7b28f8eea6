"""The controller's record of an occurrence, served for `tipoff trace`. Part of its HTTP contract."""

from collections.abc import Sequence
from datetime import date
from typing import Self

from pydantic import Field

from tipoff_common.clock import Instant
from tipoff_common.events import ScrapeRequested, Source
from tipoff_common.outcomes import FailureKind, Status
from tipoff_planning.drafts import request
from tipoff_planning.frozen import Frozen
from tipoff_planning.occurrence_log import LoggedExecution, OccurrenceState
from tipoff_planning.plans import Plan


class FoundOccurrence(Frozen):
    """The occurrence to which an id belongs."""

    game_date: date = Field(description="the date its data is about")
    occurrence_id: str


class RememberedExecution(Frozen):
    """An execution that the controller received, possibly not yet in the dataset."""

    request_id: str
    scraper: str
    status: Status
    triggered_at: Instant
    source: Source
    attempt: int = Field(description="number of the attempt within its unit, counted from 1")
    kind: FailureKind | None = None
    message: str = ""

    @classmethod
    def of(cls, item: LoggedExecution, state: OccurrenceState) -> Self:
        """Build the part of a logged execution that a chain shows."""
        attempt = state.progress.attempt(item.request_id) if state.progress is not None else None
        return cls(
            request_id=item.request_id,
            scraper=item.scraper,
            status=item.status,
            triggered_at=item.triggered_at,
            source=item.source,
            attempt=attempt.number if attempt is not None else 1,
            kind=item.kind,
            message=item.message,
        )


class RememberedOccurrence(Frozen):
    """The plan of an occurrence and its progress."""

    plan: Plan
    requested: tuple[ScrapeRequested, ...] = ()
    executions: tuple[RememberedExecution, ...] = ()
    skipped: tuple[str, ...] = Field(default=(), description="steps that are never requested")

    @classmethod
    def of(cls, state: OccurrenceState) -> Self | None:
        """Build the record of an occurrence from its state; None without a plan."""
        if state.plan is None:
            return None
        return cls(
            plan=state.plan,
            requested=tuple(requests_of(state)),
            executions=tuple(RememberedExecution.of(item, state) for item in state.executions.values()),
            skipped=tuple(state.skipped),
        )


def requests_of(state: OccurrenceState) -> Sequence[ScrapeRequested]:
    """Rebuild every published request."""
    standing = state.progress
    if standing is None:
        return []
    attempts = ((standing.attempt(name), at) for name, at in standing.requested.items())
    # A plan written by another version may lack the unit of a request.
    return [request(standing.plan, attempt, at) for attempt, at in attempts if attempt is not None]
