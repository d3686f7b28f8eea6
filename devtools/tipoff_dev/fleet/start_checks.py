"""Checks of a fleet that services make at their start and the command line cannot: its code and alert rules."""

import json
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

from tipoff_cli.checkout import ALERTS
from tipoff_common.catalog import load_catalog
from tipoff_common.yaml_source import ConfigurationError

IMPORT_SECONDS = 60.0
"""As long as the startup probe of infra/terraform waits for a service; the fleet that ships takes half a second."""


def import_faults(scrapers: Path) -> list[str]:
    """Say which scrapers cannot be imported, or differ from their descriptions; empty when the runner would start."""
    try:
        load_catalog(scrapers)
    except ConfigurationError:
        return []  # `tipoff validate` lists these itself, and without descriptions nothing says what to import
    # In a process of its own: a module is imported once a process, whatever its file says later, and may end it.
    command = [sys.executable, "-m", __name__, str(scrapers)]
    try:
        done = subprocess.run(  # noqa: S603  # our own module, by our own interpreter
            command, capture_output=True, text=True, errors="replace", check=False, timeout=IMPORT_SECONDS
        )
    except subprocess.TimeoutExpired:
        what = f"importing its scrapers takes longer than {IMPORT_SECONDS:g} seconds"
        return [f"{scrapers}: {what}; let no module wait or fetch while it is imported"]
    if done.returncode:
        ended = done.stderr.strip().rpartition("\n")[2] or "without a word"
        return [f"{scrapers}: importing its scrapers ended Python with exit code {done.returncode}: {ended}"]
    return [str(fault) for fault in json.loads(done.stdout)]


def alert_faults(_scrapers: Path) -> list[str]:
    """Say what is wrong with the alert rules; empty when the monitor would start."""
    # Here, as they bring a parser of SQL, and every command imports this package's list of checks.
    from tipoff_dataset.files import QUERIES
    from tipoff_monitor.loading import load_rules

    try:
        load_rules(ALERTS, QUERIES)
    except ConfigurationError as error:
        return list(error.faults)
    return []


def main() -> None:
    """Import the fleet in the folder that is named, and print its faults as JSON."""
    from tipoff_scraper_runner.registry import load_registry

    faults: list[str] = []
    # What a module prints while it is imported is no part of the answer.
    with redirect_stdout(sys.stderr):
        try:
            load_registry(Path(sys.argv[1]))
        except ConfigurationError as error:
            faults += error.faults
    sys.stdout.write(json.dumps(faults))


if __name__ == "__main__":
    main()
