"""Seeds, 1,000 of them in CI: a day's work each, with whatever goes wrong, and every law holds afterwards."""

import os

import pytest

from tests.simulation.__main__ import explain, try_seed

BLOCK = 50
SEEDS = 1_000 if os.environ.get("CI") else 200
"""As properties have fewer examples on a developer's machine; `make simulate-faults` tries as many as are wanted."""
pytestmark = pytest.mark.usefixtures("quiet")


@pytest.mark.parametrize("first", range(0, SEEDS, BLOCK))
def test_every_law_holds_whatever_goes_wrong(first: int) -> None:
    """A seed that fails is printed with its commit and the fewest of its faults that still break the law."""
    failed = [result for seed in range(first, first + BLOCK) if (result := try_seed(seed)).breaches]
    if failed:
        others = ", ".join(str(result.seed) for result in failed[1:])
        pytest.fail(f"{explain(failed[0])}\n{f'also seeds {others}' if others else ''}", pytrace=False)
