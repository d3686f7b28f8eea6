"""Model of `config/workflows.yaml`: workflows, their schedules, and the order of their steps."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from tipoff_common.catalog import Catalog, Name
from tipoff_common.clock import ZoneKey
from tipoff_common.events import AlertLevel, Priority
from tipoff_common.open_enum import Declared
from tipoff_common.yaml_source import ConfigurationNode
from tipoff_common.yaml_times import Duration
from tipoff_planning.discovery.steps import CHECK_STEP
from tipoff_planning.schedules import ByTheClock, PerGame, Schedule, tolerance

PLACEHOLDERS = ("{game_date}", "{slot}")


class ForEachOutput(ConfigurationNode):
    """Fan-out over the output of a parent step."""

    step: Name = Field(description="the parent step, which has to be settled first")
    key: Name = Field(description="one of the parent scraper's fan_out_keys; also the parameter to fill")


class ForEachValue(ConfigurationNode):
    """Fan-out over given values, independent of games."""

    parameter: Name = Field(description="the parameter to fill")
    values: tuple[str, ...] = Field(min_length=1, description="one request for each")

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        # Two requests with the same parameters have the same id, so the list would promise more requests than it makes.
        if twice := sorted({value for value in self.values if self.values.count(value) > 1}):
            raise ValueError(f"values name {', '.join(twice)} more than once; name each once")
        return self


ForEach = Literal["game", "team"] | ForEachOutput | ForEachValue


class Step(ConfigurationNode):
    """One scraper of a workflow.

    `game_date` is always filled in; fan-out fills `game_id`, `team` or the parent's key; other parameters are given
    as text with the placeholders {game_date} and {slot} (the expected instant, ISO 8601).
    """

    scraper: Name = Field(description="the registered name")
    name: Name | None = Field(default=None, description="name of the step; the scraper's when left out")
    after: tuple[Name, ...] = Field(default=(), description="steps that have to be settled first")
    for_each: ForEach | None = Field(
        default=None, description="one request for each game, team, output of a parent or given value"
    )
    parameters: Mapping[str, str] = Field(
        default_factory=dict, description="values of the scraper's declared parameters, as text"
    )

    @property
    def id(self) -> str:
        """The step's name within its workflow."""
        return self.name or self.scraper

    @property
    def parents(self) -> tuple[str, ...]:
        """The steps that have to be settled first, including the source of a fan-out."""
        source = (self.for_each.step,) if isinstance(self.for_each, ForEachOutput) else ()
        return tuple(dict.fromkeys((*self.after, *source)))

    @property
    def fan_out_parameter(self) -> str | None:
        """The parameter that the step fans out over; None without a fan-out."""
        match self.for_each:
            case "game":
                return "game_id"
            case "team":
                return "team"
            case ForEachOutput(key=key):
                return key
            case ForEachValue(parameter=parameter):
                return parameter
        return None

    @model_validator(mode="after")
    def _placeholders_known(self) -> Self:
        for name, text in self.parameters.items():
            for found in re.findall(r"\{[^}]*\}", text):
                # Checked at load: at run time a misspelt placeholder would reach the source as text.
                if found not in PLACEHOLDERS:
                    raise ValueError(
                        f"parameters.{name}: {found} is not known; use {' or '.join(PLACEHOLDERS)}"
                    )
        return self


class Strategy(StrEnum):
    """Policy by which a search chooses its times."""

    FIXED = "fixed"
    LEARNED = "learned"


class DiscoverySettings(ConfigurationNode):
    """Settings by which a search of kind discovery chooses its times."""

    strategy: Strategy = Field(
        default=Strategy.FIXED,
        description="fixed: on the beat of every or budget. learned: when the source is likely to have published, with"
        " at most as many attempts a day as that beat, and on that beat while the history is too short",
    )
    # The price was chosen on two years of one source's publication times, and confirmed on a third:
    # docs/explanation/learned-discovery.md.
    price_per_attempt: float = Field(
        default=3.5, ge=0, le=1440, description="minutes of delay that cost as much as one more attempt"
    )
    max_gap: Duration = Field(
        default=timedelta(hours=2), description="longest time in the window without an attempt, at least 5m"
    )
    explore: float = Field(
        default=0.03,
        ge=0,
        le=1,
        description="share of days on which the model assumes any time of the window to be equally likely",
    )

    @model_validator(mode="after")
    def _a_step_at_least(self) -> Self:
        if self.max_gap < timedelta(minutes=5):
            raise ValueError("max_gap is below 5m, the step in which times are planned; make it 5m or longer")
        return self


class Workflow(ConfigurationNode):
    """A set of steps to fetch together, and their schedule."""

    description: str = Field(min_length=1, description="purpose of the workflow")
    priority: Annotated[Priority, Declared] = Field(
        default=Priority.MEDIUM,
        description="importance of the workflow; a fan-out of LOW has at most 10 requests under way",
    )
    alert_level: Annotated[AlertLevel, Declared] = Field(
        default=AlertLevel.WARNING, description="alert level of a decision that gives up"
    )
    max_retries: int = Field(
        default=3,
        ge=0,
        le=10,
        description="retries of a transient failure: the first at once, the others spread over the rest of the window",
    )
    alert_after_empty_looks: int = Field(
        default=3,
        ge=1,
        le=30,
        description="occurrences in a row without data after which decisions alert; a search alerts when its window"
        " closes instead",
    )
    timezone: ZoneKey | None = Field(
        default=None,
        description="zone of its times of day and days of the week, an IANA name; the file's when left out",
    )
    schedule: Schedule = Field(description="the expected times of its runs")
    discovery: DiscoverySettings = Field(
        default=DiscoverySettings(), description="for kind discovery: fixed beat or learned times"
    )
    order: Literal["parallel", "sequence"] = Field(
        default="parallel", description="sequence: each step waits for the previous step"
    )
    steps: tuple[Step, ...] = Field(min_length=1, description="the scrapers to run")

    @model_validator(mode="after")
    def _zone_is_read(self) -> Self:
        if self.timezone is not None and not isinstance(self.schedule, ByTheClock):
            raise ValueError(
                f"timezone: kind {self.schedule.kind} follows the games and not a clock; remove timezone"
            )
        return self

    @cached_property
    def plan(self) -> Mapping[str, Step]:
        """Steps by name, with `order: sequence` converted to `after`."""
        steps: dict[str, Step] = {}
        before: tuple[str, ...] = ()
        # `sequence` is shorthand for `after`; converted here, it needs no handling elsewhere.
        for step in self.steps:
            after = tuple(dict.fromkeys((*step.after, *before)))
            steps[step.id] = step.model_copy(update={"after": after})
            before = (step.id,) if self.order == "sequence" else ()
        return steps


class CalendarSource(ConfigurationNode):
    """The source of the calendar of games."""

    scraper: Name | None = Field(
        default=None,
        description="the scraper whose newest landed file is the calendar; needed by workflows that need games",
    )
    stale_after: Duration = Field(
        # A schedule is fetched every morning; one and a half days allow for one failed morning.
        default=timedelta(hours=36),
        description="age from which a refresh is requested",
    )
    reread_on_game_days: Duration = Field(
        default=timedelta(hours=1),
        description="age from which it is refetched while games of the day have yet to begin, at most once an hour",
    )
    game_types: tuple[str, ...] = Field(
        # Preseason and All-Star games have no reports and box scores of their own kind, which would count as missing.
        default=("regular", "play_in", "playoffs", "cup_final"),
        min_length=1,
        description="types of games that count; other games are on the calendar, but no data is fetched for them",
    )


class WorkflowsFile(ConfigurationNode):
    """The whole file."""

    version: Literal[1] = Field(description="version of this format")
    timezone: ZoneKey = Field(
        description="zone of the fleet's days, and of the times of day of workflows without a zone of their own; an"
        " IANA name"
    )
    calendar: CalendarSource = Field(
        default=CalendarSource(), description="source of the games, for a fleet with games"
    )
    max_fan_out: int = Field(
        default=10_000, ge=1, le=10_000, description="the most requests that one step may fan out into"
    )
    workflows: Mapping[Name, Workflow] = Field(min_length=1, description="the workflows by name")


@dataclass(frozen=True)
class Configuration:
    """A validated workflows file with its catalog and hash."""

    file: WorkflowsFile
    catalog: Catalog
    hash: str

    @cached_property
    def zone(self) -> ZoneInfo:
        """The zone of the fleet's days."""
        return ZoneInfo(self.file.timezone)

    def zone_of(self, workflow: str) -> ZoneInfo:
        """Return the zone of a workflow's times of day."""
        name = self.workflows[workflow].timezone
        return self.zone if name is None else ZoneInfo(name)

    @property
    def workflows(self) -> Mapping[str, Workflow]:
        """The workflows by name."""
        return self.file.workflows

    @cached_property
    def learned(self) -> tuple[str, ...]:
        """Workflows with learned search times."""
        return tuple(
            name
            for name, workflow in self.workflows.items()
            if workflow.discovery.strategy is Strategy.LEARNED
        )

    def faster_than(self, evaluated_every: timedelta) -> tuple[str, ...]:
        """Return the workflows whose occurrences could pass between two evaluations, and which need a finer tick."""
        return tuple(
            name
            for name, workflow in self.workflows.items()
            if tolerance(workflow.schedule) < evaluated_every
        )

    def finer_tick(self, evaluated_every: timedelta) -> timedelta | None:
        """Return the interval of the tick needed between evaluations; None when no workflow needs one."""
        needs = [tolerance(self.workflows[name].schedule) for name in self.faster_than(evaluated_every)]
        if self.learned:
            needs.append(CHECK_STEP)
        return dividing_an_hour(min(needs)) if needs else None

    @cached_property
    def spans_zones(self) -> bool:
        """Whether a workflow's zone differs from the fleet's, so that its dates may be two days from the fleet's."""
        return any(self.zone_of(name) != self.zone for name in self.workflows)

    @cached_property
    def needing_games(self) -> frozenset[str]:
        """Workflows without anything to fetch on a day without games."""
        return frozenset(
            name for name, workflow in self.workflows.items() if needs_games(workflow, self.catalog)
        )

    @cached_property
    def subject_parameters(self) -> tuple[str, ...]:
        """Parameters that distinguish the requests of one scraper about one date: those of fan-outs and of steps,
        unless they depend on the slot."""
        # Always included: workflows of kind per_game fill it without naming it.
        found = {"game_id"}
        for step in (step for workflow in self.workflows.values() for step in workflow.steps):
            # With the slot in the subject, data found by an earlier slot would not count for a later one.
            found.update(name for name, text in step.parameters.items() if "{slot}" not in text)
            if step.fan_out_parameter:
                found.add(step.fan_out_parameter)
        return tuple(sorted(found))

    @property
    def calendar_folder(self) -> str | None:
        """The folder of the calendar's files in the data bucket; None for a fleet without games."""
        scraper = self.file.calendar.scraper
        return None if scraper is None else self.catalog[scraper].output_root

    @property
    def has_games(self) -> bool:
        """Whether any workflow of the fleet needs games, or a calendar is configured."""
        return bool(self.needing_games) or self.file.calendar.scraper is not None

    @cached_property
    def refresher(self) -> str | None:
        """The workflow that fetches the calendar."""
        source = self.file.calendar.scraper
        # The first in the file; a second workflow that also fetches the schedule gets no refresh.
        names = (n for n, w in self.workflows.items() if any(step.scraper == source for step in w.steps))
        return next(names, None)


def dividing_an_hour(length: timedelta) -> timedelta:
    """Return the most whole minutes within `length` that divide an hour, as a tick's interval must; at least one."""
    minutes = int(length / timedelta(minutes=1))
    return timedelta(minutes=max((step for step in range(2, minutes + 1) if 60 % step == 0), default=1))


def needs_games(workflow: Workflow, catalog: Catalog) -> bool:
    """Return whether a day without games leaves the workflow nothing to fetch."""
    return workflow.schedule.kind in ("interval", "per_game") or any(
        step.for_each in ("game", "team") or (step.scraper in catalog and catalog[step.scraper].needs_games)
        for step in workflow.steps
    )


def takes_game(workflow: Workflow) -> bool:
    """Return whether an occurrence of the workflow is about one game."""
    return isinstance(workflow.schedule, PerGame)
