"""Checks of a fleet's code and alert rules, as the services do them at their start."""

import json
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

from tipoff_cli.checkout import ALERTS
from tipoff_common.catalog import load_catalog
from tipoff_common.yaml_source import ConfigurationError

IMPORT_SECONDS = 60.0
"""The limit of the startup probe in infra/terraform; importing the shipped fleet takes half a second."""


def import_faults(scrapers: Path) -> list[str]:
    """List the scrapers that cannot be imported or differ from their descriptions; empty if the runner would start."""
    try:
        load_catalog(scrapers)
    except ConfigurationError:
        return []  # `tipoff validate` lists these faults itself; without descriptions there is nothing to import
    # In a separate process: Python imports a module once per process, even if it changed, and a module may exit.
    command = [sys.executable, "-m", __name__, str(scrapers)]
    try:
        done = subprocess.run(  # noqa: S603  # our own module, by our own interpreter
            command, capture_output=True, text=True, errors="replace", check=False, timeout=IMPORT_SECONDS
        )
    except subprocess.TimeoutExpired:
        fault = f"importing its scrapers takes longer than {IMPORT_SECONDS:g} seconds"
        return [f"{scrapers}: {fault}; no module may wait or fetch during its import"]
    if done.returncode:
        ended = done.stderr.strip().rpartition("\n")[2] or "without output"
        return [f"{scrapers}: importing its scrapers ended Python with exit code {done.returncode}: {ended}"]
    return [str(fault) for fault in json.loads(done.stdout)]


def alert_faults(_scrapers: Path) -> list[str]:
    """List the faults of the alert rules; empty if the monitor would start."""
    # Imported here, because these modules load an SQL parser.
    from tipoff_dataset.files import QUERIES
    from tipoff_monitor.loading import load_rules

    try:
        load_rules(ALERTS, QUERIES)
    except ConfigurationError as error:
        return list(error.faults)
    return []


def main() -> None:
    """Import the fleet in the folder of the first argument, and print its faults as JSON."""
    from tipoff_scraper_runner.registry import load_registry

    faults: list[str] = []
    # Output of an imported module must not mix with the JSON on standard output.
    with redirect_stdout(sys.stderr):
        try:
            load_registry(Path(sys.argv[1]))
        except ConfigurationError as error:
            faults += error.faults
    sys.stdout.write(json.dumps(faults))


if __name__ == "__main__":
    main()
