"""The schedule kinds: what may be written, and what is refused with a remedy."""

from datetime import time, timedelta

import pytest
from pydantic import TypeAdapter, ValidationError

from tests.support.controller import Json, at_times, daily, discovery, interval, per_game
from tipoff_planning.schedules import At, Daily, Discovery, Duration, Interval, PerGame, Schedule

SCHEDULE: TypeAdapter[Daily | At | Discovery | Interval | PerGame] = TypeAdapter(Schedule)
DURATION: TypeAdapter[timedelta] = TypeAdapter(Duration)


@pytest.mark.parametrize(
    ("text", "minutes"), [("1h", 60), ("90m", 90), ("1h30m", 90), ("0h5m", 5), ("48h", 2880)]
)
def test_a_duration_is_hours_and_minutes(text: str, minutes: int) -> None:
    assert DURATION.validate_python(text) == timedelta(minutes=minutes)


@pytest.mark.parametrize("value", ["", "0m", "0h0m", "1 h", "1d", "-1h", "h", 60, None, "99999999999999h"])
def test_what_is_no_duration_is_refused(value: object) -> None:
    with pytest.raises(ValidationError, match="duration"):
        DURATION.validate_python(value)


@pytest.mark.parametrize("kind", [daily(), at_times("08:00"), discovery(), interval(), per_game()])
def test_each_kind_is_told_by_its_name(kind: Json) -> None:
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
def test_what_makes_no_sense_is_refused_with_the_remedy(schedule: Json, remedy: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        SCHEDULE.validate_python(schedule)
    assert remedy in str(refusal.value)
