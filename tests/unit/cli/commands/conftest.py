"""Fixtures for commands that run in this process, without a stack."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.support.pushes import KEY
from tests.support.seasons import WORKFLOWS, write_season
from tests.unit.cli.commands.harness import URL, Controller, Run
from tipoff_cli import connection, service_client
from tipoff_cli.main import app


@pytest.fixture(autouse=True)
def nothing_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run each test in a folder without a stack."""
    for name in ("TIPOFF_PROJECT", "TIPOFF_CONTROLLER_URL", "TIPOFF_DEVELOPMENT_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(connection, "STACK_ENVIRONMENT", tmp_path / "no-stack.env")
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def season(tmp_path: Path) -> tuple[str, ...]:
    """Return options that name a schedule and a configuration."""
    file = tmp_path / "workflows.yaml"
    file.write_text(WORKFLOWS)
    return ("--schedule", str(write_season(tmp_path)), "--workflows", str(file))


@pytest.fixture
def run() -> Run:
    def invoke(*arguments: str, code: int = 0) -> Any:
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return invoke


@pytest.fixture
def controller(monkeypatch: pytest.MonkeyPatch) -> Iterator[Controller]:
    monkeypatch.setenv("TIPOFF_CONTROLLER_URL", URL)
    monkeypatch.setenv("TIPOFF_DEVELOPMENT_KEY", KEY)
    found = Controller()
    monkeypatch.setattr(service_client, "client", lambda: found.client)
    with found.client:
        yield found
