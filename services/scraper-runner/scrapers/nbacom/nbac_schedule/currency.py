"""Checks that a schedule is current: compared with the season of a day, and with the games that should have been played
by it.

A schedule that is neither is kept and not landed, so the calendar before it stays.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import groupby

from scrapers.nbacom.nbac_schedule.document import Schedule
from scrapers.nbacom.nbac_schedule.games import GameRecord
from scrapers.nbacom.season import season_of

# Games of the evening before may still be scheduled in a document of the small hours; older ones are not.
SETTLED_AFTER = timedelta(days=2)


def staleness(schedule: Schedule, day: date) -> str:
    """Say why the schedule is not that of `day`; blank when it may be.

    Seasons compare by their first year: a new season's schedule is out in August, while the old season is the
    current one until October.
    """
    current = season_of(day)
    if schedule.season_year < current:
        return f"the schedule is of season {schedule.season_year}, and {day} is in season {current}"
    # One day is enough: the league has never left all games of a day unplayed without calling them off.
    late = _latest_played(schedule.games, day)
    if late and all(game.status == "scheduled" for game in late):
        return f"the schedule is frozen: on {day} all {len(late)} games of {late[0].game_date} are still scheduled"
    return ""


def overdue(schedule: Schedule, day: date) -> list[str]:
    """Name every game of a past day that still stands as scheduled on `day`."""
    return [
        f"game {game.game_id} of {game.game_date} is still scheduled on {day}"
        for game in _past(schedule.games, day)
        if game.status == "scheduled"
    ]


def _latest_played(games: Sequence[GameRecord], day: date) -> list[GameRecord]:
    """Return the games of the newest day that is over on `day`."""
    by_date = [list(same) for _, same in groupby(_past(games, day), key=lambda game: game.game_date)]
    return by_date[-1] if by_date else []


def _past(games: Sequence[GameRecord], day: date) -> list[GameRecord]:
    # Undecided and postponed games stay scheduled for good, as "if necessary" games do.
    return [game for game in games if game.decided and game.game_date <= day - SETTLED_AFTER]
