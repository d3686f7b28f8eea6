"""Inputs of a day's plan, from configuration and execution log: the learned searches, and their looks."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta

from tipoff_common.clock import CLOCKS_AGREE_WITHIN, business_date
from tipoff_common.events import Source
from tipoff_common.outcomes import Status
from tipoff_planning.calendar import Calendar
from tipoff_planning.discovery.intervals import Look, PublicationHistory, read_history
from tipoff_planning.discovery.plans import Search
from tipoff_planning.discovery.policy import Guards
from tipoff_planning.history import ExecutionFact
from tipoff_planning.occurrences import game_date_of, games_of, local_window, window_of
from tipoff_planning.schedules import About, Discovery, Until
from tipoff_planning.workflows import Configuration

_MINUTE = timedelta(minutes=1)
HISTORY_DAYS = 120
"""Days of executions to read: as many as a fit uses. The log keeps 90 days unless configured to keep more."""


def search_of(configuration: Configuration, workflow: str, day: date) -> Search | None:
    """Return the search of a workflow on a business day; None when it has no window that day."""
    bounds = window_of(configuration, workflow, day)
    written = configuration.workflows[workflow]
    if bounds is None or not isinstance(written.schedule, Discovery):
        return None
    opens, closes = bounds
    settings = written.discovery
    return Search(
        workflow=workflow,
        day=day,
        game_date=game_date_of(written.schedule, business_date(opens, configuration.zone_of(workflow))),
        opens=opens,
        window_minutes=int((closes - opens) / _MINUTE),
        guards=Guards(
            budget=written.schedule.attempts,
            price=settings.price_per_attempt,
            max_gap=settings.max_gap // _MINUTE,
        ),
        explore=settings.explore,
    )


def searched_scraper(configuration: Configuration, workflow: str) -> str:
    """Return the scraper whose executions are the workflow's looks: a learned search has one step."""
    return configuration.workflows[workflow].steps[0].scraper


def cannot_learn(configuration: Configuration, workflow: str) -> str | None:
    """Return why a workflow cannot learn, for any strategy; None when it can."""
    written = configuration.workflows[workflow]
    if not isinstance(written.schedule, Discovery):
        return f"{workflow} is of kind {written.schedule.kind}; only discovery searches for a publication"
    if len(written.steps) > 1 or written.steps[0].for_each is not None:
        return f"{workflow} searches several documents; only one publication time can be learned"
    return None


def history_of(
    search: Search,
    facts: Iterable[ExecutionFact],
    configuration: Configuration,
    now: datetime,
    calendar: Calendar | None = None,
) -> PublicationHistory:
    """Reduce executions to the history of the search: those of its scraper, by any requester, except local runs.

    Failed executions are left out. now: later rows are errors of a clock. calendar: the source of the first tip-offs;
    without it they are unknown.
    """
    scraper = searched_scraper(configuration, search.workflow)
    own = [
        fact
        for fact in facts
        # A local run on a laptop may differ from production, where the source's cache may be older.
        if fact.scraper == scraper and fact.source is not Source.LOCAL and fact.status is not Status.FAILED
    ]
    errors = {fact.game_date for fact in own if fact.triggered_at > now + CLOCKS_AGREE_WITHIN}
    looks = _looks(search.workflow, own, configuration)
    history = read_history(looks, search.window_minutes, search.first_look_by, errors)
    if calendar is None:
        return history

    def first_tip_off(game_date: date, opens: datetime | None) -> float | None:
        games = games_of(configuration, calendar, game_date)
        tips = [game.tipoff for game in games if game.tipoff is not None]
        # In minutes of the window like the intervals, so that a clock change moves both equally.
        return (min(tips) - opens) / _MINUTE if tips and opens is not None else None

    days = (
        replace(
            item,
            first_tip_off=first_tip_off(
                item.game_date, _opening(configuration, search.workflow, item.game_date)
            ),
        )
        for item in history.intervals
    )
    return replace(
        history, intervals=tuple(days), first_tip_off=first_tip_off(search.game_date, search.opens)
    )


def _opening(configuration: Configuration, workflow: str, game_date: date) -> datetime | None:
    """Return the opening of the window for a game date; None for a day without a window."""
    schedule = configuration.workflows[workflow].schedule
    about_yesterday = isinstance(schedule, Discovery) and schedule.about is About.YESTERDAY
    # From the date of the data to the day of the search, which may be the day after.
    day = game_date + timedelta(days=1) if about_yesterday else game_date
    bounds = local_window(configuration, workflow, day)
    return bounds[0] if bounds else None


def _looks(workflow: str, facts: Iterable[ExecutionFact], configuration: Configuration) -> Iterator[Look]:
    schedule = configuration.workflows[workflow].schedule
    complete = isinstance(schedule, Discovery) and schedule.until is Until.COMPLETE
    openings: dict[date, datetime | None] = {}
    for fact in facts:
        if fact.game_date not in openings:
            openings[fact.game_date] = _opening(configuration, workflow, fact.game_date)
        opens = openings[fact.game_date]
        if opens is None:
            continue  # a day of the week without a search
        found = fact.status is Status.SUCCESS
        if complete and found and fact.completeness is not None and fact.completeness.missing:
            # A search until complete continues after a document that lacks games, so that document is no find.
            found = False
        # In whole minutes, as a request is executed some seconds after its time. With seconds, the find of a look at
        # 14:30 would be placed in the bin that begins then, five minutes late.
        yield Look(fact.game_date, (fact.triggered_at - opens) // _MINUTE, found)
