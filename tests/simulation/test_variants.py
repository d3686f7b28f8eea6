"""The checker's sensitivity: services that are broken on purpose are caught, and by the law they break."""

import pytest

from tests.simulation.checker import check
from tests.simulation.shrinking import laws_broken, shrink
from tests.simulation.variants import (
    Broken,
    acknowledge_before_write,
    no_claim,
    publish_before_remember,
    row_id_by_execution_only,
)
from tests.simulation.world import simulate

pytestmark = pytest.mark.usefixtures("quiet")
MOST_SEEDS = 150
"""A few seconds' worth; a variant that needs more seeds would take longer than a minute to catch."""


@pytest.mark.parametrize(
    ("variant", "first", "law"),
    [
        (acknowledge_before_write, 12, "nothing_is_lost"),
        (publish_before_remember, 11, "no_id_with_two_contents"),
        (no_claim, 1, "no_fetch_twice_without_a_reason"),
        (
            row_id_by_execution_only,
            34,
            "no_id_with_two_contents",
        ),  # a live request has to be presumed dead
    ],
)
def test_broken_service_is_caught_by_its_law(variant: Broken, first: int, law: str) -> None:
    """first: the seed to begin with, shortly before the first that catches it."""
    with variant() as services:
        for seed in range(first, first + MOST_SEEDS):
            laws = {violation.law for violation in check(simulate(seed, None, services).log)}
            if laws:
                break
    assert law in laws


def test_failing_run_is_shrunk_to_necessary_faults() -> None:
    with no_claim() as services:
        seed = next(seed for seed in range(MOST_SEEDS) if laws_broken(seed, simulate(seed).faults, services))
        faults = simulate(seed).faults
        laws = laws_broken(seed, faults, services)
        fewest = shrink(seed, faults, laws, services)
        assert len(fewest) < len(faults)
        assert laws_broken(seed, fewest, services) & laws
        for fault in fewest:
            fewer = tuple(item for item in fewest if item is not fault)
            assert not laws_broken(seed, fewer, services) & laws, f"{fault} could have been taken away"
