"""Where the checkout keeps its configuration, and its ticks."""

from collections.abc import Mapping
from datetime import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tipoff_common.events import Tick
    from tipoff_common.ticks import Cadence

REPOSITORY = Path(__file__).parents[2]
WORKFLOWS = REPOSITORY / "config/workflows.yaml"
SCRAPERS = REPOSITORY / "services/scraper-runner/scrapers"
TOPICS = REPOSITORY / "infra/topics.yaml"
TICKS = REPOSITORY / "infra/ticks.yaml"
SERVICES = REPOSITORY / "infra/services.yaml"
STACK_PROJECT = "nba-props-platform"
"""The project of the local stack, as its emulators name it."""
STACK_WAREHOUSE = "http://127.0.0.1:9050"
"""The embedded warehouse of `tipoff up`, whose ports are fixed."""


@cache
def ticks() -> "Mapping[Tick, Cadence]":
    """Read the cadence of each tick from infra/ticks.yaml, once a process."""
    from tipoff_common.ticks import load_ticks

    return load_ticks(TICKS)


@cache
def service_names() -> tuple[str, ...]:
    """Read the names of the services from infra/services.yaml."""
    from tipoff_common.service_map import load_services

    return tuple(load_services(SERVICES))


def lock_time() -> time:
    """Return the time of day, in New York, at which the day's schedule is locked."""
    from tipoff_common.events import Tick

    return ticks()[Tick.LOCK_SCHEDULE].daily_at or time()
