"""`python -m tipoff_dev.fakes.sources --port 8090 [--scenario FILE.yaml]`."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

import uvicorn

from tipoff_dev.fakes.sources.app import create_app
from tipoff_dev.fakes.sources.scenario import DEFAULT_SCENARIO, load_scenario


def main() -> None:
    """Serves until it is stopped."""
    parser = argparse.ArgumentParser(prog="tipoff_dev.fakes.sources", description="The upstream stand-in.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--scenario", type=Path, default=DEFAULT_SCENARIO)
    options = parser.parse_args()
    app = create_app(load_scenario(options.scenario), clock=lambda: datetime.now(UTC))
    uvicorn.run(app, host=options.host, port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
