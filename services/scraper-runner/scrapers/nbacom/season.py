"""The league's season of a date."""

from datetime import date

# Pre-season begins in October; until then the season of the summer before is the current one.
FIRST_MONTH = 10


def season_of(day: date) -> str:
    """Name the season of a day: "2024-25" from October 2024 to September 2025."""
    # By the calendar and not by the first game: lists of players turn over before it.
    start = day.year if day.month >= FIRST_MONTH else day.year - 1
    return f"{start}-{(start + 1) % 100:02}"


# Months in which the coming season's documents may be out already, while `season_of` still names the last
# one.
OFF_SEASON = range(7, 10)
