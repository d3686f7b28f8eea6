"""Real events through every service, and queries for their rows: the proof of a deployment.

Production has the same events anyway, so a proof has no harmful effect: an additional evaluation or cleanup decides
nothing twice, and the scrape has a fresh id.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from tipoff_cli.errors import CommandFailed
from tipoff_common.clock import business_date, floor_to
from tipoff_common.events import Event, ScrapeRequested, Source, Tick, TickFired
from tipoff_common.outcomes import FailureKind
from tipoff_common.ports import DATASET, Parameter, Warehouse
from tipoff_common.publisher import Publisher
from tipoff_planning.workflows import Configuration

TICK_MINUTES = 1
_CLOCKS_DIFFER = timedelta(seconds=5)
_POLL_SECONDS = 1.0
_AGAIN_SECONDS = 60.0
"""Interval for publishing events without a row again: Pub/Sub may redeliver only after 600 s, and in a new environment
the first deliveries fail until the grants take effect."""


class NothingToProve(CommandFailed):
    """A fleet in which every scraper needs more than a date."""


@dataclass(frozen=True)
class Proof:
    """An event and the query that finds its row."""

    what: str
    through: str
    """The services that the proof depends on."""
    event: Event
    sql: str
    parameters: Mapping[str, Parameter]


@dataclass(frozen=True)
class Proven:
    """The result of a proof."""

    proof: Proof
    seconds: float
    """Seconds until the row was found, or until the wait ended."""
    row: Mapping[str, Any] = field(default_factory=dict)
    """The row that was found; empty without one."""
    fault: str | None = None
    """The fault: no row, or a row with an internal error; None when the proof succeeded."""


def scraper_to_prove(configuration: Configuration) -> str:
    """Return the scraper of the calendar, or the fleet's first that takes nothing but a date. Raises NothingToProve."""
    if configuration.file.calendar.scraper is not None:
        return configuration.file.calendar.scraper
    for workflow in configuration.workflows.values():
        for step in workflow.steps:
            parameters = configuration.catalog[step.scraper].parameters
            if all(name == "game_date" for name, it in parameters.items() if it.required):
                return step.scraper
    raise NothingToProve(
        "the smoke test needs a scraper in config/workflows.yaml that requires only a game date; add one"
    )


def draft_proofs(
    scraper: str, environment: str, now: datetime, event_time: datetime | None = None
) -> Sequence[Proof]:
    """Draft an evaluation, a cleanup and a scrape. event_time: the instant to act for, when a day is replayed."""
    at = event_time or now
    request_id, day = str(uuid4()), business_date(at)
    since = event_time or floor_to(now - _CLOCKS_DIFFER, TICK_MINUTES)
    common: Mapping[str, Parameter] = {"environment": environment, "since": since}
    return (
        Proof(
            "a decision",
            "controller, logger",
            TickFired(tick=Tick.EVALUATE, cadence_minutes=TICK_MINUTES, event_time=event_time),
            f"""
            SELECT workflow_name, action FROM {DATASET}.workflow_decisions
            WHERE decision_time >= @since AND environment = @environment LIMIT 1
            """,  # noqa: S608 - a name of our own
            common,
        ),
        Proof(
            "a cleanup",
            "cleanup, logger",
            TickFired(tick=Tick.CLEANUP, cadence_minutes=TICK_MINUTES, event_time=event_time),
            f"""
            SELECT files_checked, ARRAY_LENGTH(errors) AS faults FROM {DATASET}.cleanup_operations
            WHERE cleanup_time >= @since AND environment = @environment LIMIT 1
            """,  # noqa: S608
            common,
        ),
        Proof(
            "a scrape",
            "scraper-runner, logger",
            ScrapeRequested(
                request_id=request_id,
                workflow="smoke",
                step=scraper,
                scraper=scraper,
                game_date=day,
                parameters={"game_date": day.isoformat()},
                attempt=1,
                source=Source.MANUAL,
                triggered_by="tipoff smoke",
                requested_at=now,
                event_time=event_time,
            ),
            f"""
            SELECT status, error_type, error_message FROM {DATASET}.scraper_execution_log
            WHERE execution_id = @request_id AND triggered_at >= @since AND environment = @environment LIMIT 1
            """,  # noqa: S608
            {**common, "request_id": request_id},
        ),
    )


def prove(
    proofs: Sequence[Proof],
    publisher: Publisher,
    warehouse: Warehouse,
    timeout_seconds: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Sequence[Proven]:
    """Publish all events, and each minute those without a row again, until every row is there or the time is over.

    Services handle a repeated event only once. Raises Unavailable when publishing or querying fails.
    """
    begun = published = clock()
    publisher.publish([proof.event for proof in proofs])
    proven: dict[int, Proven] = {}
    while len(proven) < len(proofs):
        for place, proof in enumerate(proofs):
            if place not in proven and (rows := warehouse.query(proof.sql, proof.parameters)):
                proven[place] = Proven(proof, clock() - begun, rows[0], _fault(rows[0]))
        if clock() - begun >= timeout_seconds:
            break
        missing = [proof.event for place, proof in enumerate(proofs) if place not in proven]
        if missing and clock() - published >= _AGAIN_SECONDS:
            publisher.publish(missing)
            published = clock()
        if len(proven) < len(proofs):
            sleep(_POLL_SECONDS)
    waited = clock() - begun
    silent = f"no row within {timeout_seconds:g} s"
    return [proven.get(place) or Proven(proof, waited, fault=silent) for place, proof in enumerate(proofs)]


def _fault(row: Mapping[str, Any]) -> str | None:
    """Return the deployment's fault, such as an image without the scraper; None when only the source is down."""
    if row.get("error_type") == FailureKind.INTERNAL:
        return f"the execution failed: {row['error_message']}"
    return None
