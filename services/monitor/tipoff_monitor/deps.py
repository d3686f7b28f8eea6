"""What the monitor's handlers work with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tipoff_common.events import AlertLevel
from tipoff_common.ports import Warehouse
from tipoff_common.publisher import Publisher
from tipoff_monitor.channels import Sender, send_to
from tipoff_monitor.loading import RuleBook
from tipoff_monitor.memory import MonitorState
from tipoff_monitor.notices import Notice


@dataclass(frozen=True)
class Deps:
    """version, config_hash: the monitor's own, which the controller's are compared with.
    levels: alert level by workflow. sources: source by scraper. workflows_text: the file that config_hash is of.
    names: gives the names of games by id. send: hands a notice to several channels and returns which of them took it.
    """

    environment: str
    book: RuleBook
    version: str
    config_hash: str
    levels: Mapping[str, AlertLevel]
    sources: Mapping[str, str]
    names: Callable[[], Mapping[str, str]]
    state: MonitorState
    warehouse: Warehouse
    publisher: Publisher
    senders: Mapping[str, Sender]
    console_url: str | None = None
    send: Callable[[Mapping[str, Sender], Notice], Mapping[str, bool]] = send_to
    workflows_text: str = ""
