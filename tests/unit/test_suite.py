"""How the suite is divided: what tests/conftest.py names is there, and no property draws the same number everywhere."""

import re
from pathlib import Path

from tests.conftest import ALONE, APART, LONGEST, THOROUGH, TOGETHER, WITH

TESTS = Path(__file__).parents[1]


def test_every_file_that_is_named_is_there() -> None:
    """A file that was renamed would lose its place in silence."""
    groups = (name.removesuffix(" on Google's") for name in LONGEST)
    named = {*TOGETHER, *ALONE, *APART, *WITH, *WITH.values(), *THOROUGH, *groups}
    assert [name for name in sorted(named) if not (TESTS / name).exists()] == []


def test_a_property_draws_its_share_of_the_profile() -> None:
    """A number that it names itself would count in CI and in make test-quick alike."""
    names_a_number = re.compile(r"max_examples=\d")
    own = [
        path for path in TESTS.rglob("test_*.py") if names_a_number.search(path.read_text(encoding="utf-8"))
    ]
    assert own == []
