"""From configuration and execution log to what a day's plan is made of: the searches that learn, and their looks."""

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
"""Days back from which executions are read: as many as a fit looks at. The log keeps 90 days unless it is told to keep
more."""


def search_of(configuration: Configuration, workflow: str, day: date) -> Search | None:
    """Return what is to be planned of a workflow on a business day; None when it has no window that day."""
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
    """Return the scraper whose executions are the workflow's looks: a search that learns has one step."""
    return configuration.workflows[workflow].steps[0].scraper


def cannot_learn(configuration: Configuration, workflow: str) -> str | None:
    """Return why nothing can be learned of a workflow, whatever its strategy; None when it can."""
    written = configuration.workflows[workflow]
    if not isinstance(written.schedule, Discovery):
        return f"{workflow} is of kind {written.schedule.kind}; only discovery searches for a publication"
    if len(written.steps) > 1 or written.steps[0].for_each is not None:
        return f"{workflow} looks for several documents; the time of one is learned"
    return None


def history_of(
    search: Search,
    facts: Iterable[ExecutionFact],
    configuration: Configuration,
    now: datetime,
    calendar: Calendar | None = None,
) -> PublicationHistory:
    """Reduce executions to what the search can learn from: those of its scraper, whoever asked but a local try.

    A failed execution saw nothing. now: rows that are later are errors of a clock. calendar: where the first tip-offs
    are from; without it none is known.
    """
    scraper = searched_scraper(configuration, search.workflow)
    own = [
        fact
        for fact in facts
        # A try from a laptop says nothing of the source as production sees it, whose cache may be older.
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
        # Of the window as everything that is known of a day, so that a clock change moves both alike.
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
    """Return when the window opened in which a game date was looked for; None on a day on which none does."""
    schedule = configuration.workflows[workflow].schedule
    about_yesterday = isinstance(schedule, Discovery) and schedule.about is About.YESTERDAY
    # Back from the date that the data is about to the day on which it was looked for.
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
            continue  # a day of the week on which the search does not look
        found = fact.status is Status.SUCCESS
        if complete and found and fact.completeness is not None and fact.completeness.missing:
            # A search until complete goes on after a document that lacks games, so it is not what it looks for.
            found = False
        # A request is executed some seconds after its time. To the second, what a look at 14:30 finds would be held to
        # appear in the bin that begins then, five minutes late.
        yield Look(fact.game_date, (fact.triggered_at - opens) // _MINUTE, found)
