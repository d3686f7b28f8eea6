"""A scenario moved to the days around today, so that a stack in wall-clock time has games tonight.

Four weeks of the scenario repeat without end, weekday by weekday. The games of a date depend on the date alone and not
on the start of the stack, so that calendars read on different days agree.
"""

from datetime import date, datetime, timedelta

from tipoff_common.clock import EASTERN
from tipoff_dev.fakes.sources.scenario import Injury, Scenario, ScenarioGame

FIRST_MONDAY = date(2025, 1, 6)
"""The start of the weeks that repeat: the four before the All-Star break of the default scenario."""
CYCLE = timedelta(days=28)
BEFORE, AFTER = 14, 42
"""Days in the schedule before and after today, for looking back and for planning."""


def rolled(scenario: Scenario, today: date) -> Scenario:
    """Return the scenario's weeks on the dates around `today` (New York), in the season of `today`."""
    # A season is named by the years it spans; the new season is announced in July.
    season = today.year if today.month >= 7 else today.year - 1
    dates = [today + timedelta(days=offset) for offset in range(-BEFORE, AFTER + 1)]
    templates = {day: template_of(day) for day in dates}
    games = {
        day: _games(scenario.games.get(template, ()), day, template, season)
        for day, template in templates.items()
    }
    days, late = (
        {day: by_day[template] for day, template in templates.items() if template in by_day}
        for by_day in (scenario.reports.days, scenario.submissions.late)
    )
    return scenario.model_copy(
        update={
            "name": f"{scenario.name}, around {today}",
            "season_year": f"{season}-{(season + 1) % 100:02}",
            "games": games,
            "injuries": tuple(_injury(injury, today) for injury in scenario.injuries),
            "reports": scenario.reports.model_copy(update={"days": days, "published": {}}),
            "submissions": scenario.submissions.model_copy(update={"late": late}),
        }
    )


def template_of(day: date) -> date:
    """Return the scenario's date whose games `day` gets: the same weekday, repeated every four weeks."""
    return FIRST_MONDAY + (day - FIRST_MONDAY) % CYCLE


def new_york_date(now: datetime) -> date:
    """Return the date in New York at an aware instant."""
    return now.astimezone(EASTERN).date()


def _games(
    games: tuple[ScenarioGame, ...], day: date, template: date, season: int
) -> tuple[ScenarioGame, ...]:
    # Numbers start before the season, 20 for each day: five digits then give every game a unique number.
    first = (day - date(season, 6, 1)).days * 20 + 1
    return tuple(
        game.model_copy(
            update={
                "id": f"{game.id[:3]}{season % 100:02}{first + place:05}",
                "postponed_at": _moved(game.postponed_at, day - template),
            }
        )
        for place, game in enumerate(games)
    )


def _injury(injury: Injury, today: date) -> Injury:
    by = today - template_of(today)
    return injury.model_copy(update={"since": _moved(injury.since, by), "until": _moved(injury.until, by)})


def _moved(instant: datetime | None, by: timedelta) -> datetime | None:
    """Move an instant by whole days, keeping its time of day in New York across a change of clocks."""
    return (
        (instant.astimezone(EASTERN).replace(tzinfo=None) + by).replace(tzinfo=EASTERN) if instant else None
    )
