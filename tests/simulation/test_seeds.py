"""1,000 seeds: a day's work each, with whatever goes wrong, and every law holds afterwards."""

import pytest

from tests.simulation.__main__ import explain, try_seed

BLOCK = 50
pytestmark = pytest.mark.usefixtures("quiet")


@pytest.mark.parametrize("first", range(0, 1_000, BLOCK))
def test_every_law_holds_whatever_goes_wrong(first: int) -> None:
    """A seed that fails is printed with its commit and the fewest of its faults that still break the law."""
    failed = [result for seed in range(first, first + BLOCK) if (result := try_seed(seed)).breaches]
    if failed:
        others = ", ".join(str(result.seed) for result in failed[1:])
        pytest.fail(f"{explain(failed[0])}\n{f'also seeds {others}' if others else ''}", pytrace=False)
