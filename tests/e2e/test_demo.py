"""`tipoff demo`, as somebody runs it who has just cloned the repository."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tipoff_dev.fakes.sources.scenario import DEFAULT_SCENARIO

DEMO = [sys.executable, "-m", "tipoff_cli", "demo"]
SECONDS = 110


@pytest.fixture(scope="module")
def late(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The day as it would have been with the report out at 13:40 instead of 12:40."""
    day = DEFAULT_SCENARIO.read_text()
    changed = day.replace(
        '{first: "12:30", first_published: "12:40"}', '{first: "13:30", first_published: "13:40"}'
    )
    assert changed != day
    file = tmp_path_factory.mktemp("scenario") / "late.yaml"
    file.write_text(changed)
    return file


@pytest.fixture(scope="module")
def runs(late: Path) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """Both days at once; the machine has time to spare while a tick is under way."""
    # A wide terminal, so that no sentence is broken where somebody looks for it.
    environment = {**os.environ, "COLUMNS": "200"}

    def start(*arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*DEMO, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        )

    started = {"as it was": start(), "late": start("--scenario", str(late))}
    yield started
    for process in started.values():
        if process.poll() is None:
            process.terminate()
            process.wait()
        if process.stdout:
            process.stdout.close()


def test_the_demo_finds_the_day_in_the_dataset(runs: dict[str, subprocess.Popen[str]]) -> None:
    output, _ = runs["as it was"].communicate(timeout=SECONDS)
    assert runs["as it was"].returncode == 0, output
    assert "Was it found?  success, 30 records at 01:00 PM ET" in output
    assert "How often was it asked?  3 attempts: 1 found, 2 not published yet, 0 failed" in output
    assert "Did Phase 2 get it?  2 of 2 files have their receipt" in output
    assert "processed by Phase 2's stand-in, 30 rows" in output
    statuses = [line.split("│")[1:5] for line in output.splitlines() if line.startswith("│ ") and "_" in line]
    told = [tuple(cell.strip() for cell in row) for row in statuses]
    assert told == [
        ("morning_operations", "05:00", "05:00", "ON_TIME"),
        *(("injury_discovery", f"{hour}:00", f"{hour}:00", "ON_TIME") for hour in (11, 12, 13)),
        *(("injury_discovery", f"{hour}:00", "-", "SKIPPED_OK") for hour in range(14, 19)),
    ]


def test_the_demo_fails_when_the_dataset_tells_another_day(runs: dict[str, subprocess.Popen[str]]) -> None:
    """Its checks are real: with the report an hour later the search goes on an hour longer, and the demo says so."""
    output, _ = runs["late"].communicate(timeout=SECONDS)
    assert runs["late"].returncode == 1, output
    assert "Was it found?  success, 48 records at 02:00 PM ET" in output
    assert "How often was it asked?  4 attempts: 1 found, 3 not published yet, 0 failed" in output
    assert "✘ discovery: expected a success with records at 01:00 PM" in output
    assert "✘ attempts: expected" in output
    assert "✘ expected against actual: ('injury_discovery', '14:00', None, 'SKIPPED_OK') is missing" in output
    assert "the dataset is off" in output


def test_a_scenario_that_cannot_be_read_is_refused_before_anything_starts(tmp_path: Path) -> None:
    file = tmp_path / "empty.yaml"
    file.write_text("name: nothing else\n")
    for path, why in ((file, "games"), (tmp_path / "absent.yaml", "No such file")):
        done = subprocess.run(
            [*DEMO, "--scenario", str(path)], capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == 1
        assert "is no scenario" in done.stdout
        assert why in done.stdout
