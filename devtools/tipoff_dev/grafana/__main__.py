"""`python -m tipoff_dev.grafana DIR`: the dashboards and alert rules of the fleet of the current folder."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tipoff_cli.checkout import FLEET
from tipoff_common.clock import ZONE_VARIABLE, fleet_zone
from tipoff_dev.grafana.files import fleet_files


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files, with the fleet's dataset and zone in their SQL, and print their paths; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tipoff_dev.grafana",
        description="Writes Grafana's dashboards and alert rules for the fleet of the current folder.",
    )
    parser.add_argument(
        "folder", metavar="DIR", type=Path, help="where dashboards/ and alerting/ are written"
    )
    folder: Path = parser.parse_args(arguments).folder
    os.environ[ZONE_VARIABLE] = FLEET.timezone
    for name, text in fleet_files(FLEET.dataset).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path}\n")
    sys.stdout.write(f"for the dataset {FLEET.dataset} and days in {fleet_zone().key}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
