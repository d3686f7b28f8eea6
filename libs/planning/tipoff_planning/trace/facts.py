"""Facts of a chain: rows of the dataset, and records that only the state bucket has."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from tipoff_common.events import ScrapeRequested
from tipoff_common.execution_row import ExecutionRow
from tipoff_common.file_rows import ReceiptRow, SightingRow
from tipoff_planning.plans import Plan


@dataclass(frozen=True)
class ExpectedRow:
    """The newest schedule row of an occurrence."""

    occurrence_id: str
    workflow_name: str
    game_date: date
    subject: str
    expected_run_time: datetime
    deadline: datetime
    state: str
    reason: str | None


@dataclass(frozen=True)
class DecidedRow:
    """A row of a decision."""

    decision_id: str
    occurrence_id: str
    event_id: str
    workflow_name: str
    game_date: date
    decision_time: datetime
    action: str
    reason_code: str
    reason: str
    triggered_by: str | None


@dataclass(frozen=True)
class DeadLetterFact:
    """A dead letter."""

    event_id: str
    rejected_at: datetime
    reason: str
    detail: str | None
    subscription: str | None
    event_type: str | None
    ce_id: str | None
    """The id of the rejected event."""


@dataclass(frozen=True)
class CleanupRow:
    """A cleanup that was looked up by its own id."""

    cleanup_id: str
    cleanup_time: datetime
    files_checked: int
    missing_files_found: int
    republished_count: int


@dataclass(frozen=True)
class Facts:
    """All rows and records from which a chain is built."""

    expected: Sequence[ExpectedRow] = ()
    decided: Sequence[DecidedRow] = ()
    requested: Sequence[ScrapeRequested] = ()
    executed: Sequence[ExecutionRow] = ()
    receipts: Sequence[ReceiptRow] = ()
    seen: Sequence[SightingRow] = ()
    dead: Sequence[DeadLetterFact] = ()
    cleanups: Sequence[CleanupRow] = ()
    plans: Sequence[Plan] = ()
    skips: frozenset[tuple[str, str]] = frozenset()
    """(occurrence, step) of the steps that are never requested."""
