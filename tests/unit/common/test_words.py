"""Sentences for people."""

import pytest

from tipoff_common.words import pluralize


@pytest.mark.parametrize(("number", "said"), [(0, "0 files"), (1, "1 file"), (2, "2 files")])
def test_one_is_no_plural(number: int, said: str) -> None:
    assert pluralize(number, "file") == said
