"""Rows of the dataset as insertAll accepts them, with any columns that a test changes.

The day is 15 January 2026 in New York, five hours behind UTC; ELEVEN is its 11:00.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

ELEVEN = datetime(2026, 1, 15, 16, 0, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
HALF_PAST_TEN_PM = ELEVEN + 11 * HOUR + 30 * MINUTE
"""22:30 in New York, which is tomorrow in UTC."""

Row = dict[str, Any]
COMMON: Row = {"environment": "prod", "created_at": ELEVEN.isoformat(), "event_id": "e"}


def scheduled(occurrence: str, at: datetime = ELEVEN, **changes: Any) -> Row:
    return {
        **COMMON,
        "date": "2026-01-15",
        "locked_at": "2026-01-15T10:00:00Z",
        "workflow_name": occurrence,
        "expected_run_time": at.isoformat(),
        "deadline": (at + 2 * HOUR).isoformat(),
        "schedule_version": "v1",
        "schedule_row_id": f"{occurrence}/{changes.get('state', 'EXPECTED')}",
        "occurrence_id": occurrence,
        "state": "EXPECTED",
        "reason": "expected",
        **changes,
    }


def decided(occurrence: str, at: datetime, action: str, code: str, **changes: Any) -> Row:
    return {
        **COMMON,
        "decision_id": f"{occurrence}/{at.isoformat()}",
        "decision_time": at.isoformat(),
        "workflow_name": occurrence,
        "action": action,
        "reason": f"because {code}",
        "reason_code": code,
        "occurrence_id": occurrence,
        **changes,
    }


def executed(name: str, at: datetime, status: str, records: int = 0, **changes: Any) -> Row:
    return {
        **COMMON,
        "execution_id": name,
        "request_id": name,
        "scraper_name": "nbac_injury_report",
        "game_date": "2026-01-15",
        "status": status,
        "triggered_at": at.isoformat(),
        "source": "CONTROLLER",
        "data_summary": json.dumps({"record_count": records}),
        **changes,
    }


def missing(path: str, landed: datetime, scan: datetime, *, republished: bool = False) -> Row:
    """Return a file as a scan lists it, with its age at that time."""
    return {
        "scraper_name": "nbac_injury_report",
        "gcs_path": path,
        "triggered_at": landed.isoformat(),
        "age_minutes": (scan - landed) // MINUTE,
        "republished": republished,
    }


def scanned(at: datetime, *files: Row, **changes: Any) -> Row:
    return {
        **COMMON,
        "cleanup_id": f"scan/{at.isoformat()}",
        "cleanup_time": at.isoformat(),
        "missing_files_found": len(files),
        "missing_files": list(files),
        "errors": [],
        **changes,
    }


def received(path: str, at: datetime, **changes: Any) -> Row:
    return {**COMMON, "gcs_path": path, "processor": "phase2", "processed_at": at.isoformat(), **changes}


def alerted(about: str, at: datetime, state: str, **changes: Any) -> Row:
    """Return a change of an alert about files without a receipt of Phase 2."""
    return {
        **COMMON,
        "event_id": f"{about}/{at.isoformat()}",
        "alert_id": about,
        "rule": "files-stuck",
        "subject": about,
        "state": state,
        "severity": "WARNING",
        "changed_at": at.isoformat(),
        "since": at.isoformat(),
        "summary": f"{about} has no receipt.",
        **changes,
    }


def paused(name: str, at: datetime, until: datetime, target: str = "workflow", **changes: Any) -> Row:
    """Return the beginning of a pause."""
    return {
        "event_id": f"e-{name}-{at.isoformat()}",
        "pause_id": f"p-{name}-{at.isoformat()}",
        "target": target,
        "name": name,
        "state": "paused",
        "changed_at": at.isoformat(),
        "since": at.isoformat(),
        "until": until.isoformat(),
        "changed_by": "ann@example.com",
        "why": "the source moved",
        "environment": "prod",
        "created_at": at.isoformat(),
        **changes,
    }
