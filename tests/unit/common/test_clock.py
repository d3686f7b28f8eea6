"""Tests of instants and business days."""

from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from tests.support.strategies import instants
from tipoff_common.clock import (
    EASTERN,
    Instant,
    business_date,
    floor_to,
    local_instant,
    read_date,
    read_day,
    read_zone,
    readable,
)

SPRING, AUTUMN = date(2025, 3, 9), date(2025, 11, 2)
INSTANT: TypeAdapter[datetime] = TypeAdapter(Instant)
days = st.dates(date(2000, 1, 1), date(2100, 1, 1))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        ("2025-01-16T04:59:59Z", date(2025, 1, 15)),
        ("2025-01-16T05:00:00Z", date(2025, 1, 16)),
        ("2025-01-16T00:05:00Z", date(2025, 1, 15)),  # incident 2: 00:05 UTC is still the previous evening
        ("2025-03-09T04:59:59Z", date(2025, 3, 8)),
        ("2025-03-10T03:59:59Z", SPRING),
        ("2025-03-10T04:00:00Z", date(2025, 3, 10)),
        ("2025-11-02T03:59:59Z", date(2025, 11, 1)),
        ("2025-11-03T04:59:59Z", AUTUMN),
        ("2025-11-03T05:00:00Z", date(2025, 11, 3)),
        (
            "2025-01-16T01:30:00-05:00",
            date(2025, 1, 16),
        ),  # incident 21: tip-off after midnight in New York
        ("2025-12-25T17:00:00Z", date(2025, 12, 25)),  # incident 22: Christmas noon
    ],
)
def test_business_day_follows_new_york_time(instant: str, day: date) -> None:
    assert business_date(at(instant)) == day


@given(days)
def test_a_business_day_begins_at_midnight_in_new_york_and_ends_at_the_next(day: date) -> None:
    begins, ends = local_instant(day, time(0)), local_instant(day + timedelta(days=1), time(0))
    assert business_date(begins) == business_date(ends - timedelta(microseconds=1)) == day
    assert business_date(begins - timedelta(microseconds=1)) == day - timedelta(days=1)


def test_readable_instant_has_local_time_and_zone() -> None:
    winter, summer = at("2026-12-01T10:52:56+00:00"), at("2026-07-01T23:30:00+00:00")
    assert (readable(winter), readable(summer)) == ("2026-12-01 05:52 EST", "2026-07-01 19:30 EDT")
    assert readable(summer, read_zone("Europe/Berlin")) == "2026-07-02 01:30 CEST"


@pytest.mark.parametrize(("day", "hours"), [(SPRING, 23), (AUTUMN, 25), (date(2025, 1, 15), 24)])
def test_day_of_dst_change_is_shorter_or_longer(day: date, hours: int) -> None:
    assert local_instant(day + timedelta(days=1), time(0)) - local_instant(day, time(0)) == timedelta(
        hours=hours
    )


@pytest.mark.parametrize(
    ("day", "utc"),
    [(SPRING - timedelta(days=1), 10), (SPRING, 9), (AUTUMN - timedelta(days=1), 9), (AUTUMN, 10)],
)
def test_local_time_is_kept_across_dst_change(day: date, utc: int) -> None:
    """Five in the morning ran at ten (incident 13)."""
    instant = local_instant(day, time(5))
    assert instant == datetime(day.year, day.month, day.day, utc, tzinfo=UTC)
    assert instant.astimezone(EASTERN).time() == time(5)


def test_skipped_local_time_moves_one_hour_later() -> None:
    assert local_instant(SPRING, time(2, 30)).astimezone(EASTERN).time() == time(3, 30)


def test_repeated_local_time_is_its_first_occurrence() -> None:
    assert local_instant(AUTUMN, time(1, 30)) == at("2025-11-02T05:30:00Z")


@given(days, st.times())
def test_local_time_is_on_its_business_day(day: date, wall: time) -> None:
    instant = local_instant(day, wall)
    assert instant.tzinfo is UTC
    assert business_date(instant) == day


@given(instants, st.integers(1, 1440))
def test_floor_is_within_a_step_and_idempotent(instant: datetime, minutes: int) -> None:
    floored = floor_to(instant, minutes)
    assert timedelta(0) <= instant - floored < timedelta(minutes=minutes)
    assert floor_to(floored, minutes) == floored


@given(instants, st.integers(1, 1440), st.timedeltas(timedelta(0), timedelta(days=2)))
def test_floor_preserves_order(instant: datetime, minutes: int, later: timedelta) -> None:
    assert floor_to(instant, minutes) <= floor_to(instant + later, minutes)


@given(instants, st.integers(1, 1440))
def test_floor_is_independent_of_zone(instant: datetime, minutes: int) -> None:
    elsewhere = instant.astimezone(timezone(timedelta(hours=9, minutes=30)))
    assert floor_to(elsewhere, minutes) == floor_to(instant.astimezone(UTC), minutes)


def test_late_tick_is_floored_to_its_quarter_hour() -> None:
    assert floor_to(at("2025-01-15T17:14:59.9Z"), 15) == at("2025-01-15T17:00:00Z")
    assert floor_to(at("2025-01-15T17:15:00Z"), 15) == at("2025-01-15T17:15:00Z")


@pytest.mark.parametrize("value", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-10:00"])
def test_instant_out_of_year_range_is_refused(value: str) -> None:
    with pytest.raises(ValidationError, match="outside the years"):
        INSTANT.validate_python(value)


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(ValidationError, match="timezone"):
        INSTANT.validate_python("2025-01-15T12:00:00")


@given(instants)
def test_instant_is_normalised_to_utc(instant: datetime) -> None:
    read = INSTANT.validate_python(instant)
    assert read.tzinfo is UTC
    assert read == instant.astimezone(UTC)


@pytest.mark.parametrize(
    ("text", "read_as"),
    [
        ("today", "2025-01-15"),
        ("Yesterday", "2025-01-14"),
        ("tomorrow", "2025-01-16"),
        ("20250301", "2025-03-01"),
    ],
)
def test_day_may_be_relative_or_a_compact_date(text: str, read_as: str) -> None:
    assert read_day(text, date(2025, 1, 15)) == date.fromisoformat(read_as)


@pytest.mark.parametrize("text", ["2025-01-15", "20250115"])
def test_date_is_read_in_both_formats(text: str) -> None:
    assert read_date(text) == date(2025, 1, 15)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("15.01.2025", "write 2025-01-15 or 20250115"),
        ("2025-02-30", "is not a date"),
        ("1946-10-31", "1946-10-31 is out of range"),
        ("2100-01-02", "2100-01-02 is out of range"),
        ("0001-01-01", "is out of range"),
    ],
)
def test_invalid_or_out_of_range_game_date_is_refused(text: str, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        read_date(text)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("EST", "America/New_York"),
        ("MST", "America/Denver"),
        ("HST", "Pacific/Honolulu"),
        ("Etc/GMT+5", "a place"),
        ("Etc/GMT-14", "a place"),
    ],
)
def test_fixed_offset_zone_name_is_refused(name: str, place: str) -> None:
    """Workflows with a time in EST ran an hour late from March on."""
    with pytest.raises(ValueError, match=f"without summer time; write .*{place}"):
        read_zone(name)


@pytest.mark.parametrize(
    "name", ["UTC", "Etc/UTC", "Etc/GMT", "Etc/GMT+0", "EST5EDT", "Asia/Tokyo", "America/Panama"]
)
def test_zones_and_utc_are_accepted(name: str) -> None:
    assert read_zone(name).key == name
