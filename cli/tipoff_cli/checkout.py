"""Where the fleet keeps its scrapers and configuration, and where the maps of services, topics and ticks are.

A fleet in its own repository has a `tipoff.toml` at its root; it is found from the current folder upward. Everywhere
else the fleet is the one of this checkout.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tipoff_common.events import Tick
    from tipoff_common.ticks import Cadence

REPOSITORY = Path(__file__).parents[2]
MARKER = "tipoff.toml"


@dataclass(frozen=True)
class Fleet:
    """One fleet of scrapers with its configuration."""

    folder: Path
    """The root of its repository; the local stack keeps its state in .tipoff below it."""
    scrapers: Path
    """Folder of <source>/<name>/scraper.yaml; its name is the package that scrapers are imported from."""
    tests: Path
    project: str
    """Google Cloud project of the local stack, as its emulators name it."""
    data_bucket: str
    """Bucket of the local stack for what is fetched."""

    @property
    def workflows(self) -> Path:
        """What should run when."""
        return self.folder / "config/workflows.yaml"


def find_fleet(start: Path) -> Fleet:
    """Find the fleet that `start` lies in; this checkout's where no folder above it has a tipoff.toml."""
    for folder in (start, *start.parents):
        if (folder / MARKER).is_file():
            return _own_fleet(folder)
    scrapers = REPOSITORY / "services/scraper-runner/scrapers"
    tests = REPOSITORY / "tests/unit/scrapers"
    return Fleet(REPOSITORY, scrapers, tests, "nba-props-platform", "nba-scraped-data")


def _own_fleet(folder: Path) -> Fleet:
    """Read a fleet's tipoff.toml. Raises CommandFailed when it has no name."""
    import tomllib

    from tipoff_cli.errors import CommandFailed

    file = folder / MARKER
    try:
        name = tomllib.loads(file.read_text(encoding="utf-8")).get("name")
    except (OSError, ValueError) as error:
        raise CommandFailed(f"{file}: cannot be read: {error}") from error
    if not isinstance(name, str) or not name.isidentifier():
        raise CommandFailed(f'{file}: name is missing; write name = "the_package_of_the_scrapers"')
    dashed = name.replace("_", "-")
    return Fleet(folder, folder / name, folder / "tests", f"{dashed}-local", f"{dashed}-data")


def find_shared(name: str, fleet: Path) -> Path:
    """Find a file that a fleet may replace: the fleet's own, the checkout's, or the copy in an installed command line.

    name: relative to the root of a repository, such as infra/topics.yaml.
    """
    places = (fleet / name, REPOSITORY / name)
    return next((path for path in places if path.is_file()), Path(__file__).parent / name)


FLEET = find_fleet(Path.cwd())
WORKFLOWS = FLEET.workflows
SCRAPERS = Path(os.environ.get("TIPOFF_SCRAPERS") or FLEET.scrapers)
TOPICS = find_shared("infra/topics.yaml", FLEET.folder)
TICKS = find_shared("infra/ticks.yaml", FLEET.folder)
SERVICES = find_shared("infra/services.yaml", FLEET.folder)
ALERTS = find_shared("config/alerts.yaml", FLEET.folder)
STACK_PROJECT = FLEET.project
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
