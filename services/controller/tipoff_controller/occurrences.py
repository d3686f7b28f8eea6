"""The one pure function from configuration, calendar and date to what is expected of that day.

The locked schedule is this list written down; an evaluation asks which of it is due and not yet satisfied;
expected against actual compares the same list with what happened. They cannot disagree, because there is one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from tipoff_common.identity import occurrence_id
from tipoff_controller.calendar import Calendar, Game
from tipoff_controller.workflows import Configuration, Daily, Discovery, Schedule

WHOLE_DAY = "-"


@dataclass(frozen=True)
class Occurrence:
    """One expected run of one workflow.

    expected: the absolute instant from which it is due.
    deadline: the instant after which it can no longer be met.
    subject: the game or team it is about, "-" for the whole day.
    """

    workflow: str
    game_date: date
    subject: str
    slot: int
    expected: datetime
    deadline: datetime
    games: tuple[str, ...]
    reason: str

    @property
    def id(self) -> str:
        return occurrence_id(self.workflow, self.game_date, self.subject, self.slot)


@dataclass(frozen=True)
class _Slot:
    expected: datetime
    deadline: datetime
    reason: str


def occurrences(configuration: Configuration, calendar: Calendar | None, day: date) -> tuple[Occurrence, ...]:
    """What is expected of business day `day`, by time and name.

    Workflows that need games have no occurrence on a day without games, and none while there is no calendar.
    """
    games = calendar.games_on(day) if calendar else ()
    found = [
        occurrence
        for name, workflow in configuration.workflows.items()
        if games or not configuration.needs_games(workflow)
        for occurrence in _of_workflow(name, workflow.schedule, configuration.zone, day, games)
    ]
    return tuple(sorted(found, key=lambda item: (item.expected, item.workflow, item.slot)))


def _of_workflow(
    name: str, schedule: Schedule, zone: ZoneInfo, day: date, games: tuple[Game, ...]
) -> Iterator[Occurrence]:
    for index, slot in enumerate(_slots(schedule, zone, day)):
        yield Occurrence(
            workflow=name,
            game_date=day,
            subject=WHOLE_DAY,
            slot=index,
            expected=slot.expected,
            deadline=slot.deadline,
            games=tuple(game.game_id for game in games),
            reason=slot.reason,
        )


def _slots(schedule: Schedule, zone: ZoneInfo, day: date) -> Iterator[_Slot]:
    start, end = (_at(day, clock, zone) for clock in (schedule.window.start, schedule.window.end))
    stretch = f"{schedule.window.start:%H:%M} to {schedule.window.end:%H:%M}"
    match schedule:
        case Daily():
            yield _Slot(start, end, f"daily, from {stretch}")
        case Discovery(every=every):
            expected = start
            while expected <= end:
                yield _Slot(expected, expected + every, f"discovery, every {every}, from {stretch}")
                expected += every


def _at(day: date, clock: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, clock, tzinfo=zone).astimezone(UTC)
