"""Dependencies of the monitor's handlers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, time

from tipoff_common.events import AlertLevel
from tipoff_common.ports import Warehouse
from tipoff_common.publisher import Publisher
from tipoff_monitor.channels import Sender, send_to
from tipoff_monitor.loading import RuleBook
from tipoff_monitor.memory import MonitorState
from tipoff_monitor.notices import Notice
from tipoff_planning.verdict import LOCKS_AT


@dataclass(frozen=True)
class Deps:
    """Dependencies of the monitor's handlers."""

    environment: str
    book: RuleBook
    version: str
    """The monitor's release, to compare with the controller's."""
    config_hash: str
    """The hash of the monitor's workflows file, to compare with the controller's."""
    levels: Mapping[str, AlertLevel]
    """Alert level by workflow."""
    sources: Mapping[str, str]
    """Source by scraper."""
    names: Callable[[datetime], Mapping[str, str]]
    """Returns the names of games by id, as known at an instant."""
    state: MonitorState
    warehouse: Warehouse
    publisher: Publisher
    senders: Mapping[str, Sender]
    console_url: str | None = None
    locks_at: time = LOCKS_AT
    """Time of day, in the fleet's zone, of the tick that locks the day's schedule."""
    send: Callable[[Mapping[str, Sender], Notice], Mapping[str, bool]] = send_to
    """Sends a notice to several channels and returns which of them took it."""
    workflows_text: str = ""
    """The text of the file with the hash `config_hash`."""
