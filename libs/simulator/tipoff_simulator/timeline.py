"""Instants at which the simulated controller is woken: evaluation ticks with their faults, and the daily lock."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from random import Random

from tipoff_common.clock import local_instant
from tipoff_simulator.world import Ticks


@dataclass(frozen=True)
class Wake:
    """One tick of the controller."""

    now: datetime
    """Its instant."""
    tick: datetime
    """The instant that identifies it."""
    times: int = 1
    """How often it comes."""
    lock: bool = False
    """Whether the day's schedule is locked by it."""
    discover: bool = False
    """Whether it comes between two evaluations, for learned checks alone."""


def wakes(
    first: date,
    last: date,
    every: timedelta,
    ticks: Ticks,
    seed: int,
    lock_at: time,
    discovered_every: timedelta | None,
) -> list[Wake]:
    """List the ticks from the midnight that begins `first` to the one that ends `last`, in order. At the
    same instant the evaluation comes before the lock. discovered_every: how often a tick comes in between, if any."""
    start, end = local_instant(first, time()), local_instant(last + timedelta(days=1), time())
    evaluations = [
        wake
        for number in range((end - start) // every)
        if (wake := _evaluation(start + number * every, ticks, seed)) is not None
    ]
    between = [
        replace(wake, discover=True)
        for number in range((end - start) // discovered_every if discovered_every else 0)
        if discovered_every and number * discovered_every % every
        if (wake := _evaluation(start + number * discovered_every, ticks, seed)) is not None
    ]
    return sorted(
        [*evaluations, *between, *_locks(first, last, lock_at)], key=lambda wake: (wake.now, wake.lock)
    )


def _evaluation(tick: datetime, ticks: Ticks, seed: int) -> Wake | None:
    """Return the tick as it comes; None when it does not."""
    if any(gap.covers(tick) for gap in ticks.gaps):
        return None
    lag = timedelta(seconds=ticks.lag_seconds)
    if not (ticks.missed or ticks.doubled or ticks.late):
        return Wake(tick + lag, tick)
    luck = Random(f"{seed}/tick/{tick.isoformat()}")  # noqa: S311  # luck, not a secret
    missed, doubled, late, share = (luck.random() for _ in range(4))
    if missed < ticks.missed:
        return None
    delay = ticks.late_by * share if ticks.late_by and late < ticks.late else timedelta()
    return Wake(tick + lag + delay, tick, times=2 if doubled < ticks.doubled else 1)


def _locks(first: date, last: date, lock_at: time) -> Iterator[Wake]:
    for number in range((last - first).days + 1):
        instant = local_instant(first + timedelta(days=number), lock_at)
        yield Wake(instant, instant, lock=True)
