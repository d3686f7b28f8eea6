"""The one pure function from configuration, calendar and date to the expected occurrences of that day.

The locked schedule stores this list; an evaluation selects the due and unsatisfied occurrences from it; the report of
expected against actual compares it with the executions; the simulator computes it for a season. They cannot disagree,
because they share this function.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from operator import attrgetter
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from tipoff_common.clock import business_date, local_instant
from tipoff_common.identity import occurrence_id
from tipoff_planning.calendar import Calendar, Game
from tipoff_planning.discovery.plans import NO_PLANS, PURPOSES, DiscoveryPlan, DiscoveryPlans
from tipoff_planning.expectations import WHOLE_DAY
from tipoff_planning.schedules import (
    WEEK,
    About,
    At,
    ByTheClock,
    Daily,
    Discovery,
    Interval,
    PerGame,
    Schedule,
    Window,
    tolerance,
)
from tipoff_planning.workflows import Configuration

REPORT_UNFOUND_FOR = timedelta(hours=6)
"""How long evaluations keep reporting a search that found nothing."""
LEARNED_SLOTS = 10_000
"""Offset of the numbers of learned checks: they must differ from those of the fixed beat, which may look for later
versions at the same instant."""
_MINUTE, _A_DAY = timedelta(minutes=1), timedelta(days=1)
_ALWAYS, _EVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class _Facts(NamedTuple):
    workflow: str
    day: date
    """The business day of the occurrence, in the fleet's zone; for a window across midnight the day of its opening."""
    game_date: date
    """The day that the data is about, in the workflow's zone."""
    subject: str
    """The id of the game, "-" for the whole day."""
    slot: int
    """The number within game date and subject: the instant in minutes (see `_number`), after tip-off the minutes since
    then, 0 for a run once a day."""
    expected: datetime
    """The instant from which the occurrence is due."""
    deadline: datetime
    """The instant from which the occurrence can no longer be met."""
    games: tuple[Game, ...]
    reason: str
    identity: str | None = None
    """The id of an occurrence whose id is not derived from the fields above, such as a manual run."""
    role: "SearchRole" = "both"
    """Purpose of a search's slot: "search" for missing data, "refresh" for a later version of found data, or both.
    Learned checks only search; the fixed beat refreshes."""


SearchRole = Literal["both", "search", "refresh"]


class Occurrence(_Facts):
    """One expected run of one workflow. A tuple for speed, as a simulated season creates very many."""

    @cached_property
    def id(self) -> str:
        """The occurrence's id; `identity` overrides the derived one."""
        return self.identity or occurrence_id(self.workflow, self.game_date, self.subject, self.slot)


class _Slot(NamedTuple):
    number: int
    expected: datetime
    deadline: datetime
    reason: str
    role: SearchRole = "both"


def occurrences(
    configuration: Configuration, calendar: Calendar | None, day: date, plans: DiscoveryPlans = NO_PLANS
) -> tuple[Occurrence, ...]:
    """Compute the expected occurrences of business day `day`, sorted by time, workflow, subject and slot.

    A workflow that needs games has no occurrence on a day without games, nor without a calendar. plans: those of the
    learned searches; a search without a plan for the day keeps its fixed beat.
    """
    # Workflows by name: a file that differs only in the order of its workflows must give the same schedule.
    found = [
        occurrence
        for name in sorted(configuration.workflows)
        for occurrence in _of_workflow(name, configuration, calendar, day, plans)
    ]
    return tuple(sorted(found, key=attrgetter("expected")))  # stable: the order of creation breaks ties


Agenda = Sequence[tuple[str, Sequence[Occurrence]]]
"""The expected occurrences around a day: workflow names with their occurrences, sorted by time."""


def agenda(
    configuration: Configuration, calendar: Calendar | None, today: date, plans: DiscoveryPlans = NO_PLANS
) -> Agenda:
    """Return each workflow's occurrences that a decision at any instant of `today` may concern: those of yesterday may
    be due after midnight, those of tomorrow before it, and tomorrow's first ones give the next check."""
    tomorrow = today + timedelta(days=1)
    zone = configuration.zone
    # Earlier days as far back as their end is still reported; for tomorrow only the first occurrence of each subject,
    # which gives the next check.
    since = local_instant(today, time.min, zone) - REPORT_UNFOUND_FOR
    until = local_instant(tomorrow, time.min, zone)
    entries = []
    for name in configuration.workflows:
        earlier = days_before(name, configuration, today)
        items = [
            *(it for day in earlier for it in _of_workflow(name, configuration, calendar, day, plans, since)),
            *_of_workflow(name, configuration, calendar, today, plans),
            *_of_workflow(name, configuration, calendar, tomorrow, plans, until=until),
        ]
        # The days overlap: last night's slots may be later than today's first ones.
        entries.append((name, sorted(items, key=attrgetter("expected"))))
    return entries


def days_before(name: str, configuration: Configuration, today: date) -> Sequence[date]:
    """Return the fleet's days before `today`, the earliest first, whose occurrences may still be due or reported."""
    schedule = configuration.workflows[name].schedule
    if configuration.zone_of(name) == configuration.zone:
        over = _over_by(schedule)
    else:
        # The window may open at any minute of the fleet's day; a clock change meanwhile adds an hour.
        over = _A_DAY + _open_for(schedule) + timedelta(hours=1)
    count = max(1, -(-(over + REPORT_UNFOUND_FOR) // _A_DAY) - 1)
    return [today - timedelta(days=back) for back in range(count, 0, -1)]


def _over_by(schedule: Schedule) -> timedelta:
    """Return the time from a day's midnight to the last deadline of its occurrences."""
    match schedule:
        case Daily(window=window) | Discovery(window=window):
            return _since_midnight(window.start) + _open_for(schedule)
        case At(times=times, within=within):
            return _since_midnight(times[-1]) + within
        case _:
            return _A_DAY  # kinds around games; the validation of the file bounds their reach


def _open_for(schedule: Schedule) -> timedelta:
    """Return the time from the opening of a window, or from a time of day, to its last deadline."""
    match schedule:
        case Daily(window=window):
            return window.length
        case Discovery(window=window):
            return window.length + tolerance(schedule)
        case At(within=within):
            return within
        case _:
            raise AssertionError(schedule)  # kinds around games have no zone of their own


def _since_midnight(clock: time) -> timedelta:
    return timedelta(hours=clock.hour, minutes=clock.minute)


def begun_since(
    configuration: Configuration,
    calendar: Calendar | None,
    workflows: Iterable[str],
    tick: datetime,
    cadence: timedelta,
) -> frozenset[str]:
    """Return the `workflows` with an occurrence that began after the previous tick, `cadence` earlier."""
    today = business_date(tick, configuration.zone)
    # Yesterday's windows and games continue after midnight, and tomorrow's first runs may be due before it.
    days = [today + timedelta(days=offset) for offset in (-1, 0, 1)]
    return frozenset(
        name
        for name in workflows
        for day in days
        if any(
            tick - cadence < item.expected <= tick
            for item in _of_workflow(name, configuration, calendar, day, NO_PLANS)
        )
    )


def games_of(configuration: Configuration, calendar: Calendar | None, day: date) -> tuple[Game, ...]:
    """Return the games of `day` of the configured types."""
    return calendar.games_on(day, configuration.file.calendar.game_types) if calendar else ()


def _of_workflow(
    name: str,
    configuration: Configuration,
    calendar: Calendar | None,
    day: date,
    plans: DiscoveryPlans,
    since: datetime = _ALWAYS,
    until: datetime = _EVER,
) -> Iterator[Occurrence]:
    """Yield a workflow's occurrences of the fleet's `day`.

    Omits occurrences that had ended by `since`, and those from `until` on except each subject's first of the day.
    """
    begun: set[str] = set()
    for local in _local_days(name, configuration, day):
        for occurrence in _of_local_day(name, configuration, calendar, day, local, plans):
            if occurrence.deadline > since and (
                occurrence.expected < until or occurrence.subject not in begun
            ):
                begun.add(occurrence.subject)
                yield occurrence


def _local_days(name: str, configuration: Configuration, day: date) -> Sequence[date]:
    """Return the days of the workflow's own zone whose occurrences may belong to the fleet's `day`."""
    if configuration.zone_of(name) == configuration.zone:
        return (day,)
    # Clocks of two zones are at most 26 hours apart.
    return [day + timedelta(days=offset) for offset in range(-2, 3)]


def _of_local_day(
    name: str,
    configuration: Configuration,
    calendar: Calendar | None,
    day: date,
    local: date,
    plans: DiscoveryPlans,
) -> Iterator[Occurrence]:
    """Yield a workflow's occurrences on the day `local` of its own zone that belong to the fleet's `day`."""
    workflow = configuration.workflows[name]
    schedule, zone = workflow.schedule, configuration.zone_of(name)
    game_date = game_date_of(schedule, local)
    games = games_of(configuration, calendar, game_date)
    # Before any slot is created: a day off has no occurrences that could be missing.
    if not games and name in configuration.needing_games:
        return
    if isinstance(schedule, PerGame):
        slots = _after_tips(schedule, games)
    else:
        found = _slots(schedule, zone, local, games, plans.get((name, day)))
        slots = ((WHOLE_DAY, games, slot) for slot in found)
    elsewhere = zone != configuration.zone
    # A slot of a window belongs to the day on which the window opens; a slot of kind `at` to the day of its own time.
    opens = opening(schedule, local, zone) if elsewhere else None
    for subject, about, (index, expected, deadline, reason, role) in slots:
        if not elsewhere or business_date(opens or expected, configuration.zone) == day:
            yield Occurrence(
                name, day, game_date, subject, index, expected, deadline, about, reason, role=role
            )


def opening(schedule: Schedule, local: date, zone: ZoneInfo) -> datetime | None:
    """Return the opening of the window on a day of the workflow's own zone; None for a kind without a window."""
    return _at(local, schedule.window.start, zone) if isinstance(schedule, Daily | Discovery) else None


def game_date_of(schedule: Schedule, day: date) -> date:
    """Return the day that data fetched on `day` is about."""
    # The only place that derives the game date from the day; requests and executions carry it from here on.
    if isinstance(schedule, ByTheClock) and schedule.about is About.YESTERDAY:
        return day - timedelta(days=1)
    return day


def _slots(
    schedule: Schedule, zone: ZoneInfo, day: date, games: Sequence[Game], plan: DiscoveryPlan | None
) -> Iterator[_Slot]:
    about = game_date_of(schedule, day)
    if isinstance(schedule, ByTheClock) and WEEK[day.weekday()] not in schedule.days:
        return
    match schedule:
        case Daily(window=window):
            start, end = _bounds(window, day, zone)
            yield _Slot(0, start, end, f"daily, {_stretch(window)}")
        case At(times=times, within=within):
            # On the night on which clocks go forward, 02:00 and 03:00 are one instant and therefore one run.
            first_at = {_at(day, clock, zone): clock for clock in reversed(times)}
            for expected, clock in sorted(first_at.items()):
                yield _Slot(_number(expected, about), expected, expected + within, f"at {clock:%H:%M}")
        case Discovery(window=window) if plan is not None and plan.learned:
            yield from _planned(schedule, plan, about, *_bounds(window, day, zone))
        case Discovery(window=window):
            yield from _attempts(schedule, about, *_bounds(window, day, zone))
        case Interval():
            yield from _game_stretch(schedule, about, games)


def _number(expected: datetime, game_date: date) -> int:
    """Return the number of a slot at an instant: minutes since the game date began in UTC.

    A function of the instant and not of the schedule: configuration and games may change in the middle of a day, and a
    new slot with the number of an executed one would not run.
    """
    return (expected - datetime.combine(game_date, time.min, UTC)) // _MINUTE


def _attempts(schedule: Discovery, about: date, start: datetime, end: datetime) -> Iterator[_Slot]:
    """Yield attempts of the fixed beat, each due for one step of the beat."""
    beat = schedule.beat(start, end)
    # From the window's instants, as a clock change makes the window longer or shorter than its times of day suggest.
    step = schedule.every or (end - start) / max(len(beat) - 1, 1)
    rhythm = f"every {_length(step)}" if schedule.every else f"{len(beat)} attempts"
    reason = f"discovery, {rhythm}, {_stretch(schedule.window)}"
    for expected in beat:
        yield _Slot(_number(expected, about), expected, expected + step, reason)


def _planned(
    schedule: Discovery, plan: DiscoveryPlan, about: date, start: datetime, end: datetime
) -> Iterator[_Slot]:
    """Yield the learned checks, each due until the next; for a schedule with refreshes, the fixed beat for later
    versions as well."""
    if schedule.refresh_after_found is not None:
        # Refreshes first, so that at one instant the search comes last and is reported when the window closes.
        for slot in _attempts(schedule, about, start, end):
            yield slot._replace(role="refresh", reason=f"later versions, {slot.reason}")
    # The configured window counts: drop the checks of a plan for a longer window that lie beyond its end.
    checks = [check for check in plan.checks if start + check.minute * _MINUTE <= end]
    instants = [start + check.minute * _MINUTE for check in checks]
    for index, (check, expected) in enumerate(zip(checks, instants, strict=True)):
        deadline = instants[index + 1] if index + 1 < len(instants) else expected + tolerance(schedule)
        reason = f"learned discovery, check {index + 1} of {len(checks)}: {PURPOSES[check.purpose]}"
        yield _Slot(LEARNED_SLOTS + _number(expected, about), expected, deadline, reason, "search")


def _game_stretch(schedule: Interval, about: date, games: Sequence[Game]) -> Iterator[_Slot]:
    """Yield the slots of a stretch around the day's games."""
    tips = [game.tipoff for game in games if game.tipoff is not None]
    if not tips:
        return
    # From the day's own games and not from fixed hours, which once missed the noon games on Christmas.
    start, end = min(tips) - schedule.before_first_tip, max(tips) + schedule.after_last_tip
    every, reason = schedule.every, f"every {_length(schedule.every)} around the games"
    for index in range((end - start) // every + 1):
        expected = start + index * every
        yield _Slot(_number(expected, about), expected, expected + every, reason)


def _after_tips(schedule: PerGame, games: Sequence[Game]) -> Iterator[tuple[str, tuple[Game, ...], _Slot]]:
    every = schedule.every
    offsets = [
        schedule.first + index * every for index in range((schedule.until - schedule.first) // every + 1)
    ]
    # Numbered by the time since tip-off: constant when a game moves, and not reused when the configuration changes.
    slots = [(after // _MINUTE, after, f"{_length(after)} after tip-off of") for after in offsets]
    for game in games:
        # The game has no time yet; the controller refetches the schedule every hour of such a day.
        if game.tipoff is None:
            continue
        about = (game,)
        for number, after, text in slots:
            expected = game.tipoff + after
            slot = _Slot(number, expected, expected + every, f"{text} {game.game_id}")
            yield game.game_id, about, slot


def window_of(configuration: Configuration, workflow: str, day: date) -> tuple[datetime, datetime] | None:
    """Return the opening and closing of a workflow's publication window on a business day; None if none opens that day.

    Ignores the calendar: on a day without games the workflow may have nothing to do.
    """
    for local in _local_days(workflow, configuration, day):
        bounds = local_window(configuration, workflow, local)
        if bounds is not None and business_date(bounds[0], configuration.zone) == day:
            return bounds
    return None


def local_window(
    configuration: Configuration, workflow: str, local: date
) -> tuple[datetime, datetime] | None:
    """Return the opening and closing of the publication window on a day of the workflow's own zone, or None."""
    schedule = configuration.workflows[workflow].schedule
    if not isinstance(schedule, Discovery) or WEEK[local.weekday()] not in schedule.days:
        return None
    return _bounds(schedule.window, local, configuration.zone_of(workflow))


def _bounds(window: Window, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the window's instants. A window that a clock change would make empty keeps its nominal length."""
    last = day + timedelta(days=window.crosses_midnight)
    start, end = _at(day, window.start, zone), _at(last, window.end, zone)
    # On the night on which clocks go forward, 02:00 and 03:00 are one instant.
    return start, end if end > start else start + window.length


@lru_cache(maxsize=4096)
def _at(day: date, clock: time, zone: ZoneInfo) -> datetime:
    # The zone's offset on that day and not a constant one, with which "5 AM" once ran at 10 AM.
    return datetime.combine(day, clock, tzinfo=zone).astimezone(UTC)


def _stretch(window: Window) -> str:
    return f"{window.start.isoformat('minutes')} to {window.end.isoformat('minutes')}"


@lru_cache(maxsize=512)
def _length(duration: timedelta) -> str:
    hours, minutes = divmod(int(duration.total_seconds()) // 60, 60)
    return f"{hours}h{minutes:02d}m" if hours and minutes else f"{hours}h" if hours else f"{minutes}m"
