"""The game date of a game, computed from its start."""

from datetime import date, datetime, timedelta

from tipoff_common.clock import EASTERN, business_date
from tipoff_scraper_runner.errors import SourceChanged

# A game that tips off after midnight in New York belongs to the evening before, as in the league's schedule. The
# earliest games of a day are in Asia and Australia, from half past four in New York on.
DAY_BEGINS = timedelta(hours=4)


def game_date_of(start: datetime) -> date:
    """Return the game date of a game that starts at the aware instant `start`.

    Raises:
        SourceChanged: an instant at the end of the calendar; some sources write the year 1 for "unknown".
    """
    try:
        # Shift the instant before taking the date: New York's offset at the game counts, not the one at midnight.
        return business_date(start - DAY_BEGINS, EASTERN)
    except OverflowError as error:
        raise SourceChanged(
            f"a game starts at {start.isoformat()}, which is outside the range of game dates"
        ) from error
