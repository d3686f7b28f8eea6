"""The dataset's record of past executions."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from pydantic import ValidationError

from tipoff_common.events import Source
from tipoff_common.execution_row import ExecutionRow
from tipoff_common.outcomes import FailureKind, Status
from tipoff_common.ports import Warehouse
from tipoff_planning.history import ExecutionFact, completeness_in, preferred, subject_of

log = logging.getLogger(__name__)

# Python joins these rows with the ledger's by request id. The last row of a request wins, so a presumed result sorts
# before an actual one.
_EXECUTIONS = """
SELECT request_id, scraper_name, game_date, status, error_type, source, triggered_at,
  COALESCE(error_message, JSON_VALUE(data_summary, '$.reason')) AS error_message,
  SAFE_CAST(JSON_VALUE(data_summary, '$.not_before') AS TIMESTAMP) AS not_before,
  JSON_VALUE(data_summary, '$.paused_host') AS paused_host,
  TO_JSON_STRING(opts) AS opts, TO_JSON_STRING(JSON_QUERY(data_summary, '$.completeness')) AS completeness
FROM nba_orchestration.scraper_execution_log
WHERE game_date IN UNNEST(@game_dates)
  AND DATE(triggered_at) BETWEEN @first_partition AND @last_partition
  AND environment = @environment
ORDER BY JSON_VALUE(data_summary, '$.presumed') IS NULL, created_at
"""

# One row per subject, or one per request in the question: IF() keeps the ids of those requests and groups all others.
# So the answer grows with the open requests and not with the number of past executions.
_FOUND = """
SELECT
  IF(request_id IN UNNEST(@requests) OR occurrence_id IN UNNEST(@occurrences), request_id, '') AS request_id,
  IF(occurrence_id IN UNNEST(@occurrences), occurrence_id, '') AS occurrence_id,
  scraper_name, game_date, status, error_type, source,
  TO_JSON_STRING(opts) AS opts,
  TO_JSON_STRING(JSON_QUERY(data_summary, '$.completeness')) AS completeness,
  JSON_VALUE(data_summary, '$.presumed') IS NOT NULL AS is_presumed,
  COALESCE(error_message, JSON_VALUE(data_summary, '$.reason')) AS error_message,
  SAFE_CAST(JSON_VALUE(data_summary, '$.not_before') AS TIMESTAMP) AS not_before,
  JSON_VALUE(data_summary, '$.paused_host') AS paused_host,
  MIN(triggered_at) AS first_at,
  MAX(triggered_at) AS last_at
FROM nba_orchestration.scraper_execution_log
WHERE DATE(triggered_at) BETWEEN @first_partition AND @last_partition
  AND environment = @environment
  AND (
    (game_date IN UNNEST(@game_dates) AND scraper_name IN UNNEST(@scrapers)
      AND status = 'success' AND source != 'LOCAL')
    OR request_id IN UNNEST(@requests)
    OR occurrence_id IN UNNEST(@occurrences)
  )
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13
"""


# The looks of learned searches. The parameter names differ from those above: fakes of the warehouse distinguish queries
# by them.
_LOOKS = """
SELECT request_id, scraper_name, game_date, status, error_type, source, triggered_at, TO_JSON_STRING(opts) AS opts,
  TO_JSON_STRING(JSON_QUERY(data_summary, '$.completeness')) AS completeness
FROM nba_orchestration.scraper_execution_log
WHERE scraper_name IN UNNEST(@searched_scrapers)
  AND game_date BETWEEN @first_game_date AND @last_game_date
  AND DATE(triggered_at) BETWEEN @first_partition AND @last_partition
  AND environment = @environment
  AND (status != 'failed' OR @with_failures) AND source != 'LOCAL'
"""


@dataclass(frozen=True)
class DatasetQuestion:
    """Input of a decision's query to the dataset. The answer grows with open and searched items, not with all of
    history."""

    game_dates: Sequence[date]
    """The dates whose data is searched."""
    scrapers: Sequence[str]
    """The searching scrapers; the answer has the first and the last success of each subject."""
    requests: Sequence[str] = ()
    """Requests without a known result."""
    occurrences: Sequence[str] = ()
    """Occurrences whose log cannot be read."""
    since: date | None = None
    """The first day on which those requests and occurrences ran; by default the first of `game_dates`."""


@dataclass(frozen=True)
class DatasetAnswer:
    """The dataset's answer to a `DatasetQuestion`."""

    found: Sequence[ExecutionFact] = ()
    """Successes by subject, with synthetic request ids."""
    requests: Mapping[str, ExecutionFact] = field(default_factory=dict)
    """Results of the requests in the question, by request id."""
    occurrences: Mapping[str, Sequence[ExecutionFact]] = field(default_factory=dict)
    """Executions of the occurrences in the question, by occurrence id."""


def ask_dataset(
    warehouse: Warehouse, environment: str, question: DatasetQuestion, subject_parameters: Iterable[str]
) -> DatasetAnswer:
    """Answer the question with ONE query for any number of workflows. Raises Unavailable."""
    names = tuple(subject_parameters)
    # Wide enough for the searched dates and for requests of older days without a result.
    first = min([*question.game_dates, *([question.since] if question.since else [])])
    rows = warehouse.query(
        _FOUND,
        {
            "game_dates": list(question.game_dates),
            "scrapers": list(question.scrapers),
            "requests": list(question.requests),
            "occurrences": list(question.occurrences),
            # The log is partitioned by the UTC day of the run. Data about a date is fetched from the day before it (a
            # preview) to the second day after it (a correction), so no other partition has to be scanned.
            "first_partition": first - timedelta(days=1),
            "last_partition": max(question.game_dates) + timedelta(days=2),
            "environment": environment,
        },
    )
    found: list[ExecutionFact] = []
    requests: dict[str, ExecutionFact] = {}
    occurrences: dict[str, list[ExecutionFact]] = {}
    for number, row in enumerate(rows):
        for place, instant in enumerate((row["first_at"], row["last_at"])):
            # A group has no request id of its own; its first and last success differ only in their instants.
            identifier = row["request_id"] or f"found-{number}-{place}"
            fact = _fact({**row, "request_id": identifier, "triggered_at": instant}, names)
            if fact is None:
                continue
            found.append(fact)
            # A group of successes is not the result of a request in the question.
            if row["request_id"]:
                requests[identifier] = preferred(requests.get(identifier), fact)
    # In a second pass, once the preferred result of each request is known.
    for row in rows:
        if row["occurrence_id"] and row["request_id"] in requests:
            occurrences.setdefault(row["occurrence_id"], []).append(requests[row["request_id"]])
    return DatasetAnswer(found, requests, occurrences)


def read_executions(
    warehouse: Warehouse,
    environment: str,
    days: Sequence[date],
    subject_parameters: Iterable[str],
    until: date | None = None,
) -> list[ExecutionFact]:
    """Query all executions about `days`, at once for all workflows. Raises Unavailable.

    The query scans runs from the day before the first date to two days after the last, or to `until`: the log is
    partitioned by the UTC day of the run.
    """
    names = tuple(subject_parameters)
    rows = warehouse.query(
        _EXECUTIONS,
        {
            "game_dates": list(days),
            "first_partition": min(days) - timedelta(days=1),
            # A correction may come two days after its date.
            "last_partition": until or max(days) + timedelta(days=2),
            "environment": environment,
        },
    )
    return _facts(rows, names)


def read_looks(
    warehouse: Warehouse,
    environment: str,
    scrapers: Sequence[str],
    first: date,
    last: date,
    *,
    failures: bool = False,
) -> list[ExecutionFact]:
    """Query the looks of these scrapers, successful or not, for the game dates from `first` to `last`, all at once.

    failures: whether to include failed looks, from which no model learns.
    Raises:
        Unavailable
    """
    rows = warehouse.query(
        _LOOKS,
        {
            "searched_scrapers": list(scrapers),
            "first_game_date": first,
            "last_game_date": last,
            "with_failures": failures,
            # The log is partitioned by the UTC day of the run; a window extends at most into the day after.
            "first_partition": first - timedelta(days=1),
            "last_partition": last + timedelta(days=2),
            "environment": environment,
        },
    )
    return _facts(rows, ())


def _facts(rows: Iterable[Mapping[str, Any]], names: Iterable[str]) -> list[ExecutionFact]:
    return [fact for row in rows if (fact := _fact(row, names)) is not None]


def _fact(row: Mapping[str, Any], names: Iterable[str]) -> ExecutionFact | None:
    identifier = row["request_id"]
    try:
        # ExecutionRow uses the ledger's names, where the execution id is the request id.
        return read_fact(ExecutionRow.model_validate({**row, "execution_id": identifier}), names)
    except ValidationError as error:
        _report(identifier, error)
        return None


def _report(identifier: str, error: ValueError) -> None:
    log.error("execution row cannot be read", extra={"request_id": identifier, "detail": str(error)})


def read_fact(row: ExecutionRow, subject_parameters: Iterable[str]) -> ExecutionFact | None:
    """Convert a row to the form that decisions read.

    Logs an error and returns None for a row with values unknown to this version: one such row must not block the
    decisions about every workflow.
    """
    try:
        return ExecutionFact(
            request_id=row.execution_id,
            scraper=row.scraper_name,
            game_date=_require_date(row.game_date),
            subject=subject_of(row.opts, subject_parameters),
            status=Status(row.status),
            kind=FailureKind(row.error_type) if row.error_type else None,
            source=Source(row.source),
            triggered_at=row.triggered_at,
            completeness=completeness_in(row.completeness),
            not_before=row.not_before,
            paused_host=row.paused_host,
            presumed=row.is_presumed,
            message=row.error_message or "",
        )
    except ValueError as error:
        _report(row.execution_id, error)
        return None


def _require_date(day: date | None) -> date:
    # The column is nullable, and an execution without a date matches no question about a date.
    if day is None:
        raise ValueError("game_date is missing")
    return day
