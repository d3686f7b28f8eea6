"""Models of the rows of named queries that pages show."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from pydantic import Field

from tipoff_common.execution_row import ExecutionRow, RowInstant, RowObject
from tipoff_planning.frozen import Frozen
from tipoff_planning.history import ExecutionFact


class ScraperHealth(Frozen):
    """A row of queries/scraper_health.sql."""

    scraper_name: str
    cause: str
    last_success: RowInstant | None = None
    silent_intervals: float | None = None
    telling_runs: int = 0
    failures: int = 0
    drift: bool | None = None
    last_error: str | None = None

    @property
    def is_well(self) -> bool:
        """Whether the scraper is healthy, so that `tipoff sick` omits it."""
        return self.cause == "well"


class WorkflowDay(Frozen):
    """A row of queries/workflow_calendar.sql."""

    workflow_name: str
    day: date
    expected: int
    ran: int
    found: int
    failed: int
    missed: int


class ScraperDay(Frozen):
    """A row of queries/scraper_days.sql."""

    scraper_name: str
    day: date
    runs: int
    successes: int
    no_data: int
    failures: int
    median_seconds: float | None = None
    records: float | None = None
    drift: bool | None = None


class LiveConfiguration(Frozen):
    """A row of queries/configurations.sql."""

    config_hash: str | None = None
    controller_version: str | None = None
    first_seen: RowInstant
    last_seen: RowInstant
    decisions: int


class DecisionRow(Frozen):
    """A row of queries/latest_decisions.sql."""

    decision_id: str
    occurrence_id: str
    workflow_name: str
    game_date: date | None = None
    decision_time: RowInstant
    action: str
    reason_code: str
    reason: str
    next_check_time: RowInstant | None = None
    triggered_by: str | None = None
    config_hash: str | None = None
    times: int = Field(default=1, description="number of decisions not to run for this reason")
    since: RowInstant | None = None
    context: RowObject = None


class DeadLetterRow(Frozen):
    """A row of queries/latest_dead_letters.sql."""

    event_id: str
    rejected_at: RowInstant
    reason: str
    detail: str | None = None
    service: str | None = None
    subscription: str | None = None
    event_type: str | None = None
    payload_bytes: int | None = None
    delivery_attempts: int | None = None


class StandingPauseRow(Frozen):
    """A row of queries/standing_pauses.sql."""

    target: str = Field(description="workflow or scraper")
    name: str
    since: RowInstant
    until: RowInstant
    changed_by: str | None = None
    why: str | None = None


class MissingFileRow(Frozen):
    """A row of queries/missing_files.sql."""

    scraper_name: str
    gcs_path: str
    age_minutes: int | None = None
    republished: bool | None = None
    urgency: str | None = None


@dataclass(frozen=True)
class FleetSummary:
    """Summaries over weeks, which change slowly and are read rarely."""

    health: tuple[ScraperHealth, ...]
    workflow_days: tuple[WorkflowDay, ...]
    scraper_days: tuple[ScraperDay, ...]
    configurations: tuple[LiveConfiguration, ...]
    pauses: tuple[StandingPauseRow, ...] = ()


@dataclass(frozen=True)
class Recent:
    """The newest rows of each kind."""

    decisions: tuple[DecisionRow, ...]
    executions: tuple[ExecutionRow, ...]
    dead_letters: tuple[DeadLetterRow, ...]
    missing_files: tuple[MissingFileRow, ...]
    history: Sequence[ExecutionFact] = ()
    """The executions in the planning core's form."""
