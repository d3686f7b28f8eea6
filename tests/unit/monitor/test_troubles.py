"""Tests of troubles: failures that share one cause."""

import pytest

from tests.unit.monitor.bench import wrong
from tipoff_common.outcomes import FailureKind
from tipoff_monitor.conditions import trouble_of

SOURCES = {"a1": "a", "a2": "a", "b1": "b"}


def trouble(scraper: str | None, kind: str | None) -> str | None:
    return trouble_of(wrong(scraper=scraper, error_type=kind), SOURCES)


@pytest.mark.parametrize(
    ("one", "other"), [("timeout", "http"), ("http", "blocked"), ("source_changed", "decode")]
)
def test_scrapers_of_one_source_that_fail_alike_are_in_one_trouble(one: str, other: str) -> None:
    assert trouble("a1", one) == trouble("a2", other)


@pytest.mark.parametrize("kind", [kind for kind in FailureKind if kind is not FailureKind.INTERNAL])
def test_another_source_is_another_trouble(kind: FailureKind) -> None:
    assert trouble("a1", kind.value) != trouble("b1", kind.value)


def test_our_own_bug_is_one_trouble_whatever_the_source() -> None:
    assert trouble("a1", "internal") == trouble("b1", "internal") is not None


def test_an_outage_a_change_and_a_spent_allowance_of_one_source_are_three() -> None:
    assert len({trouble("a1", kind) for kind in ("http", "source_changed", "quota", "internal")}) == 4


def test_what_is_no_failure_of_a_scraper_is_in_no_trouble() -> None:
    assert trouble("a1", None) is trouble(None, "http") is None


def test_a_kind_of_a_newer_version_is_taken_for_an_outage() -> None:
    assert trouble("a1", "teapot") == trouble("a1", "http")
