"""Events as rows of the dataset; `schemas/bigquery/nba_orchestration/*.sql` says what each column means.

A row carries its event's id, so that what came twice can be told apart, and `created_at`, the wall clock at the
time of writing. Fields that this version does not know are kept in a JSON column of the table, under UNKNOWN_FIELDS.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import JsonValue

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
"""The JSON column of a table that has none of its own."""


@dataclass(frozen=True)
class TableRows:
    """Rows for one table; `ids` are the rows' identities, in the same order.

    unknown: the event's fields that a newer producer added, by dotted path. unknown_kept_in: the JSON column that
    holds them.
    """

    table: str
    rows: tuple[Mapping[str, Any], ...]
    ids: tuple[str, ...]
    unknown: Mapping[str, JsonValue]
    unknown_kept_in: str


def execution_row(event: ScrapeExecuted, created_at: datetime) -> Mapping[str, Any]:
    """Build the row of scraper_execution_log."""
    outcome = event.outcome
    return {
        "execution_id": event.execution_id,
        "scraper_name": event.scraper_name,
        "workflow": event.workflow,
        "game_date": event.game_date,
        "status": outcome.status.value,
        "triggered_at": event.triggered_at,
        "completed_at": event.completed_at,
        "duration_seconds": event.duration_seconds,
        "source": event.source.value,
        "environment": event.environment,
        "triggered_by": event.triggered_by,
        "gcs_path": outcome.gcs_path if isinstance(outcome, Success) else None,
        "data_summary": dict(event.data_summary),
        "error_type": outcome.kind.value if isinstance(outcome, Failed) else None,
        "error_message": outcome.message if isinstance(outcome, Failed) else None,
        "retry_count": event.retry_count,
        "recovery": event.recovery,
        "run_id": event.run_id,
        "opts": dict(event.opts),
        "created_at": created_at,
        "occurrence_id": event.occurrence_id,
        "decision_id": event.decision_id,
        "request_id": event.request_id,
        "attempt": event.attempt,
        "event_id": event.id,
        "config_hash": event.config_hash,
        "service_version": event.service_version,
    }


def decision_row(event: WorkflowDecided, created_at: datetime) -> Mapping[str, Any]:
    """Build the row of workflow_decisions."""
    return {
        "decision_id": event.decision_id,
        "decision_time": event.decision_time,
        "workflow_name": event.workflow_name,
        "action": event.action.value,
        "reason": event.reason,
        "context": dict(event.context),
        "scrapers_triggered": list(event.scrapers_triggered),
        "target_games": list(event.target_games),
        "next_check_time": event.next_check_time,
        "priority": event.priority.value,
        "alert_level": event.alert_level.value,
        "controller_version": event.controller_version,
        "environment": event.environment,
        "triggered_by": event.triggered_by,
        "created_at": created_at,
        "reason_code": event.reason_code,
        "game_date": event.game_date,
        "occurrence_id": event.occurrence_id,
        "event_id": event.id,
        "config_hash": event.config_hash,
    }


def schedule_rows(event: ScheduleLocked, created_at: datetime) -> tuple[Mapping[str, Any], ...]:
    """Build the rows of daily_expected_schedule, one a run."""
    return tuple(
        {
            "date": event.date,
            "locked_at": event.locked_at,
            "workflow_name": run.workflow_name,
            "expected_run_time": run.expected_run_time,
            "reason": run.reason,
            "scrapers": list(run.scrapers),
            "games_today": event.games_today,
            "priority": run.priority.value,
            "schedule_version": event.schedule_version,
            "generated_by": event.generated_by,
            "environment": event.environment,
            "created_at": created_at,
            "schedule_row_id": run.schedule_row_id,
            "occurrence_id": run.occurrence_id,
            "state": run.state.value,
            "deadline": run.deadline,
            "game_date": run.game_date,
            "subject": run.subject,
            "event_id": event.id,
            "config_hash": event.config_hash,
            _EXTRA: None,
        }
        for run in event.runs
    )


def cleanup_row(event: CleanupCompleted, created_at: datetime) -> Mapping[str, Any]:
    """Build the row of cleanup_operations."""
    return {
        "cleanup_id": event.cleanup_id,
        "cleanup_time": event.cleanup_time,
        "files_checked": event.files_checked,
        # Older services list every file and state no count.
        "missing_files_found": len(event.missing_files)
        if event.missing_files_found is None
        else event.missing_files_found,
        "republished_count": event.republished_count,
        "missing_files": [
            {
                "scraper_name": file.scraper_name,
                "gcs_path": file.gcs_path,
                "triggered_at": file.triggered_at,
                "age_minutes": file.age_minutes,
                "republished": file.republished,
            }
            for file in event.missing_files
        ],
        "errors": list(event.errors),
        "duration_seconds": event.duration_seconds,
        "pubsub_enabled": event.pubsub_enabled,
        "environment": event.environment,
        "created_at": created_at,
        "event_id": event.id,
        "objects_missing": event.objects_missing,
        "adopted_count": event.adopted_count,
        "given_up_count": event.given_up_count,
        "storm_guard": event.storm_guard,
        "phase2_behind": event.phase2_behind,
        "findings": [
            {"kind": finding.kind, "gcs_path": finding.gcs_path, "detail": finding.detail}
            for finding in event.findings
        ],
        "lost_after_hours": event.lost_after_hours,
        "max_republishes": event.max_republishes,
        "behind_since": event.behind_since,
        "waiting_count": event.waiting_count,
        "service_version": event.service_version,
        "logger_version": RELEASE,  # rows are built by the logger, which publishes nothing that could say so
        _EXTRA: None,
    }


def receipt_row(event: FileProcessed, created_at: datetime) -> Mapping[str, Any]:
    """Build the row of file_receipts."""
    return {
        "gcs_path": event.gcs_path,
        "processor": event.processor,
        "processed_at": event.processed_at,
        "row_count": event.row_count,
        "environment": event.environment,
        "created_at": created_at,
        "event_id": event.id,
        _EXTRA: None,
    }


def alert_row(event: AlertChanged, created_at: datetime) -> Mapping[str, Any]:
    """Build the row of alert_events."""
    return {
        "event_id": event.id,
        "alert_id": event.alert_id,
        "rule": event.rule,
        "subject": event.about,
        "state": event.state.value,
        "severity": event.severity.value,
        "changed_at": event.changed_at,
        "since": event.since,
        "value": event.value,
        "summary": event.summary,
        "context": dict(event.context),
        "runbook": event.runbook,
        "environment": event.environment,
        "created_at": created_at,
    }


def pause_row(event: PauseChanged, created_at: datetime) -> Mapping[str, Any]:
    """Build the row of pause_events."""
    return {
        "event_id": event.id,
        "pause_id": event.pause_id,
        "target": event.target.value,
        "name": event.name,
        "state": event.state.value,
        "changed_at": event.changed_at,
        "since": event.since,
        "until": event.until,
        "changed_by": event.by,
        "why": event.why,
        "environment": event.environment,
        "created_at": created_at,
        _EXTRA: None,
    }


def dead_letter_row(event: MessageRejected, created_at: datetime) -> Mapping[str, Any]:
    """Build the row of dead_letters."""
    return {
        "event_id": event.id,
        "rejected_at": event.rejected_at,
        "reason": event.reason,
        "detail": event.detail,
        "service": event.service,
        "subscription": event.subscription,
        "message_id": event.message_id,
        "event_type": event.event_type,
        "attributes": dict(event.attributes),
        "payload_path": event.payload_path,
        "payload_sha256": event.payload_sha256,
        "payload_head": event.payload_head,
        "payload_bytes": event.payload_bytes,
        "delivery_attempts": event.delivery_attempts,
        "environment": event.environment,
        "created_at": created_at,
    }


def _one(
    table: str, build: Callable[[Any, datetime], Mapping[str, Any]], json_column: str
) -> Callable[[Any, datetime], TableRows]:
    """Map an event to one row; `json_column` keeps what is unknown."""

    def rows(event: Event, created_at: datetime) -> TableRows:
        row, unknown = build(event, created_at), unknown_fields(event)
        return TableRows(
            table, (_keeping(unknown, row, json_column),), (row["event_id"],), unknown, json_column
        )

    return rows


def _schedule(event: ScheduleLocked, created_at: datetime) -> TableRows:
    """Map a schedule to a row for each run; a row keeps what is unknown of its own run and of the event as a
    whole."""
    unknown = unknown_fields(event)
    whole = {path: value for path, value in unknown.items() if not path.startswith("runs.")}
    rows = tuple(
        _keeping(whole | unknown_fields(run), row, _EXTRA)
        for run, row in zip(event.runs, schedule_rows(event, created_at), strict=True)
    )
    # A row for each run, so the event's own id would make BigQuery drop all but one.
    ids = tuple(run.schedule_row_id for run in event.runs)
    return TableRows("daily_expected_schedule", rows, ids, unknown, _EXTRA)


def _keeping(unknown: Mapping[str, JsonValue], row: Mapping[str, Any], json_column: str) -> Mapping[str, Any]:
    # Beside what the column holds already, under a name that no producer uses.
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
"""Which event has rows in which table."""
