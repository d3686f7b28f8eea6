"""The schedule of ticks, read from `infra/ticks.yaml`, and the instants that identify ticks. Cloud Scheduler's jobs are
made from the same file."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from tipoff_common.clock import ZoneKey, fleet_zone, floor_to
from tipoff_common.events import Tick, TickFired
from tipoff_common.open_enum import Declared
from tipoff_common.yaml_source import ConfigurationNode, YamlSource
from tipoff_common.yaml_times import ClockTime

_EARLY = timedelta(seconds=5)
"""Cloud Scheduler may fire a moment early; rounded down, that tick would be the previous one."""


def fired_for(event: TickFired, published_at: datetime) -> datetime:
    """Return an instant within the minute in which the tick was due, also for a tick that fired a moment early."""
    # The publish time and not the arrival: a late delivery is the same tick.
    return event.event_time or published_at + _EARLY


def tick_instant(event: TickFired, published_at: datetime) -> datetime:
    """Return the instant at which the tick was due, which identifies it: the same for each delivery."""
    return floor_to(fired_for(event, published_at), event.cadence_minutes)


class Cadence(ConfigurationNode):
    """The times of a tick: `every_minutes` from midnight UTC, or `daily_at` in `time_zone`, by default the fleet's."""

    description: str = Field(min_length=1)
    every_minutes: int | None = Field(default=None, ge=1, le=60)
    daily_at: ClockTime | None = None
    time_zone: ZoneKey | None = None
    cadence_minutes: int = Field(ge=1, le=1440)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.every_minutes is None) == (self.daily_at is None):
            raise ValueError("write either every_minutes or daily_at")
        if self.daily_at is None and self.time_zone is not None:
            raise ValueError("every_minutes has no time_zone; remove it")
        if self.every_minutes and 60 % self.every_minutes:
            raise ValueError(
                f"every_minutes: {self.every_minutes} does not divide an hour, so cron cannot express it; use one of"
                f" {', '.join(str(minutes) for minutes in range(1, 61) if 60 % minutes == 0)}"
            )
        return self

    def is_due(self, minute: datetime) -> bool:
        """Return whether the tick fires at an instant."""
        if self.daily_at is None:
            return minute == floor_to(minute, self.every_minutes or 1)
        local = minute.astimezone(ZoneInfo(self.time_zone) if self.time_zone else fleet_zone())
        return (local.hour, local.minute) == (self.daily_at.hour, self.daily_at.minute)

    def next_due(self, now: datetime) -> datetime:
        """Return the first instant after `now` at which the tick fires."""
        minute = floor_to(now, 1) + timedelta(minutes=1)
        # Minute by minute, for at most two days, as the clocks of a zone skip and repeat minutes.
        while not self.is_due(minute):
            minute += timedelta(minutes=1)
        return minute


class _Ticks(ConfigurationNode):
    ticks: Mapping[Annotated[Tick, Declared], Cadence]

    @model_validator(mode="after")
    def _decided_at_all(self) -> Self:
        if missing := [tick for tick in (Tick.EVALUATE, Tick.LOCK_SCHEDULE) if tick not in self.ticks]:
            raise ValueError(f"missing required ticks: {', '.join(missing)}; add a schedule for each")
        return self


def cadence_of(ticks: Mapping[Tick, Cadence], tick: Tick) -> timedelta | None:
    """Return the interval between a tick's firings; None for a tick without a schedule."""
    return timedelta(minutes=ticks[tick].cadence_minutes) if tick in ticks else None


def lock_time(ticks: Mapping[Tick, Cadence]) -> time:
    """Return the time of day at which the day's schedule is locked."""
    return ticks[Tick.LOCK_SCHEDULE].daily_at or time()


def load_ticks(path: Path) -> Mapping[Tick, Cadence]:
    """Read infra/ticks.yaml. Raises ConfigurationError naming file, line and remedy."""
    return YamlSource.read(path).validate(_Ticks).ticks
