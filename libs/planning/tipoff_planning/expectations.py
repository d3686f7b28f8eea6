"""What was expected of a day and what became of it, as the dataset tells it."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Literal

from pydantic import BaseModel

from tipoff_common.clock import Instant
from tipoff_common.ports import Parameter, Warehouse

RunStatus = Literal["PENDING", "TOO_EARLY", "ON_TIME", "LATE", "MISSING", "SKIPPED_OK", "CANCELLED"]
"""What each means stands in schemas/bigquery/nba_orchestration/fn_expected_vs_actual.sql."""

# Each workflow is looked at again when its latest decision says so; a skipped step's decision says nothing of it.
_EXPECTED_VS_ACTUAL = """
WITH latest AS (
  SELECT workflow_name, next_check_time
  FROM nba_orchestration.workflow_decisions
  WHERE DATE(decision_time) BETWEEN @first_partition AND @last_partition
    AND decision_time <= @as_of
    AND environment = @environment
    AND reason_code != 'parent_unfruitful'
  QUALIFY ROW_NUMBER() OVER (PARTITION BY workflow_name ORDER BY decision_time DESC, decision_id) = 1
)
SELECT e.*, latest.next_check_time
FROM nba_orchestration.expected_vs_actual(@as_of, @day) AS e
LEFT JOIN latest ON latest.workflow_name = e.workflow_name
WHERE e.environment = @environment
ORDER BY e.expected_run_time, e.workflow_name, e.occurrence_id
"""


class Expectation(BaseModel):
    """One expected occurrence and what became of it.

    subject: the game or team it is about, - for a workflow of the whole day.
    actual_run_time: of its first run, null without one. reason_code, actual_reason: of that run, else of the last
    decision about it. found: whether any of its executions was a success. next_check_time: when its workflow is
    looked at next.
    """

    date: date
    workflow_name: str
    occurrence_id: str
    subject: str | None = None
    expected_run_time: Instant
    deadline: Instant
    games_today: int | None
    priority: str
    expected_reason: str
    actual_run_time: Instant | None
    action: str | None
    reason_code: str | None
    actual_reason: str | None
    executions: int
    found: bool
    status: RunStatus
    next_check_time: Instant | None


class DayExpectations(BaseModel):
    """A day as of an instant. Without rows its schedule was not locked by then, or nothing was expected."""

    date: date
    as_of: Instant
    environment: str
    expectations: tuple[Expectation, ...]


def read_expectations(warehouse: Warehouse, environment: str, day: date, as_of: datetime) -> DayExpectations:
    """Raises Unavailable."""
    parameters: Mapping[str, Parameter] = {
        "as_of": as_of,
        "day": day,
        "environment": environment,
        "first_partition": day - timedelta(days=1),
        "last_partition": day + timedelta(days=2),
    }
    rows = warehouse.query(_EXPECTED_VS_ACTUAL, parameters)
    expectations = tuple(Expectation.model_validate(row) for row in rows)
    return DayExpectations(date=day, as_of=as_of, environment=environment, expectations=expectations)
