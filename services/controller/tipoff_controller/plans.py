"""What an occurrence asks for: its requests, and how far each has come."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from tipoff_common.identity import request_id
from tipoff_common.outcomes import FailureKind, Status
from tipoff_controller.history import ExecutionFact, History
from tipoff_controller.occurrences import Occurrence
from tipoff_controller.workflows import Workflow

MAIN_STEP = "main"


@dataclass(frozen=True)
class Unit:
    """One scraper with its final parameters; `attempt` n of it is one request."""

    scraper: str
    parameters: Mapping[str, str]

    def request_id(self, occurrence: str, attempt: int) -> str:
        return request_id(occurrence, MAIN_STEP, self.scraper, self.parameters, attempt)


def units(occurrence: Occurrence, workflow: Workflow) -> tuple[Unit, ...]:
    """The plan of `occurrence`, all placeholders filled in."""
    filled = {"{game_date}": occurrence.game_date.isoformat(), "{slot}": occurrence.expected.isoformat()}
    return tuple(
        Unit(
            step.scraper,
            {
                "game_date": occurrence.game_date.isoformat(),
                **{name: _fill(text, filled) for name, text in step.parameters.items()},
            },
        )
        for step in workflow.steps
    )


def _fill(text: str, values: Mapping[str, str]) -> str:
    for placeholder, value in values.items():
        text = text.replace(placeholder, value)
    return text


class Progress(StrEnum):
    """How far one unit of an occurrence has come."""

    OPEN = "open"  # to be requested: never asked for, or due for a retry that was not sent
    UNDER_WAY = "under_way"  # requested, nothing came of it yet
    SUCCESS = "success"
    NO_DATA = "no_data"
    GIVEN_UP = "given_up"  # failed, and asking again at once would not help or is used up


@dataclass(frozen=True)
class UnitState:
    """A unit, how far it has come, and the attempt that is next or under way."""

    unit: Unit
    progress: Progress
    attempt: int


def state_of(unit: Unit, occurrence: Occurrence, workflow: Workflow, history: History) -> UnitState:
    """Follows the unit's attempts to the last that came to something."""
    last: ExecutionFact | None = None
    attempt = 1
    while (fact := history.executions.get(unit.request_id(occurrence.id, attempt))) is not None:
        last, attempt = fact, attempt + 1
    if unit.request_id(occurrence.id, attempt) in history.requested:
        return UnitState(unit, Progress.UNDER_WAY, attempt)
    if last is None:
        return UnitState(unit, Progress.OPEN, attempt)
    return UnitState(unit, _after(last, attempt, workflow.max_retries), attempt)


def _after(last: ExecutionFact, attempt: int, max_retries: int) -> Progress:
    """`attempt` is the one that would be next."""
    match last.status:
        case Status.SUCCESS:
            return Progress.SUCCESS
        case Status.NO_DATA:
            return Progress.NO_DATA
        case Status.FAILED:
            return Progress.OPEN if retry_is_due(last.kind, attempt - 1, max_retries) else Progress.GIVEN_UP


def retry_is_due(kind: FailureKind | None, attempt: int, max_retries: int) -> bool:
    """Whether a failure of `kind` at `attempt` (counted from 1) is asked for again at once."""
    return kind is not None and kind.retried_at_once and attempt <= max_retries
