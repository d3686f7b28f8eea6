"""Expected runs of a day and their results, read from the dataset."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Literal

from pydantic import BaseModel, Field

from tipoff_common.clock import Instant, business_date, local_instant
from tipoff_common.ports import Parameter, Warehouse

WHOLE_DAY = "-"
"""The subject of an occurrence about the whole day. Defined here, so that readers of rows need not import workflows."""
RunStatus = Literal["PENDING", "TOO_EARLY", "ON_TIME", "LATE", "MISSING", "SKIPPED_OK", "CANCELLED", "PAUSED"]
"""Defined in schemas/bigquery/nba_orchestration/fn_expected_vs_actual.sql."""

# The oldest record still stored: partitions expire. The bounds exclude no row; each table requires a filter on its
# partitions.
_KNOWN_SINCE = """
SELECT MIN(known_at) AS known_since
FROM (
  SELECT MIN(locked_at) AS known_at
  FROM nba_orchestration.daily_expected_schedule
  WHERE date >= DATE '2000-01-01' AND environment = @environment
  UNION ALL
  SELECT MIN(decision_time) AS known_at
  FROM nba_orchestration.workflow_decisions
  WHERE DATE(decision_time) >= DATE '2000-01-01' AND environment = @environment
)
"""
_LAST_DECISION = """
SELECT MAX(decision_time) AS last_decided_at
FROM nba_orchestration.workflow_decisions
WHERE DATE(decision_time) BETWEEN DATE_SUB(DATE(@as_of), INTERVAL 2 DAY) AND DATE(@as_of)
  AND decision_time <= @as_of
  AND environment = @environment
  AND reason_code NOT IN ('parent_unfruitful', 'manual')
"""
# The rows of a day's lock and its later changes.
_LOCKED = """
SELECT date, occurrence_id
FROM nba_orchestration.expected_schedule(@as_of, @first, @last)
WHERE environment = @environment
"""
# One row per step (an expected occurrence and one of its scrapers), so that the healthy steps of a workflow cannot hide
# a dead one. A unit is one set of parameters (a game, a team); its latest attempt counts unless any attempt succeeded.
# The next check of a workflow is that of its latest evaluation. Decisions about skipped steps and manual runs are no
# evaluations, and do not count for the newest decision or for an idle day either.
_EXPECTED_VS_ACTUAL = """
WITH outcomes AS (
  SELECT * FROM nba_orchestration.expected_vs_actual(@as_of, @day)
  UNION ALL
  SELECT * FROM nba_orchestration.expected_vs_actual(@as_of, @night)
  WHERE @with_night AND deadline > @midnight
),
decided AS (
  SELECT
    workflow_name, occurrence_id, decision_time, decision_id, reason_code, next_check_time,
    JSON_VALUE(context, '$.scraper') AS skipped_scraper
  FROM nba_orchestration.workflow_decisions
  WHERE DATE(decision_time) BETWEEN @first_partition AND @last_partition
    AND decision_time <= @as_of
    AND environment = @environment
),
evaluated AS (
  SELECT workflow_name, decision_time, decision_id, reason_code, next_check_time
  FROM decided
  WHERE reason_code NOT IN ('parent_unfruitful', 'manual')
),
latest AS (
  -- The newest evaluation decides about each game, and one of them may be asked for again before the others.
  SELECT workflow_name, MIN(next_check_time) AS next_check_time
  FROM (
    SELECT workflow_name, next_check_time
    FROM evaluated
    QUALIFY RANK() OVER (PARTITION BY workflow_name ORDER BY decision_time DESC) = 1
  )
  GROUP BY workflow_name
),
last_word AS (
  SELECT occurrence_id, reason_code
  FROM decided
  WHERE reason_code != 'parent_unfruitful'
  QUALIFY ROW_NUMBER() OVER (PARTITION BY occurrence_id ORDER BY decision_time DESC, decision_id) = 1
),
skipped AS (
  SELECT DISTINCT occurrence_id, skipped_scraper
  FROM decided
  WHERE reason_code = 'parent_unfruitful'
),
listed AS (
  SELECT s.date, s.occurrence_id, s.game_date, COALESCE(s.subject, '-') AS subject, scraper
  FROM nba_orchestration.expected_schedule(@as_of, @night, @day) AS s
  CROSS JOIN UNNEST(s.scrapers) AS scraper
  WHERE s.environment = @environment
),
paused AS (
  SELECT target, name, until, changed_by, why
  FROM nba_orchestration.standing_pauses(@as_of)
  WHERE environment = @environment
),
executed AS (
  SELECT
    occurrence_id, workflow, scraper_name, COALESCE(TO_JSON_STRING(opts), '{}') AS unit, status, error_type,
    error_message, triggered_at, game_date, COALESCE(JSON_VALUE(opts, '$.game_id'), '-') AS subject,
    -- Without the hour of a slot, so that data found by another run counts for this one.
    REGEXP_REPLACE(COALESCE(TO_JSON_STRING(opts), '{}'), r'[0-9]{4}-[0-9]{2}-[0-9]{2}T[^"]*', '') AS asked
  FROM nba_orchestration.executions(@first_partition, @last_partition)
  WHERE triggered_at <= @as_of AND environment = @environment AND source != 'LOCAL'
),
found AS (
  SELECT workflow, scraper_name, game_date, subject, MAX(triggered_at) AS found_at
  FROM executed
  WHERE status = 'success'
  GROUP BY workflow, scraper_name, game_date, subject
),
answered AS (
  SELECT
    scraper_name, game_date, asked,
    MAX(IF(status = 'success', triggered_at, NULL)) AS found_at,
    MAX(triggered_at) AS newest_at,
    ANY_VALUE(status HAVING MAX triggered_at) AS newest_status,
    ANY_VALUE(error_type HAVING MAX triggered_at) AS newest_error_type,
    ANY_VALUE(error_message HAVING MAX triggered_at) AS newest_error_message
  FROM executed
  GROUP BY scraper_name, game_date, asked
),
units AS (
  SELECT
    occurrence_id, scraper_name, unit, game_date, asked,
    COUNT(*) AS attempts,
    COUNTIF(status = 'success') AS successes,
    ANY_VALUE(status HAVING MAX triggered_at) AS last_status,
    ANY_VALUE(error_type HAVING MAX triggered_at) AS error_type,
    ANY_VALUE(error_message HAVING MAX triggered_at) AS error_message,
    MIN(triggered_at) AS first_at,
    MAX(triggered_at) AS last_at
  FROM executed
  WHERE occurrence_id IS NOT NULL
  GROUP BY occurrence_id, scraper_name, unit, game_date, asked
),
-- A unit counts as found by any run of the same scraper with the same parameters about the same date. A later failure
-- of a unit that was found counts only where all units were found: otherwise those that were not found matter more.
followed AS (
  SELECT
    units.*, answered.newest_error_type, answered.newest_error_message,
    COALESCE(answered.found_at > units.last_at, FALSE) AS is_found_later,
    IF(
      answered.newest_status = 'failed' AND answered.newest_at > units.last_at AND (
        units.successes = 0
        OR MIN(units.successes) OVER (PARTITION BY units.occurrence_id, units.scraper_name) > 0
      ),
      answered.newest_at, NULL
    ) AS failed_later_at
  FROM units
  LEFT JOIN answered
    ON
      answered.scraper_name = units.scraper_name AND answered.game_date = units.game_date
      AND answered.asked = units.asked
),
steps AS (
  SELECT
    occurrence_id, scraper_name,
    COUNT(*) AS units,
    SUM(attempts) AS attempts,
    COUNTIF(successes > 0) AS units_found,
    COUNTIF(successes = 0 AND last_status = 'failed') AS units_failed,
    MIN(IF(successes = 0 AND last_status = 'failed', first_at, NULL)) AS failing_since,
    MAX(last_at) AS last_at,
    MAX(IF(successes = 0 AND last_status = 'failed', error_type, NULL)) AS error_type,
    MAX(IF(successes = 0 AND last_status = 'failed', error_message, NULL)) AS error_message,
    COUNTIF(successes = 0) > 0 AND COUNTIF(successes = 0 AND NOT is_found_later) = 0 AS found_later,
    MAX(failed_later_at) AS failed_later_at,
    MAX(IF(failed_later_at IS NULL, NULL, newest_error_type)) AS later_error_type,
    MAX(IF(failed_later_at IS NULL, NULL, newest_error_message)) AS later_error_message
  FROM followed
  GROUP BY occurrence_id, scraper_name
)
SELECT
  base.idle, e.*, latest.next_check_time, last_word.reason_code AS last_reason_code,
  (SELECT MAX(decision_time) FROM evaluated) AS last_decided_at,
  COALESCE(steps.scraper_name, listed.scraper) AS scraper,
  COALESCE(steps.units, 0) AS units,
  COALESCE(steps.attempts, 0) AS attempts,
  COALESCE(steps.units_found, 0) AS units_found,
  COALESCE(steps.units_failed, 0) AS units_failed,
  steps.failing_since, steps.last_at, steps.error_type, steps.error_message,
  skipped.occurrence_id IS NOT NULL AS parent_unfruitful,
  -- A step without units was left out: then a success of a later run of the workflow counts.
  COALESCE(steps.found_later, found.found_at > e.actual_run_time, FALSE) AS found_later,
  steps.failed_later_at, steps.later_error_type, steps.later_error_message,
  whole.until AS paused_until, whole.changed_by AS paused_by, whole.why AS paused_why,
  own.until AS scraper_paused_until
-- A day without expectations gives one row without an occurrence, which carries the newest decision.
FROM (
  SELECT
    @environment AS environment,
    COUNT(*) > 0 AND COUNTIF(reason_code NOT IN ('no_games', 'day_done')) = 0 AS idle
  FROM evaluated
  WHERE decision_time >= @lock
) AS base
LEFT JOIN outcomes AS e ON e.environment = base.environment
LEFT JOIN latest ON latest.workflow_name = e.workflow_name
LEFT JOIN last_word ON last_word.occurrence_id = e.occurrence_id
LEFT JOIN listed ON listed.occurrence_id = e.occurrence_id AND listed.date = e.date
LEFT JOIN steps ON steps.occurrence_id = e.occurrence_id AND steps.scraper_name = listed.scraper
LEFT JOIN found
  ON
    found.workflow = e.workflow_name AND found.scraper_name = listed.scraper
    AND found.game_date = listed.game_date AND found.subject = listed.subject
LEFT JOIN paused AS whole ON whole.target = 'workflow' AND whole.name = e.workflow_name
LEFT JOIN paused AS own ON own.target = 'scraper' AND own.name = listed.scraper
LEFT JOIN skipped ON skipped.occurrence_id = e.occurrence_id AND skipped.skipped_scraper = listed.scraper
ORDER BY e.expected_run_time, e.workflow_name, e.occurrence_id, scraper
"""


# Decisions from this time on are about the new day; earlier ones do not show whether it is idle.
_LOCK = time(5)
"""Time of day of the tick that locks a day's schedule."""


class StepOutcome(BaseModel):
    """The result of one scraper of an occurrence, over its units: the games, teams or values it fans out over."""

    scraper: str
    units: int = Field(default=0, description="requested units")
    attempts: int = Field(default=0, description="executions, retries included")
    units_found: int = Field(default=0, description="units with a success")
    units_failed: int = Field(default=0, description="units without a success whose latest attempt failed")
    failing_since: Instant | None = Field(default=None, description="first attempt of a failing unit")
    last_at: Instant | None = Field(default=None, description="latest attempt")
    error_type: str | None = None
    error_message: str | None = None
    found_later: bool = Field(
        default=False,
        description="later runs of any occurrence, manual ones included, found every missing unit",
    )
    failed_later_at: Instant | None = Field(
        default=None,
        description="newest run of a unit, if it belongs to another occurrence and failed; of a found unit only if all"
        " units were found",
    )
    later_error_type: str | None = None
    later_error_message: str | None = None
    parent_unfruitful: bool = Field(
        default=False, description="never requested: its parent failed, found nothing or named no values"
    )
    scraper_paused_until: Instant | None = Field(
        default=None, description="end of the pause of the scraper; null without one"
    )


class Expectation(BaseModel):
    """One expected occurrence and its result."""

    date: date
    workflow_name: str
    occurrence_id: str
    subject: str | None = Field(default=None, description="game or team, - for the whole day")
    expected_run_time: Instant
    deadline: Instant
    games_today: int | None
    priority: str | None = Field(description="null in a row that states none")
    expected_reason: str
    actual_run_time: Instant | None = Field(description="time of its first run, null without one")
    action: str | None
    reason_code: str | None = Field(description="code of its first run, else of the last decision about it")
    actual_reason: str | None
    executions: int
    found: bool = Field(description="whether any of its executions was a success")
    status: RunStatus
    next_check_time: Instant | None = Field(description="next check of its workflow")
    last_reason_code: str | None = Field(default=None, description="code of the newest decision about it")
    paused_until: Instant | None = Field(
        default=None, description="end of the pause of the workflow; null without one"
    )
    paused_by: str | None = Field(default=None, description="the person who paused the workflow")
    paused_why: str | None = Field(default=None, description="the reason, in that person's words")
    steps: tuple[StepOutcome, ...] = Field(default=(), description="one per scraper")


class DayExpectations(BaseModel):
    """A day as of an instant. Without rows, its schedule was not locked by then or no occurrence was expected."""

    date: date
    as_of: Instant
    environment: str
    expectations: tuple[Expectation, ...]
    last_decided_at: Instant | None = Field(default=None, description="newest decision about any workflow")
    idle: bool = Field(
        default=False,
        description="every decision since the time of the lock is no_games or day_done",
    )
    known_since: Instant | None = Field(
        default=None,
        description="oldest lock or decision of any day, for a day without a schedule that is past or has no decision;"
        " else null",
    )

    @property
    def is_unknown(self) -> bool:
        """Whether the day or `as_of` is older than every lock and decision, such as a day before the first start."""
        if self.known_since is None:
            return False
        return business_date(self.known_since) > self.date or self.known_since > self.as_of


def read_expectations(
    warehouse: Warehouse,
    environment: str,
    day: date,
    as_of: datetime,
    *,
    midnight: datetime | None = None,
    with_known_since: bool = True,
) -> DayExpectations:
    """Read a day's expectations and results from the dataset.

    midnight: the beginning of `day`; if given, includes the occurrences of the day before that were still open then.
    with_known_since: whether a second job may read how far back rows go, which a question about now does not need.

    Raises:
        Unavailable
    """
    parameters: Mapping[str, Parameter] = {
        "as_of": as_of,
        "day": day,
        "night": day - timedelta(days=1),
        "with_night": midnight is not None,
        "midnight": midnight or as_of,
        "lock": local_instant(day, _LOCK),
        "environment": environment,
        # Partitions are UTC days of runs: start one before the fleet's day, and one more to include the night before.
        "first_partition": day - timedelta(days=2 if midnight else 1),
        "last_partition": day + timedelta(days=2),
    }
    rows = warehouse.query(_EXPECTED_VS_ACTUAL, parameters)
    # Equal in every row, and present even for a day without expectations.
    decided = (row.get("last_decided_at") for row in rows)
    expectations = tuple(_expectations(rows))
    idle = any(row.get("idle") for row in rows)
    last_decided_at = next(decided, None)
    # A separate query job, for a past day without a schedule and for an instant without a decision in two days.
    is_empty = not expectations and not idle
    asks = with_known_since and is_empty and (day < business_date(as_of) or last_decided_at is None)
    since = warehouse.query(_KNOWN_SINCE, {"environment": environment}) if asks else ()
    return DayExpectations(
        date=day,
        as_of=as_of,
        environment=environment,
        expectations=expectations,
        last_decided_at=last_decided_at,
        idle=idle,
        known_since=next((row.get("known_since") for row in since), None),
    )


def _expectations(rows: Iterable[Mapping[str, Any]]) -> Iterable[Expectation]:
    """Combine the rows of each occurrence, one per step, into one expectation."""
    gathered: dict[tuple[Any, Any], list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["occurrence_id"] is None:
            continue  # a row about decisions, of a day without expectations
        gathered.setdefault((row["date"], row["occurrence_id"]), []).append(row)
    for own in gathered.values():
        # An occurrence without scrapers in its schedule row has no steps; verdicts use its own columns.
        steps = [StepOutcome.model_validate(row) for row in own if row.get("scraper")]
        yield Expectation.model_validate({**own[0], "steps": steps})


def read_last_decision(warehouse: Warehouse, environment: str, as_of: datetime) -> datetime | None:
    """Read when an evaluation last decided, None when none did within two days. Raises Unavailable."""
    rows = warehouse.query(_LAST_DECISION, {"as_of": as_of, "environment": environment})
    return next((row["last_decided_at"] for row in rows), None)


def read_locked(
    warehouse: Warehouse, environment: str, first: date, last: date, as_of: datetime
) -> Mapping[date, frozenset[str]]:
    """Read the ids of the occurrences in the locked schedule of each of these days. Raises Unavailable.

    A day without rows before the newest day with rows expects nothing. Later days are left out, as they may not be
    locked yet.
    """
    rows = warehouse.query(
        _LOCKED, {"as_of": as_of, "first": first, "last": last, "environment": environment}
    )
    if not rows:
        return {}
    newest: date = max(row["date"] for row in rows)
    days = [first + timedelta(days=offset) for offset in range((newest - first).days + 1)]
    return {day: frozenset(row["occurrence_id"] for row in rows if row["date"] == day) for day in days}
