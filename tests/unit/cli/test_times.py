"""Tests of dates and instants as users write and read them."""

from datetime import UTC, date, datetime, timedelta

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from tipoff_cli import times
from tipoff_cli.times import clock, day, instant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2025-01-15 13:00", "2025-01-15T18:00"),
        ("2025-01-15T13:00Z", "2025-01-15T13:00"),
        ("2025-03-09 03:30", "2025-03-09T07:30"),
        ("2025-11-02 01:30 EDT", "2025-11-02T05:30"),
        ("2025-11-02 01:30 EST", "2025-11-02T06:30"),
        ("2025-11-02 02:30", "2025-11-02T07:30"),
        ("2025-01-15 13:00 ET", "2025-01-15T18:00"),
        ("2025-01-15 13:00 est", "2025-01-15T18:00"),
    ],
    ids=[
        "New York",
        "with a zone",
        "after the gap",
        "the first of two",
        "the second of two",
        "after both",
        "ET",
        "EST",
    ],
)
def test_time_without_zone_is_in_new_york(text: str, meant: str) -> None:
    assert instant(text) == datetime.fromisoformat(meant).replace(tzinfo=UTC)


@pytest.mark.parametrize("text", ["13:00", "13:00:30", "today 13:00"])
def test_time_without_date_is_today(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(times, "wall_now", lambda: datetime(2025, 1, 15, 3, tzinfo=UTC))
    # 22:00 of the previous day in New York, which decides the date.
    assert instant(text).date() == date(2025, 1, 14)
    assert f"{clock(instant(text))}" == "13:00"


def test_date_without_time_is_start_of_day() -> None:
    assert instant("2025-01-15") == datetime(2025, 1, 15, 5, tzinfo=UTC)


@pytest.mark.parametrize(("text", "meant"), [("2d", timedelta(days=2)), ("1d12h", timedelta(hours=36))])
def test_duration_accepts_days(text: str, meant: timedelta) -> None:
    assert times.cadence(text) == meant


def test_time_skipped_by_clock_change_is_refused_with_alternatives() -> None:
    with pytest.raises(typer.BadParameter, match=r"no 02:30 on 2025-03-09 .* write 01:30 or 03:30"):
        instant("2025-03-09 02:30")


@pytest.mark.parametrize("text", ["0001-01-01T00:00Z", "9999-12-31 23:00", "9999-12-31T23:00-05:00"])
def test_time_out_of_range_is_refused_with_bounds(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="dates are from 1946-11-01 to 2100-01-01"):
        instant(text)


def test_invalid_time_is_refused() -> None:
    with pytest.raises(typer.BadParameter, match="'noon' is not a valid time; write"):
        instant("noon")


def test_ambiguous_time_is_refused_with_both_readings() -> None:
    with pytest.raises(typer.BadParameter, match=r'write "2025-11-02 01:30 EDT" or "2025-11-02 01:30 EST"'):
        instant("2025-11-02 01:30")


def test_zone_not_in_effect_is_refused() -> None:
    with pytest.raises(typer.BadParameter, match="not on EDT then"):
        instant("2025-01-15 13:00 EDT")


@pytest.fixture
def late_on_a_saturday(monkeypatch: pytest.MonkeyPatch) -> None:
    """23:30 on 15 March in New York, which is the next day in UTC."""
    monkeypatch.setattr(times, "wall_now", lambda: datetime(2025, 3, 16, 3, 30, tzinfo=UTC))


@pytest.mark.usefixtures("late_on_a_saturday")
def test_named_days_are_resolved_in_new_york() -> None:
    assert [day(name) for name in ("yesterday", "today", "Tomorrow")] == [
        date(2025, 3, 14),
        date(2025, 3, 15),
        date(2025, 3, 16),
    ]
    assert instant("yesterday 13:00") == datetime(2025, 3, 14, 17, tzinfo=UTC)
    assert instant("today") == datetime(2025, 3, 15, 4, tzinfo=UTC)


@pytest.mark.parametrize("text", ["today noon", "someday", "today 25:00"])
def test_invalid_named_time_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is not a valid time"):
        instant(text)


MINUTES = st.integers(0, 109 * 365 * 24 * 60).map(
    lambda minutes: datetime(1990, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)


@given(MINUTES)
def test_displayed_time_is_parsed_as_same_instant(moment: datetime) -> None:
    assert instant(clock(moment, "%Y-%m-%d %H:%M")) == moment


def test_zone_is_shown_on_day_clocks_go_back() -> None:
    first = datetime(2025, 11, 2, 5, 30, tzinfo=UTC)
    assert [clock(first + timedelta(hours=hours)) for hours in range(3)] == [
        "01:30 EDT",
        "01:30 EST",
        "02:30 EST",
    ]
    assert clock(first, "%Y-%m-%d") == "2025-11-02"
    assert clock(first - timedelta(days=1)) == "01:30"
