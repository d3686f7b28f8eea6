"""`tipoff demo` as a new user runs it in a fresh clone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

DEMO = [sys.executable, "-m", "tipoff_cli", "demo"]
SECONDS = 300


def test_demo_reports_collected_day() -> None:
    # A wide terminal, so that no sentence is wrapped where the test searches for it.
    environment = {**os.environ, "COLUMNS": "200"}
    done = subprocess.run(DEMO, capture_output=True, text=True, env=environment, timeout=SECONDS, check=False)
    output = done.stdout
    assert done.returncode == 0, output + done.stderr
    assert "Was it found?  success, 30 records at 01:00 PM ET" in output
    assert "How often was it requested?  3 attempts: 1 found, 2 not published yet, 0 failed" in output
    assert "Did Phase 2 get it?  2 of 2 files have their receipt" in output
    assert "processed by Phase 2's fake, 30 rows" in output
    statuses = [line.split("│")[1:5] for line in output.splitlines() if line.startswith("│ ") and "_" in line]
    told = [tuple(cell.strip() for cell in row) for row in statuses]
    assert told == [
        ("morning_operations", "05:00", "05:00", "ON_TIME"),
        *(("injury_discovery", f"{hour}:00", f"{hour}:00", "ON_TIME") for hour in (11, 12, 13)),
        *(("injury_discovery", f"{hour}:00", "-", "SKIPPED_OK") for hour in range(14, 19)),
    ]


def test_invalid_or_absent_scenario_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "empty.yaml"
    file.write_text("name: nothing else\n")
    for path, why in ((file, "games"), (tmp_path / "absent.yaml", "No such file")):
        done = subprocess.run(
            [*DEMO, "--scenario", str(path)], capture_output=True, text=True, timeout=90, check=False
        )
        assert done.returncode == 1
        told = done.stdout + done.stderr
        assert "is not a scenario" in told
        assert why in told
