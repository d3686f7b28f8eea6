"""Refreshes of the calendar of games beside its own workflow: when it is old, or a scoreboard contradicts it."""

from collections.abc import Container, Mapping
from datetime import date, datetime, time, timedelta
from operator import attrgetter
from zoneinfo import ZoneInfo

from tipoff_common.clock import business_date, local_instant
from tipoff_common.events import Action
from tipoff_planning.calendar import Calendar, Game
from tipoff_planning.decision import Decision, DecisionInputs, Reason, decision_about
from tipoff_planning.history import ExecutionFact, Slate
from tipoff_planning.occurrences import (
    Occurrence,
    games_of,
)
from tipoff_planning.outstanding import Outstanding
from tipoff_planning.workflows import Configuration

# The workflow that fetches the schedule is due at 05:00; a refresh at the same
# tick would ask the source twice.
REREAD_FROM = time(5, 30)
"""From when on a game day's schedule is read again; before it the morning's own fetch is due."""
MOVED_BY = timedelta(minutes=30)
"""From which difference two sources disagree about a tip-off: a broadcaster's may be minutes after the league's."""
# Subjects of occurrences that are none of the day; they cannot collide with a real one.
REFRESH = "calendar-refresh"
CONTRADICTED = "calendar-contradicted"


def refresh_occurrence(configuration: Configuration, now: datetime, subject: str) -> Occurrence | None:
    """Return the refresh of the calendar in the hour of `now`; None when no workflow fetches it.

    subject: REFRESH for the hourly one, CONTRADICTED for one beside it.
    """
    name = configuration.refresher
    if name is None:
        return None
    hour, today = now.replace(minute=0, second=0, microsecond=0), business_date(now, configuration.zone)
    # A number for each hour there ever was, so that a refresh is asked for once
    # an hour by its identity alone.
    slot = int(hour.timestamp()) // 3600
    return Occurrence(
        name, today, today, subject, slot, hour, hour + timedelta(hours=1), (), "the calendar is read again"
    )


def refresh_calendar(decisions: list[Decision], inputs: DecisionInputs) -> Decision | None:
    """Return a RUN of the calendar's scraper when the calendar is old, an hour old on a day with games, or
    contradicted.

    Each reason asks at most once an hour, and not while the calendar's workflow runs anyway.
    """
    configuration = inputs.configuration
    # What contradicts a stale calendar does not matter: it is read again anyway.
    calendar = None if inputs.calendar_is_stale else inputs.calendar
    contradiction = "" if calendar is None else _contradicted(calendar, inputs)
    # Apart from the hourly refresh, which may have been used up minutes before the scoreboard was read.
    occurrence = refresh_occurrence(configuration, inputs.now, CONTRADICTED if contradiction else REFRESH)
    # Asked for in this hour; its retries are decided like those of any occurrence.
    if occurrence is None or inputs.standing(occurrence.id) is not None:
        return None
    name, source = occurrence.workflow, configuration.file.calendar.scraper
    if source is None or inputs.pauses.held(name, inputs.now).holds(source):
        return None
    # It fetches the schedule anyway, this very minute.
    if any(item.occurrence.workflow == name and item.action is Action.RUN for item in decisions):
        return None
    if inputs.paused_until(source) is not None:
        return None  # The decisions of its own workflow say so, and all say how old the calendar is.
    # Stale before reread: the same fetch, but a calendar this old is itself worth knowing.
    if calendar is None:
        code = Reason.CALENDAR_STALE
        sentence = "The schedule of games is old or missing; it is fetched before it is relied on."
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
    # The calendar's scraper alone: the workflow's other steps have no reason to run once an hour.
    steps = {step_name: None for step_name, step in workflow.plan.items() if step.scraper == source}
    return decision_about(
        occurrence, None, inputs, Action.RUN, code, sentence, outstanding=Outstanding(steps)
    )


def _contradicted(calendar: Calendar, inputs: DecisionInputs) -> str:
    """Return how the newest scoreboard of an open day contradicts an older calendar; blank when it does not."""
    newest: dict[tuple[str, date], ExecutionFact] = {}
    for fact in inputs.history.slates:
        # The days that occurrences may be about now; a scoreboard of another day can change nothing.
        is_open = abs(fact.game_date - inputs.today) <= timedelta(days=1)
        # What was read before the calendar was is no news to it, and asking again would bring the same.
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
        if said := _difference(fact.slate or {}, games, listed, inputs.configuration.zone):
            return f"{fact.scraper} of {fact.game_date} {said}"
    return ""


def _difference(slate: Slate, games: Mapping[str, Game], listed: Container[str], zone: ZoneInfo) -> str:
    """Say how a scoreboard differs from the calendar's games of the day; blank when it does not.

    games: those that count, by "AWAY@HOME". listed: all that the calendar has played on the day, friendlies too.
    """
    # In order, so that the same two documents give the same sentence.
    for matchup, tipoff in sorted(slate.items()):
        game = games.get(matchup)
        if tipoff is None:
            if game is not None:
                return f"has {matchup} called off, and the calendar has it played"
        elif game is None:
            # A friendly that the calendar knows and does not count is no contradiction.
            if matchup not in listed:
                return f"lists {matchup}, and the calendar does not"
        elif game.tipoff is None:
            return f"has a time for {matchup}, and the calendar has none"
        elif abs(game.tipoff - tipoff) >= MOVED_BY:
            theirs, ours = (it.astimezone(zone).strftime("%H:%M %Z") for it in (tipoff, game.tipoff))
            return f"has {matchup} at {theirs}, and the calendar at {ours}"
    # After the others: a game that is listed and differs says more than one that is not listed.
    missing = sorted(games.keys() - slate.keys())
    return f"does not list {missing[0]}, and the calendar does" if missing else ""


def _games_may_change(calendar: Calendar, inputs: DecisionInputs) -> bool:
    """Return whether a game of the day is still to begin, and the calendar is older than such a day allows."""
    is_new = calendar.age(inputs.now) < inputs.configuration.file.calendar.reread_on_game_days
    if is_new or inputs.now < local_instant(inputs.today, REREAD_FROM, inputs.configuration.zone):
        return False
    games = games_of(inputs.configuration, calendar, inputs.today)
    # Once all have begun, no change of today's schedule could matter.
    return any(game.tipoff is None or game.tipoff > inputs.now for game in games)
