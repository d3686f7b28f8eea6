"""Tests of the schedule kinds: accepted forms, refusals with a remedy."""

from datetime import time, timedelta

import pytest
from pydantic import TypeAdapter, ValidationError

from tests.support.controller import Json, at, at_times, daily, discovery, interval, per_game
from tipoff_planning.schedules import At, Daily, Discovery, Interval, PerGame, Schedule, tolerance

SCHEDULE: TypeAdapter[Daily | At | Discovery | Interval | PerGame] = TypeAdapter(Schedule)


@pytest.mark.parametrize("kind", [daily(), at_times("08:00"), discovery(), interval(), per_game()])
def test_schedule_is_parsed_by_its_kind(kind: Json) -> None:
    assert SCHEDULE.validate_python(kind).kind == kind["kind"]


def test_defaults_are_every_day_about_today() -> None:
    schedule = SCHEDULE.validate_python(daily())
    assert isinstance(schedule, Daily)
    assert (schedule.about.value, len(schedule.days)) == ("today", 7)
    assert (schedule.window.start, schedule.window.end) == (time(5), time(10))


@pytest.mark.parametrize(
    ("schedule", "remedy"),
    [
        (daily("10:00", "10:00"), "is empty; let end be another time than start"),
        (discovery("18:00", "17:30", every="1h"), "has to be over by 18:00"),
        (daily("5:00", "10:00"), 'write "HH:MM" in quotes'),
        ({"kind": "daily", "window": {"start": 300, "end": 600}}, 'write "HH:MM" in quotes'),
        (daily("05:00", "24:00"), 'write "HH:MM" in quotes'),
        (daily(days=[]), "at least 1 item"),
        (daily(days=["monday"]), "'mon', 'tue'"),
        (daily(about="tomorrow"), "'today' or 'yesterday'"),
        (at_times(), "at least 1 item"),
        (at_times("12:00", "08:00"), "sort them and name each once"),
        (at_times("08:00", "08:00"), "sort them and name each once"),
        (at_times("08:00", within="25h"), "within is over 24h"),
        (discovery(budget=3, every="1h"), "give exactly one"),
        ({"kind": "discovery", "window": {"start": "11:00", "end": "18:00"}}, "give exactly one"),
        (discovery(budget=-1), "greater than or equal to 1"),
        (discovery(budget=0), "greater than or equal to 1"),
        (discovery(every="25h"), "use kind daily with days"),
        (per_game("3h", "30m", "2h"), "let until be first or later"),
        (per_game("3h", "30m", "20h"), "over 20h"),
        (interval("2h", "25h"), "over 24h"),
        (interval("2h", "6h", "19h"), "over 20h"),
        (interval("0m"), "write at least 1m"),
        ({"kind": "hourly"}, "'daily', 'at', 'discovery', 'interval', 'per_game'"),
        (daily(jitter="5m"), "Extra inputs are not permitted"),
    ],
)
def test_invalid_schedule_is_refused_with_remedy(schedule: Json, remedy: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        SCHEDULE.validate_python(schedule)
    assert remedy in str(refusal.value)


@pytest.mark.parametrize(
    "schedule",
    [
        at_times("08:00", within="24h"),
        discovery(every="24h"),
        discovery(budget=200),
        interval("2h", "24h"),
        interval("2h", "6h", "18h"),
        per_game("3h", "30m", "3h"),
        per_game("3h", "30m", "19h30m"),
        daily("20:00", "18:00"),
        discovery("20:00", "17:00", every="1h"),
        discovery("20:00", "17:59", every="1m"),
    ],
)
def test_schedule_at_its_limits_is_accepted(schedule: Json) -> None:
    assert SCHEDULE.validate_python(schedule).kind == schedule["kind"]


@pytest.mark.parametrize(
    "schedule",
    [
        daily("20:00", "18:01"),
        discovery("20:00", "17:01", every="1h"),
        discovery("20:00", "17:59", every="2m"),
        per_game("3h", "30m", "19h31m"),
        interval("2h", "6h", "18h1m"),
        interval("2h", "24h1m"),
        at_times("08:00", within="24h1m"),
        discovery(every="24h1m"),
    ],
)
def test_schedule_just_over_its_limits_is_refused(schedule: Json) -> None:
    with pytest.raises(ValidationError, match="over"):
        SCHEDULE.validate_python(schedule)


def test_late_window_is_refused_with_duration_of_last_attempt() -> None:
    with pytest.raises(
        ValidationError, match="open until 17:30, its last attempt due for 60 min; close it earlier"
    ):
        SCHEDULE.validate_python(discovery("18:00", "17:30", every="1h"))


@pytest.mark.parametrize(
    ("schedule", "minutes"),
    [
        (daily("05:00", "10:00"), 300),
        (daily("22:00", "01:30"), 210),
        (at_times("08:00", within="45m"), 45),
        (discovery("11:00", "18:00", every="1h"), 60),
        (discovery("11:00", "18:00", budget=1), 420),
        (discovery("11:00", "18:00", budget=2), 420),
        (discovery("11:00", "18:00", budget=8), 60),
        (interval("2h"), 120),
        (per_game("2h", "30m"), 30),
    ],
)
def test_tolerance_is_interval_to_next_slot_or_length_of_window(schedule: Json, minutes: int) -> None:
    assert tolerance(SCHEDULE.validate_python(schedule)) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("schedule", "clocks"),
    [
        (discovery("11:00", "12:00", every="20m"), ["11:00", "11:20", "11:40", "12:00"]),
        (discovery("11:00", "12:00", every="25m"), ["11:00", "11:25", "11:50"]),
        (discovery("11:00", "12:00", budget=1), ["12:00"]),
        (discovery("11:00", "12:00", budget=2), ["11:00", "12:00"]),
        (discovery("11:00", "12:00", budget=4), ["11:00", "11:20", "11:40", "12:00"]),
    ],
)
def test_attempts_are_spread_over_the_window(schedule: Json, clocks: list[str]) -> None:
    search = SCHEDULE.validate_python(schedule)
    assert isinstance(search, Discovery)
    found = search.beat(at("11:00"), at("12:00"))
    assert found == [at(clock) for clock in clocks]
    assert search.attempts == len(clocks)


def test_dumped_schedule_is_accepted_unchanged() -> None:
    """Events contain the configuration, which is read back from Python values."""
    schedule = SCHEDULE.validate_python(discovery("11:00", "18:00", every="90m"))
    assert SCHEDULE.validate_python(schedule.model_dump()) == schedule
