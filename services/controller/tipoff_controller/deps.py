"""What the controller's handlers work with."""

from dataclasses import dataclass

from tipoff_common.ports import Warehouse
from tipoff_common.publisher import Publisher
from tipoff_controller.ledger import Ledger
from tipoff_planning.landed_calendar import LandedCalendar
from tipoff_planning.workflows import Configuration


@dataclass(frozen=True)
class Deps:
    environment: str
    configuration: Configuration
    calendar: LandedCalendar
    ledger: Ledger
    warehouse: Warehouse
    publisher: Publisher
