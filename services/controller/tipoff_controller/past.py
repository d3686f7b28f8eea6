"""What is known when something is decided: the ledger joined with the dataset."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from tipoff_common.ports import Unavailable
from tipoff_controller.deps import Deps
from tipoff_controller.ledger import Remembered
from tipoff_planning.execution_log import read_executions
from tipoff_planning.history import ExecutionFact, History, merge

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Past:
    """The history to decide by, and the ledger's part of it with the ways to its objects."""

    history: History
    remembered: Remembered


def read_past(days: Sequence[date], deps: Deps) -> Past:
    """The union of ledger and dataset: one list call a day and one query. Without the dataset the ledger decides,
    marked stale.

    Raises:
        Unavailable: the ledger cannot be read, so nothing could be remembered either.
    """
    remembered = deps.ledger.days(days)
    logged: list[ExecutionFact] = []
    stale = False
    try:
        names = deps.configuration.subject_parameters
        logged = read_executions(deps.warehouse, deps.environment, days, names)
    except Unavailable as error:
        log.error("dataset cannot be asked, deciding by the ledger", extra={"detail": str(error)})
        stale = True
    executions = merge(logged, remembered.executions.values())
    return Past(History(executions, remembered.requested, stale), remembered)
