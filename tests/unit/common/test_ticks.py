"""Tests of the tick map: firing times as written in the file."""

import re
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tipoff_common.events import Tick, TickFired
from tipoff_common.ticks import Cadence, load_ticks, lock_time, tick_instant
from tipoff_common.yaml_source import ConfigurationError

LOCK = (
    "lock-schedule: { description: d, daily_at: '05:00', time_zone: America/New_York, cadence_minutes: 60 }"
)


def written(folder: Path, evaluate: str, lock: str = LOCK) -> Path:
    path = folder / "ticks.yaml"
    path.write_text(f"ticks:\n  {evaluate}\n  {lock}\n")
    return path


@given(st.integers(0, 700 * 86_400), st.sampled_from([5, 15, 60, None]))
def test_next_due_is_first_due_instant_after_now(second: int, every: int | None) -> None:
    tick = Cadence(
        description="d", every_minutes=every, daily_at=None if every else time(5), cadence_minutes=every or 60
    )
    now, minute = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=second), timedelta(minutes=1)
    due = tick.next_due(now)
    assert due > now and tick.is_due(due)
    earlier = [due - number * minute for number in range(1, (due - now) // minute + 1)]
    assert not any(tick.is_due(instant) for instant in earlier if instant > now)


@given(
    st.integers(0, 365 * 1_440),
    st.sampled_from([1, 5, 15, 60]),
    st.floats(-5, 54.9),
    st.none() | st.just(datetime(2025, 3, 9, 7, tzinfo=UTC)),
)
@example(1, 15, -0.2, None)
def test_early_or_late_tick_has_its_due_instant(
    number: int, cadence: int, seconds: float, event_time: datetime | None
) -> None:
    due = datetime(2025, 1, 1, tzinfo=UTC) + number * timedelta(minutes=cadence)
    fired = TickFired(tick=Tick.WATCH, cadence_minutes=cadence, event_time=event_time)
    assert tick_instant(fired, due + timedelta(seconds=seconds)) == (event_time or due)


def test_a_tick_has_a_cadence(tmp_path: Path) -> None:
    found = load_ticks(
        written(tmp_path, "evaluate: { description: d, every_minutes: 20, cadence_minutes: 20 }")
    )
    assert found[Tick.EVALUATE].cadence_minutes == 20


@pytest.mark.parametrize(
    ("lock", "message"),
    [
        # YAML reads unquoted 10:00 as 600, which as seconds was ten past midnight.
        ("daily_at: 10:00", 'daily_at = 10:00: not a time of day; write "HH:MM" in quotes'),
        ('daily_at: "10:00:30"', "not a time of day"),
        ('daily_at: "05:00", time_zone: New York', "did you mean 'America/New_York'?"),
        ('daily_at: "05:00", time_zone: ""', "not a known zone"),
    ],
)
def test_invalid_tick_time_or_zone_is_named(tmp_path: Path, lock: str, message: str) -> None:
    evaluate = "evaluate: { description: d, every_minutes: 15, cadence_minutes: 15 }"
    path = written(tmp_path, evaluate, f"lock-schedule: {{ description: d, {lock}, cadence_minutes: 60 }}")
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        load_ticks(path)


def test_lock_time_is_that_of_its_tick(tmp_path: Path) -> None:
    evaluate = "evaluate: { description: d, every_minutes: 15, cadence_minutes: 15 }"
    lock = 'lock-schedule: { description: d, daily_at: "07:15", cadence_minutes: 60 }'
    assert lock_time(load_ticks(written(tmp_path, evaluate, lock))) == time(7, 15)


@pytest.mark.parametrize(
    ("evaluate", "message"),
    [
        (
            "evaluate: { description: d, every_minutes: 7, cadence_minutes: 7 }",
            "use one of 1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60",
        ),
        ("evaluate: { description: d, cadence_minutes: 15 }", "write either every_minutes or daily_at"),
        (
            "evaluate: { description: d, every_minutes: 15, time_zone: Asia/Tokyo, cadence_minutes: 15 }",
            "has no time_zone",
        ),
        ("evaluat: { description: d, every_minutes: 15, cadence_minutes: 15 }", "evaluat"),
        (
            "archive: { description: d, every_minutes: 15, cadence_minutes: 15 }",
            "missing required ticks: evaluate; add a schedule for each",
        ),
    ],
)
def test_invalid_tick_definition_is_named(tmp_path: Path, evaluate: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        load_ticks(written(tmp_path, evaluate))
