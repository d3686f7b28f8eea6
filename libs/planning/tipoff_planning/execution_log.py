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

# Facts are told apart by request id in Python, where the ledger's join them. The last one of a request speaks, so what
# was merely presumed of a request comes before what came of it.
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

# One row a subject, or a row a request where requests are asked for: IF() keeps the ids of those and folds all others
# into one group. So the answer grows with what is open and not with how often a source was asked.
_FOUND = """
SELECT
  IF(request_id IN UNNEST(@requests) OR occurrence_id IN UNNEST(@occurrences), request_id, '') AS request_id,
  IF(occurrence_id IN UNNEST(@occurrences), occurrence_id, '') AS occurrence_id,
  scraper_name, game_date, status, error_type, source,
  TO_JSON_STRING(opts) AS opts,
  TO_JSON_STRING(JSON_QUERY(data_summary, '$.completeness')) AS completeness,
  JSON_VALUE(data_summary, '$.presumed') IS NOT NULL AS is_presumed,
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
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
"""


# What searches that learn saw. The names differ from those above, as fakes of the warehouse tell queries apart by them.
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
    """The dates whose data is looked for."""
    scrapers: Sequence[str]
    """The scrapers that look for it; the answer has the first and the last success of each subject."""
    requests: Sequence[str] = ()
    """Requests that nothing was heard of."""
    occurrences: Sequence[str] = ()
    """Occurrences whose memory cannot be read."""
    since: date | None = None
    """The first day on which those requests and occurrences ran; by default the first of `game_dates`."""


@dataclass(frozen=True)
class DatasetAnswer:
    """The dataset's answer to a `DatasetQuestion`."""

    found: Sequence[ExecutionFact] = ()
    """Successes by subject; their request ids are no real ones."""
    requests: Mapping[str, ExecutionFact] = field(default_factory=dict)
    """Results of the requests in the question, by their ids."""
    occurrences: Mapping[str, Sequence[ExecutionFact]] = field(default_factory=dict)
    """The executions of the occurrences that were asked for."""


def ask_dataset(
    warehouse: Warehouse, environment: str, question: DatasetQuestion, subject_parameters: Iterable[str]
) -> DatasetAnswer:
    """Answer with ONE query, whatever the number of workflows. Raises Unavailable."""
    names = tuple(subject_parameters)
    # Wide enough for both: what is looked for by date, and requests of older days that nothing was heard of.
    first = min([*question.game_dates, *([question.since] if question.since else [])])
    rows = warehouse.query(
        _FOUND,
        {
            "game_dates": list(question.game_dates),
            "scrapers": list(question.scrapers),
            "requests": list(question.requests),
            "occurrences": list(question.occurrences),
            # The log is partitioned by the UTC day of the run. Data about a date is fetched from the day before it (a
            # preview) to the second day after it (a correction), so nothing else has to be scanned.
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
            # A group has no request id of its own; first and last are two facts that differ in their instant only.
            identifier = row["request_id"] or f"found-{number}-{place}"
            fact = _fact({**row, "request_id": identifier, "triggered_at": instant}, names)
            if fact is None:
                continue
            found.append(fact)
            # A group of found executions has no request to answer for.
            if row["request_id"]:
                requests[identifier] = preferred(requests.get(identifier), fact)
    # Only now is it known which of several answers to a request is preferred.
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

    Executions about a date are looked for from the day before it to the two days after, or to `until`: the log is
    partitioned by when they ran, in UTC.
    """
    names = tuple(subject_parameters)
    rows = warehouse.query(
        _EXECUTIONS,
        {
            "game_dates": list(days),
            "first_partition": min(days) - timedelta(days=1),
            # As for the question above: a correction may come two days after its date.
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
    """Query what these scrapers found or did not find about the game dates from `first` to `last`, at once for all.

    failures: the failed looks too, from which nothing is learned.
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
            # The log is partitioned by when they ran, in UTC: a window reaches at most into the day after.
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
        # The names are those of the ledger: there an execution goes by its request's id.
        return read_fact(ExecutionRow.model_validate({**row, "execution_id": identifier}), names)
    except ValidationError as error:
        _report(identifier, error)
        return None


def _report(identifier: str, error: ValueError) -> None:
    log.error("execution row cannot be read", extra={"request_id": identifier, "detail": str(error)})


def read_fact(row: ExecutionRow, subject_parameters: Iterable[str]) -> ExecutionFact | None:
    """Read a row as decisions look at it.

    None for a row of a vocabulary that this version does not know, which is reported: one such row must not keep every
    workflow from being decided.
    """
    try:
        return ExecutionFact(
            request_id=row.execution_id,
            scraper=row.scraper_name,
            game_date=_stated(row.game_date),
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


def _stated(day: date | None) -> date:
    # The column is nullable, and an execution about no date answers nothing that is asked of one.
    if day is None:
        raise ValueError("game_date: it has none")
    return day
