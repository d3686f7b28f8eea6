"""Shrinking of a list of faults: the result fails, and every fault in it is needed."""

from hypothesis import given
from hypothesis import strategies as st

from tests.simulation.faults import Fault, Kind
from tests.simulation.shrinking import smallest

FAULTS = tuple(Fault(number, Kind.CRASH, number, number + 1) for number in range(12))


@given(st.sets(st.sampled_from(FAULTS)))
def test_faults_needed_together_are_found(guilty: set[Fault]) -> None:
    found = smallest(FAULTS, lambda some: guilty <= set(some))
    assert set(found) == guilty


@given(st.sets(st.sampled_from(FAULTS), min_size=1))
def test_single_sufficient_fault_is_found(guilty: set[Fault]) -> None:
    found = smallest(FAULTS, lambda some: bool(guilty & set(some)))
    assert len(found) == 1
    assert set(found) <= guilty
