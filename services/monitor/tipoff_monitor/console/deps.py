"""Dependencies of the console's handlers."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from tipoff_common.catalog import Catalog
from tipoff_common.ports import Objects
from tipoff_common.topics import TopicMap
from tipoff_monitor.console.access import Access
from tipoff_monitor.console.controller import Controller
from tipoff_monitor.console.snapshots import Snapshots
from tipoff_monitor.console.sources import Sources
from tipoff_monitor.deps import Deps
from tipoff_planning.workflows import Configuration

PublishMessages = Callable[[Iterable[tuple[str, bytes, Mapping[str, str]]]], None]
"""Publishes (topic, data, attributes) unchanged. Raises Unavailable."""


@dataclass(frozen=True)
class ConsoleDeps:
    """Dependencies of the console's handlers."""

    monitor: Deps
    """Dependencies of the service's other handlers."""
    access: Access
    sources: Sources
    snapshots: Snapshots
    configuration: Configuration
    catalog: Catalog
    controller: Controller
    topics: TopicMap
    publish_messages: PublishMessages
    bucket_of: Callable[[str], Objects]
    """Opens a bucket by its name."""
    calls_per_minute: int
    now: Callable[[], datetime]
    """Returns the current time."""

    @property
    def environment(self) -> str:
        """The environment whose rows are shown."""
        return self.monitor.environment
