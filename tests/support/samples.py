"""One sample of each event, with any fields that a test changes."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tipoff_common.events import (
    AlertChanged,
    CleanupCompleted,
    Event,
    FileLanded,
    FileProcessed,
    MessageRejected,
    PauseChanged,
    ScheduleLocked,
    ScrapeExecuted,
    ScrapeRequested,
    TickFired,
    WorkflowDecided,
)
from tipoff_common.identity import content_hash

NOON = datetime(2025, 1, 15, 17, 0, tzinfo=UTC)
"""12:00 in New York on GAME_DATE."""
GAME_DATE = date(2025, 1, 15)
PATH = "gs://data/nba-com/injury-report/2025-01-15/0123456789abcdef.json"


def tick(**changes: Any) -> TickFired:
    return TickFired.model_validate({"tick": "evaluate", **changes})


def decided(**changes: Any) -> WorkflowDecided:
    sample = {
        "decision_id": "decision-1",
        "occurrence_id": "occurrence-1",
        "workflow_name": "injury_discovery",
        "game_date": GAME_DATE,
        "decision_time": NOON,
        "action": "RUN",
        "reason_code": "due",
        "reason": "The window is open and nothing was found yet.",
        "context": {"attempts": 2},
        "scrapers_triggered": ["nbac_injury_report"],
        "target_games": ["0022400561"],
        "next_check_time": NOON + timedelta(minutes=15),
        "priority": "HIGH",
        "alert_level": "WARNING",
        "config_hash": "abc123",
        "controller_version": "0.1.0",
        "environment": "local",
        "triggered_by": "tick",
    }
    return WorkflowDecided.model_validate({**sample, **changes})


def locked(**changes: Any) -> ScheduleLocked:
    run = {
        "schedule_row_id": "row-1",
        "occurrence_id": "occurrence-1",
        "workflow_name": "injury_discovery",
        "game_date": GAME_DATE,
        "subject": "-",
        "expected_run_time": NOON,
        "deadline": NOON + timedelta(hours=1),
        "state": "EXPECTED",
        "reason": "9 games today",
        "scrapers": ["nbac_injury_report"],
        "priority": "HIGH",
    }
    sample = {
        "date": GAME_DATE,
        "locked_at": NOON,
        "schedule_version": "v1",
        "games_today": 9,
        "runs": [run, {**run, "schedule_row_id": "row-2", "occurrence_id": "occurrence-2"}],
        "config_hash": "abc123",
        "generated_by": "controller 0.1.0",
        "environment": "local",
    }
    return ScheduleLocked.model_validate({**sample, **changes})


def requested(**changes: Any) -> ScrapeRequested:
    sample = {
        "request_id": "request-1",
        "occurrence_id": "occurrence-1",
        "decision_id": "decision-1",
        "workflow": "injury_discovery",
        "step": "main",
        "scraper": "lines",
        "game_date": GAME_DATE,
        "parameters": {"game_date": GAME_DATE.isoformat()},
        "attempt": 1,
        "source": "CONTROLLER",
        "triggered_by": "tick",
        "config_hash": "abc123",
        "requested_at": NOON,
    }
    return ScrapeRequested.model_validate({**sample, **changes})


def executed(**changes: Any) -> ScrapeExecuted:
    sample = {
        "execution_id": "request-1",
        "request_id": "request-1",
        "occurrence_id": "occurrence-1",
        "decision_id": "decision-1",
        "attempt": 1,
        "scraper_name": "lines",
        "workflow": "injury_discovery",
        "step": "main",
        "game_date": GAME_DATE,
        "parameters": {"game_date": GAME_DATE.isoformat()},
        "outcome": {"status": "success", "record_count": 3, "gcs_path": PATH},
        "data_summary": {"record_count": 3},
        "triggered_at": NOON,
        "completed_at": NOON + timedelta(seconds=2),
        "duration_seconds": 2.0,
        "source": "CONTROLLER",
        "environment": "local",
        "triggered_by": "tick",
        "retry_count": 0,
        "run_id": "run-1",
        "opts": {"game_date": GAME_DATE.isoformat()},
        "config_hash": "abc123",
    }
    return ScrapeExecuted.model_validate({**sample, **changes})


def landed(**changes: Any) -> FileLanded:
    sample = {
        "gcs_path": PATH,
        "scraper_name": "lines",
        "workflow": "injury_discovery",
        "game_date": GAME_DATE,
        "execution_id": "request-1",
        "record_count": 3,
        "content_sha256": content_hash(b"records"),
        "landed_at": NOON,
    }
    return FileLanded.model_validate({**sample, **changes})


def processed(**changes: Any) -> FileProcessed:
    sample = {
        "gcs_path": PATH,
        "processor": "injuries",
        "processed_at": NOON,
        "row_count": 3,
        "environment": "local",
    }
    return FileProcessed.model_validate({**sample, **changes})


def cleaned(**changes: Any) -> CleanupCompleted:
    missing = {
        "scraper_name": "lines",
        "gcs_path": PATH,
        "triggered_at": NOON - timedelta(hours=7),
        "age_minutes": 420,
        "republished": True,
    }
    sample = {
        "cleanup_id": "cleanup-1",
        "cleanup_time": NOON,
        "files_checked": 5,
        "missing_files": [missing],
        "republished_count": 1,
        "errors": ["one thing went wrong"],
        "duration_seconds": 0.5,
        "pubsub_enabled": True,
        "environment": "local",
        "findings": [{"kind": "object_missing", "gcs_path": PATH, "detail": "it is not in the bucket"}],
    }
    return CleanupCompleted.model_validate({**sample, **changes})


def alerted(**changes: Any) -> AlertChanged:
    sample = {
        "alert_id": "alert-1",
        "rule": "phase2-behind",
        "about": "-",
        "state": "firing",
        "severity": "WARNING",
        "changed_at": NOON,
        "since": NOON - timedelta(hours=1),
        "value": 60.0,
        "summary": "Phase 2 is behind: 3 files wait, the oldest for 60 minutes.",
        "context": {"files": 3},
        "runbook": "docs/runbooks/phase-2-down.md",
        "environment": "local",
    }
    return AlertChanged.model_validate({**sample, **changes})


def paused(**changes: Any) -> PauseChanged:
    sample = {
        "pause_id": "pause-1",
        "target": "workflow",
        "name": "injury_discovery",
        "state": "paused",
        "changed_at": NOON,
        "since": NOON,
        "until": NOON + timedelta(hours=9),
        "by": "someone@example.com",
        "why": "the source moved; a fix is on its way",
        "environment": "local",
    }
    return PauseChanged.model_validate({**sample, **changes})


def rejected(**changes: Any) -> MessageRejected:
    sample = {
        "rejected_at": NOON,
        "reason": "undecodable",
        "detail": "not a CloudEvent",
        "service": "logger",
        "subscription": "logger-executions",
        "message_id": "m-1",
        "attributes": {"ce-type": "tipoff.scrape.executed.v1"},
        "payload_sha256": content_hash(b"{"),
        "payload_bytes": 1,
        "payload_head": "{",
        "environment": "local",
    }
    return MessageRejected.model_validate({**sample, **changes})


SAMPLES: Mapping[type[Event], Callable[..., Event]] = {
    TickFired: tick,
    WorkflowDecided: decided,
    ScheduleLocked: locked,
    ScrapeRequested: requested,
    ScrapeExecuted: executed,
    FileLanded: landed,
    FileProcessed: processed,
    CleanupCompleted: cleaned,
    AlertChanged: alerted,
    PauseChanged: paused,
    MessageRejected: rejected,
}
