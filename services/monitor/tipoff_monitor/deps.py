"""What the monitor's handlers work with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tipoff_common.events import AlertLevel
from tipoff_common.ports import Warehouse
from tipoff_common.publisher import Publisher
from tipoff_monitor.channels import Sender
from tipoff_monitor.loading import RuleBook
from tipoff_monitor.memory import MonitorState


@dataclass(frozen=True)
class Deps:
    """version, config_hash: the monitor's own, which the controller's are compared with.
    levels: alert level by workflow. names: gives the names of games by id."""

    environment: str
    book: RuleBook
    version: str
    config_hash: str
    levels: Mapping[str, AlertLevel]
    names: Callable[[], Mapping[str, str]]
    state: MonitorState
    warehouse: Warehouse
    publisher: Publisher
    senders: Mapping[str, Sender]
    console_url: str | None = None
