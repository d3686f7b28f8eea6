"""Faults in the week of the tour, each at a time of its own so that a page shows one fault at a time."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from tipoff_common.catalog import Catalog
from tipoff_common.outcomes import FailureKind
from tipoff_dev.fakes.phase2.behaviour import Behaviour
from tipoff_simulator.world import Outage, Span, World, load_world

MARK = "made up for the tour"
"""Stands in the text of every fault, so that nobody takes one for a fault of the fleet."""

MESSAGES: Mapping[FailureKind, str] = {
    FailureKind.TIMEOUT: "no answer from {host} within {seconds:g} s",
    FailureKind.HTTP: "503 Service Unavailable from {host}, three times",
    FailureKind.BLOCKED: "403 Forbidden from {host}: the source refuses this client",
    FailureKind.SOURCE_CHANGED: "the document of {host} has no 'data'; its shape changed",
    FailureKind.DECODE: "the document of {host} ends in the middle of a record",
}

PHASE2 = Behaviour(drop=0.02)
"""Phase 2 loses one file in fifty of those that it is told of, which cleanup publishes again."""
GIVEN_UP = Behaviour(drop=1, paths="*/play-by-play/*")
"""A fault of Phase 2 for a day: it drops these files, so that cleanup gives up."""


def tour_world(catalog: Catalog, until: datetime) -> World:
    """Return the usual world with the tour's faults in the days before `until` (aware)."""
    usual = load_world(None, catalog)
    outages = (
        # A source refuses us for an evening, two days ago.
        _outage(until, days=2, hours=6, sources=("espn",), kind=FailureKind.BLOCKED),
        # A night in which box scores come as errors; retries and the next occurrences get them.
        _outage(until, days=4, hours=3, scrapers=("nbac_team_boxscore", "nbac_player_boxscore")),
        # A document that changed yesterday and is not mended: what is sick now.
        _outage(
            until,
            days=0.9,
            hours=30,
            scrapers=("bdl_injuries", "nbac_player_movement"),
            kind=FailureKind.SOURCE_CHANGED,
        ),
    )
    known, sources = set(catalog), {spec.source for spec in catalog.values()}
    failures = {
        "nbac_injury_report": {FailureKind.TIMEOUT: 0.08},
        "nbac_referee_assignments": {FailureKind.HTTP: 0.1},
        "oddsa_game_lines": {FailureKind.HTTP: 0.05},
    }
    # No tick for two hours: what was due then is late or missing.
    gap_end = until - timedelta(days=3)
    return usual.model_copy(
        update={
            "name": "tour",
            # A fleet of one's own has other scrapers, and only the faults that concern them.
            "outages": tuple(
                item for item in outages if known & set(item.scrapers) or sources & set(item.sources)
            ),
            "failures": {name: kinds for name, kinds in failures.items() if name in known},
            "ticks": usual.ticks.model_copy(
                update={"gaps": (Span(start=gap_end - timedelta(hours=2), end=gap_end),)}
            ),
        }
    )


def _outage(
    until: datetime,
    *,
    days: float,
    hours: float,
    kind: FailureKind = FailureKind.HTTP,
    sources: tuple[str, ...] = (),
    scrapers: tuple[str, ...] = (),
) -> Outage:
    start = until - timedelta(days=days)
    return Outage(
        start=start, end=start + timedelta(hours=hours), sources=sources, scrapers=scrapers, kind=kind
    )
