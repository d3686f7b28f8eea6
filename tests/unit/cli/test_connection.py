"""Tests of the warning about a stack that runs in another time zone than its workflows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tipoff_cli import connection


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
