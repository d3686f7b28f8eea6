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
def test_similar_failures_of_a_source_share_a_trouble(one: str, other: str) -> None:
    assert trouble("a1", one) == trouble("a2", other)


@pytest.mark.parametrize("kind", [kind for kind in FailureKind if kind is not FailureKind.INTERNAL])
def test_another_source_is_another_trouble(kind: FailureKind) -> None:
    assert trouble("a1", kind.value) != trouble("b1", kind.value)


def test_internal_error_is_the_same_trouble_for_all_sources() -> None:
    assert trouble("a1", "internal") == trouble("b1", "internal") is not None


def test_outage_change_quota_and_internal_error_are_separate_troubles() -> None:
    assert len({trouble("a1", kind) for kind in ("http", "source_changed", "quota", "internal")}) == 4


def test_condition_without_scraper_or_failure_kind_has_no_trouble() -> None:
    assert trouble("a1", None) is trouble(None, "http") is None


def test_unknown_failure_kind_counts_as_outage() -> None:
    assert trouble("a1", "teapot") == trouble("a1", "http")
