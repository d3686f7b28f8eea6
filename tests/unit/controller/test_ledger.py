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


def test_what_was_decided_first_counts() -> None:
    made, first = Ledger(ClockedObjects()), EMPTY.model_copy(update={"requests": (requested(),)})
    assert made.decided(at("11:00")) is None
    assert made.remember_decided(at("11:00"), first) == first
    assert made.remember_decided(at("11:00"), EMPTY) == first
    assert made.decided(at("11:00")) == first


def test_the_latest_manual_runs_are_those_that_were_written_last() -> None:
    state = ClockedObjects()
    made = Ledger(state)
    runs = [EMPTY.model_copy(update={"decisions": (decided(occurrence_id=name),)}) for name in "cab"]
    for hour, run in enumerate(runs):
        state.now = at(f"{hour:02}:00")
        made.remember_manual_run(run)
    assert made.latest_manual_runs(2) == [runs[2], runs[1]]


def test_the_lock_of_a_day_is_the_first_and_changes_come_after_it() -> None:
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
def test_what_cannot_be_read_is_as_if_it_were_not_there(damage: bytes) -> None:
    state = ClockedObjects()
    made = Ledger(state)
    for name in (names.tick(at("11:00")), names.SETTLED, names.lock(DAY), names.manual_run("o")):
        state.create(name, damage)
    assert (made.decided(at("11:00")), made.manual_run("o"), made.schedules(DAY)) == (None, None, [])
    assert made.settled() == Settled()


def test_what_settled_occurrences_came_to_is_changed_again_if_somebody_else_wrote_in_between() -> None:
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
