"""A scraper that a person runs beside a stack is seen there."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from stack_harness import INJURIES, Driver, last_report

from tipoff_cli.checkout import SCRAPERS
from tipoff_dev.stack.background import write_environment


@pytest.mark.parametrize("told_by", ["the environment", "the folder"])
def test_a_scraper_run_by_hand_beside_a_stack_is_logged_as_local(
    driver: Driver, day: date, tmp_path: Path, told_by: str
) -> None:
    """`make up` writes .tipoff/stack.env at the root of the fleet; commands of the same fleet read it."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "USER": "somebody"}
    if told_by == "the environment":
        environment |= driver.stack.layout.runner_environment()
    else:
        # A fleet of its own, of the same scrapers: commands take its stack.
        (tmp_path / "tipoff.toml").write_text('name = "scrapers"\n')
        (tmp_path / "scrapers").symlink_to(SCRAPERS)
        folder = tmp_path / ".tipoff"
        folder.mkdir()
        write_environment(driver.stack.layout, folder / "stack.env")
    done = subprocess.run(
        [sys.executable, "-m", "tipoff_cli", "scrape", INJURIES, "--date", day.isoformat()],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = driver.executions(day, INJURIES)
    assert (row["source"], row["triggered_by"], row["status"]) == ("LOCAL", "somebody", "success")
    assert row["execution_id"] in done.stderr
    assert driver.asked(last_report(day)) == 1, "the fake was asked, not the real source"
