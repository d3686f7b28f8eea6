"""The number of examples of a property: its own number in CI, a share of it elsewhere."""

from hypothesis import settings

_CI = 100
"""The number in CI of a property without a number of its own (the profiles are in tests/conftest.py)."""
_FEWEST = 3


def examples(in_ci: int) -> int:
    """Return this profile's number of examples, for a property that has `in_ci` of them in CI.

    A number in a property's own settings would apply in every profile: hypothesis uses the innermost.
    """
    return max(_FEWEST, in_ci * settings().max_examples // _CI)
