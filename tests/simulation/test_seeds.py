"""Seeds, 1,000 of them in CI: a simulated day each, with drawn faults, and every law holds afterwards."""

import os

import pytest

from tests.simulation.__main__ import Result, explain, try_seed
from tests.simulation.fleet import USUAL, Shape
from tests.support.examples import examples

BLOCK = 50
SEEDS = 1_000 if os.environ.get("CI") else 50
"""Like properties, seeds have fewer examples on a developer's machine; `make simulate-faults` runs any number."""
VARIED = examples(12)
"""Some of them take ten times as long as a usual seed."""
pytestmark = pytest.mark.usefixtures("quiet")


@pytest.mark.parametrize("first", range(0, SEEDS, BLOCK))
def test_every_law_holds_under_drawn_faults(first: int) -> None:
    """A failing seed is printed with its commit and the fewest of its faults that still break the law."""
    failed = [result for seed in range(first, first + BLOCK) if (result := try_seed(seed)).breaches]
    fail_for(failed)


def test_every_law_holds_in_worlds_of_varied_size() -> None:
    """More games, wider fan-outs, one to four instances, up to forty faults, and days that begin before dawn."""
    results = (try_seed(seed, None) for seed in range(1_000, 1_000 + VARIED))
    fail_for([result for result in results if result.breaches], None)


def fail_for(failed: list[Result], shape: Shape | None = USUAL) -> None:
    if failed:
        others = ", ".join(str(result.seed) for result in failed[1:])
        pytest.fail(f"{explain(failed[0], shape)}\n{f'also seeds {others}' if others else ''}", pytrace=False)
