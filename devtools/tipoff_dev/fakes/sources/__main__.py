"""`python -m tipoff_dev.fakes.sources --port 8090 [--scenario FILE.yaml]`."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

import uvicorn

from tipoff_dev.fakes.sources.app import create_app
from tipoff_dev.fakes.sources.hosts import fleet_fakes
from tipoff_dev.fakes.sources.scenario import DEFAULT_SCENARIO, load_scenario


def main() -> None:
    """Serve until the process is stopped."""
    parser = argparse.ArgumentParser(prog="tipoff_dev.fakes.sources", description="Fakes of the sources.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--scenario", type=Path, default=DEFAULT_SCENARIO)
    parser.add_argument(
        "--around-today", action="store_true", help="move the scenario to the days around today"
    )
    parser.add_argument("--scrapers", type=Path, help="a fleet's folder, whose fake.py files are served too")
    options = parser.parse_args()
    app = create_app(
        load_scenario(options.scenario),
        clock=lambda: datetime.now(UTC),
        around_today=options.around_today,
        fleet=fleet_fakes(options.scrapers) if options.scrapers else {},
    )
    uvicorn.run(app, host=options.host, port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
