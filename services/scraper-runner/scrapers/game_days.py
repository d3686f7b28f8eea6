"""The day that a game belongs to, from the instant at which it starts."""

from datetime import date, datetime, timedelta

from tipoff_common.clock import EASTERN, business_date
from tipoff_scraper_runner.errors import SourceChanged

# A game that tips after midnight in New York belongs to the evening before, as the league's own schedule
# has it; the earliest games of a day are played in Asia and Australia, from half past four in New York on.
DAY_BEGINS = timedelta(hours=4)


def game_date_of(start: datetime) -> date:
    """Find the game date of a game that starts at the aware instant `start`.

    Raises:
        SourceChanged: an instant at the end of the calendar, such as the year 1, with which some sources say "unknown".
    """
    try:
        # Shifted before the date is taken, so that daylight saving is New York's at the game and not at
        # midnight.
        return business_date(start - DAY_BEGINS, EASTERN)
    except OverflowError as error:
        raise SourceChanged(f"a game starts at {start.isoformat()}, which is not a day of a game") from error
