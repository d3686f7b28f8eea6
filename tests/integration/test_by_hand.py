"""Manual scraper runs beside a stack, as the stack records them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from stack_harness import INJURIES, Driver, last_report

from tipoff_cli.checkout import SCRAPERS
from tipoff_cli.edits import look
from tipoff_dev.stack.background import write_environment


def test_manual_scrape_beside_stack_is_logged_as_local(driver: Driver, day: date, tmp_path: Path) -> None:
    check_a_run(driver, day, tmp_path, driver.stack.layout.runner_environment())


def test_scrape_in_fleet_folder_uses_its_stack_env(embedded: Driver, day: date, tmp_path: Path) -> None:
    """`make up` writes .tipoff/stack.env at the root of the fleet; commands of the same fleet read it."""
    # A fleet of its own with the same scrapers: commands in it use this fleet's stack.
    (tmp_path / "tipoff.toml").write_text('name = "scrapers"\n')
    (tmp_path / "scrapers").symlink_to(SCRAPERS)
    folder = tmp_path / ".tipoff"
    folder.mkdir()
    write_environment(embedded.stack.layout, look(), folder / "stack.env")
    check_a_run(embedded, day, tmp_path, {})


def check_a_run(driver: Driver, day: date, folder: Path, environment: Mapping[str, str]) -> None:
    """Run a scraper in the folder; it uses the stack's source, and its row names its user."""
    done = subprocess.run(
        [sys.executable, "-m", "tipoff_cli", "scrape", INJURIES, "--date", day.isoformat()],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "USER": "somebody", **environment},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = driver.executions(day, INJURIES)
    assert (row["source"], row["triggered_by"], row["status"]) == ("LOCAL", "somebody", "success")
    assert row["execution_id"] in done.stderr
    assert driver.request_count(last_report(day)) == 1, "the fake was asked, not the real source"
