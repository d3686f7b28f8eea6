"""Tests of the cheapest plan of checks: within the guards, and no worse than any other plan."""

from datetime import date, timedelta
from itertools import combinations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from tipoff_planning.discovery.model import PublicationModel
from tipoff_planning.discovery.policy import Guards, expect, plan, widen
from tipoff_planning.discovery.steps import fewest_checks

WIDTH = 5


def model(weights: list[float], early: float = 0.0, never: float = 0.0) -> PublicationModel:
    total = sum(weights) + early + never
    return PublicationModel(
        version="test",
        window_minutes=len(weights) * WIDTH,
        fitted_for=date(2025, 1, 15),
        first_day=None,
        last_day=None,
        days=0,
        early=early / total,
        masses=tuple(weight / total for weight in weights),
        never=never / total,
        calibration=None,
    )


def cost(of: PublicationModel, looks: tuple[int, ...], price: float) -> float:
    """Add up the minutes of delay and the price of the checks, cell by cell."""
    total, remaining, last = 0.0, 1.0, -1
    cells = [of.early, *of.masses]
    for look in looks:
        total += price * remaining
        end = look // WIDTH
        for cell in range(last + 1, end + 1):
            appeared = 0.0 if cell == 0 else cell * WIDTH - WIDTH / 2
            total += cells[cell] * (look - appeared)
            remaining -= cells[cell]
        last = end
    return total


weights = st.lists(st.floats(0, 1), min_size=1, max_size=9)
odds = st.floats(0, 1)


def assert_cheapest(of: PublicationModel, price: float, budget: int, gap: int) -> None:
    """Compare the plan with every other one that the guards allow."""
    reach, bins = gap // WIDTH, len(of.masses)

    def allowed(looks: tuple[int, ...]) -> bool:
        cells = (-1, *looks)
        return all(b - a <= reach for a, b in zip(cells, looks, strict=False))

    every = (
        (*first, bins) for count in range(min(budget, bins + 1)) for first in combinations(range(bins), count)
    )
    best = min(cost(of, tuple(cell * WIDTH for cell in looks), price) for looks in every if allowed(looks))
    found = plan(of, Guards(budget, price, gap))
    assert cost(of, found, price) == pytest.approx(best, abs=1e-6)


@given(weights, odds, odds, st.floats(0, 30), st.integers(1, 9), st.integers(5, 45))
@settings(max_examples=examples(150))
def test_plan_cost_equals_brute_force_optimum(
    masses: list[float], early: float, never: float, price: float, budget: int, gap: int
) -> None:
    assume(sum(masses) + early + never > 0.01)
    assume(budget * (gap // WIDTH) >= len(masses) + 1)
    assert_cheapest(model(masses, early, never), price, budget, gap)


@pytest.mark.parametrize("price", [0.0, 0.5, 3.0])
@pytest.mark.parametrize(("budget", "gap"), [(2, 20), (3, 20), (4, 20), (1, 40), (2, 40), (3, 40), (4, 40)])
def test_plan_cost_equals_brute_force_optimum_under_binding_budget(
    price: float, budget: int, gap: int
) -> None:
    for peak in range(7):
        masses = [1.0 + 5 * (number == peak) + number % 3 for number in range(7)]
        assert_cheapest(model(masses, early=1.0, never=2.0), price, budget, gap)


@given(weights, odds, odds, st.floats(0, 30), st.integers(1, 9), st.integers(1, 60))
def test_budget_and_gap_are_never_exceeded(
    masses: list[float], early: float, never: float, price: float, budget: int, gap: int
) -> None:
    assume(sum(masses) + early + never > 0.01)
    of, end = model(masses, early, never), len(masses) * WIDTH
    found = plan(of, Guards(budget, price, gap))
    assert len(found) <= budget
    assert list(found) == sorted(set(found))
    assert found[-1] == end
    gaps = [b - a for a, b in zip((-WIDTH, *found), found, strict=False)]
    # A budget that is too small for the gap spreads its checks as evenly as bins allow.
    even = -(-(end // WIDTH + 1) // budget) * WIDTH
    assert max(gaps) <= max(gap // WIDTH * WIDTH, even, WIDTH)


def test_plan_checks_likely_publication_time() -> None:
    sharp = model([0.0] * 50 + [1.0] + [0.0] * 45, early=0.02, never=0.02)
    found = plan(sharp, Guards(budget=20, price=5, max_gap=300))
    assert 51 * WIDTH in found
    assert expect(sharp, found)[0] < 10


def test_higher_price_gives_fewer_checks() -> None:
    broad = model([1.0] * 96)
    counts = [len(plan(broad, Guards(96, price, 480))) for price in (0, 1, 5, 20, 100)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == 96


@pytest.mark.parametrize("guards", [(0, 1.0, 60), (5, -1.0, 60), (5, 1.0, 0)])
def test_guards_out_of_range_are_refused(guards: tuple[int, float, int]) -> None:
    with pytest.raises(ValueError, match="at least"):
        Guards(*guards)


def test_smallest_guards_check_once_or_in_every_bin() -> None:
    assert plan(model([1.0] * 4), Guards(budget=1, price=0, max_gap=1)) == (20,)
    assert plan(model([1.0] * 4), Guards(budget=5, price=1_000, max_gap=1)) == (0, 5, 10, 15, 20)


def test_expected_delay_and_number_of_checks() -> None:
    """A document appears in the middle of its bin, or at the opening if it came before the window."""
    of = model([1.0, 2.0, 3.0], early=2.0, never=1.0)
    # At 5: 2/9 waited 5 minutes and 1/9 half a bin. At 15: 2/9 waited 7.5 minutes and 3/9 half a bin.
    found = 2 * 5 + 1 * 2.5 + 2 * 7.5 + 3 * 2.5
    assert expect(of, [5, 15]) == (round(found / 8, 2), round(1 + 6 / 9, 3))
    assert expect(model([0.0], never=1.0), [5]) == (0.0, 1.0)


def test_widening_spreads_mass_to_adjacent_bins() -> None:
    sharp = model([0.0] * 10 + [1.0] + [0.0] * 10, early=0.5, never=0.5)
    wide = widen(sharp)
    assert (wide.early, wide.never) == (sharp.early, sharp.never)
    assert sum(wide.masses) == pytest.approx(sum(sharp.masses))
    assert sharp.masses[9] < wide.masses[9] < wide.masses[10] < sharp.masses[10]


@pytest.mark.parametrize("bins", [1, 2, 5, 6, 7])
@pytest.mark.parametrize("gap", [1, 5, 10, 14, 20, 100])
def test_fewest_checks_match_plan_at_high_price(bins: int, gap: int) -> None:
    dear = plan(model([1.0] * bins), Guards(budget=99, price=1e6, max_gap=gap))
    fewest = fewest_checks(timedelta(minutes=bins * WIDTH), timedelta(minutes=gap))
    assert len(dear) == fewest
    # A window shorter by a minute needs as many checks, as it reaches into the last bin.
    assert fewest_checks(timedelta(minutes=bins * WIDTH - 1), timedelta(minutes=gap)) == fewest
