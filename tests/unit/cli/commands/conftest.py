"""Fixtures of commands about a schedule, and of the controller that they call."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.pushes import KEY
from tests.support.seasons import WORKFLOWS, write_season
from tests.unit.cli.commands.harness import URL, Controller
from tipoff_cli import service_client


@pytest.fixture
def season(tmp_path: Path) -> tuple[str, ...]:
    """Return options that name a schedule and a configuration."""
    file = tmp_path / "workflows.yaml"
    file.write_text(WORKFLOWS)
    return ("--schedule", str(write_season(tmp_path)), "--workflows", str(file))


@pytest.fixture
def controller(monkeypatch: pytest.MonkeyPatch) -> Iterator[Controller]:
    monkeypatch.setenv("TIPOFF_CONTROLLER_URL", URL)
    monkeypatch.setenv("TIPOFF_DEVELOPMENT_KEY", KEY)
    found = Controller()
    monkeypatch.setattr(service_client, "client", lambda: found.client)
    with found.client:
        yield found
