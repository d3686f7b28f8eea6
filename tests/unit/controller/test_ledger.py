"""Tests of the ledger of decisions and schedules: the first creation wins, an unreadable object stops nothing."""

from datetime import timedelta

import pytest

from tests.support.controller import DAY, ClockedObjects, at
from tests.support.samples import decided, locked, requested
from tipoff_controller import names
from tipoff_controller.ledger import Ledger
from tipoff_planning.drafts import DecisionBatch
from tipoff_planning.settled import Settled

EMPTY = DecisionBatch(decisions=(), plans=(), requests=())


def test_first_decision_of_tick_wins() -> None:
    made, first = Ledger(ClockedObjects()), EMPTY.model_copy(update={"requests": (requested(),)})
    assert made.decided(at("11:00")) is None
    assert made.remember_decided(at("11:00"), first) == first
    assert made.remember_decided(at("11:00"), EMPTY) == first
    assert made.decided(at("11:00")) == first


def test_latest_manual_runs_are_ordered_by_write_time() -> None:
    state = ClockedObjects()
    made = Ledger(state)
    runs = [EMPTY.model_copy(update={"decisions": (decided(occurrence_id=name),)}) for name in "cab"]
    for hour, run in enumerate(runs):
        state.now = at(f"{hour:02}:00")
        made.remember_manual_run(run)
    assert made.latest_manual_runs(2) == [runs[2], runs[1]]


def test_first_lock_wins_and_changes_follow_by_time() -> None:
    made = Ledger(ClockedObjects())
    first = locked(locked_at=at("05:00"), schedule_version="v1")
    assert made.remember_lock(first) == first
    assert made.remember_lock(locked(locked_at=at("05:15"), schedule_version="v2")) == first
    changes = [(14, "v3"), (9, "v4")]
    made.remember_changes(
        locked(locked_at=at(f"{hour:02}:00"), schedule_version=name) for hour, name in changes
    )
    assert [event.schedule_version for event in made.schedules(DAY)] == ["v1", "v4", "v3"]
    assert made.schedules(DAY + timedelta(days=1)) == []


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"version": 2}'])
def test_unreadable_object_counts_as_missing(damage: bytes) -> None:
    state = ClockedObjects()
    made = Ledger(state)
    for name in (names.tick(at("11:00")), names.SETTLED, names.lock(DAY), names.manual_run("o")):
        state.create(name, damage)
    assert (made.decided(at("11:00")), made.manual_run("o"), made.schedules(DAY)) == (None, None, [])
    assert made.settled() == Settled()


def test_concurrent_changes_of_settled_results_are_merged() -> None:
    state = ClockedObjects()
    made, tries = Ledger(state), []

    def change(known: Settled) -> Settled:
        if not tries:
            tries.append(1)
            other = Settled(empty_looks={"other": ("a",)})
            state.put(names.SETTLED, other.model_dump_json().encode(), content_type="application/json")
        return known.model_copy(update={"empty_looks": {**known.empty_looks, "mine": ("b",)}})

    made.change_settled(change)
    assert made.settled().empty_looks == {"other": ("a",), "mine": ("b",)}
