"""Durations in the league's documents."""

import re

from tipoff_scraper_runner.errors import SourceChanged

# Digits are bounded: a longer number could become an infinity, or take a minute to parse.
_ISO = re.compile(r"PT(\d{1,4})M(\d\d(?:\.\d{1,9})?)S")
_CLOCK = re.compile(r"(\d{1,4}):(\d\d)")

# Five players, four quarters of twelve minutes.
REGULATION_MINUTES = 240

# Five players, five minutes each.
OVERTIME_MINUTES = 25

REGULATION_PERIODS = 4


def seconds(printed: str) -> float:
    """Read seconds from "PT43M44.00S" or "43:44"; 0 from "", which means no time.

    Raises:
        SourceChanged: another form.
    """
    # A player who did not play has a blank in one host's documents and PT00M in the other's.
    if not printed:
        return 0.0
    match = _ISO.fullmatch(printed) or _CLOCK.fullmatch(printed)
    if match is None:
        raise SourceChanged(
            f"{printed!r:.40} is not a length of time; known forms are 'PT43M44.00S' and '43:44'"
        )
    return int(match[1]) * 60 + float(match[2])


def team_minutes(periods: int) -> int:
    """Return the sum of a team's player minutes in a game of `periods`."""
    # Fewer than four periods are no negative overtime; `game_laws` reports them.
    return REGULATION_MINUTES + OVERTIME_MINUTES * max(0, periods - REGULATION_PERIODS)
