"""Tests of sentences for users."""

import pytest

from tipoff_common.words import pluralize, unknown_name


@pytest.mark.parametrize(("number", "said"), [(0, "0 files"), (1, "1 file"), (2, "2 files")])
def test_one_is_no_plural(number: int, said: str) -> None:
    assert pluralize(number, "file") == said


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("post_gmae", "no workflow 'post_gmae'; did you mean post_game?"),
        ("POST_GAME", "no workflow 'POST_GAME'; did you mean post_game?"),
        ("xyz", "no workflow 'xyz'; there are post_game, scores"),
    ],
)
def test_a_name_that_is_none_is_told_with_those_that_may_have_been_meant(name: str, told: str) -> None:
    assert unknown_name("workflow", name, ["post_game", "scores"]) == told


def test_without_any_name_it_says_so() -> None:
    assert unknown_name("workflow", "x", []) == "no workflow 'x'; there are none"
