"""Rows of the dataset for an id, and for the chain to which it belongs.

An id does not contain its day. The caller gives the days to search; the chain is then read from the partitions around
the day on which the id was found.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import Any, TypeVar

from tipoff_common.execution_row import ExecutionRow
from tipoff_common.file_rows import ReceiptRow, SightingRow
from tipoff_common.ports import Parameter, Warehouse
from tipoff_planning.trace.chain import event_ids
from tipoff_planning.trace.facts import CleanupRow, DeadLetterFact, DecidedRow, ExpectedRow, Facts

F = TypeVar("F")
DateSpan = tuple[date, date]
"""The first and the last day of some partitions, UTC."""
_MAX_DISTANCE = timedelta(days=7)
"""Longest distance between the rows of a chain: executions and receipts follow an expectation within days, and cleanup
does not check older files."""


@dataclass(frozen=True)
class Scope:
    """The ids and days by which a chain is read."""

    occurrences: frozenset[str] = frozenset()
    executions: frozenset[str] = frozenset()
    paths: frozenset[str] = frozenset()
    letters: frozenset[str] = frozenset()
    cleanups: frozenset[str] = frozenset()
    days: frozenset[date] = frozenset()
    """The days of the rows that matched the id."""

    def __or__(self, other: "Scope") -> "Scope":
        return Scope(*(getattr(self, item.name) | getattr(other, item.name) for item in fields(self)))

    def __bool__(self) -> bool:
        # True also for days alone, which always come with ids.
        return self != Scope()

    @property
    def span(self) -> DateSpan:
        """The first and the last day of the scope's rows, with a margin."""
        return min(self.days) - _MAX_DISTANCE, max(self.days) + _MAX_DISTANCE


_FIND = """
SELECT 'occurrence' AS kind, occurrence_id AS id, date AS day FROM nba_orchestration.daily_expected_schedule
WHERE date BETWEEN @first AND @last AND environment = @environment
  AND @id IN (occurrence_id, schedule_row_id, event_id)
UNION DISTINCT
SELECT 'occurrence', occurrence_id, DATE(decision_time) FROM nba_orchestration.workflow_decisions
WHERE DATE(decision_time) BETWEEN @first AND @last AND environment = @environment
  AND @id IN (occurrence_id, decision_id, event_id)
UNION DISTINCT
SELECT IF(occurrence_id IS NULL, 'execution', 'occurrence'), COALESCE(occurrence_id, execution_id), DATE(triggered_at)
FROM nba_orchestration.scraper_execution_log
WHERE DATE(triggered_at) BETWEEN @first AND @last AND environment = @environment
  AND (@id IN (execution_id, request_id, event_id) OR @id = occurrence_id OR @id = decision_id OR @id = gcs_path)
UNION DISTINCT
SELECT 'path', gcs_path, DATE(processed_at) FROM nba_orchestration.file_receipts
WHERE DATE(processed_at) BETWEEN @first AND @last AND environment = @environment
  AND @id IN (gcs_path, event_id)
UNION DISTINCT
SELECT 'cleanup', cleanup_id, DATE(cleanup_time) FROM nba_orchestration.cleanup_operations
WHERE DATE(cleanup_time) BETWEEN @first AND @last AND environment = @environment
  AND @id IN (cleanup_id, event_id)
UNION DISTINCT
SELECT 'letter', event_id, DATE(rejected_at) FROM nba_orchestration.dead_letters
WHERE DATE(rejected_at) BETWEEN @first AND @last AND environment = @environment
  AND (@id IN (event_id, message_id) OR @id = JSON_VALUE(attributes, '$."ce-id"'))
"""

_EXPECTED = """
SELECT occurrence_id, workflow_name, game_date, subject, expected_run_time, deadline, state, reason
FROM nba_orchestration.daily_expected_schedule
WHERE date BETWEEN @first AND @last AND environment = @environment
  AND occurrence_id IN UNNEST(@occurrences)
QUALIFY ROW_NUMBER() OVER (
  PARTITION BY occurrence_id ORDER BY locked_at DESC, IF(state = 'CANCELLED', 0, 1), created_at DESC
) = 1
"""

_DECIDED = """
SELECT decision_id, occurrence_id, event_id, workflow_name, game_date, decision_time, action, reason_code, reason,
  triggered_by
FROM nba_orchestration.workflow_decisions
WHERE DATE(decision_time) BETWEEN @first AND @last AND environment = @environment
  AND occurrence_id IN UNNEST(@occurrences)
QUALIFY ROW_NUMBER() OVER (PARTITION BY decision_id ORDER BY created_at DESC) = 1
ORDER BY decision_time
"""

_EXECUTED = """
SELECT execution_id, occurrence_id, decision_id, event_id, scraper_name, workflow, game_date, status, triggered_at,
  completed_at, attempt, source, gcs_path,
  SAFE_CAST(JSON_VALUE(data_summary, '$.record_count') AS INT64) AS records, error_type, error_message, retry_count
FROM nba_orchestration.scraper_execution_log
WHERE DATE(triggered_at) BETWEEN @first AND @last AND environment = @environment
  AND (occurrence_id IN UNNEST(@occurrences) OR execution_id IN UNNEST(@executions) OR gcs_path IN UNNEST(@paths))
QUALIFY ROW_NUMBER() OVER (PARTITION BY execution_id, run_id ORDER BY created_at DESC) = 1
ORDER BY triggered_at, attempt
"""

_RECEIPTS = """
SELECT gcs_path, processor, processed_at, row_count, event_id
FROM nba_orchestration.file_receipts
WHERE DATE(processed_at) BETWEEN @first AND @last AND environment = @environment
  AND gcs_path IN UNNEST(@paths)
QUALIFY ROW_NUMBER() OVER (PARTITION BY gcs_path, processor ORDER BY created_at DESC) = 1
"""

_SIGHTINGS = """
SELECT DISTINCT missing.gcs_path AS gcs_path, cleanup_id, cleanup_time, missing.age_minutes AS age_minutes,
  missing.republished AS republished
FROM nba_orchestration.cleanup_operations, UNNEST(missing_files) AS missing
WHERE DATE(cleanup_time) BETWEEN @first AND @last AND environment = @environment
  AND missing.gcs_path IN UNNEST(@paths)
"""

_CLEANUPS = """
SELECT cleanup_id, cleanup_time, files_checked, missing_files_found, republished_count
FROM nba_orchestration.cleanup_operations
WHERE DATE(cleanup_time) BETWEEN @first AND @last AND environment = @environment
  AND cleanup_id IN UNNEST(@cleanups)
QUALIFY ROW_NUMBER() OVER (PARTITION BY cleanup_id ORDER BY created_at DESC) = 1
"""

_DEAD = """
SELECT event_id, rejected_at, reason, detail, subscription, event_type,
  JSON_VALUE(attributes, '$."ce-id"') AS ce_id, payload_head
FROM nba_orchestration.dead_letters
WHERE DATE(rejected_at) BETWEEN @first AND @last AND environment = @environment
  AND (event_id IN UNNEST(@letters) OR JSON_VALUE(attributes, '$."ce-id"') IN UNNEST(@events))
QUALIFY ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY created_at DESC) = 1
ORDER BY rejected_at
"""

_NO_TAIL = "\n"
"""No id ends with a line break."""

_FILES = """
SELECT DISTINCT execution_id, occurrence_id, gcs_path, DATE(triggered_at) AS day
FROM nba_orchestration.scraper_execution_log
WHERE DATE(triggered_at) BETWEEN @first AND @last AND environment = @environment
"""

_NEAR = """
SELECT DISTINCT id FROM (
  SELECT occurrence_id AS id FROM nba_orchestration.daily_expected_schedule
  WHERE date BETWEEN @first AND @last AND environment = @environment
  UNION ALL
  SELECT id FROM nba_orchestration.workflow_decisions, UNNEST([decision_id, occurrence_id]) AS id
  WHERE DATE(decision_time) BETWEEN @first AND @last AND environment = @environment
  UNION ALL
  SELECT id FROM nba_orchestration.scraper_execution_log, UNNEST([execution_id, IFNULL(gcs_path, execution_id)]) AS id
  WHERE DATE(triggered_at) BETWEEN @first AND @last AND environment = @environment
)
WHERE STARTS_WITH(id, @head) OR ENDS_WITH(id, @tail)
LIMIT 500
"""


class ChainDataset:
    """One environment's rows. Every method raises Unavailable."""

    def __init__(self, warehouse: Warehouse, environment: str) -> None:
        self._warehouse, self._environment = warehouse, environment

    def find(self, identifier: str, span: DateSpan) -> Scope:
        """Look up the scope of an id within the days of `span`; an empty scope if they do not contain the id."""
        rows = self._rows(_FIND, span, id=identifier)
        # A dead letter leads to the ids in its payload, and a file to the occurrence that wrote it: two further steps,
        # so that any id of a chain leads to the whole chain.
        scope = _scope(rows)
        scope |= self._of_letters(scope)
        return scope | self._of_paths(scope)

    def read(self, scope: Scope) -> Facts:
        """Read all rows of the chain."""
        occurrences = _list(scope.occurrences)
        named = {
            "occurrences": occurrences,
            "executions": _list(scope.executions),
            "paths": _list(scope.paths),
        }
        executed = [ExecutionRow.model_validate(row) for row in self._rows(_EXECUTED, scope.span, **named)]
        paths = _list({*scope.paths, *(item.gcs_path for item in executed if item.gcs_path)})
        cleanups = _list(scope.cleanups)
        return Facts(
            expected=self._read(ExpectedRow, _EXPECTED, scope.span, occurrences=occurrences),
            decided=self._read(DecidedRow, _DECIDED, scope.span, occurrences=occurrences),
            executed=executed,
            receipts=self._read(ReceiptRow, _RECEIPTS, scope.span, paths=paths),
            seen=self._read(SightingRow, _SIGHTINGS, scope.span, paths=paths),
            cleanups=self._read(CleanupRow, _CLEANUPS, scope.span, cleanups=cleanups) if cleanups else (),
        )

    def dead(self, facts: Facts, scope: Scope) -> Sequence[DeadLetterFact]:
        """Return the dead letters of the chain's events, and those looked up by their own ids."""
        return self._read(
            DeadLetterFact, _DEAD, scope.span, letters=_list(scope.letters), events=_list(event_ids(facts))
        )

    def files(self, span: DateSpan) -> list[dict[str, Any]]:
        """Query the executions of some days with the files that they wrote."""
        return self._rows(_FILES, span)

    def similar(self, identifier: str, span: DateSpan) -> list[str]:
        """Query ids with the same beginning or end."""
        if identifier.startswith("gs://"):
            # Hundreds of paths share a folder and differ only in the file name.
            head, _, tail = identifier.rpartition("/")
        else:
            head, tail = identifier[:4], identifier[-6:]
        return [row["id"] for row in self._rows(_NEAR, span, head=head, tail=tail)]

    def beginning_with(self, prefix: str, span: DateSpan) -> list[str]:
        """Return the ids of occurrences, decisions, executions and files with this prefix."""
        rows = self._rows(_NEAR, span, head=prefix, tail=_NO_TAIL)
        return [row["id"] for row in rows if row["id"].startswith(prefix)]

    def _of_letters(self, scope: Scope) -> Scope:
        """Return the scope from the ids in the payloads of dead letters."""
        if not scope.letters:
            return Scope()
        occurrences, executions, paths = set[str](), set[str](), set[str]()
        for row in self._rows(_DEAD, scope.span, letters=_list(scope.letters), events=[]):
            payload = _object(row["payload_head"])
            for name, found in (
                ("occurrence_id", occurrences),
                ("gcs_path", paths),
                ("request_id", executions),
            ):
                if isinstance(value := payload.get(name), str):
                    found.add(value)
        return Scope(frozenset(occurrences), frozenset(executions), frozenset(paths))

    def _of_paths(self, scope: Scope) -> Scope:
        """Return the occurrences whose executions wrote the scope's files."""
        if not scope.paths:
            return Scope()
        rows = self._rows(_EXECUTED, scope.span, occurrences=[], executions=[], paths=_list(scope.paths))
        return Scope(occurrences=frozenset(row["occurrence_id"] for row in rows if row["occurrence_id"]))

    def _read(self, kind: type[F], sql: str, span: DateSpan, **parameters: Parameter) -> list[F]:
        # A query may select columns that only its ORDER BY needs.
        names = {item.name for item in fields(kind)}  # type: ignore[arg-type]
        return [
            kind(**{name: value for name, value in row.items() if name in names})
            for row in self._rows(sql, span, **parameters)
        ]

    def _rows(self, sql: str, span: DateSpan, **parameters: Parameter) -> list[dict[str, Any]]:
        first, last = span
        values = {"environment": self._environment, "first": first, "last": last, **parameters}
        return self._warehouse.query(sql, values)


def _scope(rows: Sequence[Mapping[str, Any]]) -> Scope:
    def of(kind: str) -> frozenset[str]:
        return frozenset(row["id"] for row in rows if row["kind"] == kind)

    days = frozenset(row["day"] for row in rows)
    return Scope(of("occurrence"), of("execution"), of("path"), of("letter"), of("cleanup"), days)


def _list(ids: Iterable[str]) -> list[str]:
    return sorted(set(ids))


def _object(text: str | None) -> dict[str, Any]:
    try:
        value = json.loads(text or "")
    # The head of a payload is cut off, and need not have been JSON to begin with.
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
