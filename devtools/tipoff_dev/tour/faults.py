"""Faults in the week of the tour, at different times so that a page shows one fault at a time."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from tipoff_common.catalog import Catalog, ScraperSpec
from tipoff_common.outcomes import FailureKind
from tipoff_dev.fakes.phase2.behaviour import Behaviour
from tipoff_simulator.world import Outage, Span, World, load_world

MARK = "made up for the tour"
"""Part of the text of every fault, so that users do not take it for a fault of the fleet."""

MESSAGES: Mapping[FailureKind, str] = {
    FailureKind.TIMEOUT: "no answer from {host} within {seconds:g} s",
    FailureKind.HTTP: "503 Service Unavailable from {host}, three times",
    FailureKind.BLOCKED: "403 Forbidden from {host}: the source refuses this client",
    FailureKind.SOURCE_CHANGED: "the document of {host} has no 'data'; its shape changed",
    FailureKind.DECODE: "the document of {host} ends in the middle of a record",
}

PHASE2 = Behaviour(drop=0.02)
"""Phase 2 loses one in fifty of the announced files; cleanup republishes them."""
GIVEN_UP = Behaviour(drop=1, paths="*/play-by-play/*")
"""A fault of Phase 2 for one day: it drops these files, so that cleanup gives up."""


def failure_message(spec: ScraperSpec, kind: FailureKind) -> str:
    """Return the message of a failure, for its row and for the decisions that repeat it."""
    text = MESSAGES.get(kind, "{host} failed").format(
        host=f"the {spec.source} fake", seconds=spec.timeout_seconds
    )
    return f"{text} ({MARK})"


def tour_world(catalog: Catalog, until: datetime) -> World:
    """Return the usual world with the tour's faults in the days before `until` (aware)."""
    usual = load_world(None, catalog)
    outages = (
        # Two days ago a source refuses the client for an evening.
        _outage(until, days=2, hours=6, sources=("espn",), kind=FailureKind.BLOCKED),
        # Requests for box scores fail for a night; retries and the next occurrences succeed.
        _outage(until, days=4, hours=3, scrapers=("nbac_team_boxscore", "nbac_player_boxscore")),
        # Documents changed their format yesterday; these scrapers still fail.
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
    # No tick for two hours: runs that were due then are late or missing.
    gap_end = until - timedelta(days=3)
    return usual.model_copy(
        update={
            "name": "tour",
            # A fleet in its own repository has other scrapers; keep only the faults that concern them.
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
