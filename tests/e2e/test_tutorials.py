"""The tutorials, followed command by command, outside any checkout's fleet."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from tipoff_cli.checkout import REPOSITORY

PAGES = REPOSITORY / "docs/tutorials"
PROGRAMS = {
    "tipoff": [sys.executable, "-m", "tipoff_cli"],
    "pytest": [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
}
BARE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
"""A fleet's repository has pytest without the plugins of this one's tests, which take longer to import."""
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def run(line: str, folder: Path) -> str:
    """Run a command of the page, which has to succeed; return its output."""
    program, *arguments = shlex.split(line)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TIPOFF_")}
    done = subprocess.run(
        [*PROGRAMS[program], *arguments],
        cwd=folder,
        env={**kept, **BARE, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def follow(page: str, fleet: Path) -> dict[str, str]:
    """Follow a page in its order, and write the files that it shows. Return the output of each command."""
    output: dict[str, str] = {}
    for language, text in BLOCK.findall((PAGES / page).read_text(encoding="utf-8")):
        match language:
            case "sh":
                for line in text.splitlines():
                    output[line] = run(line, fleet if fleet.exists() else fleet.parent)
            case "yaml":
                with (fleet / "config/workflows.yaml").open("a", encoding="utf-8") as workflows:
                    workflows.write(f"\n{text}")
            case "json":
                (fleet / "payload.json").write_text(text, encoding="utf-8")
            case "text":
                pass  # an earlier content, or a command for another system
            case _:
                raise AssertionError(f"the test does not know what to do with {language}")
    return output


def test_your_own_source_can_be_followed(tmp_path: Path) -> None:
    output = follow("your-own-source.md", tmp_path / "rivers")
    assert "2 workflows" in output["tipoff validate"]
    scraped = output["tipoff scrape river_levels --date 2025-01-15 --from-file payload.json --dry-run"]
    assert "river_levels 2025-01-15: success, 1 record" in scraped
    assert "06:00" in output["tipoff schedule --date 2025-01-15"]
    assert "RUN due" in output['tipoff explain river_levels --at "2025-01-15 09:00"']


def test_from_a_cron_job_can_be_followed(tmp_path: Path) -> None:
    output = follow("from-a-cron-job.md", tmp_path / "quotes")
    scraped = output["tipoff scrape day_prices --date 2025-01-15 --from-file payload.json --dry-run"]
    assert "day_prices 2025-01-15: success, 2 records" in scraped
    assert output["tipoff schedule --date 2025-01-15"].count("day_prices") == 21
    assert "day_prices" not in output["tipoff schedule --date 2025-01-19"], "a Sunday"
    assert "RUN due" in output['tipoff explain day_prices --at "2025-01-15 08:30"']


def test_from_an_airflow_sensor_can_be_followed(tmp_path: Path) -> None:
    output = follow("from-an-airflow-sensor.md", tmp_path / "quotes")
    scraped = output["tipoff scrape day_prices --date 2025-01-15 --from-file payload.json --dry-run"]
    assert "day_prices 2025-01-15: success, 1 record" in scraped
    assert "SKIP too_early" in output['tipoff explain day_prices --at "2025-01-15 07:00"']
    assert "RUN due" in output['tipoff explain day_prices --at "2025-01-15 08:30"']
