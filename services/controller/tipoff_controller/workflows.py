"""`config/workflows.yaml` as a model: what should run when.

Unknown keys are errors. What only makes sense together with the scraper catalogue (names, parameters) is checked
when the file is loaded; every fault names file, line, value and remedy.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import time, timedelta
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from tipoff_common.catalog import Catalog, Name
from tipoff_common.events import AlertLevel, Priority
from tipoff_common.identity import short_hash
from tipoff_common.yaml_source import ConfigurationError, Location, YamlSource

_DURATION = re.compile(r"^(?:(\d+)h)?(?:(\d+)m)?$")
_CLOCK = re.compile(r"^([01]\d|2[0-3]):[0-5]\d$")
PLACEHOLDERS = ("{game_date}", "{slot}")


def _clock(value: object) -> time:
    if isinstance(value, str) and _CLOCK.match(value):
        return time.fromisoformat(value)
    raise ValueError('not a time of day; write "HH:MM" in quotes, 24 hours')


def _duration(value: object) -> timedelta:
    match = _DURATION.match(value) if isinstance(value, str) and value else None
    if match is None:
        raise ValueError("not a duration; write hours and minutes, such as 1h, 90m or 1h30m")
    hours, minutes = (int(part or 0) for part in match.groups())
    if not (hours or minutes):
        raise ValueError("a duration of nothing; write at least 1m")
    return timedelta(hours=hours, minutes=minutes)


Clock = Annotated[time, BeforeValidator(_clock, json_schema_input_type=str)]
Duration = Annotated[timedelta, BeforeValidator(_duration, json_schema_input_type=str)]


class _Node(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Window(_Node):
    """A stretch of one day, times of day in the file's zone."""

    start: Clock
    end: Clock

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.end <= self.start:
            raise ValueError(
                f"window {self.start:%H:%M}-{self.end:%H:%M} is empty; let end be later than start"
            )
        return self


class Daily(_Node):
    """Once a day: expected when the window opens, in time until it closes."""

    kind: Literal["daily"]
    window: Window


class Discovery(_Node):
    """Ask every so often within the publication window until the data is found."""

    kind: Literal["discovery"]
    window: Window
    every: Duration = Field(
        description="distance of two attempts; the budget is spread evenly over the window"
    )


Schedule = Annotated[Daily | Discovery, Field(discriminator="kind")]


class Step(_Node):
    """One scraper of a workflow. `game_date` is always filled in; other parameters are given here as text, in
    which {game_date} and {slot} (the expected instant, ISO 8601) are replaced."""

    scraper: Name
    parameters: Mapping[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _placeholders_known(self) -> Self:
        for name, text in self.parameters.items():
            for found in re.findall(r"\{[^}]*\}", text):
                if found not in PLACEHOLDERS:
                    raise ValueError(
                        f"parameters.{name}: {found} is not known; use {' or '.join(PLACEHOLDERS)}"
                    )
        return self


class Workflow(_Node):
    """What is fetched together, and when."""

    description: str = Field(min_length=1)
    priority: Priority = Priority.MEDIUM
    alert_level: AlertLevel = Field(default=AlertLevel.WARNING, description="of a decision that gives up")
    max_retries: int = Field(default=3, ge=0, le=10, description="retries at once of a transient failure")
    schedule: Schedule
    steps: tuple[Step, ...] = Field(min_length=1)


class CalendarSource(_Node):
    """Where the calendar of games comes from."""

    scraper: Name
    stale_after: Duration = Field(default=timedelta(hours=36), validate_default=False)


class WorkflowsFile(_Node):
    """The whole file."""

    version: Literal[1]
    timezone: str = Field(description="zone of every time of day in this file")
    calendar: CalendarSource
    workflows: Mapping[Name, Workflow] = Field(min_length=1)

    @model_validator(mode="after")
    def _zone_known(self) -> Self:
        if self.timezone not in available_timezones():
            raise ValueError(
                f"timezone '{self.timezone}' is not known; use an IANA name such as America/New_York"
            )
        return self


@dataclass(frozen=True)
class Configuration:
    """A checked workflows file together with what it was checked against."""

    file: WorkflowsFile
    catalog: Catalog
    hash: str

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.file.timezone)

    @property
    def workflows(self) -> Mapping[str, Workflow]:
        return self.file.workflows

    def needs_games(self, workflow: Workflow) -> bool:
        """Whether a day without games leaves the workflow nothing to fetch."""
        return any(self.catalog[step.scraper].needs_games for step in workflow.steps)


def load_workflows(path: Path, catalog: Catalog) -> Configuration:
    """Raises ConfigurationError naming file, line, value and remedy of every fault."""
    source = YamlSource.read(path)
    file = source.validate(WorkflowsFile)
    faults = [source.fault(where, what) for where, what in _unfit(file, catalog)]
    if faults:
        raise ConfigurationError(faults)
    return Configuration(file=file, catalog=catalog, hash=short_hash(path.read_bytes()))


def _unfit(file: WorkflowsFile, catalog: Catalog) -> Iterator[tuple[Location, str]]:
    known = ", ".join(catalog)
    if file.calendar.scraper not in catalog:
        yield ("calendar", "scraper"), f"scraper '{file.calendar.scraper}' is not known; known are {known}"
    for name, workflow in file.workflows.items():
        seen: set[str] = set()
        for index, step in enumerate(workflow.steps):
            where: Location = ("workflows", name, "steps", index, "scraper")
            if step.scraper not in catalog:
                yield where, f"scraper '{step.scraper}' is not known; known are {known}"
                continue
            if step.scraper in seen:
                yield where, f"scraper '{step.scraper}' stands twice in '{name}'; keep one step"
            seen.add(step.scraper)
            declared = catalog[step.scraper].parameters
            for parameter in step.parameters:
                if parameter not in declared:
                    yield (
                        ("workflows", name, "steps", index, "parameters", parameter),
                        f"parameter '{parameter}' is not declared by {step.scraper}; it has {', '.join(declared)}",
                    )
            for parameter, spec in declared.items():
                if spec.required and parameter != "game_date" and parameter not in step.parameters:
                    yield (
                        where,
                        f"parameter '{parameter}' of {step.scraper} is required; give it under parameters",
                    )
