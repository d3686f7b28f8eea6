"""Tests of the local scheduler: it fires each tick at the time of Cloud Scheduler."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from tipoff_cli.checkout import TICKS, ticks
from tipoff_common.events import Tick, TickFired
from tipoff_common.publisher import Publisher
from tipoff_common.testing import RecordingBus
from tipoff_common.ticks import load_ticks
from tipoff_common.yaml_source import ConfigurationError
from tipoff_dev.stack.scheduler import due_ticks, run_scheduler, write_ticks_every

MIDNIGHT = datetime(2025, 1, 15, tzinfo=UTC)


def _minutes(day: datetime, tick: Tick) -> list[datetime]:
    minutes = (day + timedelta(minutes=number) for number in range(24 * 60))
    return [minute for minute in minutes if tick in {item.tick for item in due_ticks(minute, ticks())}]


@pytest.mark.parametrize("day", [MIDNIGHT, datetime(2025, 7, 1, tzinfo=UTC)])
def test_rows_are_archived_once_a_day_at_eight_utc(day: datetime) -> None:
    assert _minutes(day, Tick.ARCHIVE) == [day.replace(hour=8)]
    (tick,) = [item for item in due_ticks(day.replace(hour=8), ticks()) if item.tick is Tick.ARCHIVE]
    assert tick.cadence_minutes == 24 * 60


@pytest.mark.parametrize(("month", "hour"), [(1, 10), (7, 9)])
def test_schedule_is_locked_at_five_new_york_time_all_year(month: int, hour: int) -> None:
    """Five in the morning ran at ten (incident 13)."""
    day = MIDNIGHT.replace(month=month)
    assert _minutes(day, Tick.LOCK_SCHEDULE) == [day.replace(hour=hour)]


def test_evaluations_and_cleanups_come_each_quarter_of_an_hour() -> None:
    assert len(_minutes(MIDNIGHT, Tick.EVALUATE)) == len(_minutes(MIDNIGHT, Tick.CLEANUP)) == 96


@pytest.mark.parametrize("missing", [None, Tick.CLEANUP])
def test_fresh_stack_fires_evaluate_and_any_configured_cleanup_at_once(
    missing: Tick | None,
) -> None:
    bus, stopped = RecordingBus(), threading.Event()
    stopped.set()
    cadences = {tick: cadence for tick, cadence in ticks().items() if tick is not missing}
    run_scheduler(Publisher("scheduler", bus), stopped, cadences, clock=lambda: MIDNIGHT)
    first = [Tick.EVALUATE, Tick.CLEANUP]
    assert [event.tick for event in bus.of(TickFired)] == [tick for tick in first if tick is not missing]


class _Sleeper(threading.Event):
    """An event whose waits last longer by these durations, and which is set after the last."""

    def __init__(self, *oversleeps: timedelta) -> None:
        super().__init__()
        self.now, self.oversleeps = MIDNIGHT + timedelta(seconds=30), list(oversleeps)

    def wait(self, timeout: float | None = None) -> bool:
        if not self.oversleeps:
            return True
        self.now += timedelta(seconds=timeout or 0) + self.oversleeps.pop(0)
        return False


def _fired(*oversleeps: timedelta) -> list[Tick]:
    bus, machine = RecordingBus(), _Sleeper(*oversleeps)
    run_scheduler(Publisher("scheduler", bus), machine, ticks(), clock=lambda: machine.now)
    return [event.tick for event in bus.of(TickFired)][2:]  # without the two ticks of a new stack


def test_scheduler_fires_each_due_tick_once_after_an_eight_hour_sleep() -> None:
    """The laptop wakes at 08:01, when all ticks but the lock are due; 08:02 to 08:05 follow."""
    fired = _fired(timedelta(hours=8), *4 * [timedelta(0)])
    assert sorted(fired) == sorted([Tick.EVALUATE, Tick.CLEANUP, Tick.WATCH, Tick.ARCHIVE, Tick.WATCH])


@given(st.lists(st.timedeltas(timedelta(0), timedelta(hours=30)), max_size=3))
@settings(max_examples=examples(30), deadline=None)
def test_no_tick_is_lost_or_fired_twice_after_a_sleep(oversleeps: list[timedelta]) -> None:
    """Each wake-up fires every kind that became due since the previous one, once."""
    expected, minute = list[Tick](), MIDNIGHT
    for oversleep in oversleeps:
        woken, due = minute + timedelta(minutes=1) + oversleep, set[Tick]()
        while minute + timedelta(minutes=1) <= woken:
            minute += timedelta(minutes=1)
            due |= {fired.tick for fired in due_ticks(minute, ticks())}
        expected += due
    assert sorted(_fired(*oversleeps)) == sorted(expected)


@pytest.mark.parametrize("when", ["every_minutes: 20", 'daily_at: "05:00", time_zone: Asia/Tokyo'])
def test_requested_evaluation_cadence_overrides_the_file(tmp_path: Path, when: str) -> None:
    source = tmp_path / "ticks.yaml"
    source.write_text(
        f"ticks:\n  evaluate: {{ description: d, {when}, cadence_minutes: 20 }}\n"
        '  lock-schedule: { description: d, daily_at: "05:00", cadence_minutes: 60 }\n'
    )
    found = load_ticks(write_ticks_every(5, source, tmp_path / "written.yaml"))
    assert (found[Tick.EVALUATE].every_minutes, found[Tick.EVALUATE].cadence_minutes) == (5, 5)
    with pytest.raises(ConfigurationError, match="does not divide an hour"):
        write_ticks_every(7, TICKS, tmp_path / "written.yaml")


def test_a_file_without_evaluations_is_named(tmp_path: Path) -> None:
    source = tmp_path / "ticks.yaml"
    source.write_text("ticks: { watch: { description: d, every_minutes: 5, cadence_minutes: 5 } }\n")
    with pytest.raises(ConfigurationError, match=f"{source}:1: .*evaluate"):
        write_ticks_every(5, source, tmp_path / "written.yaml")
