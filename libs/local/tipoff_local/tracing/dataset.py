"""What the dataset knows of an id, and of the chain that it belongs to.

The tables are read whole, which is what they keep: ninety days. An id does not tell its day.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import Any, TypeVar

from tipoff_common.ports import Parameter, Warehouse
from tipoff_local.tracing.chain import event_ids
from tipoff_local.tracing.facts import Cleanup, Dead, Decided, Executed, Expected, Facts, Receipt, Seen

F = TypeVar("F")


@dataclass(frozen=True)
class Scope:
    """What a chain is read by."""

    occurrences: frozenset[str] = frozenset()
    executions: frozenset[str] = frozenset()
    paths: frozenset[str] = frozenset()
    letters: frozenset[str] = frozenset()
    cleanups: frozenset[str] = frozenset()

    def __or__(self, other: "Scope") -> "Scope":
        return Scope(*(getattr(self, item.name) | getattr(other, item.name) for item in fields(self)))

    def __bool__(self) -> bool:
        return any(getattr(self, item.name) for item in fields(self))


_FIND = """
SELECT 'occurrence' AS kind, occurrence_id AS id FROM nba_orchestration.daily_expected_schedule
WHERE environment = @environment AND @id IN (occurrence_id, schedule_row_id, event_id)
UNION DISTINCT
SELECT 'occurrence', occurrence_id FROM nba_orchestration.workflow_decisions
WHERE environment = @environment AND @id IN (occurrence_id, decision_id, event_id)
UNION DISTINCT
SELECT IF(occurrence_id IS NULL, 'execution', 'occurrence'), COALESCE(occurrence_id, execution_id)
FROM nba_orchestration.scraper_execution_log
WHERE environment = @environment
  AND (@id IN (execution_id, request_id, event_id) OR @id = occurrence_id OR @id = decision_id OR @id = gcs_path)
UNION DISTINCT
SELECT 'path', gcs_path FROM nba_orchestration.file_receipts
WHERE environment = @environment AND @id IN (gcs_path, event_id)
UNION DISTINCT
SELECT 'cleanup', cleanup_id FROM nba_orchestration.cleanup_operations
WHERE environment = @environment AND @id IN (cleanup_id, event_id)
UNION DISTINCT
SELECT 'letter', event_id FROM nba_orchestration.dead_letters
WHERE environment = @environment AND (@id IN (event_id, message_id) OR @id = JSON_VALUE(attributes, '$."ce-id"'))
"""

_EXPECTED = """
SELECT occurrence_id, workflow_name, game_date, subject, expected_run_time, deadline, state, reason
FROM nba_orchestration.daily_expected_schedule
WHERE environment = @environment AND occurrence_id IN UNNEST(@occurrences)
QUALIFY ROW_NUMBER() OVER (
  PARTITION BY occurrence_id ORDER BY locked_at DESC, IF(state = 'CANCELLED', 0, 1), created_at DESC
) = 1
"""

_DECIDED = """
SELECT decision_id, occurrence_id, event_id, workflow_name, game_date, decision_time, action, reason_code, reason,
  triggered_by
FROM nba_orchestration.workflow_decisions
WHERE environment = @environment AND occurrence_id IN UNNEST(@occurrences)
QUALIFY ROW_NUMBER() OVER (PARTITION BY decision_id ORDER BY created_at DESC) = 1
ORDER BY decision_time
"""

_EXECUTED = """
SELECT execution_id, occurrence_id, decision_id, event_id, scraper_name, workflow, game_date, status, triggered_at,
  completed_at, attempt, source, gcs_path,
  SAFE_CAST(JSON_VALUE(data_summary, '$.record_count') AS INT64) AS record_count, error_type, error_message, retry_count
FROM nba_orchestration.scraper_execution_log
WHERE environment = @environment
  AND (occurrence_id IN UNNEST(@occurrences) OR execution_id IN UNNEST(@executions) OR gcs_path IN UNNEST(@paths))
QUALIFY ROW_NUMBER() OVER (PARTITION BY execution_id, run_id ORDER BY created_at DESC) = 1
ORDER BY triggered_at, attempt
"""

_RECEIPTS = """
SELECT gcs_path, processor, processed_at, row_count, event_id
FROM nba_orchestration.file_receipts
WHERE environment = @environment AND gcs_path IN UNNEST(@paths)
QUALIFY ROW_NUMBER() OVER (PARTITION BY gcs_path, processor ORDER BY created_at DESC) = 1
"""

_SEEN = """
SELECT DISTINCT missing.gcs_path AS gcs_path, cleanup_id, cleanup_time, missing.age_minutes AS age_minutes,
  missing.republished AS republished
FROM nba_orchestration.cleanup_operations, UNNEST(missing_files) AS missing
WHERE environment = @environment AND missing.gcs_path IN UNNEST(@paths)
"""

_CLEANUPS = """
SELECT cleanup_id, cleanup_time, files_checked, missing_files_found, republished_count
FROM nba_orchestration.cleanup_operations
WHERE environment = @environment AND cleanup_id IN UNNEST(@cleanups)
QUALIFY ROW_NUMBER() OVER (PARTITION BY cleanup_id ORDER BY created_at DESC) = 1
"""

_DEAD = """
SELECT event_id, rejected_at, reason, detail, subscription, event_type,
  JSON_VALUE(attributes, '$."ce-id"') AS ce_id, payload_head
FROM nba_orchestration.dead_letters
WHERE environment = @environment
  AND (event_id IN UNNEST(@letters) OR JSON_VALUE(attributes, '$."ce-id"') IN UNNEST(@events))
QUALIFY ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY created_at DESC) = 1
ORDER BY rejected_at
"""

_FILES = """
SELECT DISTINCT execution_id, occurrence_id, gcs_path
FROM nba_orchestration.scraper_execution_log
WHERE environment = @environment AND DATE(triggered_at) BETWEEN @first AND @last
"""

_NEAR = """
SELECT DISTINCT id FROM (
  SELECT occurrence_id AS id FROM nba_orchestration.daily_expected_schedule WHERE environment = @environment
  UNION ALL
  SELECT id FROM nba_orchestration.workflow_decisions, UNNEST([decision_id, occurrence_id]) AS id
  WHERE environment = @environment
  UNION ALL
  SELECT id FROM nba_orchestration.scraper_execution_log, UNNEST([execution_id, IFNULL(gcs_path, execution_id)]) AS id
  WHERE environment = @environment
)
WHERE STARTS_WITH(id, @head) OR ENDS_WITH(id, @tail)
LIMIT 500
"""


class Dataset:
    """One environment's rows. Every method raises Unavailable."""

    def __init__(self, warehouse: Warehouse, environment: str) -> None:
        self._warehouse, self._environment = warehouse, environment

    def find(self, identifier: str) -> Scope:
        """What the id belongs to; an empty scope when the dataset does not know it."""
        found: dict[str, set[str]] = {}
        for row in self._rows(_FIND, id=identifier):
            found.setdefault(row["kind"], set()).add(row["id"])
        scope = _scope(found)
        scope |= self._of_letters(scope.letters)
        return scope | self._of_paths(scope.paths)

    def read(self, scope: Scope) -> Facts:
        """All of the chain that the dataset knows."""
        occurrences, executions = _list(scope.occurrences), _list(scope.executions)
        executed = self._read(
            Executed, _EXECUTED, occurrences=occurrences, executions=executions, paths=_list(scope.paths)
        )
        paths = _list({*scope.paths, *(item.gcs_path for item in executed if item.gcs_path)})
        return Facts(
            expected=self._read(Expected, _EXPECTED, occurrences=occurrences),
            decided=self._read(Decided, _DECIDED, occurrences=occurrences),
            executed=executed,
            receipts=self._read(Receipt, _RECEIPTS, paths=paths),
            seen=self._read(Seen, _SEEN, paths=paths),
            cleanups=self._read(Cleanup, _CLEANUPS, cleanups=_list(scope.cleanups)) if scope.cleanups else (),
        )

    def dead(self, facts: Facts, letters: Iterable[str]) -> Sequence[Dead]:
        """The dead letters that are events of the chain, and those asked for themselves."""
        return self._read(Dead, _DEAD, letters=_list(letters), events=_list(event_ids(facts)))

    def files(self, first: date, last: date) -> list[dict[str, Any]]:
        """Executions of some UTC days with what they wrote."""
        return self._rows(_FILES, first=first - timedelta(days=1), last=last + timedelta(days=1))

    def similar(self, identifier: str) -> list[str]:
        """Ids that begin or end as this one does."""
        if identifier.startswith("gs://"):
            head, _, tail = identifier.rpartition("/")
        else:
            head, tail = identifier[:4], identifier[-6:]
        return [row["id"] for row in self._rows(_NEAR, head=head, tail=tail)]

    def _of_letters(self, letters: Iterable[str]) -> Scope:
        """What dead letters are about, as far as their payload says."""
        if not letters:
            return Scope()
        found: dict[str, set[str]] = {}
        for row in self._rows(_DEAD, letters=_list(letters), events=[]):
            told = _object(row["payload_head"])
            for kind, name in (("occurrence", "occurrence_id"), ("path", "gcs_path")):
                if isinstance(value := told.get(name), str):
                    found.setdefault(kind, set()).add(value)
            if "occurrence" not in found and isinstance(value := told.get("request_id"), str):
                found.setdefault("execution", set()).add(value)
        return _scope(found)

    def _of_paths(self, paths: Iterable[str]) -> Scope:
        """The occurrences whose executions wrote files."""
        if not paths:
            return Scope()
        rows = self._rows(_EXECUTED, occurrences=[], executions=[], paths=_list(paths))
        return Scope(occurrences=frozenset(row["occurrence_id"] for row in rows if row["occurrence_id"]))

    def _read(self, kind: type[F], sql: str, **parameters: Parameter) -> list[F]:
        names = {item.name for item in fields(kind)}  # type: ignore[arg-type]
        return [
            kind(**{name: value for name, value in row.items() if name in names})
            for row in self._rows(sql, **parameters)
        ]

    def _rows(self, sql: str, **parameters: Parameter) -> list[dict[str, Any]]:
        return self._warehouse.query(sql, {"environment": self._environment, **parameters})


def _scope(found: Mapping[str, set[str]]) -> Scope:
    def ids(kind: str) -> frozenset[str]:
        return frozenset(found.get(kind, ()))

    return Scope(ids("occurrence"), ids("execution"), ids("path"), ids("letter"), ids("cleanup"))


def _list(ids: Iterable[str]) -> list[str]:
    return sorted(set(ids))


def _object(text: str | None) -> dict[str, Any]:
    try:
        value = json.loads(text or "")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
