"""The schedule kinds of `workflows.yaml`: a workflow's expected times within one business day."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tipoff_common.yaml_source import ConfigurationNode
from tipoff_common.yaml_times import ClockTime, Duration

_REACH = timedelta(hours=20)
"""Longest time from a day's last tip-off to a deadline: an evaluation includes only the day before."""
# Longer intervals do not fit a schedule of one day; `days` is for those.
_DAY = timedelta(hours=24)
_OVER_BY = time(18)
"""Latest end of a window across midnight on its second day: six hours then remain to report missing data."""


class Weekday(StrEnum):
    """A day of the week as workflows.yaml writes it."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


WEEK: Sequence[Weekday] = tuple(Weekday)


class About(StrEnum):
    """Day of the data, relative to the day of the fetch."""

    TODAY = "today"
    YESTERDAY = "yesterday"


class Until(StrEnum):
    """Condition that ends a search."""

    FOUND = "found"
    COMPLETE = "complete"


class Window(ConfigurationNode):
    """A time window, in times of day of the workflow's zone. The window belongs to the day on which it opens."""

    start: ClockTime = Field(description="when it opens")
    end: ClockTime = Field(
        description="when it closes; if earlier than start, on the next day, by 18:00 with the last attempt's time"
    )

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.end == self.start:
            raise ValueError(
                f"window {self.start:%H:%M} to {self.end:%H:%M} is empty; let end be another time than start"
            )
        return self

    @property
    def crosses_midnight(self) -> bool:
        """Whether the window closes on the day after its opening."""
        return self.end < self.start

    @property
    def length(self) -> timedelta:
        """The time from the window's opening to its close."""
        last = date.min + timedelta(days=self.crosses_midnight)
        return datetime.combine(last, self.end) - datetime.combine(date.min, self.start)


def _over_in_time(window: Window, last_for: timedelta) -> None:
    """Reject a window across midnight whose last attempt ends too late for evaluations to report it."""
    ends = timedelta(hours=window.end.hour, minutes=window.end.minute) + last_for
    if window.crosses_midnight and ends > timedelta(hours=_OVER_BY.hour):
        late = (
            f"open until {window.end:%H:%M}, its last attempt due for {last_for // timedelta(minutes=1)} min"
        )
        raise ValueError(
            f"a window across midnight has to be over by {_OVER_BY:%H:%M}, and it is {late}; close it earlier"
        )


class ByTheClock(ConfigurationNode):
    """Common fields of kinds that follow the clock rather than the games."""

    about: About = Field(default=About.TODAY, description="the game date: the day itself or the day before")
    days: tuple[Weekday, ...] = Field(
        default=tuple(WEEK), min_length=1, description="days of the week; all by default"
    )


class Daily(ByTheClock):
    """Once a day: expected when the window opens, in time until it closes."""

    kind: Literal["daily"]
    window: Window = Field(description="when it opens and closes")

    @model_validator(mode="after")
    def _over_in_time(self) -> Self:
        _over_in_time(self.window, timedelta())
        return self


class At(ByTheClock):
    """At fixed times of day."""

    kind: Literal["at"]
    times: tuple[ClockTime, ...] = Field(min_length=1, description="times of day, ascending")
    within: Duration = Field(
        default=timedelta(hours=1), description="how long after each time a run is still in time"
    )

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if list(self.times) != sorted(set(self.times)):
            raise ValueError("times are not ascending; sort them and name each once")
        # A longer one would overlap the same time of the next day, and one run would meet two occurrences.
        if self.within > _DAY:
            raise ValueError("within is over 24h; name another time instead")
        return self


class Discovery(ByTheClock):
    """Poll in the publication window until the data is found. The attempts are spread evenly, so that the budget
    lasts until the window closes."""

    kind: Literal["discovery"]
    window: Window = Field(description="when it opens and closes")
    every: Duration | None = Field(
        default=None, description="distance of two attempts; either this or budget"
    )
    budget: int | None = Field(
        default=None,
        ge=1,
        le=200,
        description="number of attempts, spread over the window; either this or every",
    )
    until: Until = Field(
        default=Until.FOUND,
        description="end of the search: the first success, or the first one that lacks no game",
    )
    refresh_after_found: Duration | None = Field(
        default=None,
        description="fetch again this long after a success, until the window closes, for later versions",
    )

    @property
    def attempts(self) -> int:
        """Attempts of one day on the fixed beat: the day's budget for either strategy."""
        if self.every is not None:
            return self.window.length // self.every + 1
        # One of the two is set, as checked below; the 1 is for the type checker.
        return self.budget or 1

    def beat(self, start: datetime, end: datetime) -> list[datetime]:
        """Return the attempts of the fixed beat in a window from `start` to `end`.

        With a budget the attempts are spread evenly. The last attempt is at the window's close, when the data is most
        likely published.
        """
        if self.every is not None:
            return [start + number * self.every for number in range((end - start) // self.every + 1)]
        count = self.budget or 1
        # A single look is at the end, when everything in the window is published.
        if count == 1:
            return [end]
        step = (end - start) / (count - 1)
        return [start + number * step for number in range(count)]

    @model_validator(mode="after")
    def _one_of_every_and_budget(self) -> Self:
        if (self.every is None) == (self.budget is None):
            raise ValueError("discovery takes either every or budget; give exactly one")
        if self.every is not None and self.every > _DAY:
            raise ValueError("every is over 24h; use kind daily with days")
        _over_in_time(self.window, tolerance(self))
        return self


class Interval(ConfigurationNode):
    """At regular intervals around the day's games: from before the first tip-off until after the last."""

    kind: Literal["interval"]
    every: Duration = Field(description="distance of two runs")
    before_first_tip: Duration = Field(description="first run, before the day's first tip-off")
    after_last_tip: Duration = Field(
        default=timedelta(minutes=1), description="end of the runs, after the day's last tip-off"
    )

    @model_validator(mode="after")
    def _within_reach(self) -> Self:
        if self.before_first_tip > _DAY:
            raise ValueError("before_first_tip is over 24h; use kind at or daily for the days before")
        # An evaluation includes yesterday, today and tomorrow; later slots would never be due.
        if self.after_last_tip + self.every > _REACH:
            raise ValueError(
                "after_last_tip plus every is over 20h; use kind at or daily with about: yesterday"
            )
        return self


class PerGame(ConfigurationNode):
    """Relative to each game's tip-off, until that game is collected."""

    kind: Literal["per_game"]
    first: Duration = Field(description="first attempt, after tip-off")
    every: Duration = Field(description="distance of further attempts")
    until: Duration = Field(description="last attempt, after tip-off")

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.until < self.first:
            raise ValueError("until is before first, so there is no attempt; let until be first or later")
        if self.until + self.every > _REACH:
            raise ValueError("until plus every is over 20h; use kind at or daily with about: yesterday")
        return self


Schedule = Annotated[Daily | At | Discovery | Interval | PerGame, Field(discriminator="kind")]


def tolerance(schedule: Schedule) -> timedelta:
    """Return how long an occurrence can be met: the time from `expected` to its deadline."""
    match schedule:
        case Daily(window=window):
            return window.length
        case At(within=within):
            return within
        case Discovery(budget=int(budget), window=window):
            # The distance of two attempts; a single attempt is due for the whole window.
            return window.length / max(budget - 1, 1)
        case Discovery(every=timedelta() as every) | Interval(every=every) | PerGame(every=every):
            return every
        case _:
            raise AssertionError(schedule)
