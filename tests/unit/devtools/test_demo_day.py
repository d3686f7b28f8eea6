"""Tests of the demo's checks: each wrong answer of the dataset is reported."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tipoff_cli import checkout
from tipoff_cli.checkout import REPOSITORY
from tipoff_cli.main import app
from tipoff_dev.demo.day import EXPECTED_DAY, FIRST_HOUR, LAST_HOUR, Answers, faults

RIGHT = Answers(
    discovery={"status": "success", "time_et": "01:00 PM", "records": 30},
    attempts={"attempts_today": 3, "found_data": 1, "no_data_yet": 2, "failures": 0},
    expected_vs_actual=[
        {"workflow_name": name, "expected_time": expected, "actual_time": actual, "status": status}
        for name, expected, actual, status in EXPECTED_DAY
    ],
    cleanup_runs=LAST_HOUR - FIRST_HOUR,
    files_landed=2,
    files_processed=2,
)
AN_HOUR_LATER = [
    {**row, "actual_time": "14:00", "status": "ON_TIME"} if row["expected_time"] == "14:00" else row
    for row in RIGHT.expected_vs_actual
]


def test_expected_day_has_no_faults() -> None:
    assert faults(RIGHT) == []


@pytest.mark.parametrize(
    ("changed", "complaints"),
    [
        ({"discovery": {**RIGHT.discovery, "time_et": "02:00 PM"}}, ["discovery: expected a success"]),
        ({"discovery": {**RIGHT.discovery, "records": 0}}, ["discovery: expected a success"]),
        ({"discovery": {}}, ["discovery: expected a success"]),
        ({"attempts": {**RIGHT.attempts, "attempts_today": 4, "no_data_yet": 3}}, ["attempts: expected"]),
        (
            {"expected_vs_actual": AN_HOUR_LATER},
            ["('injury_discovery', '14:00', None, 'SKIPPED_OK') is missing", "'ON_TIME') is unexpected"],
        ),
        ({"expected_vs_actual": []}, ["is missing"] * len(EXPECTED_DAY)),
        ({"cleanup_runs": 0}, ["cleanup: expected"]),
        ({"files_processed": 1}, ["receipts: expected one for each file"]),
        ({"files_landed": 0, "files_processed": 0}, ["receipts: expected one for each file"]),
    ],
)
def test_deviation_from_the_expected_day_is_reported(changed: dict[str, Any], complaints: list[str]) -> None:
    found = faults(replace(RIGHT, **changed))
    assert len(found) == len(complaints)
    assert all(complaint in fault for complaint, fault in zip(complaints, found, strict=True))


def test_demo_in_another_fleet_runs_the_shipped_scrapers(tmp_path: Path) -> None:
    """The demo searched the fleet's own scrapers, which its workflows do not use."""
    (tmp_path / "tipoff.toml").write_text('name = "rivers"\n')
    (tmp_path / "config").mkdir()
    (tmp_path / "config/workflows.yaml").write_text("timezone: Asia/Tokyo\n")
    program = """
import os
from tipoff_cli.__main__ import main
os.execve = lambda *given: os._exit(print(os.getcwd(), *given[1][1:], "TIPOFF_TIMEZONE" in given[2], flush=True) or 0)
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", program, "demo", "--console"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == f"{REPOSITORY} -m tipoff_cli demo --console False\n", done.stderr


def test_installed_cli_refuses_the_demo_with_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(checkout, "SHIPPED_SCRAPERS", tmp_path / "scrapers")
    refused = CliRunner().invoke(app, ["demo"])
    assert refused.exit_code == 1
    assert "clone it, and run `make demo` there" in refused.stderr
