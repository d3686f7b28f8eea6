"""Publication times of the injury reports, and their content.

Implements the source's rules independently of the scraper's code, so that each checks the other.
"""

import re
from datetime import date, datetime, time, timedelta

from tipoff_common.clock import EASTERN
from tipoff_dev.fakes.sources.injury_pdf import ReportRow
from tipoff_dev.fakes.sources.scenario import Scenario, ScenarioGame, at

HOURLY_UNTIL = datetime(2025, 12, 22, 9, tzinfo=EASTERN)
"""Earlier reports have only the hour in their name and are published at half past; later ones have hour and minute."""

_NAME = re.compile(r"Injury-Report_(\d{4}-\d{2}-\d{2})_(\d{2})(?:_(\d{2}))?([AP]M)\.pdf")
_ALL_STAR = "003"


def titled(file_name: str) -> datetime | None:
    """Return the instant in the title of the report with that file name (ET), or None for an impossible name."""
    match = _NAME.fullmatch(file_name)
    if match is None:
        return None
    day, hour, minute, period = match.groups()
    if not 1 <= int(hour) <= 12 or minute not in (None, "00", "15", "30", "45"):
        return None
    clock = time(int(hour) % 12 + (12 if period == "PM" else 0), int(minute or 0))
    try:
        named = datetime.combine(date.fromisoformat(day), clock, tzinfo=EASTERN)
    except ValueError:
        return None
    if (minute is None) != (named < HOURLY_UNTIL):
        return None
    return named if minute else named.replace(minute=30)


def published_at(scenario: Scenario, file_name: str) -> datetime | None:
    """Return the publication time of that report, or None if it is never published.

    A day has no reports if neither the day nor the next has a game to report on.
    """
    title = titled(file_name)
    if title is None:
        return None
    if file_name in scenario.reports.published:
        return scenario.reports.published[file_name]
    day = title.date()
    rules = scenario.reports.days.get(day, scenario.reports.default)
    first = at(day, rules.first)
    if title < first or not _games_reported(scenario, day, title):
        return None
    if title == first and rules.first_published is not None:
        return at(day, rules.first_published)
    return title + timedelta(minutes=rules.delay_minutes)


def is_out(scenario: Scenario, file_name: str, now: datetime) -> bool:
    """Return whether that report is published."""
    if file_name in scenario.reports.always:
        return True
    published = published_at(scenario, file_name)
    return published is not None and published <= now


def report_rows(scenario: Scenario, title: datetime) -> list[ReportRow]:
    """Return the rows of the report with that title: games by printed time (12:30 after 03:00, as the league sorts
    them), away team first. A team that has submitted an empty list has no row."""
    rows: list[ReportRow] = []
    for day, game in _games_reported(scenario, title.date(), title):
        for tricode in (game.away, game.home):
            rows.extend(_team_rows(scenario, day, game, tricode, title))
    return rows


def archived_rows(day: date) -> list[ReportRow]:
    """Return the rows of an always published report, whose day is in no scenario."""
    where = (day, "07:00 (ET)", "BOS@NYK")
    return [
        ReportRow(*where, "Boston Celtics", "Archer, Neil", "Out", "Not With Team"),
        ReportRow(*where, "New York Knicks"),
    ]


def _games_reported(scenario: Scenario, day: date, title: datetime) -> list[tuple[date, ScenarioGame]]:
    found: list[tuple[date, ScenarioGame]] = []
    for game_date in (day, day + timedelta(days=1)):
        games = [game for game in scenario.games.get(game_date, ()) if _is_reported(game, title)]
        games.sort(key=lambda game: (_printed_time(game), game.away, game.home))
        found.extend((game_date, game) for game in games)
    return found


def _is_reported(game: ScenarioGame, title: datetime) -> bool:
    decided = bool(game.tip and game.away and game.home)
    return decided and not game.is_off(title) and not game.id.startswith(_ALL_STAR)


def _team_rows(
    scenario: Scenario, day: date, game: ScenarioGame, tricode: str, title: datetime
) -> list[ReportRow]:
    team = scenario.team(tricode).full_name
    where = (day, f"{_printed_time(game)} (ET)", f"{game.away}@{game.home}", team)
    if title < _submitted_at(scenario, day, tricode):
        return [ReportRow(*where)]
    begin = datetime.min.replace(tzinfo=EASTERN)
    current = sorted(
        (injury for injury in scenario.injuries if injury.team == tricode and injury.applies(title)),
        key=lambda injury: injury.since or begin,
    )
    lines = {injury.player: injury for injury in current}
    return [
        ReportRow(*where, player, injury.status, injury.reason) for player, injury in sorted(lines.items())
    ]


def _submitted_at(scenario: Scenario, day: date, tricode: str) -> datetime:
    rules = scenario.submissions
    late = rules.late.get(day, {}).get(tricode)
    if late is not None:
        return at(day, late)
    yesterday = day - timedelta(days=1)
    if any(tricode in (game.away, game.home) for game in scenario.games.get(yesterday, ())):
        return at(day, rules.back_to_back)
    return at(yesterday, rules.day_before)


def _printed_time(game: ScenarioGame) -> str:
    """Format a game's time as printed: on a twelve-hour clock without AM or PM."""
    hours, minutes = (game.tip or "00:00").split(":")
    return f"{int(hours) % 12 or 12:02}:{minutes}"
