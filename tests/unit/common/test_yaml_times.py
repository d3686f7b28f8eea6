"""Tests of times in YAML: accepted forms, refusals with a remedy."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from tipoff_common.yaml_times import ClockTime, Duration, WrittenDate, WrittenInstant

CLOCK: TypeAdapter[time] = TypeAdapter(ClockTime)
DURATION: TypeAdapter[timedelta] = TypeAdapter(Duration)
DATE: TypeAdapter[date] = TypeAdapter(WrittenDate)
INSTANT: TypeAdapter[datetime] = TypeAdapter(WrittenInstant)


@pytest.mark.parametrize(
    ("text", "minutes"), [("1h", 60), ("90m", 90), ("1h30m", 90), ("0h5m", 5), ("48h", 2880)]
)
def test_duration_is_written_in_hours_and_minutes(text: str, minutes: int) -> None:
    assert DURATION.validate_python(text) == timedelta(minutes=minutes)


@pytest.mark.parametrize("value", ["", "0m", "0h0m", "1 h", "1d", "-1h", "h", 60, None, "99999999999999h"])
def test_invalid_duration_is_refused(value: object) -> None:
    with pytest.raises(ValidationError, match="duration"):
        DURATION.validate_python(value)


@given(st.times().map(lambda it: it.replace(second=0, microsecond=0)))
def test_quoted_time_of_day_is_exact_and_unquoted_never_misread(at: time) -> None:
    assert CLOCK.validate_python(yaml.safe_load(f'"{at:%H:%M}"')) == at
    try:
        # YAML keeps a time with a leading zero as text and reads every other as a number.
        assert CLOCK.validate_python(yaml.safe_load(f"{at:%H:%M}")) == at
    except ValidationError as error:
        assert 'write "HH:MM" in quotes' in str(error)


@pytest.mark.parametrize(
    ("adapter", "text", "read"),
    [
        (DATE, "2025-01-15", date(2025, 1, 15)),
        (DATE, "'2025-01-15'", date(2025, 1, 15)),
        (INSTANT, "2025-01-15T10:00:00-05:00", datetime(2025, 1, 15, 15, tzinfo=UTC)),
        (INSTANT, "'2025-01-15T15:00:00Z'", datetime(2025, 1, 15, 15, tzinfo=UTC)),
    ],
)
def test_a_date_and_an_instant_are_read(adapter: TypeAdapter[Any], text: str, read: object) -> None:
    assert adapter.validate_python(yaml.safe_load(text)) == read


@pytest.mark.parametrize("value", [0, 20250115, 86400.0, True, "20250115", " 1736899200.5 ", "-1"])
@pytest.mark.parametrize(("adapter", "remedy"), [(DATE, "write 2025-01-15"), (INSTANT, "with its zone")])
def test_number_is_refused_as_date_and_instant(adapter: TypeAdapter[Any], value: object, remedy: str) -> None:
    with pytest.raises(ValidationError, match=remedy):
        adapter.validate_python(value)
