"""A replacement for Cloud Scheduler, which fires ticks by the wall clock."""

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import yaml

from tipoff_common.clock import floor_to
from tipoff_common.events import Tick, TickFired
from tipoff_common.ports import Unavailable
from tipoff_common.publisher import Publisher
from tipoff_common.ticks import Cadence, load_ticks
from tipoff_common.wall_clock import wall_now

log = logging.getLogger(__name__)


Cadences = Mapping[Tick, Cadence]


def due_ticks(minute: datetime, cadences: Cadences) -> list[TickFired]:
    """Return the ticks that fire at `minute`, an aware instant with whole minutes."""
    return [_fired(tick, cadence) for tick, cadence in cadences.items() if cadence.is_due(minute)]


def write_ticks_every(minutes: int, source: Path, target: Path) -> Path:
    """Write the ticks of `source` to `target`, but with evaluations every `minutes` minutes; return `target`.

    Raises:
        ConfigurationError: the source has a fault, or `minutes` is no valid interval of evaluations.
    """
    # Checked first, so that a fault of the source is reported with the source's lines.
    load_ticks(source)
    written = yaml.safe_load(source.read_text(encoding="utf-8"))
    evaluate = written["ticks"][Tick.EVALUATE.value]
    for daily in ("daily_at", "time_zone"):
        evaluate.pop(daily, None)
    # An evaluation's identity is its instant rounded down to the cadence, so both change together.
    evaluate.update(every_minutes=minutes, cadence_minutes=minutes)
    target.write_text(yaml.safe_dump(written), encoding="utf-8")
    load_ticks(target)
    return target


def _fired(tick: Tick, cadence: Cadence) -> TickFired:
    return TickFired(tick=tick, cadence_minutes=cadence.cadence_minutes, event_time=None)


def run_scheduler(
    publisher: Publisher,
    stopped: threading.Event,
    cadences: Cadences,
    clock: Callable[[], datetime] = wall_now,
) -> None:
    """Fire due ticks each minute until `stopped`, and the first evaluation and cleanup at once.

    A fresh stack thus has decisions and a cleanup run, whose absence would be an alert.

    Ticks that Pub/Sub does not accept are fired with those of the next minute, as Cloud Scheduler retries. After a
    suspension of the machine, each kind of tick that was due meanwhile is fired once.
    """
    # A fleet may have no cleanup.
    due = [_fired(tick, cadences[tick]) for tick in (Tick.EVALUATE, Tick.CLEANUP) if tick in cadences]
    minute = floor_to(clock(), 1) + timedelta(minutes=1)
    while True:
        try:
            publisher.publish(due)
            due = []
        except Unavailable as error:
            log.error("ticks not fired, to be tried again", extra={"detail": str(error)})
        if stopped.wait(max(0.0, (minute - clock()).total_seconds())):
            return
        # Not minute by minute: after a suspended night the ticks of each minute would be fired at once, all with the
        # present time. `minute` itself is due even if the wait ended a moment before it.
        now = max(minute, floor_to(clock(), 1))
        while minute <= now:
            due += [tick for tick in due_ticks(minute, cadences) if tick not in due]
            minute += timedelta(minutes=1)
