"""The command line as an operator installs it: `tipoff-cli` alone in an empty environment, away from any checkout."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tipoff_cli.checkout import REPOSITORY
from tipoff_common import __version__

FOLDERS = ("cli", "libs/bigquery-ddl", "libs/common", "libs/dataset", "libs/planning", "libs/simulator")
BIN = Path(sys.executable).parent

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Install the command line and return what runs it, with a folder of its own as the current one."""
    folder = tmp_path_factory.mktemp("installed")
    wheels, environment = folder / "wheels", folder / "environment"
    index = os.environ.get("PIP_INDEX_URL")
    settings = {**({"UV_DEFAULT_INDEX": index} if index else {}), **os.environ, "UV_LINK_MODE": "hardlink"}

    def run(*command: str | Path, cwd: Path = folder) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=cwd, env=settings, capture_output=True, text=True, check=False)

    def must(*command: str | Path, cwd: Path = folder) -> None:
        done = run(*command, cwd=cwd)
        assert done.returncode == 0, (command, done.stderr)

    for project in FOLDERS:
        must(BIN / "hatchling", "build", "-t", "wheel", "-d", wheels, cwd=REPOSITORY / project)
    must(BIN / "uv", "venv", "--quiet", "--python", sys.executable, environment)
    pins = ("--find-links", wheels, "--constraints", REPOSITORY / "requirements-dev.txt")
    must(BIN / "uv", "pip", "install", "--quiet", "--python", environment / "bin/python", *pins, "tipoff-cli")

    def tipoff(*arguments: str) -> subprocess.CompletedProcess[str]:
        return run(environment / "bin/tipoff", *arguments)

    return tipoff


def test_it_says_its_version(installed: Run) -> None:
    assert installed("--version").stdout.startswith(f"tipoff {__version__}")


def test_it_lists_operators_commands_and_no_developers(installed: Run) -> None:
    listed = installed("--help").stdout
    assert "  tables " in listed
    assert "  demo " not in listed


def test_it_knows_every_query(installed: Run) -> None:
    listed = installed("query", "--list").stdout
    assert all(path.stem in listed for path in (REPOSITORY / "queries").glob("*.sql"))


def test_it_deploys_compares_and_verifies_the_dataset(installed: Run, warehouse_url: str) -> None:
    place = ("--url", warehouse_url, "--project", "installed-cli")
    before = installed("tables", "diff", *place)
    assert before.returncode == 4
    assert "is missing" in before.stdout
    deployed = installed("tables", "deploy", *place)
    assert deployed.returncode == 0, deployed.stderr
    assert "applied workflow_decisions.sql" in deployed.stdout
    for command in ("diff", "verify"):
        done = installed("tables", command, *place)
        assert done.returncode == 0, done.stdout + done.stderr
