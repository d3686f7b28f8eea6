"""The ticks of the simulated controller: evaluations with their faults, and the daily lock."""

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
    """The instant of its delivery."""
    tick: datetime
    """The instant that identifies it."""
    times: int = 1
    """The number of deliveries."""
    lock: bool = False
    """Whether the tick locks the day's schedule."""
    discover: bool = False
    """Whether the tick comes between two evaluations, for workflows that cannot wait."""


def wakes(
    first: date,
    last: date,
    every: timedelta,
    ticks: Ticks,
    seed: int,
    lock_at: time,
    discovered_every: timedelta | None,
) -> list[Wake]:
    """List the ticks from the midnight that begins `first` to the one that ends `last`, in order. At the same instant
    the evaluation precedes the lock. discovered_every: the interval of ticks between evaluations, if any."""
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
    """Return the tick with its faults; None for a missed tick."""
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
