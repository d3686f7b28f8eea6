"""Lengths of time as the league's documents write them."""

import re

from tipoff_scraper_runner.errors import SourceChanged

# Digits are bounded: a number of any length would become an infinity, or a minute of parsing.
_ISO = re.compile(r"PT(\d{1,4})M(\d\d(?:\.\d{1,9})?)S")
_CLOCK = re.compile(r"(\d{1,4}):(\d\d)")

# Of a team's five players together: four quarters of twelve minutes.
REGULATION_MINUTES = 240

# Five players, five minutes each.
OVERTIME_MINUTES = 25

REGULATION_PERIODS = 4


def seconds(printed: str) -> float:
    """Read seconds from "PT43M44.00S" or "43:44"; 0 from "", which stands for no time at all.

    Raises:
        SourceChanged: another form.
    """
    # Who did not play has a blank in one of the hosts' documents and PT00M in the other's.
    if not printed:
        return 0.0
    match = _ISO.fullmatch(printed) or _CLOCK.fullmatch(printed)
    if match is None:
        raise SourceChanged(
            f"{printed!r:.40} is not a length of time; known forms are 'PT43M44.00S' and '43:44'"
        )
    return int(match[1]) * 60 + float(match[2])


def team_minutes(periods: int) -> int:
    """Count the minutes that a team's players have played together when a game is over after `periods`."""
    # No overtime in fewer than four periods, which is told elsewhere.
    return REGULATION_MINUTES + OVERTIME_MINUTES * max(0, periods - REGULATION_PERIODS)
