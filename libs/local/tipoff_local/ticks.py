"""Ticks, as Cloud Scheduler fires them: by hand for a replay, or by the wall clock."""

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, time, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tipoff_common.clock import EASTERN, floor_to
from tipoff_common.events import Tick, TickFired
from tipoff_common.ports import Unavailable
from tipoff_common.publisher import Publisher
from tipoff_common.wall_clock import wall_now
from tipoff_common.yaml_source import YamlSource
from tipoff_local.stack.layout import REPOSITORY

log = logging.getLogger(__name__)

TICKS = REPOSITORY / "infra/ticks.yaml"


class Cadence(BaseModel):
    """When a tick fires: `every_minutes` from midnight UTC, or `daily_at` in `time_zone`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str = Field(min_length=1)
    every_minutes: int | None = Field(default=None, ge=1, le=60)
    daily_at: time | None = None
    time_zone: str | None = None
    cadence_minutes: int = Field(ge=1, le=1440)

    @model_validator(mode="after")
    def _one_way(self) -> "Cadence":
        if (self.every_minutes is None) == (self.daily_at is None):
            raise ValueError("say every_minutes or daily_at, one of them")
        if (self.daily_at is None) != (self.time_zone is None):
            raise ValueError("daily_at needs its time_zone, and every_minutes has none")
        if self.every_minutes and 60 % self.every_minutes:
            raise ValueError(
                f"every_minutes: {self.every_minutes} does not divide an hour; cron cannot say it"
            )
        return self

    def is_due(self, minute: datetime) -> bool:
        if self.daily_at is None:
            return minute == floor_to(minute, self.every_minutes or 1)
        local = minute.astimezone(ZoneInfo(self.time_zone or "UTC"))
        return (local.hour, local.minute) == (self.daily_at.hour, self.daily_at.minute)


class _Ticks(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    ticks: Mapping[Tick, Cadence]


@cache
def load_ticks(path: Path = TICKS) -> Mapping[Tick, Cadence]:
    """Raises ConfigurationError naming file, line and remedy."""
    return YamlSource.read(path).validate(_Ticks).ticks


def lock_time() -> time:
    """The time of day, in New York, at which the day's schedule is locked."""
    return load_ticks()[Tick.LOCK_SCHEDULE].daily_at or time()


def due_ticks(minute: datetime) -> list[TickFired]:
    """The ticks that fire at `minute`, an aware instant with whole minutes, as infra/ticks.yaml says."""
    return [_fired(tick) for tick, cadence in load_ticks().items() if cadence.is_due(minute)]


def _fired(tick: Tick) -> TickFired:
    return TickFired(tick=tick, cadence_minutes=load_ticks()[tick].cadence_minutes, event_time=None)


def run_scheduler(
    publisher: Publisher, stopped: threading.Event, clock: Callable[[], datetime] = wall_now
) -> None:
    """Fires due ticks each minute until `stopped`, and a first evaluation at once, so that a fresh stack has decided.

    Ticks that Pub/Sub does not take are fired with those of the next minute, as Cloud Scheduler tries again.
    """
    due = [_fired(Tick.EVALUATE)]
    minute = floor_to(clock(), 1)
    while True:
        try:
            publisher.publish(due)
            due = []
        except Unavailable as error:
            log.error("ticks not fired, to be tried again", extra={"detail": str(error)})
        if stopped.wait(_seconds_until(minute + timedelta(minutes=1), clock())):
            return
        minute += timedelta(minutes=1)
        due += [tick for tick in due_ticks(minute) if tick not in due]


def _seconds_until(instant: datetime, now: datetime) -> float:
    return max(0.0, (instant - now).total_seconds())
