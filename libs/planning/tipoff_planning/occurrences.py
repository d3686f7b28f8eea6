"""The one pure function from configuration, calendar and date to what is expected of that day.

The locked schedule is this list written down; an evaluation asks which of it is due and not yet satisfied;
expected against actual compares the same list with what happened; the simulator runs it over a season. They cannot
disagree, because there is one.
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
"""Added to the number of a learned check, so that it is that of no slot of the fixed beat, which may look for later
versions at the same instant."""
_MINUTE, _A_DAY = timedelta(minutes=1), timedelta(days=1)
_ALWAYS, _EVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class _Facts(NamedTuple):
    workflow: str
    day: date
    """The business day it is expected on, in the fleet's zone; for a window across midnight the day of its opening."""
    game_date: date
    """The day the data is about, in the workflow's zone."""
    subject: str
    """The game it is about, "-" for the whole day."""
    slot: int
    """Its number within game date and subject: its instant in minutes (see `_number`), after tip-off the minutes since
    then, 0 for a run once a day."""
    expected: datetime
    """The instant from which it is due."""
    deadline: datetime
    """The instant from which it can no longer be met."""
    games: tuple[Game, ...]
    reason: str
    identity: str | None = None
    """Its id when that is no function of the fields above, as for a manual run."""
    role: "SearchRole" = "both"
    """Purpose of a search's slot: "search" for missing data, "refresh" for a later version of found data, or both.
    Learned checks only search; the fixed beat refreshes."""


SearchRole = Literal["both", "search", "refresh"]


class Occurrence(_Facts):
    """One expected run of one workflow. A tuple for speed, as a simulated season makes very many."""

    @cached_property
    def id(self) -> str:
        """The occurrence's identity; a manual run has its own."""
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
    """Compute what is expected of business day `day`, by time, name, subject and slot.

    Workflows that need games have no occurrence for a day without games, and none while there is no calendar. plans:
    of the searches that learn when to look; one without a plan for the day keeps to its fixed beat.
    """
    # Workflows in the order of their names: a file that is only sorted
    # differently must give the same schedule.
    found = [
        occurrence
        for name in sorted(configuration.workflows)
        for occurrence in _of_workflow(name, configuration, calendar, day, plans)
    ]
    return tuple(sorted(found, key=attrgetter("expected")))  # stable: the order they were made in breaks ties


Agenda = Iterable[tuple[str, Sequence[Occurrence]]]
"""The expected occurrences around a day: each workflow with its own, in the order of time."""


def agenda(
    configuration: Configuration, calendar: Calendar | None, today: date, plans: DiscoveryPlans = NO_PLANS
) -> Iterator[tuple[str, Sequence[Occurrence]]]:
    """Yield each workflow's occurrences that a decision at any instant of `today` may concern: yesterday's may be
    due after midnight, tomorrow's before it, and the first of them give the next look."""
    tomorrow = today + timedelta(days=1)
    zone = configuration.zone
    # Earlier days as far back as their end is still reported; of tomorrow only the first of
    # each subject, for the next look.
    since = local_instant(today, time.min, zone) - REPORT_UNFOUND_FOR
    until = local_instant(tomorrow, time.min, zone)
    for name in configuration.workflows:
        earlier = days_before(name, configuration, today)
        around = [
            *(it for day in earlier for it in _of_workflow(name, configuration, calendar, day, plans, since)),
            *_of_workflow(name, configuration, calendar, today, plans),
            *_of_workflow(name, configuration, calendar, tomorrow, plans, until=until),
        ]
        # The days are sorted lists that may overlap: last night's slots after
        # midnight, today's before noon.
        yield name, sorted(around, key=attrgetter("expected"))


def days_before(name: str, configuration: Configuration, today: date) -> Sequence[date]:
    """Return the fleet's days before `today`, the earliest first, whose occurrences may still be due or reported."""
    schedule = configuration.workflows[name].schedule
    if configuration.zone_of(name) == configuration.zone:
        over = _over_by(schedule)
    else:
        # Opening at any minute of the fleet's day; an hour more where clocks change meanwhile.
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
            return _A_DAY  # around games, whose reach is bounded where the file is read


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
    """Return which of `workflows` expect something since the tick before, `cadence` earlier."""
    today = business_date(tick, configuration.zone)
    # After midnight yesterday's windows and games go on, and before it tomorrow's first runs may be due.
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
    """Return the games that count on `day`."""
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

    Left out is what had ended by `since`, and of what begins at `until` or later all but each subject's first.
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
    """Return the days of the workflow's own zone on which something may begin that belongs to the fleet's `day`."""
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
    """Make what a workflow has on the day `local` of its own zone, as far as it belongs to the fleet's `day`."""
    workflow = configuration.workflows[name]
    schedule, zone = workflow.schedule, configuration.zone_of(name)
    game_date = game_date_of(schedule, local)
    games = games_of(configuration, calendar, game_date)
    # Before any slot is made: a day off expects nothing, so nothing can be missing on it.
    if not games and name in configuration.needing_games:
        return
    if isinstance(schedule, PerGame):
        slots = _after_tips(schedule, games)
    else:
        found = _slots(schedule, zone, local, games, plans.get((name, day)))
        slots = ((WHOLE_DAY, games, slot) for slot in found)
    elsewhere = zone != configuration.zone
    # All of a window belongs to the day on which it opens, a time of kind at to its own.
    opens = opening(schedule, local, zone) if elsewhere else None
    for subject, about, (index, expected, deadline, reason, role) in slots:
        if not elsewhere or business_date(opens or expected, configuration.zone) == day:
            yield Occurrence(
                name, day, game_date, subject, index, expected, deadline, about, reason, role=role
            )


def opening(schedule: Schedule, local: date, zone: ZoneInfo) -> datetime | None:
    """Return when the window of a day of the workflow's own zone opens; None for a kind without a window."""
    return _at(local, schedule.window.start, zone) if isinstance(schedule, Daily | Discovery) else None


def game_date_of(schedule: Schedule, day: date) -> date:
    """Return the day that data fetched on `day` is about."""
    # Worked out here alone, from the day of the occurrence; from here on the date
    # travels with what is asked for.
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
            # The night on which clocks go forward: 02:00 and 03:00 are one instant then, and one run.
            first_at = {_at(day, clock, zone): clock for clock in reversed(times)}
            for expected, clock in sorted(first_at.items()):
                yield _Slot(_number(expected, about), expected, expected + within, f"at {clock:%H:%M}")
        case Discovery(window=window) if plan is not None and plan.learned:
            yield from _planned(schedule, plan, about, *_bounds(window, day, zone))
        case Discovery(window=window):
            yield from _attempts(schedule, about, *_bounds(window, day, zone))
        case Interval():
            yield from _around(schedule, about, games)


def _number(expected: datetime, game_date: date) -> int:
    """Return the number of a slot at an instant: minutes since the game date began in UTC.

    A function of the instant, whatever the schedule: the configuration may change in the middle of a day, as may the
    games, and a slot with the number of one that has run would not run.
    """
    return (expected - datetime.combine(game_date, time.min, UTC)) // _MINUTE


def _attempts(schedule: Discovery, about: date, start: datetime, end: datetime) -> Iterator[_Slot]:
    """Yield attempts of the fixed beat, each due for as long as two are apart."""
    beat = schedule.beat(start, end)
    # From the window's instants, as a clock change may make it longer or shorter than its times of day say.
    step = schedule.every or (end - start) / max(len(beat) - 1, 1)
    rhythm = f"every {_length(step)}" if schedule.every else f"{len(beat)} attempts"
    reason = f"discovery, {rhythm}, {_stretch(schedule.window)}"
    for expected in beat:
        yield _Slot(_number(expected, about), expected, expected + step, reason)


def _planned(
    schedule: Discovery, plan: DiscoveryPlan, about: date, start: datetime, end: datetime
) -> Iterator[_Slot]:
    """Yield the learned checks, each due until the next; where found is not final, the fixed beat for later versions
    too."""
    if schedule.refresh_after_found is not None:
        # First, so that at one instant the search comes last: it has the last word when the window has closed.
        for slot in _attempts(schedule, about, start, end):
            yield slot._replace(role="refresh", reason=f"later versions, {slot.reason}")
    # The window is the configuration's: of a plan made for a longer one what lies beyond is left out.
    checks = [check for check in plan.checks if start + check.minute * _MINUTE <= end]
    instants = [start + check.minute * _MINUTE for check in checks]
    for index, (check, expected) in enumerate(zip(checks, instants, strict=True)):
        deadline = instants[index + 1] if index + 1 < len(instants) else expected + tolerance(schedule)
        reason = f"learned discovery, check {index + 1} of {len(checks)}: {PURPOSES[check.purpose]}"
        yield _Slot(LEARNED_SLOTS + _number(expected, about), expected, deadline, reason, "search")


def _around(schedule: Interval, about: date, games: Sequence[Game]) -> Iterator[_Slot]:
    """Yield the slots of a stretch around the day's games."""
    tips = [game.tipoff for game in games if game.tipoff is not None]
    if not tips:
        return
    # From the day's own games and not from fixed hours: noon games on Christmas were once never collected.
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
    # By the time since tip-off, which stays when a game moves, and is no other's when the configuration changes.
    slots = [(after // _MINUTE, after, f"{_length(after)} after tip-off of") for after in offsets]
    for game in games:
        # Its time is not decided; the schedule is read again every hour of such a day.
        if game.tipoff is None:
            continue
        about = (game,)
        for number, after, text in slots:
            expected = game.tipoff + after
            slot = _Slot(number, expected, expected + every, f"{text} {game.game_id}")
            yield game.game_id, about, slot


def window_of(configuration: Configuration, workflow: str, day: date) -> tuple[datetime, datetime] | None:
    """Return when a workflow's publication window opens and closes on a business day; None when none opens that day.

    Days without games are not told apart here: on those the workflow may have nothing to do.
    """
    for local in _local_days(workflow, configuration, day):
        bounds = local_window(configuration, workflow, local)
        if bounds is not None and business_date(bounds[0], configuration.zone) == day:
            return bounds
    return None


def local_window(
    configuration: Configuration, workflow: str, local: date
) -> tuple[datetime, datetime] | None:
    """Return when the publication window opens and closes that belongs to a day of the workflow's own zone."""
    schedule = configuration.workflows[workflow].schedule
    if not isinstance(schedule, Discovery) or WEEK[local.weekday()] not in schedule.days:
        return None
    return _bounds(schedule.window, local, configuration.zone_of(workflow))


def _bounds(window: Window, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the window's instants. Where a clock change would leave nothing of it, it keeps its length."""
    last = day + timedelta(days=window.crosses_midnight)
    start, end = _at(day, window.start, zone), _at(last, window.end, zone)
    # The night on which clocks go forward: 02:00 and 03:00 are one instant then.
    return start, end if end > start else start + window.length


@lru_cache(maxsize=4096)
def _at(day: date, clock: time, zone: ZoneInfo) -> datetime:
    # The zone of that day and not an offset: "5 AM" once ran at 10 AM.
    return datetime.combine(day, clock, tzinfo=zone).astimezone(UTC)


def _stretch(window: Window) -> str:
    return f"{window.start.isoformat('minutes')} to {window.end.isoformat('minutes')}"


@lru_cache(maxsize=512)
def _length(duration: timedelta) -> str:
    hours, minutes = divmod(int(duration.total_seconds()) // 60, 60)
    return f"{hours}h{minutes:02d}m" if hours and minutes else f"{hours}h" if hours else f"{minutes}m"
