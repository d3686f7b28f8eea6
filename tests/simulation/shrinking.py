"""Delta debugging of a run's faults: the smallest list that still fails."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from tests.simulation.checker import check
from tests.simulation.faults import Fault
from tests.simulation.fleet import USUAL, Shape
from tests.simulation.services import SERVICES
from tests.simulation.world import simulate


def laws_broken(
    seed: int, faults: tuple[Fault, ...], services: Mapping[str, Any] = SERVICES, shape: Shape = USUAL
) -> set[str]:
    """Return the names of the laws that a run breaks."""
    return {violation.law for violation in check(simulate(seed, faults, services, shape).log)}


def shrink(
    seed: int,
    faults: tuple[Fault, ...],
    laws: Collection[str],
    services: Mapping[str, Any] = SERVICES,
    shape: Shape = USUAL,
) -> tuple[Fault, ...]:
    """Return the fewest of the faults with which the run still breaks one of the laws."""
    return smallest(faults, lambda some: bool(laws_broken(seed, some, services, shape) & set(laws)))


def smallest(faults: tuple[Fault, ...], fails: Callable[[tuple[Fault, ...]], bool]) -> tuple[Fault, ...]:
    """Remove halves, then quarters, then single faults, as long as the rest still fails."""
    if fails(()):
        return ()
    size = max(1, len(faults) // 2)
    while True:
        for start in range(0, len(faults), size):
            fewer = faults[:start] + faults[start + size :]
            if fewer != faults and fails(fewer):
                faults = fewer
                break
        else:
            if size == 1:
                return faults
            size = max(1, size // 2)
