"""Tests of a race: one controller closes an occurrence while another receives a late execution of it.

The tests run every order of the bucket calls that the other controller can see. No controller
is killed, or one of them is, before any one of its writes or reads. In each order the occurrence is examined again.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import Any

import greenlet
import pytest

from tests.support.controller import (
    DAY,
    ClockedObjects,
    World,
    at,
    at_times,
    configured,
    slate,
    workflow,
)
from tipoff_common.events import ScrapeExecuted, ScrapeRequested
from tipoff_controller import evaluation
from tipoff_controller.deps import Deps, Once
from tipoff_controller.follow_ups import append, note_execution, publish_tick_again
from tipoff_controller.occurrence_store import Concurrency, Key, OccurrenceStore
from tipoff_planning.occurrence_log import OccurrenceState, log_execution
from tipoff_planning.progress import PlanProgress
from tipoff_planning.settled import Settled

CHAIN = configured(
    chain=workflow(at_times("06:00"), "bulletin", {"scraper": "digest", "after": ["bulletin"]}, max_retries=0)
)
NOW = at("06:31")


class Killed(BaseException):
    """The end of the process."""


def pause() -> None:
    """Let the test choose the task to continue; do nothing outside a stepped task."""
    if (parent := greenlet.getcurrent().parent) is not None:
        parent.switch()


class Stepped(ClockedObjects):
    """A bucket whose writes yield control to the test."""

    def create(
        self, name: str, body: bytes, *, content_type: str = "", metadata: Mapping[str, str] = {}
    ) -> bool:
        pause()
        return super().create(name, body, content_type=content_type, metadata=metadata)

    def put(self, name: str, body: bytes, *, content_type: str, metadata: Mapping[str, str] = {}) -> None:
        pause()
        super().put(name, body, content_type=content_type, metadata=metadata)

    def delete(self, name: str, *, generation: int | None = None) -> None:
        pause()
        super().delete(name, generation=generation)


class SteppedLoads(OccurrenceStore):
    """The memory of the closing controller, the only one that reads the other's writes."""

    def load(self, key: Key) -> OccurrenceState:
        # All reads of a load count as one: the last read finds everything appended between them.
        pause()
        return super().load(key)


def settled_by_a_presumed_death() -> tuple[World, ScrapeRequested, dict[str, bytes]]:
    """Return a chain with a first request that is presumed dead, and the bucket before that failure was logged."""
    made = World(CHAIN, state=Stepped("state"))
    made.land(slate(1), at("05:00"))
    made.tick(at("06:00"))
    (parent,) = made.take(ScrapeRequested)
    made.tick(at("06:30"))
    before = dict(made.state.bodies)
    made.hear()
    made.take(ScrapeRequested)
    assert made.state_of(parent).settled
    return made, parent, before


def every_order(
    begin: Callable[[], dict[str, greenlet.greenlet]], *, kill: str | None
) -> Iterator[list[str]]:
    """Start tasks and run them in every order; with `kill`, also kill that task once at every point."""
    pending: list[list[str]] = [[]]
    while pending:
        planned, taken = pending.pop(), list[str]()
        tasks = begin()
        while moves := [name for name, task in tasks.items() if not task.dead]:
            if kill in moves and kill in taken and "kill" not in taken:
                moves.append("kill")
            if len(taken) == len(planned):
                pending += [[*taken, other] for other in moves[1:]]
                planned = [*taken, moves[0]]
            taken.append(planned[len(taken)])
            if taken[-1] == "kill":
                tasks[kill or ""].throw(Killed)
            else:
                tasks[taken[-1]].switch()
        yield taken


def hear_by_delivery(late: ScrapeExecuted, deps: Deps) -> None:
    note_execution(late, deps, NOW)


def hear_by_tick(late: ScrapeExecuted, deps: Deps) -> None:
    """Add the execution as an evaluation does for a row that only the dataset has."""
    state = deps.occurrences.cached(Key(late.game_date, late.occurrence_id or ""))
    publish_tick_again(state, NOW, deps)
    append(state, [log_execution(late, CHAIN.subject_parameters)], deps, NOW, NOW, tick=NOW)


@pytest.mark.parametrize("kill", [None, "hears", "closes"])
@pytest.mark.parametrize("remembers", ["settled", "under way"])
@pytest.mark.parametrize("hear", [hear_by_delivery, hear_by_tick])
def test_late_execution_during_close_reopens_occurrence(
    hear: Callable[[ScrapeExecuted, Deps], None], remembers: str, kill: str | None
) -> None:
    made, parent, before = settled_by_a_presumed_death()
    key = Key(parent.game_date, parent.occurrence_id or "")
    late: ScrapeExecuted = made.execute(parent, instant=at("06:05"))
    bucket = Stepped()

    def begin() -> dict[str, greenlet.greenlet]:
        nonlocal bucket
        # The other controller's memory may be older than the logged failure.
        bucket = Stepped(bodies=dict(before if remembers == "under way" else made.state.bodies))
        listener = OccurrenceStore(bucket, CHAIN.subject_parameters)
        assert listener.load(key).settled is (remembers == "settled")
        bucket.bodies.update(made.state.bodies)
        closer = SteppedLoads(bucket, CHAIN.subject_parameters)
        marker = closer.opened()[key]
        assert closer.load(key).settled
        made.bus.published.clear()

        def hear_until_acknowledged() -> None:
            try:
                hear(late, replace(made.deps, occurrences=listener, published=Once()))
            except Killed:
                # Redelivered to a new process.
                store = OccurrenceStore(bucket, CHAIN.subject_parameters)
                hear(late, replace(made.deps, occurrences=store, published=Once()))

        def close() -> None:
            with suppress(Killed):  # the next evaluation finds the marker, if there is one
                closer.close(key, marker)

        return {
            "hears": greenlet.greenlet(hear_until_acknowledged),
            "closes": greenlet.greenlet(close),
        }

    for order in every_order(begin, kill=kill):
        store = OccurrenceStore(bucket, ())
        assert not store.load(key).settled, "the step after it is under way"
        assert key in store.opened(), order
        assert {item.step for item in made.requests} == {"digest"}


READERS = [(PlanProgress, "units"), (Settled, "with_occurrence"), (evaluation, "publish_tick_again")]


@pytest.mark.parametrize(("owner", "name"), READERS, ids=[name for _, name in READERS])
def test_evaluation_holds_the_lock_of_a_state_that_it_walks(
    owner: object, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A late execution changes the state meanwhile: a dict would change during its iteration."""
    made = World(CHAIN)
    made.land(slate(1), at("05:00"))
    # A single lock, which is therefore the lock of every occurrence.
    made.deps = replace(
        made.deps, occurrences=OccurrenceStore(made.state, CHAIN.subject_parameters, Concurrency(locks=1))
    )
    lock: Any = made.deps.occurrences.lock(Key(DAY, "any"))
    walk, free = getattr(owner, name), []

    def watched(*arguments: Any) -> Any:
        with ThreadPoolExecutor(1) as other:
            free.append(other.submit(acquired, lock).result())
        return walk(*arguments)

    monkeypatch.setattr(owner, name, watched)
    made.tick(at("06:00"))
    made.tick(at("06:30"))  # the request's lease is over
    made.hear()
    made.tick(at("06:45"))  # the occurrence is settled
    assert free
    assert not any(free)


def acquired(lock: Any) -> bool:
    """Acquire a lock if it is free, and release it."""
    if taken := lock.acquire(blocking=False):
        lock.release()
    return bool(taken)
