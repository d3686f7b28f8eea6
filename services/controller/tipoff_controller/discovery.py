"""The plans of searches that learn: made once a day from what the dataset knows, and kept."""

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
"""How long before its window opens a search is planned where the lock of the day's schedule, which plans it, did not
come: late enough for the evening before to be in the dataset, early enough for a dataset that answers at the second
evaluation only."""


def plans_around(now: datetime, deps: Deps) -> DiscoveryPlans:
    """Write the missing plans of windows that are about to open; return the plans of the days that are looked at.

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
            if (plan := deps.discovery.known(workflow, day)) is not None:
                found[workflow, day] = plan
            elif (search := search_of(deps.configuration, workflow, day)) is not None:
                closes = search.opens + timedelta(minutes=search.window_minutes)
                # Not earlier, because what is planned stands: a plan made at noon for tomorrow
                # would lack this evening's facts.
                if search.opens - PLANNED_BEFORE <= now < closes:
                    missing.append(search)
    return {**found, **_remember_plans(missing, now, deps)}


def plan_discovery(day: date, now: datetime, deps: Deps) -> DiscoveryPlans:
    """Make the plans of a day that are not there yet, write them down, and return all of the day's.

    Raises:
        Unavailable: the state cannot be read or written.
    """
    found: dict[tuple[str, date], DiscoveryPlan] = {}
    missing: list[Search] = []
    for workflow in deps.configuration.learned:
        if (plan := deps.discovery.known(workflow, day)) is not None:
            found[workflow, day] = plan
        elif (search := search_of(deps.configuration, workflow, day)) is not None:
            missing.append(search)
    return {**found, **_remember_plans(missing, now, deps)}


def _remember_plans(searches: Sequence[Search], now: datetime, deps: Deps) -> DiscoveryPlans:
    """Plan the searches and write each plan down; return the plans that stand, which may be another controller's."""
    if not searches:
        return {}
    # What the beat has asked for of a day that has begun counts towards its budget, and no plan knows of it.
    begun = [search for search in searches if now > search.opens]
    plans = [
        keep_beat(search, Fallback.DAY_BEGUN, "the window had opened before the day was planned", now)
        for search in begun
    ]
    plans += _fitted([search for search in searches if now <= search.opens], now, deps)
    # What another controller wrote first counts, so the plans returned are those
    # remembered, not those made here.
    kept = (deps.discovery.remember(plan) for plan in plans)
    return {(plan.workflow, plan.day): plan for plan in kept}


def _fitted(searches: Sequence[Search], now: datetime, deps: Deps) -> Iterable[DiscoveryPlan]:
    """Plan with one query for all searches; on the fixed beat while the dataset cannot be asked."""
    if not searches:
        return []
    configuration = deps.configuration
    scrapers = sorted({searched_scraper(configuration, search.workflow) for search in searches})
    # Up to the day before the search: its own day is what is being predicted.
    last = max(search.game_date for search in searches) - timedelta(days=1)
    first = last - timedelta(days=HISTORY_DAYS)
    # A search never waits for the dataset: the beat that was configured is the
    # behaviour of before, and always safe.
    try:
        facts = read_looks(deps.warehouse, deps.environment, scrapers, first, last)
    except Unavailable as error:
        log.error("searches are not learned today, the dataset cannot be asked", extra={"detail": str(error)})
        detail = "the dataset could not be asked when the day was planned"
        return [keep_beat(search, Fallback.HISTORY_UNAVAILABLE, detail, now) for search in searches]
    calendar = _calendar(deps)
    return [
        plan_day(search, history_of(search, facts, configuration, now, calendar), now) for search in searches
    ]


def _calendar(deps: Deps) -> Calendar | None:
    """Return the games, for their tip-offs; a search is planned without them where they cannot be read."""
    try:
        return deps.calendar.current()
    except Unavailable as error:
        log.error(
            "searches are learned without tip-offs, the games cannot be read", extra={"detail": str(error)}
        )
        return None
