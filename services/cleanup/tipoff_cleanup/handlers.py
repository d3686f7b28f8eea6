"""Handler of cleanup's tick: observe, repair, and publish one row for each tick."""

from datetime import datetime

from tipoff_cleanup.completion import build_completed
from tipoff_cleanup.deps import Deps, Instants
from tipoff_cleanup.memory import CleanupRun
from tipoff_cleanup.observation import observe
from tipoff_cleanup.repair import journal_until, repair
from tipoff_common.events import Event, TickFired
from tipoff_common.ticks import tick_instant

ACCEPTED: frozenset[type[Event]] = frozenset({TickFired})


def run_cleanup(event: TickFired, published_at: datetime, deps: Deps, now: datetime) -> None:
    """Republish lost files and adopt orphans, store the run, and publish its row.

    For a redelivered tick, publish the stored run again.

    Raises:
        Unavailable: the run could not be stored or published, so Pub/Sub has to redeliver the tick.
    """
    instants = Instants(
        tick=tick_instant(event, published_at),
        now=event.event_time or now,
        event_time=event.event_time,
    )
    run = deps.memory.run(instants.tick)
    if run is None:
        run = deps.memory.remember_run(instants.tick, _run(instants, deps))
    deps.publisher.publish([run.completed])


def _run(instants: Instants, deps: Deps) -> CleanupRun:
    started = deps.monotonic()
    observation = observe(instants, deps)
    repairs = repair(observation, deps)
    # Built from the frozen results of both stages, so that the row states exactly the observations and repairs.
    return CleanupRun(
        completed=build_completed(observation, repairs, deps, deps.monotonic() - started),
        written_until=journal_until(observation, repairs),
    )
