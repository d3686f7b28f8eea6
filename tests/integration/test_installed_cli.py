"""The command line as an operator installs it: `tipoff-cli` alone in an empty environment, outside any checkout."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tipoff_cli.checkout import REPOSITORY
from tipoff_common import __version__
from tipoff_dev.stack.stack import Stack

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def installed(install: Callable[..., Path], bytecode: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Install the command line; return a function that runs it in a working folder of its own."""
    folder, programs = tmp_path_factory.mktemp("operator"), install("tipoff-cli")
    kept = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(bytecode)}

    def tipoff(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            (programs / "tipoff", *arguments),
            cwd=folder,
            env=kept,
            capture_output=True,
            text=True,
            check=False,
        )

    return tipoff


def test_version_option_prints_version(installed: Run) -> None:
    assert installed("--version").stdout.startswith(f"tipoff {__version__}")


def test_help_lists_operator_commands_only(installed: Run) -> None:
    listed = installed("--help").stdout
    assert "  tables " in listed
    assert "  demo " not in listed


def test_query_list_contains_every_query(installed: Run) -> None:
    listed = installed("query", "--list").stdout
    assert all(path.stem in listed for path in (REPOSITORY / "queries").glob("*.sql"))


def test_dataset_is_deployed_compared_and_verified(installed: Run, cloud: Stack) -> None:
    place = ("--url", cloud.layout.url("bigquery"), "--project", "installed-cli")
    before = installed("tables", "diff", *place)
    assert before.returncode == 4
    assert "is missing" in before.stdout
    deployed = installed("tables", "deploy", *place)
    assert deployed.returncode == 0, deployed.stderr
    assert "applied workflow_decisions.sql" in deployed.stdout
    for command in ("diff", "verify"):
        done = installed("tables", command, *place)
        assert done.returncode == 0, done.stdout + done.stderr
