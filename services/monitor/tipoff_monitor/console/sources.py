"""Readings of the pages' data. Three statements serve every page; pages about a single subject use look-ups."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, TypeVar

from pydantic import BaseModel

from tipoff_common.clock import business_date, local_instant, readable
from tipoff_common.execution_row import ExecutionRow
from tipoff_common.ports import Parameter, Warehouse
from tipoff_dataset.batch import Part, run_batch
from tipoff_dataset.file_verdict import judge
from tipoff_dataset.landed_files import Files, FileSelector, LandedFile, LatestCleanup, LogWindow
from tipoff_dataset.queries import named
from tipoff_monitor.console.facts import (
    DeadLetterRow,
    DecisionRow,
    FleetSummary,
    LiveConfiguration,
    MissingFileRow,
    Recent,
    ScraperDay,
    ScraperHealth,
    StandingPauseRow,
    WorkflowDay,
)
from tipoff_monitor.console.pages.operations import FileFacts
from tipoff_monitor.console.snapshots import Reading
from tipoff_monitor.incidents import Memory
from tipoff_monitor.memory import MonitorState
from tipoff_monitor.simulation import StoredSimulation
from tipoff_planning.calendar import Calendar
from tipoff_planning.discovery.plans import DiscoveryPlans
from tipoff_planning.discovery.report import DiscoveryReport, read_discovery
from tipoff_planning.execution_log import read_fact
from tipoff_planning.expectations import DayExpectations, read_expectations
from tipoff_planning.explanation import Explanation, explain_workflow
from tipoff_planning.history import ExecutionFact
from tipoff_planning.landed_calendar import LandedCalendar
from tipoff_planning.pauses import Pauses
from tipoff_planning.trace.dataset import ChainDataset
from tipoff_planning.trace.links import ChainNode
from tipoff_planning.trace.lookup import NotFound, trace
from tipoff_planning.trace.memory import ControllerMemory, Fetch
from tipoff_planning.workflows import Configuration

M = TypeVar("M", bound=BaseModel)
DAY_AGE = timedelta(seconds=60)
RECENT_AGE = timedelta(seconds=75)
FLEET_AGE = timedelta(minutes=5)
"""With these three ages a busy console costs 60/60 + 60/75 + 60/300 = 2 jobs a minute, one less than its budget."""
_PAST_AGE = timedelta(minutes=10)
"""A past day changes only by backfills."""
_MEMORY_AGE = timedelta(seconds=5)
_CALENDAR_AGE = timedelta(minutes=5)
_SIMULATION_AGE = timedelta(seconds=30)
_TEXT_AGE = timedelta(hours=1)
"""The hash names the file, so its text never changes."""
_EXPLANATION_AGE = timedelta(seconds=20)
_LOOK_UP_AGE = timedelta(seconds=60)
_DISCOVERY_AGE = timedelta(minutes=5)
_CHAIN_JOBS, _FILES_JOBS, _DISCOVERY_JOBS = 9, 5, 2
"""Maximum number of statements for a chain whose id is in the first span, for files, and for a discovery report."""
_FILES_BACK = timedelta(days=14)
_MOST_FILES = 20

FLEET_QUERIES = ("scraper_health", "workflow_calendar", "scraper_days", "configurations", "standing_pauses")
RECENT_QUERIES = ("latest_decisions", "latest_executions", "latest_dead_letters", "missing_files")


@dataclass(frozen=True)
class Chain:
    """The result of `tipoff trace`."""

    roots: tuple[ChainNode, ...] = ()
    near: tuple[str, ...] = ()
    """The ids most similar to an unknown one."""
    not_found: str | None = None
    """The reason for an empty chain; None when the id was found."""
    without_memory: str | None = None


class Sources:
    """The readings of one environment."""

    def __init__(
        self,
        warehouse: Warehouse,
        state: MonitorState,
        environment: str,
        configuration: Configuration,
        calendar: LandedCalendar | None,
        recall: Fetch,
    ) -> None:
        """calendar: the fleet's games, None for a fleet without. recall: reads the controller's records."""
        self._warehouse, self._state, self._environment = warehouse, state, environment
        self._configuration, self._calendar, self._recall = configuration, calendar, recall

    def day(self, day: date, now: datetime) -> Reading[DayExpectations]:
        """Read the expected runs of a day; today includes yesterday's runs whose deadline is after midnight."""
        is_today = day == business_date(now)
        # A late game's runs have deadlines after midnight, and must be visible on the console at one in the morning.
        midnight = local_instant(day, time()) if is_today else None

        def read(at: datetime) -> DayExpectations:
            return read_expectations(
                self._warehouse,
                self._environment,
                day,
                at,
                midnight=midnight,
                with_known_since=not is_today,
            )

        # Today is on every page and uses the pages' budget of jobs; another day is a look-up, so that browsing through
        # a season does not exhaust that budget.
        return Reading(f"day {day}", read, DAY_AGE if is_today else _PAST_AGE, standing=is_today)

    def fleet(self) -> Reading[FleetSummary]:
        """Read health, calendars, volumes, configurations and pauses."""

        def read(at: datetime) -> FleetSummary:
            # One statement, hence one of the console's few jobs a minute.
            found = self._run_queries(FLEET_QUERIES, at)
            return FleetSummary(
                health=_rows(ScraperHealth, found["scraper_health"]),
                workflow_days=_rows(WorkflowDay, found["workflow_calendar"]),
                scraper_days=_rows(ScraperDay, found["scraper_days"]),
                configurations=_rows(LiveConfiguration, found["configurations"]),
                pauses=_rows(StandingPauseRow, found["standing_pauses"]),
            )

        return Reading("fleet", read, FLEET_AGE)

    def recent(self) -> Reading[Recent]:
        """Read the newest decisions, executions, dead letters and missing files."""

        def read(at: datetime) -> Recent:
            found = self._run_queries(RECENT_QUERIES, at)
            executions = _rows(ExecutionRow, found["latest_executions"])
            parameters = self._configuration.subject_parameters
            return Recent(
                decisions=_rows(DecisionRow, found["latest_decisions"]),
                executions=executions,
                dead_letters=_rows(DeadLetterRow, found["latest_dead_letters"]),
                missing_files=_rows(MissingFileRow, found["missing_files"]),
                # The newest sixty runs of each scraper are more than any decision of the day depends on.
                history=[fact for row in executions if (fact := read_fact(row, parameters))],
            )

        return Reading("recent", read, RECENT_AGE)

    def memory(self) -> Reading[Memory]:
        """Read incidents and silences: an object of the state bucket, no warehouse job."""
        # The shortest age of all, since a person who acknowledges an incident expects to see it at once.
        return Reading("memory", lambda _: self._state.read_or_set_aside()[0], _MEMORY_AGE, jobs=0)

    def calendar(self) -> Reading[Calendar | None]:
        """Read the games by date: an object of the data bucket, no warehouse job."""
        found = self._calendar
        return Reading("calendar", lambda now: found.current(now) if found else None, _CALENDAR_AGE, jobs=0)

    def simulation(self) -> Reading[StoredSimulation | None]:
        """Read the simulated season that was sent last: an object of the state bucket, no warehouse job."""
        return Reading("simulation", lambda _: self._state.simulation(), _SIMULATION_AGE, jobs=0)

    def configuration_text(self, config_hash: str) -> Reading[str | None]:
        """Read a workflows file that was in force: an object of the state bucket, no warehouse job."""
        return Reading(
            f"configuration {config_hash}",
            lambda _: self._state.configuration(config_hash),
            _TEXT_AGE,
            jobs=0,
        )

    def discovery(self, name: str, day: date, calendar: Calendar | None) -> Reading[DiscoveryReport | None]:
        """Read the report of a search: learned publication times and the day's checks; None when it cannot learn."""

        def read(at: datetime) -> DiscoveryReport | None:
            return read_discovery(
                self._warehouse, self._environment, self._configuration, name, day, at, calendar
            )

        return Reading(f"discovery {name} {day}", read, _DISCOVERY_AGE, jobs=_DISCOVERY_JOBS, standing=False)

    def explanation(
        self,
        name: str,
        calendar: Calendar | None,
        history: Sequence[ExecutionFact],
        plans: DiscoveryPlans,
        pauses: Pauses,
    ) -> Reading[Explanation]:
        """Explain the decision about a workflow at this moment: no warehouse job, but a tenth of a second of CPU."""

        def read(at: datetime) -> Explanation:
            return explain_workflow(name, at, self._configuration, calendar, history, plans, pauses=pauses)

        return Reading(f"explanation {name}", read, _EXPLANATION_AGE, jobs=0)

    def chain(self, identifier: str, today: date) -> Reading[Chain]:
        """Read the chain of an id, like `tipoff trace`."""

        def read(_: datetime) -> Chain:
            days = [today - timedelta(days=offset) for offset in (2, 1, 0)]
            # An id does not contain its day. Read the controller's records of three game dates only: older occurrences
            # have settled and are in the dataset.
            # Rows are kept for ninety days; the first span is enough for nearly every id.
            spans = [(today - timedelta(days=back), today + timedelta(days=1)) for back in (3, 14, 91)]
            dataset = ChainDataset(self._warehouse, self._environment)
            try:
                found = trace(identifier, dataset, ControllerMemory(self._recall), days, spans)
            # A result without a chain is cached, too: a reloaded page costs no new search.
            except NotFound as error:
                return Chain(not_found=error.sentence(self._environment), near=tuple(error.near))
            return Chain(roots=found.roots, without_memory=found.without_memory)

        return Reading(f"chain {identifier}", read, _LOOK_UP_AGE, jobs=_CHAIN_JOBS, standing=False)

    def files(self, selector: FileSelector) -> Reading[tuple[FileFacts, ...]]:
        """Read the files that match a selector, with the verdict of `tipoff files`."""

        def read(at: datetime) -> tuple[FileFacts, ...]:
            files = Files(self._warehouse, self._environment, LogWindow(at - _FILES_BACK, at))
            cleanup = files.latest_cleanup()
            # A short hash may match many files, and each costs a verdict and a paragraph of the page.
            return tuple(_facts_of(file, cleanup, at) for file in files.find(selector)[:_MOST_FILES])

        key = f"files {selector.path} {selector.hash}"
        return Reading(key, read, _LOOK_UP_AGE, jobs=_FILES_JOBS, standing=False)

    def _run_queries(self, queries: Sequence[str], at: datetime) -> Mapping[str, list[dict[str, Any]]]:
        # One instant for the whole batch, so that all parts of a page agree.
        values: Mapping[str, Parameter] = {"as_of": at}
        parts = {
            name: Part(query, query.arguments(values, at, self._environment))
            for name, query in ((name, named(name)) for name in queries)
        }
        return run_batch(self._warehouse, parts)


def _rows(kind: type[M], rows: Sequence[Mapping[str, Any]]) -> tuple[M, ...]:
    return tuple(kind.model_validate(row) for row in rows)


def _facts_of(file: LandedFile, cleanup: LatestCleanup | None, at: datetime) -> FileFacts:
    verdict = judge(file, cleanup, at)
    # The first execution announced the file; fetching the same content again gives the same file.
    wrote = file.wrote[0] if file.wrote else None
    return FileFacts(
        gcs_path=file.gcs_path,
        state=verdict.state.value,
        why=verdict.why,
        next=verdict.next,
        scraper_name=wrote.scraper_name if wrote else None,
        execution_id=wrote.execution_id if wrote else None,
        landed_at=wrote.ended_at if wrote else None,
        game_date=wrote.game_date if wrote else None,
        record_count=wrote.records if wrote else None,
        receipts=tuple(f"{item.processor} at {readable(item.processed_at)}" for item in file.receipts),
    )
