"""The model of a world file: publication times and failures of the sources, postponed games, and faults of ticks.

A world file overrides `worlds/usual.yaml` key by key; `publication` and `failures` are overridden scraper by scraper.
"""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Generic, Literal, Self, TypeVar

from pydantic import Field, model_validator

from tipoff_common.catalog import Catalog, Name
from tipoff_common.open_enum import Declared
from tipoff_common.outcomes import FailureKind
from tipoff_common.yaml_source import ConfigurationError, ConfigurationNode, YamlSource
from tipoff_common.yaml_times import ClockTime, Duration, WrittenInstant

USUAL = Path(__file__).parent / "worlds" / "usual.yaml"
Probability = Annotated[float, Field(ge=0, le=1)]
_Moment = TypeVar("_Moment", time, timedelta)


class Always(ConfigurationNode):
    """Always available."""

    kind: Literal["always"]


class _Spread(ConfigurationNode, Generic[_Moment]):
    """A publication somewhere between `earliest` and `latest`, most often around `usual`."""

    earliest: _Moment
    usual: _Moment
    latest: _Moment
    never: Probability = Field(default=0.0, description="chance that it is never published")
    incomplete: Probability = Field(default=0.0, description="chance that it lacks a game at first")
    complete_after: Duration | None = Field(default=None, description="how long that game is missing")

    @model_validator(mode="after")
    def _incomplete_for_how_long(self) -> Self:
        if self.incomplete and self.complete_after is None:
            raise ValueError("incomplete needs complete_after, the time that the game is missing")
        return self

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if not self.earliest <= self.usual <= self.latest:
            raise ValueError("earliest, usual and latest are not in ascending order; reorder them")
        return self


class TimeOfDay(_Spread[ClockTime]):
    """Once for a game date, in the fleet's zone."""

    kind: Literal["time_of_day"]
    days_after: int = Field(default=0, ge=-1, le=2, description="days from the game date to the publication")


class AfterTip(_Spread[Duration]):
    """For each game, after its tip-off; data about a whole day is published after the day's last game."""

    kind: Literal["after_tip"]


Publication = Annotated[Always | TimeOfDay | AfterTip, Field(discriminator="kind")]


class Span(ConfigurationNode):
    """From `start` up to, not including, `end`: instants with their zone."""

    start: WrittenInstant
    end: WrittenInstant

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.end <= self.start:
            raise ValueError("the span is empty; let end be later than start")
        return self

    def covers(self, instant: datetime) -> bool:
        """Return whether the instant is within the span."""
        return self.start <= instant < self.end


class Outage(Span):
    """A span in which every request fails, or finds nothing."""

    sources: tuple[Name, ...] = Field(default=(), description="sources that are out")
    scrapers: tuple[Name, ...] = Field(default=(), description="single scrapers that are out")
    kind: Annotated[FailureKind, Declared] | None = Field(
        default=FailureKind.HTTP,
        description="kind of the failures; null: the source answers and has nothing",
    )

    def hits(self, scraper: str, source: str, instant: datetime) -> bool:
        """Return whether the outage affects a scraper; without sources and scrapers it affects all."""
        everything = not (self.sources or self.scrapers)
        return self.covers(instant) and (everything or source in self.sources or scraper in self.scrapers)


class Postponement(ConfigurationNode):
    """A game that is called off, and perhaps played later."""

    game_id: str
    announced: WrittenInstant = Field(description="when the schedule first shows the postponement")
    tipoff: WrittenInstant | None = Field(default=None, description="the new tip-off, if there is one")


class Ticks(ConfigurationNode):
    """Faults of the evaluation's ticks. The daily lock has none."""

    missed: Probability = Field(default=0.0, description="chance that a tick never comes")
    doubled: Probability = Field(default=0.0, description="chance that a tick comes twice")
    lag_seconds: float = Field(
        default=7.0,
        ge=0,
        le=600,
        description="from a tick to its evaluation; in production never zero",
    )
    late: Probability = Field(default=0.0, description="chance that a tick comes late")
    late_by: Duration | None = Field(default=None, description="the longest delay of a late tick")
    gaps: tuple[Span, ...] = Field(default=(), description="spans without any tick")

    @model_validator(mode="after")
    def _late_by_how_much(self) -> Self:
        if self.late and self.late_by is None:
            raise ValueError("late needs late_by, the longest delay")
        return self


class World(ConfigurationNode):
    """A world file."""

    name: str = Field(min_length=1)
    publication: Mapping[Name, Publication] = Field(
        default_factory=dict, description="by scraper; the data of all others is always available"
    )
    failures: Mapping[Name, Mapping[Annotated[FailureKind, Declared], Probability]] = Field(
        default_factory=dict, description="by scraper, the chance of each kind for one execution"
    )
    outages: tuple[Outage, ...] = ()
    postponements: tuple[Postponement, ...] = ()
    postponed: Probability = Field(default=0.0, description="chance of a game to be called off")
    postponed_before_tip: Duration | None = Field(default=None, description="how long before tip-off")
    ticks: Ticks = Ticks()
    request_seconds: float = Field(
        default=2.0, ge=0, le=540, description="from a request to the beginning of its execution"
    )
    execution_seconds: float = Field(default=10.0, gt=0, le=540, description="length of one execution")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for scraper, kinds in self.failures.items():
            if sum(kinds.values()) > 1:
                raise ValueError(f"failures.{scraper}: the chances add up to more than 1; lower them")
        if self.postponed and self.postponed_before_tip is None:
            raise ValueError(
                "postponed needs postponed_before_tip, the time between announcement and tip-off"
            )
        return self


def load_world(path: Path | None, catalog: Catalog) -> World:
    """Return the usual world, overridden by the file at `path`.

    Raises:
        ConfigurationError: naming file and line of each fault, including scrapers and sources that do not exist.
    """
    usual = YamlSource.read(USUAL).validate(World)
    if path is None:
        return usual
    source = YamlSource.read(path)
    own = source.validate(World)
    if faults := _unknown(own, source, catalog):
        raise ConfigurationError(faults)
    overrides = {name: getattr(own, name) for name in own.model_fields_set}
    merged = {
        name: {**getattr(usual, name), **overrides.get(name, {})} for name in ("publication", "failures")
    }
    return usual.model_copy(update={**overrides, **merged})


def _unknown(world: World, source: YamlSource, catalog: Catalog) -> list[str]:
    sources = sorted({spec.source for spec in catalog.values()})
    faults = [
        source.fault((key, name), f"scraper '{name}' is not known; known scrapers: {', '.join(catalog)}")
        for key in ("publication", "failures")
        for name in getattr(world, key)
        if name not in catalog
    ]
    for index, outage in enumerate(world.outages):
        for key, names, known in (
            ("scrapers", outage.scrapers, tuple(catalog)),
            ("sources", outage.sources, sources),
        ):
            if unknown := [name for name in names if name not in known]:
                fault = f"unknown {key}: {', '.join(unknown)}; known: {', '.join(known)}"
                faults.append(source.fault(("outages", index, key), fault))
    return faults
