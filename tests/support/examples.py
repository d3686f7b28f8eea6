"""How many examples a property has: as many as it names in CI, a share of them elsewhere."""

from hypothesis import settings

_CI = 100
"""What a property without a number of its own has in CI (the profiles are in tests/conftest.py)."""
_FEWEST = 3


def examples(in_ci: int) -> int:
    """Return the number for the profile of this run, for a property that has `in_ci` of them in CI.

    A number that a property names itself would count in every profile: hypothesis lets the nearest win.
    """
    return max(_FEWEST, in_ci * settings().max_examples // _CI)
