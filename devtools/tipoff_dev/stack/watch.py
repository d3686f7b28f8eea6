"""Edits of the files that a running stack was started with, as `tipoff up --watch` notices them."""

import subprocess
import sys
from dataclasses import dataclass, field

from tipoff_cli.checkout import FLEET, SCRAPERS, WORKFLOWS, ticks
from tipoff_cli.edits import Seen, changed_since, look
from tipoff_common.yaml_source import ConfigurationError
from tipoff_dev.fakes.sources.hosts import UnusableFake, fake_hosts

READ_BY = ("fake-sources", "controller", "scraper-runner", "cleanup", "monitor")
"""Processes that read the fleet or workflows.yaml when they start, in the order in which they are started anew."""


def faults() -> str:
    """Say why no stack would start with the files as they are; empty when one would.

    In a process of its own: this one has the fleet's modules in memory as they were.
    """
    command = [sys.executable, "-m", "tipoff_dev.stack.watch"]
    done = subprocess.run(command, cwd=FLEET.folder, capture_output=True, text=True, check=False)  # noqa: S603
    return "" if done.returncode == 0 else (done.stdout or done.stderr).strip()


@dataclass
class FolderWatch:
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
