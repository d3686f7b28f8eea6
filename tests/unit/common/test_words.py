"""Tests of sentences for users."""

import pytest

from tipoff_common.words import pluralize, unknown_name


@pytest.mark.parametrize(("number", "message"), [(0, "0 files"), (1, "1 file"), (2, "2 files")])
def test_pluralize_uses_singular_only_for_1(number: int, message: str) -> None:
    assert pluralize(number, "file") == message


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("post_gmae", "no workflow 'post_gmae'; did you mean post_game?"),
        ("POST_GAME", "no workflow 'POST_GAME'; did you mean post_game?"),
        ("xyz", "no workflow 'xyz'; there are post_game, scores"),
    ],
)
def test_unknown_name_message_suggests_known_names(name: str, message: str) -> None:
    assert unknown_name("workflow", name, ["post_game", "scores"]) == message


def test_name_known_twice_is_listed_once() -> None:
    assert unknown_name("workflow or scraper", "x", ["tides", "tides"]).endswith("; there are tides")


def test_unknown_name_message_without_known_names() -> None:
    assert unknown_name("workflow", "x", []) == "no workflow 'x'; there are none"
