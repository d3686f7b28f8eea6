"""Where pages take their facts from. Three statements feed every page; a look-up answers what is asked by name."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, TypeVar

from pydantic import BaseModel

from tipoff_common.clock import business_date, eastern
from tipoff_common.ports import Parameter, Warehouse
from tipoff_dataset.batch import Part, ask_batch
from tipoff_dataset.queries import named
from tipoff_monitor.console.facts import (
    DeadLetterRow,
    DecisionRow,
    ExecutionRow,
    Fleet,
    LiveConfiguration,
    MissingFile,
    Recent,
    ScraperDay,
    ScraperHealth,
    WorkflowDay,
)
from tipoff_monitor.console.snapshots import Reading
from tipoff_monitor.incidents import Memory
from tipoff_monitor.memory import MonitorState
from tipoff_planning.expectations import DayExpectations, read_expectations

M = TypeVar("M", bound=BaseModel)
DAY_AGE = timedelta(seconds=60)
RECENT_AGE = timedelta(seconds=75)
FLEET_AGE = timedelta(minutes=5)
"""With these three a busy console costs 60/60 + 60/75 + 60/300 = 2 jobs a minute, and has one to spare."""
_PAST_AGE = timedelta(minutes=10)
"""A day that is over changes only by what is made good."""
_MEMORY_AGE = timedelta(seconds=5)
_NAMES_AGE = timedelta(minutes=5)

_FLEET = ("scraper_health", "workflow_calendar", "scraper_days", "configurations")
_RECENT = ("latest_decisions", "latest_executions", "latest_dead_letters", "missing_files")


class Sources:
    """The readings of one environment."""

    def __init__(
        self,
        warehouse: Warehouse,
        state: MonitorState,
        environment: str,
        names: Callable[[], Mapping[str, str]],
    ) -> None:
        self._warehouse, self._state = warehouse, state
        self._environment, self._names = environment, names

    def day(self, day: date, now: datetime) -> Reading[DayExpectations]:
        """What was expected of a day; today includes what is left of last night."""
        is_today = day == business_date(now)
        midnight = eastern(day, time()) if is_today else None

        def read(at: datetime) -> DayExpectations:
            return read_expectations(self._warehouse, self._environment, day, at, midnight=midnight)

        return Reading(f"day {day}", read, DAY_AGE if is_today else _PAST_AGE, standing=is_today)

    def fleet(self) -> Reading[Fleet]:
        """Health, calendars, volumes and configurations."""

        def read(at: datetime) -> Fleet:
            found = self._ask(_FLEET, at)
            return Fleet(
                health=_rows(ScraperHealth, found["scraper_health"]),
                workflow_days=_rows(WorkflowDay, found["workflow_calendar"]),
                scraper_days=_rows(ScraperDay, found["scraper_days"]),
                configurations=_rows(LiveConfiguration, found["configurations"]),
            )

        return Reading("fleet", read, FLEET_AGE)

    def recent(self) -> Reading[Recent]:
        """The newest decisions, executions, dead letters and missing files."""

        def read(at: datetime) -> Recent:
            found = self._ask(_RECENT, at)
            return Recent(
                decisions=_rows(DecisionRow, found["latest_decisions"]),
                executions=_rows(ExecutionRow, found["latest_executions"]),
                dead_letters=_rows(DeadLetterRow, found["latest_dead_letters"]),
                missing_files=_rows(MissingFile, found["missing_files"]),
            )

        return Reading("recent", read, RECENT_AGE)

    def memory(self) -> Reading[Memory]:
        """Incidents and silences: an object of the state bucket, no warehouse job."""
        return Reading("memory", lambda _: self._state.read()[0], _MEMORY_AGE, jobs=0)

    def game_names(self) -> Reading[Mapping[str, str]]:
        """Who plays whom, by game id: an object of the data bucket, no warehouse job."""
        return Reading("names", lambda _: self._names(), _NAMES_AGE, jobs=0)

    def _ask(self, queries: Sequence[str], at: datetime) -> Mapping[str, list[dict[str, Any]]]:
        given: Mapping[str, Parameter] = {"as_of": at}
        parts = {
            name: Part(query, query.arguments(given, at, self._environment))
            for name, query in ((name, named(name)) for name in queries)
        }
        return ask_batch(self._warehouse, parts)


def _rows(kind: type[M], rows: Sequence[Mapping[str, Any]]) -> tuple[M, ...]:
    return tuple(kind.model_validate(row) for row in rows)
