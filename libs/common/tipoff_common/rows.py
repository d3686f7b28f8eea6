"""Conversion of events to rows of the dataset; `schemas/bigquery/nba_orchestration/*.sql` documents the columns.

A row has its event's id, so that duplicates can be recognised, and `created_at`, the wall clock at the time of writing.
A JSON column of each table keeps unknown fields, under UNKNOWN_FIELDS.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final

from pydantic import BaseModel, JsonValue

from tipoff_common import RELEASE
from tipoff_common.additions import unknown_fields
from tipoff_common.events import (
    AlertChanged,
    CleanupCompleted,
    Event,
    FileProcessed,
    MessageRejected,
    PauseChanged,
    ScheduleLocked,
    ScrapeExecuted,
    WorkflowDecided,
)
from tipoff_common.outcomes import Failed, Success

UNKNOWN_FIELDS: Final = "unknown_fields"
_EXTRA: Final = "extra"
"""The JSON column of a table without another one."""


@dataclass(frozen=True)
class TableRows:
    """Rows for one table."""

    table: str
    rows: tuple[Mapping[str, Any], ...]
    ids: tuple[str, ...]
    """The rows' identities, in the same order."""
    unknown: Mapping[str, JsonValue]
    """The event's fields that a newer producer added, by dotted path."""
    unknown_kept_in: str
    """The JSON column that holds the unknown fields."""


def execution_row(event: ScrapeExecuted, created_at: datetime) -> Mapping[str, Any]:
    """Build the row of scraper_execution_log."""
    outcome = event.outcome
    return {
        **_named(event, "execution_id scraper_name workflow game_date"),
        "status": outcome.status.value,
        **_named(event, "triggered_at completed_at duration_seconds source environment triggered_by"),
        "gcs_path": outcome.gcs_path if isinstance(outcome, Success) else None,
        **_named(event, "data_summary"),
        "error_type": outcome.kind.value if isinstance(outcome, Failed) else None,
        "error_message": outcome.message if isinstance(outcome, Failed) else None,
        **_named(event, "retry_count recovery run_id opts"),
        "created_at": created_at,
        **_named(event, "occurrence_id decision_id request_id attempt"),
        "event_id": event.id,
        **_named(event, "config_hash service_version"),
    }


def decision_row(event: WorkflowDecided, created_at: datetime) -> Mapping[str, Any]:
    """Build the row of workflow_decisions."""
    return {
        **_named(
            event,
            "decision_id decision_time workflow_name action reason context scrapers_triggered target_games"
            " next_check_time priority alert_level controller_version environment triggered_by reason_code game_date"
            " occurrence_id config_hash",
        ),
        "event_id": event.id,
        "created_at": created_at,
    }


def schedule_rows(event: ScheduleLocked, created_at: datetime) -> tuple[Mapping[str, Any], ...]:
    """Build the rows of daily_expected_schedule, one for each run."""
    of_the_day = _named(
        event, "date locked_at games_today schedule_version generated_by environment config_hash"
    )
    of_a_run = (
        "workflow_name expected_run_time reason scrapers priority schedule_row_id occurrence_id state deadline"
        " game_date subject"
    )
    return tuple(
        {
            **of_the_day,
            **_named(run, of_a_run),
            "event_id": event.id,
            "created_at": created_at,
            _EXTRA: None,
        }
        for run in event.runs
    )


def cleanup_row(event: CleanupCompleted, created_at: datetime) -> Mapping[str, Any]:
    """Build the row of cleanup_operations."""
    file = "scraper_name gcs_path triggered_at age_minutes republished"
    return {
        **_named(
            event,
            "cleanup_id cleanup_time files_checked republished_count errors duration_seconds pubsub_enabled environment"
            " objects_missing adopted_count given_up_count storm_guard phase2_behind lost_after_hours max_republishes"
            " behind_since waiting_count service_version",
        ),
        "event_id": event.id,
        "created_at": created_at,
        # Older versions of cleanup list every file and state no count.
        "missing_files_found": len(event.missing_files)
        if event.missing_files_found is None
        else event.missing_files_found,
        "missing_files": [_named(item, file) for item in event.missing_files],
        "findings": [_named(item, "kind gcs_path detail") for item in event.findings],
        "logger_version": RELEASE,  # the logger builds the rows, and publishes no event with its version
        _EXTRA: None,
    }


def receipt_row(event: FileProcessed, created_at: datetime) -> Mapping[str, Any]:
    """Build the row of file_receipts."""
    columns = _named(event, "gcs_path processor processed_at row_count environment")
    return {**columns, "event_id": event.id, "created_at": created_at, _EXTRA: None}


def alert_row(event: AlertChanged, created_at: datetime) -> Mapping[str, Any]:
    """Build the row of alert_events."""
    columns = _named(
        event, "alert_id rule state severity changed_at since value summary context runbook environment"
    )
    return {**columns, "subject": event.about, "event_id": event.id, "created_at": created_at}


def pause_row(event: PauseChanged, created_at: datetime) -> Mapping[str, Any]:
    """Build the row of pause_events."""
    columns = _named(event, "pause_id target name state changed_at since until why environment")
    return {**columns, "changed_by": event.by, "event_id": event.id, "created_at": created_at, _EXTRA: None}


def dead_letter_row(event: MessageRejected, created_at: datetime) -> Mapping[str, Any]:
    """Build the row of dead_letters."""
    columns = _named(
        event,
        "rejected_at reason detail service subscription message_id event_type attributes payload_path payload_sha256"
        " payload_head payload_bytes delivery_attempts environment",
    )
    return {**columns, "event_id": event.id, "created_at": created_at}


def _named(model: BaseModel, names: str) -> dict[str, Any]:
    """Return the columns named like their fields; `names` is separated by blanks."""
    return {name: _plain(getattr(model, name)) for name in names.split()}


def _plain(value: Any) -> Any:
    # The member of a newer version is written as it was sent.
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value


def _one(
    table: str, build: Callable[[Any, datetime], Mapping[str, Any]], json_column: str
) -> Callable[[Any, datetime], TableRows]:
    """Return a function that maps an event to one row; `json_column` keeps unknown fields."""

    def rows(event: Event, created_at: datetime) -> TableRows:
        row, unknown = build(event, created_at), unknown_fields(event)
        return TableRows(
            table,
            (_with_unknown_fields(unknown, row, json_column),),
            (row["event_id"],),
            unknown,
            json_column,
        )

    return rows


def _schedule(event: ScheduleLocked, created_at: datetime) -> TableRows:
    """Map a schedule to a row for each run; a row keeps the unknown fields of its run and of the event."""
    unknown = unknown_fields(event)
    event_fields = {path: value for path, value in unknown.items() if not path.startswith("runs.")}
    rows = tuple(
        _with_unknown_fields(event_fields | unknown_fields(run), row, _EXTRA)
        for run, row in zip(event.runs, schedule_rows(event, created_at), strict=True)
    )
    # Not the event's id: BigQuery would drop all rows with the same id but one.
    ids = tuple(run.schedule_row_id for run in event.runs)
    return TableRows("daily_expected_schedule", rows, ids, unknown, _EXTRA)


def _with_unknown_fields(
    unknown: Mapping[str, JsonValue], row: Mapping[str, Any], json_column: str
) -> Mapping[str, Any]:
    # Beside the column's own entries, under a name that no producer uses.
    return {**row, json_column: {**(row[json_column] or {}), UNKNOWN_FIELDS: unknown}} if unknown else row


TABLES: Mapping[type[Event], Callable[[Any, datetime], TableRows]] = {
    ScrapeExecuted: _one("scraper_execution_log", execution_row, "data_summary"),
    WorkflowDecided: _one("workflow_decisions", decision_row, "context"),
    ScheduleLocked: _schedule,
    CleanupCompleted: _one("cleanup_operations", cleanup_row, _EXTRA),
    FileProcessed: _one("file_receipts", receipt_row, _EXTRA),
    AlertChanged: _one("alert_events", alert_row, "context"),
    PauseChanged: _one("pause_events", pause_row, _EXTRA),
    MessageRejected: _one("dead_letters", dead_letter_row, "attributes"),
}
"""The function that builds an event's rows, by the event's type."""
