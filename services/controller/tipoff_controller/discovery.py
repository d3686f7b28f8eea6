"""The plans of searches that learn: made once a day from the dataset, and stored."""

import logging
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

from tipoff_common.clock import business_date
from tipoff_common.ports import Unavailable
from tipoff_controller.deps import Deps
from tipoff_planning.calendar import Calendar
from tipoff_planning.discovery.plans import (
    DiscoveryPlan,
    DiscoveryPlans,
    Fallback,
    Search,
    keep_beat,
    plan_day,
)
from tipoff_planning.discovery.searches import HISTORY_DAYS, history_of, search_of, searched_scraper
from tipoff_planning.execution_log import read_looks
from tipoff_planning.occurrences import days_before

log = logging.getLogger(__name__)

PLANNED_BEFORE = timedelta(hours=1)
"""The time before its window at which a search is planned when the lock of the day's schedule, which usually plans it,
is missing: late enough for the evening before to be in the dataset, early enough for another evaluation when one is
lost."""


def ensure_plans(now: datetime, deps: Deps) -> DiscoveryPlans:
    """Write the missing plans of windows that are about to open; return the plans of the days around now.

    Raises:
        Unavailable: the state cannot be read or written.
    """
    found: dict[tuple[str, date], DiscoveryPlan] = {}
    missing: list[Search] = []
    today = business_date(now, deps.configuration.zone)
    for workflow in deps.configuration.learned:
        # A window may end after midnight, and tomorrow's may open within the hour.
        earlier = days_before(workflow, deps.configuration, today)
        for day in (*earlier, today, today + timedelta(days=1)):
            if (plan := deps.discovery.get(workflow, day)) is not None:
                found[workflow, day] = plan
            elif (search := search_of(deps.configuration, workflow, day)) is not None:
                closes = search.opens + timedelta(minutes=search.window_minutes)
                # Not earlier, because a plan is final: one made at noon for tomorrow would
                # lack this evening's facts.
                if search.opens - PLANNED_BEFORE <= now < closes:
                    missing.append(search)
    return {**found, **_remember_plans(missing, now, deps)}


def plan_discovery(day: date, now: datetime, deps: Deps) -> DiscoveryPlans:
    """Make and write the missing plans of a day, and return all plans of the day.

    Raises:
        Unavailable: the state cannot be read or written.
    """
    found: dict[tuple[str, date], DiscoveryPlan] = {}
    missing: list[Search] = []
    for workflow in deps.configuration.learned:
        if (plan := deps.discovery.get(workflow, day)) is not None:
            found[workflow, day] = plan
        elif (search := search_of(deps.configuration, workflow, day)) is not None:
            missing.append(search)
    return {**found, **_remember_plans(missing, now, deps)}


def _remember_plans(searches: Sequence[Search], now: datetime, deps: Deps) -> DiscoveryPlans:
    """Plan the searches and write each plan; return the stored plans, which may be another controller's."""
    if not searches:
        return {}
    # Once a window is open, requests of the fixed beat count towards its budget, and a learned plan would omit them.
    begun = [search for search in searches if now > search.opens]
    plans = [
        keep_beat(search, Fallback.DAY_BEGUN, "the window had opened before the day was planned", now)
        for search in begun
    ]
    plans += _draft_plans([search for search in searches if now <= search.opens], now, deps)
    # Another controller may have written a plan first, so return the stored plans
    # and not those made here.
    stored = (deps.discovery.remember(plan) for plan in plans)
    return {(plan.workflow, plan.day): plan for plan in stored}


def _draft_plans(searches: Sequence[Search], now: datetime, deps: Deps) -> Iterable[DiscoveryPlan]:
    """Plan all searches with one query.

    While the query fails, no plan is made before a window opens, as a plan is final and the next evaluation queries
    again; a search whose window opens before that keeps its fixed beat for the day.
    """
    if not searches:
        return []
    configuration = deps.configuration
    scrapers = sorted({searched_scraper(configuration, search.workflow) for search in searches})
    # Up to the day before the search: its own day is the one to predict.
    last = max(search.game_date for search in searches) - timedelta(days=1)
    first = last - timedelta(days=HISTORY_DAYS)
    # A search never waits for the dataset: the configured beat is the default
    # behaviour, and always safe.
    try:
        facts = read_looks(deps.warehouse, deps.environment, scrapers, first, last)
    except Unavailable as error:
        log.error(
            "searches keep their fixed beat until the dataset can be queried", extra={"detail": str(error)}
        )
        detail = "the dataset could not be queried before the window opened"
        return [
            keep_beat(search, Fallback.HISTORY_UNAVAILABLE, detail, now)
            for search in searches
            # The last evaluation before the opening: a later one cannot plan, and would not know of the failed query.
            if search.opens - now < deps.evaluated_every
        ]
    calendar = _calendar(now, deps)
    return [
        plan_day(search, history_of(search, facts, configuration, now, calendar), now) for search in searches
    ]


def _calendar(now: datetime, deps: Deps) -> Calendar | None:
    """Return the games, for their tip-offs; None when they cannot be read, and searches are planned without."""
    try:
        return deps.calendar.current(now)
    except Unavailable as error:
        log.error(
            "searches are learned without tip-offs; the games cannot be read", extra={"detail": str(error)}
        )
        return None
