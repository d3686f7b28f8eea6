"""The season of a date."""

from datetime import date

# Pre-season begins in October; until then last season is the current one.
FIRST_MONTH = 10


def season_of(day: date) -> str:
    """Return the season of a day: "2024-25" from October 2024 to September 2025."""
    # By the calendar and not by the first game: player lists change to the new season before it.
    start = day.year if day.month >= FIRST_MONTH else day.year - 1
    return f"{start}-{(start + 1) % 100:02}"


# Months in which the next season's documents may be out while `season_of` still returns the last season.
OFF_SEASON = range(7, 10)
