"""Which of the files that a running stack was started with have changed since."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tipoff_cli.checkout import FLEET, SCRAPERS, TICKS, WORKFLOWS, ticks
from tipoff_common.yaml_source import ConfigurationError
from tipoff_dev.fakes.sources.hosts import UnusableFake, fake_hosts

READ_BY = ("fake-sources", "controller", "scraper-runner", "cleanup", "monitor")
"""Processes that read the fleet or workflows.yaml when they start, in the order in which they are started anew."""

_SUFFIXES = frozenset({".py", ".yaml"})

Seen = Mapping[Path, int]
"""Files with the time of their last change, in nanoseconds."""


def look(workflows: Path = WORKFLOWS, scrapers: Path = SCRAPERS) -> Seen:
    """Return the files that the stack reads when it starts."""
    fleet = (path for path in scrapers.rglob("*") if path.suffix in _SUFFIXES)
    return {path: path.stat().st_mtime_ns for path in (workflows, TICKS, *fleet) if path.is_file()}


def changed_since(before: Seen, now: Seen) -> list[str]:
    """Return the files that were changed, added or removed, as a person names them."""
    paths = sorted(path for path in {*before, *now} if before.get(path) != now.get(path))
    return [
        str(path.relative_to(FLEET.folder) if path.is_relative_to(FLEET.folder) else path) for path in paths
    ]


def changed_after(instant_ns: int) -> list[str]:
    """Return the files changed after an instant, of those that are there."""
    return changed_since({}, {path: at for path, at in look().items() if at > instant_ns})


def faults() -> str:
    """Say why no stack would start with the files as they are; empty when one would.

    In a process of its own: this one has the fleet's modules in memory as they were.
    """
    command = [sys.executable, "-m", "tipoff_dev.stack.watch"]
    done = subprocess.run(command, cwd=FLEET.folder, capture_output=True, text=True, check=False)  # noqa: S603
    return "" if done.returncode == 0 else (done.stdout or done.stderr).strip()


@dataclass
class Watch:
    """Notices each change once."""

    seen: Seen = field(default_factory=look)

    def changes(self) -> list[str]:
        """Return what changed since the last call; remembers what it has returned."""
        now = look()
        changed = changed_since(self.seen, now)
        self.seen = now
        return changed


def main() -> int:
    """Load the fleet and the workflows; print what is wrong with them and return 1."""
    from tipoff_common.events import Tick
    from tipoff_common.ticks import cadence_of
    from tipoff_planning.loading import load_workflows
    from tipoff_scraper_runner.registry import load_registry

    try:
        evaluated, discovered = cadence_of(ticks(), Tick.EVALUATE), cadence_of(ticks(), Tick.DISCOVER)
        load_workflows(WORKFLOWS, load_registry(SCRAPERS).catalog, evaluated, discovered)
        fake_hosts(SCRAPERS)
    except (ConfigurationError, UnusableFake) as error:
        sys.stdout.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
