"""Rows that pages are made of, as the named queries give them."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from tipoff_common.clock import Instant
from tipoff_planning.execution_log import read_fact
from tipoff_planning.history import ExecutionFact


def _with_minutes(value: object) -> object:
    # BigQuery writes Z, the embedded warehouse +00, which ISO 8601 allows and pydantic does not read.
    return re.sub(r"([+-]\d\d)$", r"\1:00", value) if isinstance(value, str) else value


def _as_object(value: Any) -> Any:
    # Nested JSON comes as JSON from BigQuery and as text from the embedded warehouse. What is no object is told of in
    # the row's own JSON; here it must not keep every other row from being shown.
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    return value if isinstance(value, Mapping) else None


RowObject = Annotated[Mapping[str, Any] | None, BeforeValidator(_as_object)]
"""A JSON column of a row that came as JSON; None for what is no object."""
RowInstant = Annotated[Instant, BeforeValidator(_with_minutes)]
"""An instant of a row that came as JSON."""


class Fact(BaseModel):
    """A row. A column that a newer query has is none of this version's business."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ScraperHealth(Fact):
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
        """Whether `tipoff sick` would leave it out."""
        return self.cause == "well"


class WorkflowDay(Fact):
    """A row of queries/workflow_calendar.sql."""

    workflow_name: str
    day: date
    expected: int
    ran: int
    found: int
    failed: int
    missed: int


class ScraperDay(Fact):
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


class LiveConfiguration(Fact):
    """A row of queries/configurations.sql."""

    config_hash: str | None = None
    controller_version: str | None = None
    first_seen: RowInstant
    last_seen: RowInstant
    decisions: int


class DecisionRow(Fact):
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
    times: int = Field(default=1, description="decisions not to run for this reason")
    since: RowInstant | None = None
    context: RowObject = None


class ExecutionRow(Fact):
    """A row of queries/latest_executions.sql."""

    execution_id: str
    occurrence_id: str | None = None
    scraper_name: str
    workflow: str | None = None
    game_date: date | None = None
    status: str
    source: str
    triggered_at: RowInstant
    attempt: int | None = None
    records: int | None = None
    duration_seconds: float | None = None
    error_type: str | None = None
    error_message: str | None = None
    gcs_path: str | None = None
    opts: RowObject = None
    drift: RowObject = None
    completeness: RowObject = None

    @property
    def has_drifted(self) -> bool:
        """Whether its payload had other fields than are known; one that had none may say so with empty lists."""
        return any((self.drift or {}).values())

    def as_fact(self, subject_parameters: Sequence[str]) -> ExecutionFact | None:
        """Return it as the planning core knows it; None for a vocabulary that this version does not know."""
        row = {
            **self.model_dump(),
            "request_id": self.execution_id,
            # As the dataset's own queries give it: the core reads both as JSON text.
            "opts": json.dumps(self.opts),
            "completeness": json.dumps(self.completeness),
        }
        return read_fact(row, subject_parameters)


class DeadLetterRow(Fact):
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


class StandingPauseRow(Fact):
    """A row of queries/standing_pauses.sql."""

    target: str = Field(description="workflow or scraper")
    name: str
    since: RowInstant
    until: RowInstant
    changed_by: str | None = None
    why: str | None = None


class MissingFileRow(Fact):
    """A row of queries/missing_files.sql."""

    scraper_name: str
    gcs_path: str
    age_minutes: int | None = None
    republished: bool | None = None
    urgency: str | None = None


class FleetSummary(BaseModel):
    """What is summed up over weeks: it changes slowly and is read rarely."""

    model_config = ConfigDict(frozen=True)

    health: tuple[ScraperHealth, ...]
    workflow_days: tuple[WorkflowDay, ...]
    scraper_days: tuple[ScraperDay, ...]
    configurations: tuple[LiveConfiguration, ...]
    pauses: tuple[StandingPauseRow, ...] = ()


class Recent(BaseModel):
    """The newest rows of each kind. history: the executions as the planning core knows them."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    decisions: tuple[DecisionRow, ...]
    executions: tuple[ExecutionRow, ...]
    dead_letters: tuple[DeadLetterRow, ...]
    missing_files: tuple[MissingFileRow, ...]
    history: Sequence[ExecutionFact] = ()
