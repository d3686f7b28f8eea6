"""Ticks, as Cloud Scheduler fires them: by hand for a replay, or by the wall clock."""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from tipoff_cli.checkout import ticks
from tipoff_common.clock import floor_to
from tipoff_common.events import Tick, TickFired
from tipoff_common.ports import Unavailable
from tipoff_common.publisher import Publisher
from tipoff_common.wall_clock import wall_now

log = logging.getLogger(__name__)


def due_ticks(minute: datetime) -> list[TickFired]:
    """The ticks that fire at `minute`, an aware instant with whole minutes, as infra/ticks.yaml says."""
    return [_fired(tick) for tick, cadence in ticks().items() if cadence.is_due(minute)]


def _fired(tick: Tick) -> TickFired:
    return TickFired(tick=tick, cadence_minutes=ticks()[tick].cadence_minutes, event_time=None)


def run_scheduler(
    publisher: Publisher, stopped: threading.Event, clock: Callable[[], datetime] = wall_now
) -> None:
    """Fires due ticks each minute until `stopped`, and a first evaluation at once, so that a fresh stack has decided.

    Ticks that Pub/Sub does not take are fired with those of the next minute, as Cloud Scheduler tries again.
    """
    due = [_fired(Tick.EVALUATE)]
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
