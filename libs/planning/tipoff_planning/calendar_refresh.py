"""Refreshes of the calendar of games outside its own workflow: when it is old, or a scoreboard contradicts it."""

from collections.abc import Container, Mapping
from datetime import date, datetime, time, timedelta
from operator import attrgetter
from zoneinfo import ZoneInfo

from tipoff_common.clock import business_date, local_instant
from tipoff_common.events import Action
from tipoff_planning.calendar import Calendar, Game
from tipoff_planning.decision import Decision, DecisionInputs, decision_about
from tipoff_planning.history import ExecutionFact, Slate
from tipoff_planning.occurrences import (
    Occurrence,
    games_of,
)
from tipoff_planning.outstanding import Outstanding
from tipoff_planning.reasons import Reason
from tipoff_planning.workflows import Configuration

# The workflow that fetches the schedule is due at 05:00; a refresh at the same tick would request the source twice.
REREAD_FROM = time(5, 30)
"""Time of day from which a game day's schedule is refetched; before it the morning's own fetch is due."""
MOVED_BY = timedelta(minutes=30)
"""Difference from which two sources contradict each other about a tip-off; a broadcaster's may be minutes later."""
# Subjects for refreshes, which are no occurrences of the day; they cannot collide with a real one.
REFRESH = "calendar-refresh"
CONTRADICTED = "calendar-contradicted"


def refresh_occurrence(configuration: Configuration, now: datetime, subject: str) -> Occurrence | None:
    """Return the refresh of the calendar in the hour of `now`; None when no workflow fetches it.

    subject: REFRESH for the hourly refresh, CONTRADICTED for an additional one.
    """
    name = configuration.refresher
    if name is None:
        return None
    hour, today = now.replace(minute=0, second=0, microsecond=0), business_date(now, configuration.zone)
    # The number of the hour since the epoch: the occurrence id alone limits refreshes to one per hour.
    slot = int(hour.timestamp()) // 3600
    return Occurrence(
        name, today, today, subject, slot, hour, hour + timedelta(hours=1), (), "the calendar is read again"
    )


def refresh_calendar(decisions: list[Decision], inputs: DecisionInputs) -> Decision | None:
    """Return a RUN of the calendar's scraper if the calendar is old, an hour old on a day with games, or
    contradicted.

    Each reason requests at most once an hour, and not when the calendar's workflow runs at this tick anyway.
    """
    configuration = inputs.configuration
    # A stale calendar is refetched anyway, contradicted or not.
    calendar = None if inputs.calendar_is_stale else inputs.calendar
    contradiction = "" if calendar is None else _contradicted(calendar, inputs)
    # Separate from the hourly refresh, which may have run minutes before the scoreboard was read.
    occurrence = refresh_occurrence(configuration, inputs.now, CONTRADICTED if contradiction else REFRESH)
    # Already requested in this hour; its retries are decided like those of any occurrence.
    if occurrence is None or inputs.standing(occurrence.id) is not None:
        return None
    name, source = occurrence.workflow, configuration.file.calendar.scraper
    if source is None or inputs.pauses.held(name, inputs.now).holds(source):
        return None
    # The calendar's own workflow fetches the schedule at this tick.
    if any(item.occurrence.workflow == name and item.action is Action.RUN for item in decisions):
        return None
    if inputs.paused_until(source) is not None:
        return None  # The decisions of its own workflow report the pause, and all report the calendar's age.
    # Stale before reread: the fetch is the same, but a calendar this old is worth reporting.
    if calendar is None:
        code = Reason.CALENDAR_STALE
        sentence = "The schedule of games is old or missing; it is fetched before it is used."
    elif contradiction:
        code = Reason.CALENDAR_CONTRADICTED
        sentence = f"The schedule is read again: {contradiction}."
    elif _games_may_change(calendar, inputs):
        code = Reason.CALENDAR_REREAD
        sentence = (
            "Games are played today; the schedule is read again for games called off, moved or given a time."
        )
    else:
        return None
    workflow = configuration.workflows[name]
    # Only the calendar's scraper: the workflow's other steps have no reason to run every hour.
    steps = {step_name: None for step_name, step in workflow.plan.items() if step.scraper == source}
    return decision_about(
        occurrence, None, inputs, Action.RUN, code, sentence, outstanding=Outstanding(steps)
    )


def _contradicted(calendar: Calendar, inputs: DecisionInputs) -> str:
    """Describe how the newest scoreboard of an open day contradicts an older calendar; empty if it does not."""
    newest: dict[tuple[str, date], ExecutionFact] = {}
    for fact in inputs.history.slates:
        # Only the days of current occurrences; a scoreboard of another day affects no decision.
        is_open = abs(fact.game_date - inputs.today) <= timedelta(days=1)
        # Ignore a scoreboard older than the calendar: a refetch would return the same calendar.
        if is_open and fact.triggered_at > calendar.fetched_at:
            key = (fact.scraper, fact.game_date)
            newest[key] = max(newest.get(key, fact), fact, key=attrgetter("triggered_at"))
    for _, fact in sorted(newest.items()):
        games = {
            "@".join(game.teams): game
            for game in games_of(inputs.configuration, calendar, fact.game_date)
            if len(game.teams) == 2
        }
        others = (game for game in calendar.all_on(fact.game_date) if not game.postponed)
        listed = {"@".join(game.teams) for game in others}
        if difference := _difference(fact.slate or {}, games, listed, inputs.configuration.zone):
            return f"{fact.scraper} of {fact.game_date} {difference}"
    return ""


def _difference(slate: Slate, games: Mapping[str, Game], listed: Container[str], zone: ZoneInfo) -> str:
    """Describe how a scoreboard differs from the calendar's games of the day; empty if it does not.

    games: those of the configured types, by "AWAY@HOME". listed: all games of the day that are to be played, friendlies
    included.
    """
    # Sorted, so that the same two documents give the same sentence.
    for matchup, tipoff in sorted(slate.items()):
        game = games.get(matchup)
        if tipoff is None:
            if game is not None:
                return f"has {matchup} called off, and the calendar has it played"
        elif game is None:
            # A friendly that the calendar lists without counting it is no contradiction.
            if matchup not in listed:
                return f"lists {matchup}, and the calendar does not"
        elif game.tipoff is None:
            return f"has a time for {matchup}, and the calendar has none"
        elif abs(game.tipoff - tipoff) >= MOVED_BY:
            theirs, ours = (it.astimezone(zone).strftime("%H:%M %Z") for it in (tipoff, game.tipoff))
            return f"has {matchup} at {theirs}, and the calendar at {ours}"
    # Last: a listed game that differs is stronger evidence than a game that is not listed.
    missing = sorted(games.keys() - slate.keys())
    return f"does not list {missing[0]}, and the calendar does" if missing else ""


def _games_may_change(calendar: Calendar, inputs: DecisionInputs) -> bool:
    """Return whether a game of the day has yet to begin and the calendar is older than allowed on a game day."""
    is_new = calendar.age(inputs.now) < inputs.configuration.file.calendar.reread_on_game_days
    if is_new or inputs.now < local_instant(inputs.today, REREAD_FROM, inputs.configuration.zone):
        return False
    games = games_of(inputs.configuration, calendar, inputs.today)
    # Once all games have begun, a change of today's schedule has no effect.
    return any(game.tipoff is None or game.tipoff > inputs.now for game in games)
