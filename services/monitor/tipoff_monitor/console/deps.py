"""What the console's handlers work with."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from tipoff_common.catalog import Catalog
from tipoff_monitor.console.access import Access
from tipoff_monitor.console.snapshots import Snapshots
from tipoff_monitor.console.sources import Sources
from tipoff_monitor.deps import Deps
from tipoff_planning.workflows import Configuration


@dataclass(frozen=True)
class ConsoleDeps:
    """monitor: what the service's other handlers work with. now: reads the clock."""

    monitor: Deps
    access: Access
    sources: Sources
    snapshots: Snapshots
    configuration: Configuration
    catalog: Catalog
    calls_per_minute: int
    now: Callable[[], datetime]

    @property
    def environment(self) -> str:
        """The environment whose rows are shown."""
        return self.monitor.environment
