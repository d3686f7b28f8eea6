"""Checks that a schedule is current: of the day's season, and with results for the games before the day.

The payload of an outdated schedule is kept but no records are landed, so the previous calendar stays in use.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import groupby

from scrapers.nbacom.nbac_schedule.document import Schedule
from scrapers.nbacom.nbac_schedule.games import GameRecord
from scrapers.nbacom.season import season_of

# In the small hours a document may still have the last evening's games as scheduled, but no older ones.
SETTLED_AFTER = timedelta(days=2)


def staleness(schedule: Schedule, day: date) -> str:
    """Describe why the schedule is outdated on `day`; blank when it is not.

    A later season is not outdated: its schedule is published in August, while `season_of` returns the old season until
    October.
    """
    current = season_of(day)
    if schedule.season_year < current:
        return f"the schedule is of season {schedule.season_year}, but {day} is in season {current}"
    # One day suffices: the league has never left all games of a day unplayed without postponing them.
    late = _latest_played(schedule.games, day)
    if late and all(game.status == "scheduled" for game in late):
        return f"the schedule is frozen: on {day} all {len(late)} games of {late[0].game_date} are still scheduled"
    return ""


def overdue(schedule: Schedule, day: date) -> list[str]:
    """List the games of past days that are still scheduled on `day`."""
    return [
        f"game {game.game_id} of {game.game_date} is still scheduled on {day}"
        for game in _past(schedule.games, day)
        if game.status == "scheduled"
    ]


def _latest_played(games: Sequence[GameRecord], day: date) -> list[GameRecord]:
    """Return the games of the latest settled date before `day`."""
    by_date = [list(same) for _, same in groupby(_past(games, day), key=lambda game: game.game_date)]
    return by_date[-1] if by_date else []


def _past(games: Sequence[GameRecord], day: date) -> list[GameRecord]:
    # Undecided and postponed games may stay scheduled for good, as "if necessary" games do.
    return [game for game in games if game.decided and game.game_date <= day - SETTLED_AFTER]
