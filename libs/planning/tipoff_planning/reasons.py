"""Codes of the reasons for decisions."""

from enum import StrEnum


class Reason(StrEnum):
    """Code of the reason for a decision; the dataset's views use it to separate harmless skips from others."""

    DUE = "due"
    PARTLY_DUE = "partly_due"
    INCOMPLETE = "incomplete"
    REFRESH = "refresh"
    CALENDAR_STALE = "calendar_stale"
    MANUAL = "manual"
    ALREADY_FOUND = "already_found"  # without requests, because the data was found before
    NO_GAMES = "no_games"
    TOO_EARLY = "too_early"
    DAY_DONE = "day_done"
    UNDER_WAY = "under_way"
    NOT_PUBLISHED = "not_published"
    NOT_FOUND = "not_found"
    SOURCE_FAILING = "source_failing"
    NOTHING_FOR_LONG = "nothing_for_long"
    SOURCE_PAUSED = "source_paused"  # waits, because its sources asked for a pause
    SUPERSEDED = "superseded"  # for later versions of a document that was not found at all: makes no request
    PAUSED = "paused"
    TIMES_UNKNOWN = "times_unknown"
    CALENDAR_REREAD = "calendar_reread"
    CALENDAR_CONTRADICTED = "calendar_contradicted"
    MEMORY_REBUILT = "memory_rebuilt"
    BUDGET_USED = "budget_used"
    PARENT_UNFRUITFUL = "parent_unfruitful"
    NO_CALENDAR = "no_calendar"
    HISTORY_UNAVAILABLE = "history_unavailable"
    UNDECIDABLE = "undecidable"
