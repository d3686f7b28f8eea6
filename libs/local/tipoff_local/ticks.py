"""Ticks, as Cloud Scheduler fires them: by hand for a replay, or by the wall clock."""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tipoff_common.clock import EASTERN, floor_to
from tipoff_common.events import Tick, TickFired
from tipoff_common.ports import Unavailable
from tipoff_common.publisher import Publisher
from tipoff_common.wall_clock import wall_now

log = logging.getLogger(__name__)

EVALUATE_MINUTES = 15
CLEANUP_MINUTES = 15
LOCK_AT = "05:00"
ARCHIVE_AT = "08:00"


def due_ticks(minute: datetime) -> list[TickFired]:
    """The ticks that fire at `minute`, an aware instant with whole minutes; the lock at 05:00 New York
    time, the archive at 08:00 UTC."""
    ticks = []
    if minute == floor_to(minute, EVALUATE_MINUTES):
        ticks.append(TickFired(tick=Tick.EVALUATE, cadence_minutes=EVALUATE_MINUTES, event_time=None))
    if minute == floor_to(minute, CLEANUP_MINUTES):
        ticks.append(TickFired(tick=Tick.CLEANUP, cadence_minutes=CLEANUP_MINUTES, event_time=None))
    if f"{minute.astimezone(EASTERN):%H:%M}" == LOCK_AT:
        ticks.append(TickFired(tick=Tick.LOCK_SCHEDULE, cadence_minutes=60, event_time=None))
    if f"{minute.astimezone(UTC):%H:%M}" == ARCHIVE_AT:
        ticks.append(TickFired(tick=Tick.ARCHIVE, cadence_minutes=24 * 60, event_time=None))
    return ticks


def run_scheduler(
    publisher: Publisher, stopped: threading.Event, clock: Callable[[], datetime] = wall_now
) -> None:
    """Fires due ticks each minute until `stopped`, and a first evaluation at once, so that a fresh stack has decided.

    Ticks that Pub/Sub does not take are fired with those of the next minute, as Cloud Scheduler tries again.
    """
    due = [TickFired(tick=Tick.EVALUATE, cadence_minutes=EVALUATE_MINUTES, event_time=None)]
    minute = floor_to(clock(), 1)
    while True:
        try:
            publisher.publish(due)
            due = []
        except Unavailable as error:
            log.error("ticks not fired, to be tried again", extra={"detail": str(error)})
        if stopped.wait(_seconds_until(minute + timedelta(minutes=1), clock())):
            return
        minute += timedelta(minutes=1)
        due += [tick for tick in due_ticks(minute) if tick not in due]


def _seconds_until(instant: datetime, now: datetime) -> float:
    return max(0.0, (instant - now).total_seconds())
