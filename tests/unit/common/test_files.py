"""Tests of the journal: a list of records files by writing time."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.samples import NOON
from tipoff_common.files import (
    JournalEntry,
    fetched_at,
    journal_entry,
    journal_hours,
    object_name,
    read_journal_entry,
)
from tipoff_common.ports import ObjectInfo

NAME = "nba-com/injury-report/2025-01-15/0123456789abcdef.json"
INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # given here


@given(
    INSTANTS, st.timedeltas(timedelta(0), timedelta(days=2)), st.timedeltas(timedelta(0), timedelta(days=2))
)
def test_journal_entry_is_listed_under_its_hour_and_reads_back(
    at: datetime, before: timedelta, after: timedelta
) -> None:
    entry = journal_entry(NAME, at)
    assert read_journal_entry(entry) == JournalEntry(at.replace(microsecond=0), NAME)
    assert sum(entry.startswith(hour) for hour in journal_hours(at - before, at + after)) == 1


@given(INSTANTS, INSTANTS)
def test_journal_entries_sort_by_instant(one: datetime, other: datetime) -> None:
    first, second = sorted((one.replace(microsecond=0), other.replace(microsecond=0)))
    assert journal_entry(NAME, first) <= journal_entry(NAME, second)


def test_journal_entry_is_independent_of_zone() -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=-5)))
    assert journal_entry(NAME, elsewhere) == journal_entry(NAME, NOON) == f"journal/2025-01-15T17/0000/{NAME}"


@pytest.mark.parametrize(
    "entry",
    ["", "journal/", "journal/2025-01-15T17/", "journal/2025-13-15T17/0000/a", "raw/2025-01-15T17/0000/a"],
)
def test_invalid_journal_entry_reads_as_none(entry: str) -> None:
    assert read_journal_entry(entry) is None


@pytest.mark.parametrize(
    ("metadata", "instant"),
    [
        ({"fetched-at": "2025-01-15T07:00:00-05:00"}, NOON.replace(hour=12)),
        ({}, NOON),
        ({"fetched-at": "yesterday"}, NOON),
        ({"fetched-at": ""}, NOON),
    ],
)
def test_fetch_time_falls_back_to_object_update_time(metadata: dict[str, str], instant: datetime) -> None:
    """An instant that an operator had mistyped failed every later scrape of the same content."""
    assert fetched_at(ObjectInfo(NAME, 1, NOON, metadata, 1)) == instant


def test_journal_entry_of_longest_object_name_fits_cloud_storage() -> None:
    segments = "/".join(["a" * 98] * 10)
    assert object_name(f"gs://data/{segments}", "data") == segments
    assert len(journal_entry(segments, NOON).encode()) <= 1024
    assert object_name(f"gs://data/{segments}aa", "data") is None
