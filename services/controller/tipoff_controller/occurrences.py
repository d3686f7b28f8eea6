"""The one pure function from configuration, calendar and date to what is expected of that day.

The locked schedule is this list written down; an evaluation asks which of it is due and not yet satisfied;
expected against actual compares the same list with what happened; the simulator runs it over a season. They cannot
disagree, because there is one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from tipoff_common.identity import occurrence_id
from tipoff_controller.calendar import Calendar, Game
from tipoff_controller.schedules import WEEK, About, At, Daily, Discovery, Interval, PerGame, Schedule, Window
from tipoff_controller.workflows import Configuration

WHOLE_DAY = "-"


@dataclass(frozen=True)
class Occurrence:
    """One expected run of one workflow.

    day: the business day it is expected on. game_date: the day the data is about.
    subject: the game it is about, "-" for the whole day. slot: its number within day and subject.
    expected: the absolute instant from which it is due; deadline: the instant from which it can no longer be met.
    """

    workflow: str
    day: date
    game_date: date
    subject: str
    slot: int
    expected: datetime
    deadline: datetime
    games: tuple[Game, ...]
    reason: str

    @cached_property
    def id(self) -> str:
        return occurrence_id(self.workflow, self.game_date, self.subject, self.slot)


@dataclass(frozen=True)
class _Slot:
    index: int
    expected: datetime
    deadline: datetime
    reason: str


def occurrences(configuration: Configuration, calendar: Calendar | None, day: date) -> tuple[Occurrence, ...]:
    """What is expected of business day `day`, by time and name.

    Workflows that need games have no occurrence for a day without games, and none while there is no calendar.
    """
    found = [
        occurrence
        for name in configuration.workflows
        for occurrence in _of_workflow(name, configuration, calendar, day)
    ]
    return tuple(sorted(found, key=lambda item: (item.expected, item.workflow, item.subject, item.slot)))


def games_of(configuration: Configuration, calendar: Calendar | None, day: date) -> tuple[Game, ...]:
    """The games that count on `day`."""
    return calendar.games_on(day, configuration.file.calendar.game_types) if calendar else ()


def _of_workflow(
    name: str, configuration: Configuration, calendar: Calendar | None, day: date
) -> Iterator[Occurrence]:
    schedule = configuration.workflows[name].schedule
    game_date = game_date_of(schedule, day)
    games = games_of(configuration, calendar, game_date)
    if not games and name in configuration.needing_games:
        return
    if isinstance(schedule, PerGame):
        for game in games:
            for slot in _after_tip(schedule, game):
                yield _occurrence(name, day, game_date, game.game_id, slot, (game,))
        return
    for slot in _slots(schedule, configuration.zone, day, games):
        yield _occurrence(name, day, game_date, WHOLE_DAY, slot, games)


def _occurrence(
    workflow: str, day: date, game_date: date, subject: str, slot: _Slot, games: tuple[Game, ...]
) -> Occurrence:
    return Occurrence(
        workflow, day, game_date, subject, slot.index, slot.expected, slot.deadline, games, slot.reason
    )


def game_date_of(schedule: Schedule, day: date) -> date:
    """The day that data fetched on `day` is about."""
    if isinstance(schedule, Daily | At | Discovery) and schedule.about is About.YESTERDAY:
        return day - timedelta(days=1)
    return day


def _slots(schedule: Schedule, zone: ZoneInfo, day: date, games: Sequence[Game]) -> Iterator[_Slot]:
    if isinstance(schedule, Daily | At | Discovery) and WEEK[day.weekday()] not in schedule.days:
        return
    match schedule:
        case Daily(window=window):
            start, end = _bounds(window, day, zone)
            yield _Slot(0, start, end, f"daily, {_stretch(window)}")
        case At(times=times, within=within):
            for index, clock in enumerate(times):
                expected = _at(day, clock, zone)
                yield _Slot(index, expected, expected + within, f"at {clock:%H:%M}")
        case Discovery(window=window):
            yield from _attempts(schedule, *_bounds(window, day, zone))
        case Interval():
            yield from _around(schedule, games)


def _attempts(schedule: Discovery, start: datetime, end: datetime) -> Iterator[_Slot]:
    """Attempts from `start` to `end`. With a budget they are spread evenly, the last one when the window closes, as
    that is when the data has most likely come out."""
    stretch = _stretch(schedule.window)
    if schedule.every is not None:
        step, count = schedule.every, (end - start) // schedule.every + 1
        reason = f"discovery, every {_length(step)}, {stretch}"
    else:
        count = schedule.budget or 1
        step = (end - start) / max(count - 1, 1)
        reason = f"discovery, {count} attempts, {stretch}"
        start = end if count == 1 else start
    for index in range(count):
        expected = start + index * step
        yield _Slot(index, expected, expected + step, reason)


def _around(schedule: Interval, games: Sequence[Game]) -> Iterator[_Slot]:
    tips = [game.tipoff for game in games if game.tipoff is not None]
    if not tips:
        return
    start, end = min(tips) - schedule.before_first_tip, max(tips) + schedule.after_last_tip
    for index in range((end - start) // schedule.every + 1):
        expected = start + index * schedule.every
        yield _Slot(
            index, expected, expected + schedule.every, f"every {_length(schedule.every)} around the games"
        )


def _after_tip(schedule: PerGame, game: Game) -> Iterator[_Slot]:
    if game.tipoff is None:
        return
    for index in range((schedule.until - schedule.first) // schedule.every + 1):
        after = schedule.first + index * schedule.every
        expected = game.tipoff + after
        yield _Slot(
            index, expected, expected + schedule.every, f"{_length(after)} after tip-off of {game.game_id}"
        )


def _bounds(window: Window, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The window's instants. Where a clock change would leave nothing of it, it keeps its length."""
    start, end = _at(day, window.start, zone), _at(day, window.end, zone)
    if end <= start:
        end = start + (datetime.combine(day, window.end) - datetime.combine(day, window.start))
    return start, end


def _at(day: date, clock: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, clock, tzinfo=zone).astimezone(UTC)


def _stretch(window: Window) -> str:
    return f"{window.start:%H:%M} to {window.end:%H:%M}"


def _length(duration: timedelta) -> str:
    hours, minutes = divmod(int(duration.total_seconds()) // 60, 60)
    return f"{hours}h{minutes:02d}m" if hours and minutes else f"{hours}h" if hours else f"{minutes}m"
