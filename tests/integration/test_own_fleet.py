"""Fleets in their own repositories: the example in its own folder, and a fleet that an installed command creates."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from tipoff_cli.checkout import REPOSITORY

EXAMPLE = REPOSITORY / "examples/tides"

ALONE = ("unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
"""Runs a command in a network namespace of its own, where the fixed ports of `tipoff up` are free."""
A_DAY = """
trap 'tipoff down' EXIT
tipoff up --every 1 && cp .tipoff/stack.env running.env && tipoff trigger rivers --date today --wait && tipoff status
echo "status: $?"
tipoff query latest_executions && tipoff explain rivers
"""


def run(command: Sequence[str | Path], cwd: Path, environ: Mapping[str, str] = {}) -> str:
    """Run a command that has to succeed; return its output."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("TIPOFF_", "PYTHONPATH"))
    }
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**kept, "COLUMNS": "200", "PYTHONDONTWRITEBYTECODE": "1", **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_example_fleet_validates_and_passes_in_its_own_folder() -> None:
    tipoff = (sys.executable, "-m", "tipoff_cli")
    assert "1 scraper," in run((*tipoff, "validate"), EXAMPLE)
    assert "tide_levels" in run((*tipoff, "scrapers", "list"), EXAMPLE / "tests")
    assert "no games are needed" in run((*tipoff, "schedule", "--date", "2026-07-01"), EXAMPLE)
    assert "window" in run((*tipoff, "explain", "tides", "--at", "2026-07-01 05:00"), EXAMPLE)
    # A fleet's repository has pytest alone; the plugins of this repository's tests take longer to import.
    alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    assert " passed" in run((sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"), EXAMPLE, alone)


@pytest.fixture(scope="module")
def installed(install: Callable[..., Path]) -> Path:
    """Install the developers' command line and its dependencies; return the environment's folder of programs."""
    return install("tipoff-dev", "pytest")


@pytest.fixture(scope="module")
def environ(bytecode: Path) -> Mapping[str, str]:
    """Share the bytecode between processes of the environment: each would compile all its libraries."""
    return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(bytecode)}


def test_new_fleet_is_validated_extended_and_tested_outside_checkout(
    installed: Path, environ: Mapping[str, str], tmp_path: Path
) -> None:
    tipoff, fleet = installed / "tipoff", tmp_path / "rivers"
    run((tipoff, "init", "rivers", "--time-zone", "Europe/Berlin"), tmp_path, environ)
    assert "1 workflow, 1 step, 1 scraper" in run((tipoff, "validate"), fleet, environ)
    run((tipoff, "scrapers", "new", "rivers_gauges", "--source", "example"), fleet / "config", environ)
    assert "rivers_gauges" in run((tipoff, "scrapers", "list"), fleet, environ)
    output = run((installed / "pytest", "-q", "-p", "no:cacheprovider"), fleet, environ)
    assert "26 passed" in output
    # The command line includes Terraform's files, and generates for the fleet all that a deployment requires.
    assert "infra/terraform/platform/main.tf" in run((tipoff, "terraform"), fleet, environ)
    assert "nothing changed" in run((tipoff, "terraform"), fleet, environ)
    assert (fleet / "infra/terraform/maps/topics.yaml").is_file()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_installed_fleet_runs_a_day_on_its_own_stack(
    installed: Path, environ: Mapping[str, str], tmp_path: Path
) -> None:
    """Up, trigger, status, query and explain in Tokyo: its zone, its dataset, its fake, and no host of the NBA."""
    tipoff, fleet = installed / "tipoff", tmp_path / "rivers"
    run((tipoff, "init", "rivers", "--time-zone", "Asia/Tokyo"), tmp_path, environ)
    path = {**environ, "PATH": f"{installed}{os.pathsep}{os.environ['PATH']}"}
    alone = (
        ALONE if subprocess.run((*ALONE, "true"), capture_output=True, check=False).returncode == 0 else ()
    )
    output = run((*alone, "bash", "-c", A_DAY), fleet, path)
    assert "via fake: api.example.example; requests to every other host reach the real source" in output
    assert "rivers_items success" in output
    assert "Tokyo time" in output
    assert "JST" in output
    assert "nba" not in output.lower()
    environment = dict(line.split("=", 1) for line in (fleet / "running.env").read_text().splitlines())
    assert environment["TIPOFF_DATASET"] == "rivers_orchestration"
    assert environment["TIPOFF_TIMEZONE"] == "Asia/Tokyo"
    del environment["TIPOFF_DEVELOPMENT_KEY"]  # random characters
    assert "nba" not in str(environment).lower()
    assert "stopped; its history is kept" in output
