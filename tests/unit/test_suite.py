"""How the suite is divided: what tests/conftest.py names is there."""

from pathlib import Path

from tests.conftest import ALONE, APART, LONGEST, THOROUGH, TOGETHER, WITH

TESTS = Path(__file__).parents[1]


def test_every_file_that_is_named_is_there() -> None:
    """A file that was renamed would lose its place in silence."""
    groups = (name.removesuffix(" on Google's") for name in LONGEST)
    named = {*TOGETHER, *ALONE, *APART, *WITH, *WITH.values(), *THOROUGH, *groups}
    assert [name for name in sorted(named) if not (TESTS / name).exists()] == []
