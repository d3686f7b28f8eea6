"""Fixtures for commands that run in this process, without a stack."""

import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.unit.cli.commands.harness import Run
from tipoff_cli import connection
from tipoff_cli.main import app


@pytest.fixture(autouse=True)
def nothing_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run each test in a folder without a stack, and without settings."""
    for name in [name for name in os.environ if name.startswith("TIPOFF_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(connection, "STACK_ENVIRONMENT", tmp_path / "no-stack.env")


@pytest.fixture
def run() -> Run:
    def invoke(*arguments: str, code: int = 0) -> Any:
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return invoke
