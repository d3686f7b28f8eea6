"""One cleanup run a tick, always with one true row."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from tipoff_cleanup.dataset import read_landed, read_receipts
from tipoff_cleanup.losses import Landed, lost
from tipoff_cleanup.memory import Memory
from tipoff_common.clock import floor_to
from tipoff_common.events import CleanupCompleted, Event, FileLanded, MissingFile, TickFired
from tipoff_common.identity import event_id
from tipoff_common.ports import Unavailable, Warehouse
from tipoff_common.publisher import Publisher

ACCEPTED: frozenset[type[Event]] = frozenset({TickFired})
NO_RECEIPTS = "no receipts to compare with; nothing is republished"


@dataclass(frozen=True)
class Deps:
    environment: str
    lookback: timedelta
    lost_after: timedelta
    max_republishes: int
    pubsub_enabled: bool
    memory: Memory
    warehouse: Warehouse
    publisher: Publisher


def run_cleanup(event: TickFired, published_at: datetime, deps: Deps, now: datetime) -> None:
    """Raises Unavailable when the run could not be written down or published; it is delivered again."""
    tick = floor_to(event.event_time or published_at, event.cadence_minutes)
    key = tick.strftime("%Y-%m-%dT%H%MZ")
    completed = deps.memory.run(key)
    if completed is None:
        completed = deps.memory.remember_run(key, _compare(tick, event.event_time or now, deps))
    deps.publisher.publish([completed])


def _compare(tick: datetime, now: datetime, deps: Deps) -> CleanupCompleted:
    started = time.monotonic()
    landed: list[Landed] = []
    missing: list[Landed] = []
    republished: set[str] = set()
    errors: list[str] = []
    try:
        landed = read_landed(deps.warehouse, deps.environment, now, deps.lookback)
        receipts = read_receipts(deps.warehouse, deps.environment, now - deps.lookback)
        if landed and not receipts:
            errors.append(NO_RECEIPTS)
        missing = lost(landed, receipts, now, deps.lost_after)
        for file in missing:
            if _republish(file, deps):
                republished.add(file.gcs_path)
    except Unavailable as error:
        errors.append(str(error))
    return CleanupCompleted(
        cleanup_id=event_id("cleanup", deps.environment, tick.isoformat()),
        cleanup_time=now,
        files_checked=len(landed),
        missing_files=tuple(_missing(file, now, file.gcs_path in republished) for file in missing),
        republished_count=len(republished),
        errors=tuple(errors),
        duration_seconds=round(time.monotonic() - started, 3),
        pubsub_enabled=deps.pubsub_enabled,
        environment=deps.environment,
    )


def _republish(file: Landed, deps: Deps) -> bool:
    """Announces the file again unless that was done often enough; the marker is written first, so that a crash in
    between costs one announcement rather than adding one."""
    number = deps.memory.republishes(file.gcs_path) + 1
    if not deps.pubsub_enabled or number > deps.max_republishes:
        return False
    deps.memory.mark_republish(file.gcs_path, number)
    deps.publisher.publish([_again(file, number)])
    return True


def _missing(file: Landed, now: datetime, republished: bool) -> MissingFile:
    return MissingFile(
        scraper_name=file.scraper_name,
        gcs_path=file.gcs_path,
        triggered_at=file.landed_at,
        age_minutes=int((now - file.landed_at).total_seconds() // 60),
        republished=republished,
    )


def _again(file: Landed, number: int) -> FileLanded:
    return FileLanded(
        gcs_path=file.gcs_path,
        scraper_name=file.scraper_name,
        workflow=file.workflow,
        game_date=file.game_date,
        execution_id=file.execution_id,
        record_count=file.record_count,
        content_sha256=file.content_sha256,
        landed_at=file.landed_at,
        recovery=True,
        republish=number,
    )
