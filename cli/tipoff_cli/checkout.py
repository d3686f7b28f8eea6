"""Folders of the fleet's scrapers and configuration, and of the maps of services, topics and ticks.

A fleet in its own repository has a `tipoff.toml` at its root, which is searched from the current folder upward. Without
this file, the fleet is the one of this checkout.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tipoff_common.fleet_root import MARKER, find_root
from tipoff_common.words import did_you_mean

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from tipoff_common.events import Tick
    from tipoff_common.ticks import Cadence

REPOSITORY = Path(__file__).parents[2]
SHIPPED_SCRAPERS = REPOSITORY / "services/scraper-runner/scrapers"
"""Scrapers of this checkout; an installed command line has none."""


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
    """Bucket of the local stack for fetched files."""
    dataset: str
    """Name of its BigQuery dataset, locally and deployed; TIPOFF_DATASET overrides it."""
    base_images: str | None = None
    """Registry of Tipoff's images, the base of the fleet's images; None when the fleet names no registry."""

    @property
    def workflows(self) -> Path:
        """The file of workflows and their schedules."""
        return self.folder / "config/workflows.yaml"

    @property
    def timezone(self) -> str:
        """The zone of the fleet's days: TIPOFF_TIMEZONE, else the zone in workflows.yaml."""
        return os.environ.get("TIPOFF_TIMEZONE") or read_timezone(self.workflows)


_KEYS = ("name", "dataset", "base_images")
"""Keys of a tipoff.toml."""
_DEFAULT_ZONE = "America/New_York"


def read_timezone(workflows: Path) -> str:
    """Return the zone that a workflows file names; New York, the default, when it names none or cannot be read.

    A regular expression finds the usual form of the line: every command needs the zone, and the YAML parser takes
    longer to import than most commands run.
    """
    try:
        text = workflows.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return _DEFAULT_ZONE
    if found := re.search(r"""^timezone:\s*["']?([\w/+-]+)""", text, flags=re.MULTILINE):
        return found.group(1)
    return _parsed_timezone(text) if "timezone" in text else _DEFAULT_ZONE


def _parsed_timezone(text: str) -> str:
    import yaml

    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError:
        return _DEFAULT_ZONE  # `tipoff validate` reports the fault
    zone = content.get("timezone") if isinstance(content, dict) else None
    return zone if isinstance(zone, str) else _DEFAULT_ZONE


def find_fleet(start: Path) -> Fleet:
    """Return the fleet whose folder contains `start`; this checkout's fleet when no parent has a tipoff.toml."""
    if root := find_root(start):
        return _own_fleet(root)
    tests = REPOSITORY / "tests/unit/scrapers"
    project, bucket, dataset = "nba-props-platform", "nba-scraped-data", "nba_orchestration"
    return Fleet(REPOSITORY, SHIPPED_SCRAPERS, tests, project, bucket, dataset)


def outside_note(fleet: Fleet) -> str:
    """Return a note that the working folder is in no fleet and commands mean Tipoff's own; empty inside a fleet."""
    folder = Path.cwd()
    if folder.is_relative_to(fleet.folder.resolve()):
        return ""
    return f"no {MARKER} in {folder} or above it: the fleet used is Tipoff's own, in {fleet.folder}"


def _own_fleet(folder: Path) -> Fleet:
    """Read a fleet's tipoff.toml. Raises CommandFailed for a missing or invalid value, and for an unknown key."""
    import tomllib

    from tipoff_cli.errors import CommandFailed

    file = folder / MARKER
    try:
        written = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CommandFailed(f"{file}: cannot be read: {error}") from error
    # With a misspelled key, the command would silently use the default dataset.
    for key in sorted(written.keys() - set(_KEYS)):
        remedy = did_you_mean(key, _KEYS) or f"its keys are {', '.join(_KEYS)}"
        raise CommandFailed(f"{file}: unknown key '{key}'; {remedy}")
    name, dataset = written.get("name"), written.get("dataset", "nba_orchestration")
    if not isinstance(dataset, str) or not re.fullmatch(r"\w{1,1024}", dataset, re.ASCII):
        raise CommandFailed(
            f"{file}: dataset is not the name of a dataset; use letters, digits and underscores"
        )
    if not isinstance(name, str) or not name.isidentifier():
        raise CommandFailed(f'{file}: name is missing; write name = "the_package_of_the_scrapers"')
    base_images = written.get("base_images")
    if not (base_images is None or (isinstance(base_images, str) and base_images)):
        raise CommandFailed(f"{file}: base_images is not a registry; write one such as ghcr.io/acme/tipoff")
    dashed = name.replace("_", "-")
    local, data = f"{dashed}-local", f"{dashed}-data"
    return Fleet(folder, folder / name, folder / "tests", local, data, dataset, base_images)


def find_shared(name: str, fleet: Path) -> Path:
    """Return the path of a file that a fleet may replace: the fleet's, the checkout's, or the installed package's copy.

    name: relative to the root of a repository, such as infra/topics.yaml.
    """
    places = (fleet / name, REPOSITORY / name)
    return next((path for path in places if path.is_file()), Path(__file__).parent / name)


def workflow_zone(workflows: Path, workflow: str) -> "ZoneInfo | None":
    """Return a workflow's own zone; None when the workflow has none, or the file cannot be read."""
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(_written_workflows(workflows)[workflow]["timezone"])
    except (LookupError, TypeError, ValueError, OSError):
        return None  # the controller and `tipoff validate` report the fault


def has_workflow(workflows: Path, workflow: str) -> bool:
    """Return whether the file has a workflow of that name; False when the file cannot be read."""
    return workflow in _written_workflows(workflows)


def _written_workflows(file: Path) -> Mapping[str, Any]:
    import yaml

    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))["workflows"]
    except (OSError, ValueError, LookupError, TypeError, yaml.YAMLError):
        return {}
    return found if isinstance(found, dict) else {}


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
    """Read the cadence of each tick from infra/ticks.yaml, once per process."""
    from tipoff_common.ticks import load_ticks

    return load_ticks(TICKS)


@cache
def service_names() -> tuple[str, ...]:
    """Read the names of the services from infra/services.yaml."""
    from tipoff_common.service_map import load_services

    return tuple(load_services(SERVICES))


def lock_time() -> time:
    """Return the time of day, in the fleet's zone, at which the day's schedule is locked."""
    from tipoff_common.ticks import lock_time as lock_time_of

    return lock_time_of(ticks())
