"""What the dataset knows of the past: the execution log decides."""

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from tipoff_common.events import Source
from tipoff_common.outcomes import FailureKind, Status
from tipoff_common.ports import Warehouse
from tipoff_planning.history import ExecutionFact, completeness_in, subject_of

log = logging.getLogger(__name__)

# Facts are told apart by request id in Python, where the ledger's join them. The last one of a request speaks, so what
# was merely presumed of a request comes before what came of it.
_EXECUTIONS = """
SELECT request_id, scraper_name, game_date, status, error_type, source, triggered_at, TO_JSON_STRING(opts) AS opts,
  TO_JSON_STRING(JSON_QUERY(data_summary, '$.completeness')) AS completeness
FROM nba_orchestration.scraper_execution_log
WHERE game_date IN UNNEST(@game_dates)
  AND DATE(triggered_at) BETWEEN @first_partition AND @last_partition
  AND environment = @environment
ORDER BY JSON_VALUE(data_summary, '$.presumed') IS NULL, created_at
"""


def read_executions(
    warehouse: Warehouse,
    environment: str,
    days: Sequence[date],
    subject_parameters: Iterable[str],
    until: date | None = None,
) -> list[ExecutionFact]:
    """All executions about `days`, with one query whatever the number of workflows. Raises Unavailable.

    Executions about a date are looked for from the day before it to the two days after, or to `until`: the log is
    partitioned by when they ran, in UTC.
    """
    names = tuple(subject_parameters)
    rows = warehouse.query(
        _EXECUTIONS,
        {
            "game_dates": list(days),
            "first_partition": min(days) - timedelta(days=1),
            "last_partition": until or max(days) + timedelta(days=2),
            "environment": environment,
        },
    )
    facts = (_fact(row, names) for row in rows)
    return [fact for fact in facts if fact is not None]


def _fact(row: Mapping[str, Any], subject_parameters: Iterable[str]) -> ExecutionFact | None:
    """None for a row of a vocabulary that this version does not know, which is reported: one such row must not keep
    every workflow from being decided."""
    try:
        return ExecutionFact(
            request_id=row["request_id"],
            scraper=row["scraper_name"],
            game_date=row["game_date"],
            subject=subject_of(json.loads(row["opts"] or "null") or {}, subject_parameters),
            status=Status(row["status"]),
            kind=FailureKind(row["error_type"]) if row["error_type"] else None,
            source=Source(row["source"]),
            triggered_at=row["triggered_at"],
            completeness=completeness_in(json.loads(row["completeness"] or "null")),
        )
    except ValueError as error:
        log.error(
            "execution row cannot be read", extra={"request_id": row["request_id"], "detail": str(error)}
        )
        return None
