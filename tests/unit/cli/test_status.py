"""Tests of the verdict of `tipoff status` on a day."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tipoff_cli import connection
from tipoff_planning.expectations import DayExpectations
from tipoff_planning.verdict import Color, judge_day


def test_stack_zone_differing_from_workflows_is_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment, workflows = tmp_path / "stack.env", tmp_path / "workflows.yaml"
    monkeypatch.setattr(connection, "STACK_ENVIRONMENT", environment)
    monkeypatch.setattr(connection, "WORKFLOWS", workflows)
    workflows.write_text("timezone: Asia/Tokyo\n")
    assert connection.stale_zone() is None
    environment.write_text("TIPOFF_TIMEZONE=Asia/Tokyo\n")
    assert connection.stale_zone() is None
    environment.write_text("TIPOFF_TIMEZONE=Australia/Sydney\n")
    assert "runs in the zone Australia/Sydney, but workflows.yaml has Asia/Tokyo: run tipoff down" in str(
        connection.stale_zone()
    )
    monkeypatch.setenv(connection.PROJECT, "a-deployment")
    assert connection.stale_zone() is None, "the stack is not what is asked"


def test_a_missing_file_of_workflows_is_named_and_names_no_zone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`tipoff status` stated that the missing file names New York's zone."""
    environment, workflows = tmp_path / "stack.env", tmp_path / "workflows.yaml"
    monkeypatch.setattr(connection, "STACK_ENVIRONMENT", environment)
    monkeypatch.setattr(connection, "WORKFLOWS", workflows)
    environment.write_text("TIPOFF_TIMEZONE=Asia/Tokyo\n")
    assert connection.stale_zone() == (
        f"{workflows} is missing, so days and times here are those of America/New_York; the stack's are those of"
        " Asia/Tokyo: restore the file"
    )


def test_missing_schedule_turns_red_after_lock_deadline() -> None:
    """Pub/Sub may redeliver the tick of 05:00 for a while; from 05:30 on the controller locks without it."""
    day = date(2026, 1, 15)
    at = {
        minute: DayExpectations(
            date=day,
            as_of=datetime(2026, 1, 15, 10, minute, tzinfo=UTC),
            expectations=(),
            environment="prod",
            last_decided_at=datetime(2026, 1, 15, 10, tzinfo=UTC),
        )
        for minute in (15, 45)
    }
    assert judge_day(at[15]).color is Color.GREEN
    assert judge_day(at[45]).color is Color.RED
