"""1,000 seeds: half a day each, with whatever goes wrong, and every law holds afterwards."""

import pytest

from tests.simulation.__main__ import try_seed

BLOCK = 50
pytestmark = pytest.mark.usefixtures("quiet")


@pytest.mark.parametrize("first", range(0, 1_000, BLOCK))
def test_every_law_holds_whatever_goes_wrong(first: int) -> None:
    """A seed that fails here is explained by `python -m tests.simulation --first SEED --seeds 1`."""
    failed = [result for seed in range(first, first + BLOCK) if (result := try_seed(seed)).breaches]
    assert not failed, "\n".join(f"seed {result.seed}: {result.breaches[0]}" for result in failed)
