"""Edits of the files of a running stack, as `tipoff up --watch` notices them."""

import subprocess
import sys
from dataclasses import dataclass, field

from tipoff_cli.checkout import ALERTS, FLEET, SCRAPERS, WORKFLOWS, ticks
from tipoff_cli.edits import Seen, changed_since, look
from tipoff_common.yaml_source import ConfigurationError
from tipoff_dev.fakes.sources.hosts import UnusableFake, fake_hosts

READ_BY = ("fake-sources", "controller", "scraper-runner", "cleanup", "monitor")
"""Processes that read the fleet, workflows.yaml or alerts.yaml when they start, in the order of their restart."""


def faults() -> str:
    """Return the faults with which a stack would not start from the present files; empty without faults.

    Checks in a separate process: this process has the fleet's old modules in memory.
    """
    command = [sys.executable, "-m", "tipoff_dev.stack.watch"]
    done = subprocess.run(command, cwd=FLEET.folder, capture_output=True, text=True, check=False)  # noqa: S603
    return "" if done.returncode == 0 else (done.stdout or done.stderr).strip()


@dataclass
class FolderWatch:
    """A watch of the files that reports each change once."""

    seen: Seen = field(default_factory=look)

    def changes(self) -> list[str]:
        """Return the files that changed since the previous call."""
        now = look()
        changed = changed_since(self.seen, now)
        self.seen = now
        return changed


def main() -> int:
    """Load the fleet, the workflows and the alert rules; return 0, or print their faults and return 1."""
    from tipoff_common.events import Tick
    from tipoff_common.ticks import cadence_of
    from tipoff_dataset.files import QUERIES
    from tipoff_monitor.loading import load_rules
    from tipoff_planning.loading import load_workflows
    from tipoff_scraper_runner.registry import load_registry

    try:
        evaluated, discovered = cadence_of(ticks(), Tick.EVALUATE), cadence_of(ticks(), Tick.DISCOVER)
        load_workflows(WORKFLOWS, load_registry(SCRAPERS).catalog, evaluated, discovered)
        fake_hosts(SCRAPERS)
        load_rules(ALERTS, QUERIES)
    except (ConfigurationError, UnusableFake) as error:
        sys.stdout.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
